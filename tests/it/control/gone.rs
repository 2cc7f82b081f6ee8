//! The socket's file goes while the daemon runs: by hand, or because somebody tidies up.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;

use lenslet::control::client::Blocking;
use lenslet::control::protocol::Ask;
use lenslet::control::server;

use super::fake::Fake;
use super::sockets::At;
use crate::support::PATIENCE;

/// Until somebody answers there.
fn answers(path: &Path, after: &str) -> Blocking {
    let began = Instant::now();
    loop {
        if let Ok(mut client) = Blocking::connect(path)
            && client.ask(Ask::Alarms {}).is_ok()
        {
            return client;
        }
        assert!(began.elapsed() < PATIENCE, "nobody answers at {} after {after}", path.display());
        std::thread::yield_now();
    }
}

#[test]
fn a_socket_that_is_removed_is_made_again_and_its_clients_stay() {
    let mut at = At::new(Fake::new());
    let (path, folder) = (at.path(), at.path().parent().unwrap().to_owned());
    let mut first = answers(&path, "nothing");
    let aside = folder.join("aside");
    let removals: [(&str, &dyn Fn()); 5] = [
        ("rm", &|| fs::remove_file(&path).unwrap()),
        ("mv", &|| fs::rename(&path, &aside).unwrap()),
        ("rm, of the lock too", &|| {
            fs::remove_file(folder.join("control.sock.lock")).unwrap();
            fs::remove_file(&path).unwrap();
        }),
        ("rm -r", &|| fs::remove_dir_all(&folder).unwrap()),
        ("mv of the folder", &|| fs::rename(&folder, folder.with_extension("old")).unwrap()),
    ];
    for (how, remove) in removals {
        remove();
        let mut new = answers(&path, how);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o660, "{how}");
        for client in [&mut first, &mut new] {
            assert!(client.ask(Ask::Alarms {}).is_ok(), "{how}");
        }
        assert!(server::Socket::bind(&path).unwrap_err().is_taken(), "{how}: the place is still its own");
    }
    // What somebody puts there is his.
    fs::remove_file(&path).unwrap();
    let precious = || fs::write(&path, "precious");
    while precious().is_err() {
        // It was faster.
        let _ = fs::remove_file(&path);
    }
    assert!(first.ask(Ask::Alarms {}).is_ok());
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    fs::remove_file(&path).unwrap();
    answers(&path, "another file there");
    at.stop();
    assert!(!path.exists());
}

/// By the program that people call: it says so.
#[test]
fn a_daemon_says_that_its_socket_was_removed() {
    let server = crate::support::Server::start();
    fs::remove_file(server.control()).unwrap();
    let line = server.logged(&["was removed", "control.sock"]);
    assert!(line.contains("WARN"), "{line}");
    answers(&server.control(), "rm");
}
