use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::hub::Outlet;
use crate::server::Server;
use crate::source::{Error, spawn};

/// A source that does not end when it is told to, as one whose thread is stuck in the kernel.
struct Stuck {
    free: Arc<AtomicBool>,
    runs: Arc<AtomicBool>,
}

impl Source for Stuck {
    fn run(&mut self, _outlet: &Outlet) -> Result<(), Error> {
        self.runs.store(true, Ordering::SeqCst);
        while !self.free.load(Ordering::SeqCst) {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        Ok(())
    }
}

fn config(rate: u32, sessions: usize) -> Config {
    let mount = |name: &str| format!("\"{name}\": Jpegs(path: \"/nowhere\", fps: {rate})");
    let mounts: Vec<String> = ["a", "b", "c"].map(mount).into();
    let text = format!(
        "(listen: [\"127.0.0.1:0\"], udp_ports: (0, 0), max_sessions: {sessions}, mounts: {{{}}})",
        mounts.join(", ")
    );
    Config::parse(&text).unwrap()
}

#[test]
fn where_one_source_does_not_end_all_mounts_and_settings_are_as_they_were() {
    let before = config(5, 10);
    let server = Server::bind(before.server_now()).unwrap();
    let mut mounts = Mounts::new(server.handle(), Hotplug::default());
    smol::block_on(mounts.apply(&before)).unwrap();
    let [free, runs] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    // In the place of the one in the middle.
    let stuck = |mounts: &mut Mounts| {
        let mounted = mounts.running.get_mut("b").unwrap();
        mounted.mount.stop_source();
        let outlet = mounted.source.join_within(Duration::from_secs(10)).unwrap();
        outlet.renew();
        mounted.source =
            spawn("b", Box::new(Stuck { free: free.clone(), runs: runs.clone() }), outlet).unwrap();
        while !runs.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
    };
    stuck(&mut mounts);
    let after = config(7, 20);
    let refused = smol::block_on(mounts.apply(&after)).unwrap_err();
    assert_eq!(refused, "b: its source does not end: it may hang in the kernel");
    assert_eq!(server.handle().settings().max_sessions, 10);
    let is_as_before = |mounts: &Mounts| {
        mounts.running.iter().all(|(name, mounted)| mounted.settings == before.mounts[name])
    };
    assert!(is_as_before(&mounts));
    // Once it ends nothing is in the way.
    free.store(true, Ordering::SeqCst);
    let applied = smol::block_on(mounts.apply(&after)).unwrap();
    assert_eq!((applied.restarted.len(), applied.refused.len()), (3, 0), "{applied}");
    assert!(!is_as_before(&mounts));
    assert_eq!(server.handle().settings().max_sessions, 20);
    let began = crate::clock::now();
    mounts.end(began + Duration::from_secs(10), crate::clock::now);
}

/// What is plugged in, for whoever looks.
static PLUGGED: Mutex<Vec<&str>> = Mutex::new(Vec::new());

fn plugged() -> Vec<camera::Found> {
    let found = |bus: &&str| camera::Found {
        path: format!("/nowhere/{bus}").into(),
        node: camera::Node { bus: (*bus).to_owned(), ..camera::Node::default() },
        served: true,
        ..camera::Found::default()
    };
    PLUGGED.lock().unwrap().iter().map(found).collect()
}

#[test]
fn a_camera_that_is_unplugged_during_a_reload_stays_and_one_that_comes_becomes_a_mount() {
    let text = |sessions| format!("(listen: [\"127.0.0.1:0\"], udp_ports: (0, 0), max_sessions: {sessions})");
    let config = |sessions| Config::parse(&text(sessions)).unwrap();
    let server = Server::bind(config(1).server_now()).unwrap();
    let mut mounts = Mounts::new(server.handle(), Hotplug::default());
    mounts.discovered = Discovered::new(plugged);
    let plug = |cameras: &[&'static str]| *PLUGGED.lock().unwrap() = cameras.to_vec();
    plug(&["door"]);
    smol::block_on(mounts.apply(&config(1))).unwrap();
    assert!(mounts.discovers());
    let device = |mounts: &Mounts, name: &str| match &mounts.running[name].settings.source {
        MountSettings::Camera(settings) => settings.device.display().to_string(),
        other => panic!("{other:?}"),
    };
    // It is gone for a while, and the file is read again.
    plug(&[]);
    let applied = smol::block_on(mounts.apply(&config(2))).unwrap();
    assert_eq!((applied.kept, applied.removed), (vec!["camera0".into(), "test".to_owned()], vec![]));
    // Another comes, and has the first node.
    plug(&["yard", "door"]);
    smol::block_on(mounts.discover());
    assert_eq!(mounts.listing().names(), ["camera0", "camera1", "test"]);
    assert_eq!(
        (device(&mounts, "camera0"), device(&mounts, "camera1")),
        ("/nowhere/door".into(), "/nowhere/yard".into())
    );
    let began = crate::clock::now();
    mounts.end(began + Duration::from_secs(10), crate::clock::now);
}
