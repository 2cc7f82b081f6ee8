//! What systemd is told, and when it hears that all is well
//! ([sd_notify(3)](https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html)).

use std::collections::BTreeMap;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::panics::{keep_up, may_panic};
use crate::clock;
use crate::hub::{Cursor, Mount, State};
use crate::server::Handle;

/// How much longer than by its own rhythm a live mount may be without pictures: whoever stands in comes before.
const SILENCE: Duration = Duration::from_secs(30);

/// The service manager's socket; nothing without one.
#[derive(Debug, Default)]
pub(super) struct Notify(Option<UnixDatagram>);

impl Notify {
    /// By what `NOTIFY_SOCKET` says: a path, or an abstract name behind `@`.
    pub(super) fn new(socket: Option<&str>) -> Self {
        let Some(socket) = socket.filter(|socket| !socket.is_empty()) else { return Self(None) };
        let connect = || -> io::Result<UnixDatagram> {
            let address = match socket.strip_prefix('@') {
                Some(name) => SocketAddr::from_abstract_name(name)?,
                None => SocketAddr::from_pathname(socket)?,
            };
            let datagrams = UnixDatagram::unbound()?;
            datagrams.connect_addr(&address)?;
            datagrams.set_nonblocking(true)?;
            Ok(datagrams)
        };
        let connected = connect();
        if let Err(error) = &connected {
            tracing::warn!(%error, socket, "the service manager cannot be told anything");
        }
        Self(connected.ok())
    }

    pub(super) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    pub(super) fn reloading(&self) {
        let micros = clock::media().as_nanos() / 1000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=Saying goodbye");
    }

    fn tell(&self, words: &str) {
        if let Some(socket) = &self.0 {
            // A manager that does not listen is none of our readers' trouble.
            let _ = socket.send(words.as_bytes());
        }
    }
}

/// The thread that feeds the watchdog.
#[derive(Debug)]
pub(super) struct Watchdog {
    thread: JoinHandle<()>,
    /// Dropped, the thread ends.
    stop: Sender<()>,
}

impl Watchdog {
    /// Feeds it twice in each `patience`, while all is well.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(super) fn spawn(notify: Notify, handle: Handle, patience: Duration) -> io::Result<Self> {
        Self::with(notify, handle, patience, |mount| mount.patience() + SILENCE)
    }

    fn with(
        notify: Notify,
        handle: Handle,
        patience: Duration,
        silence: fn(&Mount) -> Duration,
    ) -> io::Result<Self> {
        let (stop, stopped) = channel::<()>();
        let thread = Builder::new().name("watchdog".to_owned()).spawn(move || {
            // After a panic all is looked at anew.
            keep_up("the thread that feeds the watchdog", || {
                let mut seen = BTreeMap::new();
                let mut well = true;
                while stopped.recv_timeout(patience / 2) == Err(RecvTimeoutError::Timeout) {
                    may_panic("watchdog");
                    let trouble = trouble(&handle, &mut seen, clock::now(), silence);
                    if let Some(trouble) = &trouble
                        && well
                    {
                        tracing::error!("the watchdog is not fed: {trouble}");
                    }
                    well = trouble.is_none();
                    if well {
                        notify.tell("WATCHDOG=1");
                    }
                }
            });
        })?;
        Ok(Self { thread, stop })
    }

    pub(super) fn join(self) {
        drop(self.stop);
        let _ = self.thread.join();
    }
}

/// Why all is not well: a worker that does not answer, or a mount that is live and gives nothing for longer than its `silence`: something
/// else would be shown by then.
fn trouble(
    handle: &Handle,
    seen: &mut BTreeMap<String, (Cursor, Instant)>,
    now: Instant,
    silence: fn(&Mount) -> Duration,
) -> Option<String> {
    let silent = smol::block_on(handle.silent_workers());
    if silent > 0 {
        return Some(format!("{silent} workers do not answer"));
    }
    let mounts = handle.mounts();
    seen.retain(|name, _| mounts.iter().any(|figures| figures.mount.name() == name));
    for figures in mounts {
        let (mount, end) = (&figures.mount, figures.mount.units().end());
        let (before, since) = seen.entry(mount.name().to_owned()).or_insert((end, now));
        if *before != end || mount.state() != State::Live {
            (*before, *since) = (end, now);
        } else if now.saturating_duration_since(*since) > silence(mount) {
            return Some(format!("{:?} is live and gives nothing", mount.name()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::panics::on_purpose;
    use super::*;
    use crate::hub;
    use crate::media::{AccessUnit, Codec, Link, Track, TrackId};
    use crate::server::{MountSettings, Server, Settings};

    const PATIENCE: Duration = Duration::from_millis(40);
    const SILENCE: Duration = Duration::from_millis(200);

    /// Seconds are milliseconds and more: 30 s, of whom a single picture is known, are [`SILENCE`].
    fn silence(mount: &Mount) -> Duration {
        mount.patience() / 150
    }

    #[test]
    fn it_is_fed_unless_a_live_mount_gives_nothing_and_again_while_that_is_in_recovery() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        // Longer than from one sign of life to the next, and than any thread waits for its turn.
        manager.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let hears = || {
            let mut bytes = [0; 64];
            manager.recv(&mut bytes).ok().map(|length| bytes[..length].to_vec())
        };
        let listen = vec![([127, 0, 0, 1], 0).into()];
        let server = Server::bind(Settings { listen, ..Settings::default() }).unwrap();
        let handle = server.handle();
        let (stop, stopped) = smol::channel::bounded::<()>(1);
        let running = std::thread::spawn(move || {
            server.run(Vec::new(), async {
                let _ = stopped.recv().await;
            })
        });
        let (outlet, mount) = hub::mount("cam");
        handle.add(mount.clone(), MountSettings::default()).unwrap();
        let notify = Notify::new(path.to_str());
        let watchdog = Watchdog::with(notify, handle, PATIENCE, silence).unwrap();
        let fed = Some(b"WATCHDOG=1".to_vec());
        assert_eq!(hears(), fed, "nobody wants it: that is no trouble");
        on_purpose::plan("watchdog");
        while !on_purpose::happened("watchdog") {
            std::thread::yield_now();
        }
        // What was told before it is heard first.
        while manager.set_nonblocking(true).is_ok() && hears().is_some() {}
        manager.set_nonblocking(false).unwrap();
        assert_eq!(hears(), fed, "after a panic it is fed again");
        let _demand = mount.want();
        outlet.describe(vec![Track { codec: Codec::Jpeg, bitrate: None }], false);
        let first = clock::media();
        let publish = |after: u64| {
            let (time, data) = (first + Duration::from_secs(after), [0][..].into());
            outlet.publish(AccessUnit { track: TrackId(0), time, link: Link::Start, data, journey: None });
        };
        publish(0);
        assert_eq!(mount.state(), State::Live);
        // It is fed for a while, and then no more.
        let most = SILENCE.as_millis() / (PATIENCE / 2).as_millis() + 4;
        let signs = std::iter::from_fn(hears).take(100).count();
        assert!(signs <= most as usize, "{signs}");
        outlet.fail("unplugged");
        assert_eq!(hears(), fed, "it is known that it gives nothing");
        // One of a picture a minute is waited for as its own rhythm is: three minutes, and here so much longer.
        publish(60);
        publish(120);
        assert_eq!(mount.state(), State::Live);
        let slow = std::iter::from_fn(hears).take(100).count();
        assert!(slow > 3 * signs, "{slow} signs of life, and {signs} of the one before");
        watchdog.join();
        drop(stop);
        running.join().unwrap();
    }
}
