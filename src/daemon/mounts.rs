//! The mounts that run, by name, and how another configuration comes true while people watch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::applied::Applied;
use super::discovered::Discovered;
use super::listing::{Listed, Listing, Lists};
use super::plan::{Fate, Live, plan, refusals};
use crate::config::{Config, Mount, MountSettings, Places};
use crate::hub;
use crate::server::{self, Handle, SessionFigures};
use crate::source::hotplug::Hotplug;
use crate::source::{self, Running, Source, camera, command, file, jpegs, pattern};

/// A source that has not ended in this time hangs: a program has 2 s to end by itself and may take 5 s to be ended, an
/// encoder takes up to 1 s for its last pictures and 4 s to be closed.
const PATIENCE: Duration = Duration::from_secs(8);

/// All of them.
#[derive(Debug)]
pub struct Mounts {
    handle: Handle,
    hotplug: Hotplug,
    running: BTreeMap<String, Mounted>,
    /// Who shows something while sources fail.
    standing: Vec<JoinHandle<()>>,
    /// Sources of mounts that are no more.
    leaving: Vec<Running>,
    listing: Listing,
    /// Mounts that are served no longer because somebody said so.
    disabled: BTreeMap<String, Mount>,
    /// What was said of single mounts since: whether they are served. It holds until the configuration says otherwise of them.
    commanded: BTreeMap<String, bool>,
    /// What was applied last.
    config: Option<Config>,
    discovered: Discovered,
    /// Where this process keeps what is its own: of what was applied first.
    places: Option<Places>,
}

#[derive(Debug)]
struct Mounted {
    settings: Mount,
    mount: hub::Mount,
    source: Running,
}

impl Mounts {
    /// None yet.
    pub fn new(handle: Handle, hotplug: Hotplug) -> Self {
        Self {
            handle,
            hotplug,
            running: BTreeMap::new(),
            standing: Vec::new(),
            leaving: Vec::new(),
            listing: Listing::default(),
            disabled: BTreeMap::new(),
            commanded: BTreeMap::new(),
            config: None,
            discovered: Discovered::new(camera::probe),
            places: None,
        }
    }

    /// A list of them that follows what is applied.
    pub fn listing(&self) -> Listing {
        self.listing.clone()
    }

    /// The mounts' own ends.
    pub fn all(&self) -> Vec<hub::Mount> {
        self.running.values().map(|mounted| mounted.mount.clone()).collect()
    }

    /// What [`Mounts::apply`] would do, and the sessions that it would interrupt.
    pub async fn preview(&self, config: &Config) -> (Applied, Vec<SessionFigures>) {
        let mut applied = Applied { server: self.handle.preview(&config.server_now()), ..Applied::default() };
        applied.server.after_restart.extend(self.moved(config));
        let commanded = self.still_commanded(config);
        let mut discovered = self.discovered.clone();
        let fates = self.fates(&served(config, &mut discovered, &commanded).0);
        let mut refused = self.refusals(&fates);
        for (name, fate) in fates {
            match refused.remove(&name) {
                Some(why) => applied.refused.push((name, why)),
                None => applied.note(name, &fate),
            }
        }
        let gone = |mount: &String| applied.restarted.contains(mount) || applied.removed.contains(mount);
        let mut interrupted = self.handle.sessions().await;
        interrupted.retain(|session| gone(&session.mount));
        (applied, interrupted)
    }

