use std::sync::Mutex;

use super::*;
use crate::server::Server;

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
