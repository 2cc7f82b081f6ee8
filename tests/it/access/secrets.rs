//! A password stands nowhere that anybody reads, whatever is done with it: the marker is looked for in all of it.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Visitor;
use crate::support::{Client, Incoming, MOUNTS, Server, lenslet};
use crate::users::{by_daemon, run, wait};

/// As it is in every way of writing it.
const MARKER: &str = "marker7c1e";
/// A slip of it is as secret.
const SLIP: &str = "marker7c1f";

/// Everything under a folder but the users' file.
fn kept(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(kept(&entry.path()));
        } else if kind.is_file() && entry.file_name() != "users.ron" {
            found.push(String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned());
        }
    }
    found
}

/// Replies, to the connection's end or silence.
fn told(client: &mut Client) -> String {
    match client.next() {
        Incoming::Reply(reply) => format!("{reply:?}"),
        _ => String::new(),
    }
}

/// Signs in, and fails to, in every way there is; what was answered.
fn signs_in(server: &Server) -> Vec<String> {
    let url = server.url("test");
    let mut answered = Vec::new();
    for (password, sha256) in [(MARKER, false), (MARKER, true), (SLIP, false), (SLIP, true)] {
        let visitor = Visitor::over(Client::connect(server), "anna", password);
        let mut visitor = if sha256 { visitor.by_sha256() } else { visitor };
        answered.push(format!("{:?}", visitor.ask("DESCRIBE", &url, &[])));
    }
    let with_password = url.replace("//", &format!("//anna:{MARKER}@"));
    let basic = |text: &str| format!("Authorization: Basic {}", STANDARD.encode(text));
    for (url, header) in [
        (url.as_str(), basic(&format!("anna:{MARKER}"))),
        (url.as_str(), basic(&format!("anna:{SLIP}"))),
        // Without a user, and of no scheme.
        (url.as_str(), basic(MARKER)),
        (url.as_str(), format!("Authorization: {MARKER}")),
        (url.as_str(), format!("Authorization: Digest username=\"anna\", password=\"{MARKER}\"")),
        (with_password.as_str(), "X: y".to_owned()),
        (with_password.as_str(), basic(&format!("anna:{MARKER}"))),
    ] {
        for method in ["DESCRIBE", "OPTIONS", "SETUP", "PLAY", "NOTHING"] {
            let mut client = Client::connect(server);
            let ask =
                format!("{method} {url} RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP\r\n{header}\r\n\r\n");
            client.send(ask.as_bytes());
            answered.push(told(&mut client));
        }
    }
    answered
}

