//! What happened stays told, whoever knocks meanwhile.

use super::{PASSWORD, Visitor};
use crate::support::{Client, MOUNTS, Server};
use crate::users::{by_daemon, run, status, wait};

/// A guess of that name, from that address; answered at once.
fn guesses(server: &Server, from: &str, name: &str) -> u16 {
    let mut client = Client::connect_from(server.address, from);
    let guess = format!(
        "Authorization: Digest username=\"{name}\", realm=\"Lenslet\", nonce=\"0\", uri=\"/test\", \
         response=\"00000000000000000000000000000000\""
    );
    client.ask(&[&format!("DESCRIBE {} RTSP/1.0", server.url("test")), &guess]).status
}

#[test]
fn refusals_wash_away_neither_sign_ins_nor_bans_nor_changes() {
    let server = Server::on("127.0.0.1", "", MOUNTS);
    by_daemon(&server, &["user", "add", "anna", "--password-stdin"], PASSWORD);
    let mut anna = Visitor::over(Client::connect(&server), "anna", PASSWORD);
    anna.play(&server.url("test"));
    for _ in 0..9 {
        guesses(&server, "127.0.0.250", "admin");
    }
    let mut last = Client::connect_from(server.address, "127.0.0.250");
    let guess = "Authorization: Basic eDp5\r\n".replace("Basic", "Digest");
    last.send(format!("DESCRIBE {} RTSP/1.0\r\nCSeq: 1\r\n{guess}\r\n", server.url("test")).as_bytes());
    assert_eq!(last.next_reply().unwrap().status, 403);
    by_daemon(&server, &["config", "set", "access.basic", "false"], "");
    let long = "n".repeat(1500) + "\u{202e}";
    std::thread::scope(|scope| {
        for part in 0..3 {
            let (server, long) = (&server, &long);
            scope.spawn(move || {
                for number in 0..240 {
                    let from = format!("127.0.{}.{}", part + 1, number + 1);
                    assert_eq!(guesses(server, &from, &format!("{number} {long}")), 401);
                }
            });
        }
    });
    let told = wait(&server, |status| {
        let count = |what: &str| {
            status
                .access
                .counters
                .iter()
                .find(|counter| counter.what == what)
                .map_or(0, |counter| counter.times)
        };
        let fetched = status.audit.iter().filter(|entry| entry.what.contains("wrong user")).count() >= 100;
        count("wrong user or password") == 730 && fetched
    });
    let changes = ["\"anna\" is a user", "signed in to test", "127.0.0.250 is banned until"];
    for what in changes {
        assert!(told.audit.iter().any(|entry| entry.what.starts_with(what)), "{what}: {:?}", told.audit);
        server.logged(&["access", what]);
    }
    let longest =
        told.audit.iter().filter_map(|entry| entry.who.as_ref()).map(|who| who.chars().count()).max();
    assert!(longest.unwrap() <= 64, "names are cut");
    assert!(!told.audit.iter().any(|entry| format!("{entry:?}").contains('\u{202e}')));
}

#[test]
fn a_path_that_names_no_mount_is_told_nowhere() {
    let server = Server::on("127.0.0.1", r#"aliases: {"/Streaming/Channels/101": "test"},"#, MOUNTS);
    by_daemon(&server, &["user", "add", "anna", "--password-stdin"], PASSWORD);
    let strange = [
        "user=anna_password=MARK_channel=1_stream=0.sdp",
        "/anna:MARK@h/test",
        "x:%20wrong%20user%20or%20password%20user=%22MARK%22%20from=%221.2.3.4%22",
    ];
    for (number, path) in strange.iter().enumerate() {
        let mut anna = Visitor::over(Client::connect(&server), "anna", PASSWORD);
        assert_eq!(anna.ask("DESCRIBE", &server.url(path), &[]).status, 404);
        let guess = "Authorization: Digest username=\"MARK\"".replace("MARK", "bob");
        let mut client = Client::connect_from(server.address, &format!("127.0.9.{}", number + 1));
        assert_eq!(client.ask(&[&format!("DESCRIBE {} RTSP/1.0", server.url(path)), &guess]).status, 401);
    }
    for path in ["test", "Streaming/Channels/101"] {
        let mut anna = Visitor::over(Client::connect(&server), "anna", PASSWORD);
        assert_eq!(anna.ask("DESCRIBE", &server.url(path), &[]).status, 200, "{path}");
    }
    let told = wait(&server, |status| {
        let times = |what: &str| -> u32 {
            status.audit.iter().filter(|entry| entry.what == what).map(|entry| entry.times).sum()
        };
        times("signed in to a mount that there is not") == 3
            && times("signed in to test") == 2
            && times("was not let in to a mount that there is not: wrong user or password") == 3
    });
    assert!(!format!("{told:?}").contains("MARK"), "{:?}", told.audit);
    let (_, log) = server.end();
    assert!(log.iter().any(|line| line.contains("signed in to a mount that there is not")));
    assert!(!log.iter().any(|line| line.contains("MARK")), "{log:?}");
}

#[test]
fn what_is_lifted_is_said_and_what_is_not() {
    let server = Server::on("127.0.0.1", "", MOUNTS);
    let why = "scans\u{1b}[2J".to_owned() + &"y".repeat(10_000);
    by_daemon(&server, &["ban", "add", "203.0.113.0/24", "--why", &why], "");
    let listed = &status(&server).audit;
    assert!(listed.iter().all(|entry| entry.what.chars().count() < 400 && !entry.what.contains('\u{1b}')));
    let lift = |address: &str| {
        let output = run(server.state(), &server.control(), &["ban", "lift", address], "");
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    };
    let said = lift("203.0.113.7");
    assert!(said.contains("as a part of 203.0.113.0/24: `lenslet ban lift 203.0.113.0/24`"), "{said}");
    by_daemon(&server, &["ban", "add", "203.0.113.7"], "");
    let said = lift("203.0.113.7");
    assert!(said.contains("only as a part of 203.0.113.0/24 now"), "{said}");
    assert!(lift("203.0.113.0/24").contains("is not banned any more"));
    let told = status(&server);
    assert_eq!(told.access.bans, 0);
    // By whom, as far as the system knows who asked.
    let me = lenslet::config::store::author(nix::unistd::getuid().as_raw());
    let lifted = told.audit.iter().filter(|entry| entry.what == "203.0.113.0/24 is not banned any more");
    assert_eq!(lifted.map(|entry| entry.who.as_deref()).collect::<Vec<_>>(), [Some(me.as_str())]);
    let banned = by_daemon(&server, &["ban", "add", "127.0.0.9"], "");
    assert!(banned.contains("127.0.0.9 is banned until"), "{banned}");
    let reply = Client::connect_from(server.address, "127.0.0.9").next_reply().unwrap();
    assert_eq!((reply.status, reply.body.as_str()), (403, "Your address is banned for now.\r\n"));
}

#[test]
fn the_right_to_publish_is_reserved_and_said_to_be() {
    let server = Server::on("127.0.0.1", "", MOUNTS);
    let words = ["user", "add", "anna", "--may-publish", "cam", "--password-stdin"];
    let output = run(server.state(), &server.control(), &words, PASSWORD);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("the right to publish is reserved"), "{said}");
}
