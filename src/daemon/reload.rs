//! One thread that makes configurations true, one after the other: asked by a signal, by the file, or by anybody who
//! has an [`Asker`].

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use smol::channel::{Receiver, Sender, bounded, unbounded};
use smol::future::or;

use super::access::Keeper;
use super::applied::Applied;
use super::bell::Bell;
use super::mounts::Mounts;
use super::notify::Notify;
use super::panics::{may_panic, message};
use crate::amount::amount;
use crate::config::store::{From, Loaded, Store};
use crate::config::{Config, changes};
use crate::server::SessionFigures;

/// What is answered: what became of the mounts, or why nothing has changed.
pub type Answer = Result<Applied, String>;

#[derive(Debug)]
enum Ask {
    /// Read the file, and apply it.
    Reload(Option<Sender<Answer>>),
    /// The file was written: the same if it says something else than before.
    FileChanged,
    Apply(Box<Config>, Sender<Answer>),
    /// The file is about to say this: it is applied by whoever writes it. None: it does not, after all.
    Expect(Option<String>),
    /// A device came: it may be a camera that becomes a mount.
    DeviceCame,
    Enable(String, bool, Sender<Result<(), String>>),
    Preview(Box<Config>, Sender<(Applied, Vec<SessionFigures>)>),
}

/// Asks for other configurations, from any thread.
#[derive(Clone, Debug)]
pub struct Asker {
    asks: Sender<Ask>,
    unserved: Unserved,
}

/// Why what the file says is not served, though it is right. Clones are the same.
#[derive(Clone, Debug, Default)]
struct Unserved(Arc<Mutex<Option<String>>>);