    /// Makes a configuration true. Mounts whose settings are the same notice nothing.
    ///
    /// # Errors
    /// An address that cannot be listened on, a bitrate that what codes a mount refuses, or a source that does not end, in a
    /// sentence: nothing has changed.
    pub async fn apply(&mut self, config: &Config) -> Result<Applied, String> {
        let before = self.handle.settings();
        let server = self.handle.change(&config.server_now()).map_err(|error| error.to_string())?;
        let mut applied = Applied { server, ..Applied::default() };
        let commanded = self.still_commanded(config);
        let (mut sources, disabled) = served(config, &mut self.discovered, &commanded);
        let fates = self.fates(&sources);
        // First what may fail, so that nothing is half applied.
        let done = match self.refusals(&fates).into_values().next() {
            None => self.restart_all(&fates, &sources).await,
            Some(why) => Err(why),
        };
        if let Err(why) = done {
            return Err(match self.handle.change(&before) {
                Ok(_) => why,
                Err(error) => format!("{why}; and what the server had of its own is not back: {error}"),
            });
        }
        applied.server.after_restart.extend(self.moved(config));
        self.places.get_or_insert_with(|| config.places.clone());
        config.absent_interfaces().iter().for_each(|why| tracing::warn!("{why}"));
        (self.commanded, self.disabled) = (commanded, disabled);
        self.config = Some(config.clone());
        let added = fates.values().filter(|fate| **fate == Fate::Added).count();
        self.handle.make_room(added);
        let mut stand_ins = Vec::new();
        for (name, fate) in fates {
            let settings = sources.remove(&name);
            let done = match (&fate, settings) {
                (Fate::Kept | Fate::Restarted(_), _) => Ok(()),
                (Fate::Removed, _) | (_, None) => {
                    self.remove(&name).await;
                    Ok(())
                }
                (Fate::Added, Some(settings)) => self.add(&name, settings, &mut stand_ins),
                (Fate::Changed(lives), Some(settings)) => {
                    self.change(&name, settings, lives);
                    Ok(())
                }
            };
            match done {
                Ok(()) => applied.note(name, &fate),
                Err(why) => applied.refused.push((name, why)),
            }
        }
        // Of what those leave who go, the others have a share.
        self.handle.make_room(0);
        self.stand_in(stand_ins);
        self.leaving.retain(|source| source.join_within(Duration::ZERO).is_none());
        self.list();
        Ok(applied)
    }

    /// Listens on the addresses that interfaces have now, where those are listened on.
    pub(super) fn follow_interfaces(&self) {
        let Some(config) = self.config.as_ref().filter(|config| !config.interfaces.is_empty()) else {
            return;
        };
        let (now, settings) = (self.handle.settings(), config.server_now());
        if now.listen == settings.listen {
            return;
        }
        match self.handle.change(&settings) {
            Ok(_) => {
                tracing::info!("interfaces have other addresses; listening on {:?}", self.handle.addresses())
            }
            Err(error) => tracing::debug!(%error, "an interface's new address is not listened on yet"),
        }
    }

    /// Whether every camera becomes a mount.
    pub(super) fn discovers(&self) -> bool {
        self.config.as_ref().is_some_and(|config| config.discover_cameras)
    }

    /// Has cameras that came become mounts, where every camera is one.
    pub(super) async fn discover(&mut self) {
        let Some(config) = self.config.clone().filter(|config| config.discover_cameras) else { return };
        if self.discovered.clone().look().is_empty() {
            // What was denied may have gone.
            self.list();
            return;
        }
        match self.apply(&config).await {
            Ok(applied) => tracing::info!("a camera came: {applied}"),
            Err(why) => tracing::error!("a camera came, and is not served: {why}"),
        }
    }

    /// Whether interfaces have to be looked at.
    pub(super) fn has_interfaces(&self) -> bool {
        self.config.as_ref().is_some_and(|config| !config.interfaces.is_empty())
    }