#[test]
fn what_somebody_signs_in_with_is_told_nobody() {
    let settings = "access: (basic: true, exempt: [\"127.0.0.0/8\"]),";
    let workers = crate::support::workers(settings);
    let text = format!("(listen: [\"127.0.0.1:0\"], udp_ports: (0, 0), {workers} {settings} {MOUNTS})");
    let server = Server::run_text(lenslet().args(["-vv", "serve"]), &text);
    by_daemon(&server, &["user", "add", "anna", "--password-stdin"], MARKER);
    let mut everything = signs_in(&server);
    assert!(everything.iter().filter(|reply| reply.contains("status: 200")).count() >= 5, "{everything:?}");
    for words in [
        &["status"][..],
        &["status", "--json"],
        &["log"],
        &["user", "list", "--json"],
        &["ban", "list"],
        &["config", "get"],
        &["config", "history"],
    ] {
        everything.push(by_daemon(&server, words, ""));
    }
    // What is refused is not repeated: a name with a colon may be one with its password.
    let nobody = format!("anna:{MARKER}");
    let output =
        run(server.state(), &server.control(), &["user", "passwd", "nobody", "--password-stdin"], MARKER);
    everything.push(String::from_utf8_lossy(&output.stderr).into_owned());
    let receiving = server.url("test").replace("//", &format!("//{nobody}@"));
    for url in [receiving.clone(), receiving.replace("test", "none"), receiving.replace(MARKER, SLIP)] {
        let output = lenslet().args(["-vv", "receive", &url, "--seconds", "1"]).output().unwrap();
        everything.push(String::from_utf8_lossy(&output.stdout).into_owned());
        everything.push(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let backup = lenslet()
        .args(["backup", "-", "--config"])
        .arg(server.config())
        .env("STATE_DIRECTORY", server.state())
        .output()
        .unwrap();
    assert!(backup.status.success() && !backup.stdout.is_empty(), "{backup:?}");
    everything.push(String::from_utf8_lossy(&backup.stdout).into_owned());
    let secrets = std::fs::read_to_string(server.state().join("users.ron")).unwrap();
    let hexadecimal = |word: &&str| word.len() >= 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let hashes: Vec<&str> = secrets.split('"').filter(hexadecimal).collect();
    assert_eq!(hashes.len(), 2);
    let (state, log) = server.end();
    assert!(log.iter().any(|line| line.contains("DESCRIBE")), "it says all it has to say");
    everything.extend(log);
    everything.extend(kept(state.path()));
    let encoded = [format!("anna:{MARKER}"), format!("anna:{SLIP}"), MARKER.to_owned()]
        .map(|text| STANDARD.encode(text));
    for text in &everything {
        let mut lines = text.lines().filter(|line| {
            line.contains(MARKER)
                || line.contains(SLIP)
                || line.to_lowercase().contains("authorization:")
                || encoded.iter().any(|secret| line.contains(secret.as_str()))
                || hashes.iter().any(|hash| line.contains(hash))
        });
        assert_eq!(lines.next(), None);
    }
}

#[test]
fn a_cameras_password_in_a_command_or_a_request_is_told_nobody() {
    let urls =
        format!("rtsp://admin:{MARKER}@10.0.0.1/x 'rtsp://10.0.0.1/?w=1&password={MARKER}&token={MARKER}'");
    let fails = format!("sh -c 'echo \"cannot open $1, $2\" >&2; exit 1' sh {urls}");
    let prints = format!("sh -c 'echo \"cannot open $1, $2\"; sleep 0.1' sh {urls}");
    let text = |fails: &str| {
        format!(
            "(listen: [\"127.0.0.1:0\"], udp_ports: (0, 0), mounts: {{ \"fails\": Command(command: {fails:?}, always: true), \
             \"prints\": Command(command: {prints:?}, always: true) }})"
        )
    };
    let server = Server::run_text(lenslet().args(["-vv", "serve"]), &text(&fails));
    let mut client = Client::connect(&server);
    for path in [format!("fails?password={MARKER}&token={MARKER}"), format!("none?user=a:b&pwd={MARKER}")] {
        client.send(format!("DESCRIBE {} RTSP/1.0\r\nCSeq: 1\r\n\r\n", server.url(&path)).as_bytes());
        assert!(told(&mut client).contains("status"));
    }
    let failed = |name: &str| format!("mount/{name}/failed");
    wait(&server, |status| {
        ["fails", "prints"].map(failed).iter().all(|id| status.alarms.iter().any(|alarm| alarm.id == *id))
    });
    // A file that is damaged is told with what is wrong in it.
    std::fs::write(server.config(), text(&format!("cat 'rtsp://admin:{MARKER}@10.0.0.1/x"))).unwrap();
    server.hang_up();
    let damaged = wait(&server, |status| status.config.why.is_some());
    let mut everything = vec![format!("{damaged:?}")];
    for words in [&["status"][..], &["status", "--json"], &["log"]] {
        everything.push(by_daemon(&server, words, ""));
    }
    let (_state, log) = server.end();
    everything.extend(log);
    let everything = everything.join("\n");
    for shown in [
        "runs sh -c",
        "it says: cannot open rtsp://admin:***@10.0.0.1/x, rtsp://10.0.0.1/?w=1&password=***&token=***",
        "it said last: cannot open rtsp://admin:***@10.0.0.1/x",
        "prints text, no H.264: \\\"cannot open rtsp://admin:***@",
        "fails?password=***&token=***",
        "a quote is not closed",
    ] {
        assert!(
            everything.contains(shown) || everything.contains(&shown.replace('\\', "")),
            "{shown}: {everything}"
        );
    }
    assert_eq!(everything.lines().find(|line| line.contains(MARKER)), None);
}