impl Unserved {
    fn is(&self, why: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

impl Asker {
    /// Why what the file says is not served, though it is right.
    pub(super) fn unserved(&self) -> Option<String> {
        self.unserved.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has the file read and applied, without waiting for it.
    pub(super) fn reload_some_time(&self) {
        let _ = self.asks.try_send(Ask::Reload(None));
    }

    /// The file was written: it is read if it says something else than before.
    pub(super) fn file_changed(&self) {
        let _ = self.asks.try_send(Ask::FileChanged);
    }

    /// A device came, without waiting for what becomes of it.
    pub(super) fn device_came(&self) {
        let _ = self.asks.try_send(Ask::DeviceCame);
    }

    /// Reads the file again and applies it.
    ///
    /// # Errors
    /// Why nothing has changed, in a sentence.
    pub async fn reload(&self) -> Answer {
        let (told, answer) = bounded(1);
        let _ = self.asks.try_send(Ask::Reload(Some(told)));
        answer.recv().await.unwrap_or_else(|_| Err(ENDING.to_owned()))
    }

    /// Applies a configuration.
    ///
    /// # Errors
    /// Why nothing has changed, in a sentence.
    pub async fn apply(&self, config: Config) -> Answer {
        let (told, answer) = bounded(1);
        let _ = self.asks.try_send(Ask::Apply(Box::new(config), told));
        answer.recv().await.unwrap_or_else(|_| Err(ENDING.to_owned()))
    }

    /// The file is about to say this, and will be applied: it is not read for it. None: it was not written, or taken back.
    pub(super) fn expect(&self, text: Option<String>) {
        let _ = self.asks.try_send(Ask::Expect(text));
    }

    /// Serves a mount that was disabled, or serves it no longer until it is enabled or another configuration is applied.
    ///
    /// # Errors
    /// There is no such mount, in a sentence.
    pub async fn enable(&self, mount: &str, enabled: bool) -> Result<(), String> {
        let (told, answer) = bounded(1);
        let _ = self.asks.try_send(Ask::Enable(mount.to_owned(), enabled, told));
        answer.recv().await.unwrap_or_else(|_| Err(ENDING.to_owned()))
    }

    /// What applying it would do, and whom it would interrupt; nothing once the daemon ends.
    pub async fn preview(&self, config: Config) -> Option<(Applied, Vec<SessionFigures>)> {
        let (told, answer) = bounded(1);
        let _ = self.asks.try_send(Ask::Preview(Box::new(config), told));
        answer.recv().await.ok()
    }
}

/// How often interfaces are looked at, where they are listened on by name: what the network gives comes some time after the
/// start.
const INTERFACES: Duration = Duration::from_secs(2);

/// A device that came has its name and its rights by then: udev gives them one after the other.
const SETTLED: Duration = Duration::from_secs(1);

/// Settings of a reload that are named in the log.
const TOLD: usize = 20;

const ENDING: &str = "there is no answer: the daemon ends, or its log says what went wrong";

/// The thread.
pub(super) struct Reloader {
    thread: JoinHandle<Mounts>,
    asker: Asker,
}

impl Reloader {
    /// `store`: the file; `text`: what it said when it was applied.
    pub(super) fn spawn(
        mounts: Mounts,
        keeper: Arc<Keeper>,
        store: Option<Store>,
        text: Option<String>,
        notify: Notify,
        bell: Bell,
    ) -> io::Result<Self> {
        let (asks, inbox) = unbounded();
        let unserved = Unserved::default();
        let asker = Asker { asks, unserved: unserved.clone() };
        let served = text.clone().unwrap_or_default();
        let mut work = Work {
            mounts,
            keeper,
            store,
            text,
            expected: None,
            settles: false,
            unserved,
            served,
            notify,
            bell,
        };
        let thread = Builder::new().name("reload".to_owned()).spawn(move || {
            work.follow(&inbox);
            work.mounts
        })?;
        Ok(Self { thread, asker })
    }

    pub(super) fn asker(&self) -> Asker {
        self.asker.clone()
    }

    /// Waits until what was begun is done; gives the mounts, unless it panicked.
    pub(super) fn join(self) -> Option<Mounts> {
        self.asker.asks.close();
        self.thread.join().ok()
    }
}

struct Work {
    mounts: Mounts,
    keeper: Arc<Keeper>,
    store: Option<Store>,
    /// What the file is known to say, be it wrong.
    text: Option<String>,
    /// What somebody writes into it now.
    expected: Option<String>,
    unserved: Unserved,
    /// Whether a device came and is yet to be looked at.
    settles: bool,
    /// What is served.
    served: String,
    notify: Notify,
    /// Rung when the file was looked at.
    bell: Bell,
}

impl Work {
    fn follow(&mut self, inbox: &Receiver<Ask>) {
        loop {
            let asked = async { Some(inbox.recv().await) };
            let pause = match (self.settles, self.mounts.has_interfaces()) {
                (true, _) => Some(SETTLED),
                (false, true) => Some(INTERFACES),
                (false, false) => None,
            };
            let look = async {
                match pause {
                    Some(pause) => drop(smol::Timer::after(pause).await),
                    None => std::future::pending::<()>().await,
                }
                None
            };
            let ask = match smol::block_on(or(asked, look)) {
                Some(Ok(ask)) => Some(ask),
                Some(Err(_)) => return,
                None => None,
            };
            // The mounts are here: they may not go with a panic.
            let done = catch_unwind(AssertUnwindSafe(|| match ask {
                Some(ask) => self.carry_out(ask),
                None => self.look_around(),
            }));
            if let Err(panic) = done {
                let panic = message(&*panic);
                tracing::error!(
                    "what was asked of the configuration was not done: an error in Lenslet itself: {panic}"
                );
                self.ready();
            }
        }
    }

    /// What nobody asked for.
    fn look_around(&mut self) {
        self.mounts.follow_interfaces();
        if std::mem::take(&mut self.settles) {
            smol::block_on(self.mounts.discover());
        }
    }

    fn carry_out(&mut self, ask: Ask) {
        may_panic("reload");
        match ask {
            Ask::Reload(told) => {
                let answer = self.reload();
                self.bell.file_was_read();
                if let Some(told) = told {
                    let _ = told.try_send(answer);
                }
            }
            Ask::FileChanged => {
                let read = self.store.as_ref().map(Store::written);
                // What cannot be read now is being replaced: that is told as well.
                if let Some(Ok(Some(text))) = read
                    && ![&self.text, &self.expected].contains(&&Some(text.clone()))
                {
                    // Its answer is in the log.
                    let _ = self.reload();
                    // Known now, be it wrong: it is not told of twice.
                    self.text = Some(text);
                }
                self.bell.file_was_read();
            }
            Ask::Apply(config, told) => {
                let text = self.expected.clone().or_else(|| self.text.clone());
                let applied = self.apply(&config, text.as_deref().unwrap_or_default());
                if applied.is_ok() {
                    self.unserved.is(None);
                    (self.text, self.expected) = (text, None);
                }
                drop(told.try_send(applied));
            }
            Ask::Expect(text) => self.expected = text,
            Ask::DeviceCame => self.settles = self.mounts.discovers(),
            Ask::Enable(mount, enabled, told) => {
                drop(told.try_send(smol::block_on(self.mounts.enable(&mount, enabled))));
            }
            Ask::Preview(config, told) => {
                let (mut applied, interrupted) = smol::block_on(self.mounts.preview(&config));
                self.note_access(&config, &mut applied);
                drop(told.try_send((applied, interrupted)));
            }
        }
    }

    fn reload(&mut self) -> Answer {
        let loaded = match &self.store {
            Some(store) => store.look().map_err(|error| error.lines()),
            None => Ok(Loaded::nothing()),
        };
        let refused = match loaded {
            Ok(Loaded { from: From::LastGood { why, .. }, .. }) => why,
            Ok(loaded) => {
                let applied = self.apply(&loaded.config, &loaded.text);
                self.unserved.is(applied.as_ref().err().cloned());
                if let (Ok(_), From::File, Some(store)) = (&applied, &loaded.from, &self.store) {
                    store.remember(&loaded.text);
                    self.keeper.note("by hand", "the configuration was read again");
                }
                self.text = loaded.found.map(|_| loaded.text);
                return applied;
            }
            Err(error) => error,
        };
        self.unserved.is(None);
        refused.lines().for_each(|why| tracing::error!("{why}"));
        tracing::error!("the configuration is as it was: what the file says is wrong");
        Err(refused)
    }

    /// `text`: what the configuration was read of.
    fn apply(&mut self, config: &Config, text: &str) -> Answer {
        self.notify.reloading();
        let may = self.keeper.may_move_to(&super::state_by(config), config);
        let mut applied = may.and_then(|()| smol::block_on(self.mounts.apply(config)));
        match &mut applied {
            Ok(applied) => {
                self.note_access(config, applied);
                self.keeper.apply(config);
                tracing::info!("reloaded: {applied}");
                if text != self.served {
                    super::tell_doubts(config);
                }
                self.note_changes(text);
            }
            Err(error) => tracing::error!("the configuration is as it was: {error}"),
        }
        self.ready();
        applied
    }

    fn ready(&self) {
        self.notify.ready(&amount(self.mounts.all().len(), "mount"));
    }
}

impl Work {
    /// Tells the log which settings are written otherwise: not what they say, for there are passwords in commands.
    fn note_changes(&mut self, text: &str) {
        let changes = changes(&self.served, text);
        let mut paths: Vec<String> = changes.iter().take(TOLD).map(|it| it.path.to_string()).collect();
        paths.extend(changes.len().checked_sub(TOLD + 1).map(|more| format!("{} more", more + 1)));
        // Of the whole there is nothing to be said.
        paths.retain(|path| !path.is_empty());
        if !paths.is_empty() {
            tracing::info!("written otherwise: {}", paths.join(", "));
        }
        text.clone_into(&mut self.served);
    }

    /// Who may watch is no setting of the server's own.
    fn note_access(&self, config: &Config, applied: &mut Applied) {
        if self.keeper.differs(config) {
            applied.server.now.push("access");
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::bell::bell;
    use super::super::listing::Listing;
    use super::super::panics::on_purpose;
    use super::*;
    use crate::server::Server;
    use crate::source::hotplug::Hotplug;

    /// A daemon's rooms, with a mount; its server answers nobody.
    pub(in crate::daemon) struct Daemon {
        pub(in crate::daemon) server: Server,
        pub(in crate::daemon) listing: Listing,
        pub(in crate::daemon) keeper: Arc<Keeper>,
        pub(in crate::daemon) reloader: Reloader,
        _state: tempfile::TempDir,
    }

    impl Daemon {
        pub(in crate::daemon) fn new() -> Self {
            let config = config();
            let state = tempfile::tempdir().unwrap();
            let server = Server::bind(config.server_now()).unwrap();
            let keeper = Arc::new(Keeper::open(&config, state.path(), server.handle().gate()).unwrap());
            let mut mounts = Mounts::new(server.handle(), Hotplug::default());
            smol::block_on(mounts.apply(&config)).unwrap();
            let listing = mounts.listing();
            let reloader =
                Reloader::spawn(mounts, keeper.clone(), None, None, Notify::new(None), bell().0).unwrap();
            Self { server, listing, keeper, reloader, _state: state }
        }
    }

    /// Somebody to be asked, and what waits for the news that the file has changed.
    pub(in crate::daemon) fn asker() -> (Asker, impl Fn() -> bool) {
        let (asks, inbox) = unbounded();
        (Asker { asks, unserved: Unserved::default() }, move || {
            matches!(inbox.recv_blocking(), Ok(Ask::FileChanged))
        })
    }

    fn config() -> Config {
        Config::parse(
            r#"(listen: ["127.0.0.1:0"], udp_ports: (0, 0), mounts: {"door": Jpegs(path: "/nowhere")})"#,
        )
        .unwrap()
    }

    #[test]
    fn a_reload_that_panics_ends_no_mount_and_the_next_is_done() {
        let daemon = Daemon::new();
        let asker = daemon.reloader.asker();
        on_purpose::plan("reload");
        let told = smol::block_on(asker.apply(config()));
        assert_eq!(told.map(|_| ()), Err(ENDING.to_owned()));
        assert_eq!(daemon.listing.names(), ["door"], "it is served still");
        assert!(smol::block_on(asker.apply(config())).is_ok());
        assert_eq!(daemon.listing.names(), ["door"]);
        assert!(daemon.reloader.join().is_some(), "who ends the daemon ends the mounts in order");
    }
}