    /// Places of the daemon's that another configuration has elsewhere: it goes there when it starts again.
    fn moved(&self, config: &Config) -> Vec<&'static str> {
        let Some(places) = &self.places else { return Vec::new() };
        let state = (places.state_dir != config.places.state_dir).then_some("state_dir");
        let control = (places.control_socket != config.places.control_socket).then_some("control_socket");
        state.into_iter().chain(control).collect()
    }

    /// Serves a mount that was disabled, or serves it no longer: its sessions end, its source too.
    ///
    /// # Errors
    /// There is no such mount, or nothing to serve it with, in a sentence.
    pub async fn enable(&mut self, name: &str, enabled: bool) -> Result<(), String> {
        let none = || format!("there is no mount {name:?}");
        let mut stand_ins = Vec::new();
        if enabled {
            if self.running.contains_key(name) {
                return Ok(());
            }
            let settings = self.disabled.get(name).cloned().ok_or_else(none)?;
            self.add(name, settings, &mut stand_ins)?;
            self.disabled.remove(name);
        } else if !self.disabled.contains_key(name) {
            let settings = self.running.get(name).map(|mounted| mounted.settings.clone()).ok_or_else(none)?;
            self.remove(name).await;
            self.handle.make_room(0);
            self.disabled.insert(name.to_owned(), settings);
        }
        self.commanded.insert(name.to_owned(), enabled);
        self.stand_in(stand_ins);
        self.list();
        Ok(())
    }

    /// What was said of single mounts, but for those of which this configuration says something else than the one before.
    fn still_commanded(&self, config: &Config) -> BTreeMap<String, bool> {
        let says = |config: &Config, name: &str| config.mounts.get(name).map(|mount| mount.enabled);
        let before = |name: &str| self.config.as_ref().and_then(|before| says(before, name));
        let mut commanded = self.commanded.clone();
        commanded.retain(|name, _| says(config, name) == before(name));
        commanded
    }

    fn stand_in(&mut self, stand_ins: Vec<hub::StandIn>) {
        if stand_ins.is_empty() {
            return;
        }
        match source::stand_in::spawn(stand_ins, Arc::new(server::spares)) {
            Ok(thread) => self.standing.push(thread),
            Err(error) => {
                tracing::warn!(%error, "nothing is shown while the sources of the new mounts fail");
            }
        }
    }

    fn list(&self) {
        let listed = |mounted: &Mounted| Listed {
            mount: mounted.mount.clone(),
            settings: mounted.settings.source.clone(),
        };
        let sources = |(name, mount): (&String, &Mount)| (name.clone(), mount.source.clone());
        self.listing.replace(Lists {
            served: self.running.iter().map(|(name, mounted)| (name.clone(), listed(mounted))).collect(),
            disabled: self.disabled.iter().map(sources).collect(),
            denied: if self.discovers() { camera::denied() } else { Vec::new() },
        });
    }

    /// Ends all sources and waits for them, but not for those that hang.
    pub fn end(self, until: Instant, now: impl Fn() -> Instant) {
        self.running.values().for_each(|mounted| mounted.mount.stop());
        let left = || until.saturating_duration_since(now());
        for (name, mounted) in &self.running {
            if mounted.source.join_within(left()).is_none() {
                tracing::warn!(mount = name, "its source does not end: it is left behind");
            }
        }
        // A panic there cost the pictures that it shows, and nothing else.
        self.standing.into_iter().for_each(|thread| drop(thread.join()));
    }

    fn fates(&self, sources: &BTreeMap<String, Mount>) -> BTreeMap<String, Fate> {
        let running = self.running.iter();
        plan(running.map(|(name, it)| (name.as_str(), &it.settings, it.mount.making())), sources)
    }

    fn refusals(&self, fates: &BTreeMap<String, Fate>) -> BTreeMap<String, String> {
        refusals(fates, |name| Some(self.running.get(name)?.mount.making()))
    }

    fn add(&mut self, name: &str, settings: Mount, stand_ins: &mut Vec<hub::StandIn>) -> Result<(), String> {
        let (outlet, mount) = hub::mount(name);
        stand_ins.push(outlet.stand_in());
        let source = self.spawn(name, &settings, outlet)?;
        if self.handle.add(mount.clone(), settings.serving.clone()).is_err() {
            mount.stop();
            return Err("there is a mount of that name".to_owned());
        }
        self.running.insert(name.to_owned(), Mounted { settings, mount, source });
        Ok(())
    }

    async fn remove(&mut self, name: &str) {
        let Some(Mounted { mount, source, .. }) = self.running.remove(name) else { return };
        self.handle.remove(name).await;
        mount.stop();
        self.leaving.push(source);
    }

    /// Restarts the mounts that begin anew with a configuration, or none of them.
    ///
    /// # Errors
    /// A source that does not end, in a sentence: those before it have their old settings again.
    async fn restart_all(
        &mut self,
        fates: &BTreeMap<String, Fate>,
        sources: &BTreeMap<String, Mount>,
    ) -> Result<(), String> {
        let mut done: Vec<(&String, Mount)> = Vec::new();
        let restarted = |(name, fate)| matches!(fate, &Fate::Restarted(_)).then_some(name);
        for name in fates.iter().filter_map(restarted) {
            let (Some(mounted), Some(settings)) = (self.running.get(name), sources.get(name)) else {
                continue;
            };
            let before = mounted.settings.clone();
            let Err(why) = self.restart(name, settings.clone()).await else {
                done.push((name, before));
                continue;
            };
            for (name, settings) in done {
                // It began a moment ago.
                if let Err(why) = self.restart(name, settings).await {
                    tracing::error!(mount = name, "it is not back at what it was: {why}");
                }
            }
            return Err(format!("{name}: {why}"));
        }
        Ok(())
    }

    /// Another source takes over the mount; its readers stay.
    async fn restart(&mut self, name: &str, settings: Mount) -> Result<(), String> {
        let Some(Mounted { mount, source, .. }) = self.running.get(name) else { return Ok(()) };
        mount.stop_source();
        // One that begins to end as its time is up is waited for as well.
        let late = || if source.keep(mount) { None } else { source.join_within(PATIENCE) };
        let Some(outlet) = source.join_within(PATIENCE).or_else(late) else {
            return Err("its source does not end: it may hang in the kernel".to_owned());
        };
        outlet.renew();
        let mount = mount.clone();
        match self.spawn(name, &settings, outlet) {
            Ok(source) => {
                self.handle.change_mount(name, settings.serving.clone());
                self.running.insert(name.to_owned(), Mounted { settings, mount, source });
                Ok(())
            }
            // Without a source there is nothing to serve: the next reload adds it.
            Err(why) => {
                self.remove(name).await;
                Err(why)
            }
        }
    }

    fn change(&mut self, name: &str, settings: Mount, lives: &[Live]) {
        let Some(mounted) = self.running.get_mut(name) else { return };
        for live in lives {
            match live {
                Live::Bitrate(bitrate) => mounted.mount.set_bitrate(*bitrate),
                // What it answers is logged where it is done.
                Live::Control(control, value) => drop(mounted.mount.set_control(control, value.clone())),
            }
        }
        self.handle.change_mount(name, settings.serving.clone());
        mounted.settings = settings;
    }

    fn spawn(&self, name: &str, settings: &Mount, outlet: hub::Outlet) -> Result<Running, String> {
        let running = source::spawn_near(name, source(settings.source.clone()), outlet, self.hotplug.clone());
        running.map_err(|error| format!("the system gives no thread for its source: {error}"))
    }
}

/// What is served and what is not, by the configuration and by what was said of single mounts since.
fn served(
    config: &Config,
    discovered: &mut Discovered,
    commanded: &BTreeMap<String, bool>,
) -> (BTreeMap<String, Mount>, BTreeMap<String, Mount>) {
    let on = |name: &String, mount: &Mount| commanded.get(name).copied().unwrap_or(mount.enabled);
    sources(config, discovered).into_iter().partition(|(name, mount)| on(name, mount))
}

/// Every mount's path and what feeds it: the configured ones, then the cameras that were found, be they there or not.
fn sources(config: &Config, discovered: &mut Discovered) -> BTreeMap<String, Mount> {
    let mut sources = config.mounts.clone();
    if config.discover_cameras {
        for camera in discovered.look() {
            tracing::info!(device = %camera.path.display(), "{}", camera.verdict);
        }
        for (number, device) in discovered.devices().enumerate() {
            let settings = camera::Settings { device: device.to_owned(), ..camera::Settings::default() };
            sources
                .entry(format!("camera{number}"))
                .or_insert_with(|| Mount::of(MountSettings::Camera(settings)));
        }
    }
    sources
}

fn source(settings: MountSettings) -> Box<dyn Source> {
    match settings {
        MountSettings::Pattern(settings) => Box::new(pattern::Pattern::new(settings)),
        MountSettings::File(settings) => Box::new(file::File::new(settings)),
        MountSettings::Jpegs(settings) => Box::new(jpegs::Jpegs::new(settings)),
        MountSettings::Command(settings) => Box::new(command::Command::new(settings)),
        MountSettings::Camera(settings) => Box::new(camera::Camera::new(settings)),
    }
}

#[cfg(test)]
mod tests;
