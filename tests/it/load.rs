//! `lenslet load`: against our own server, and against one that leaves packets out.

use std::io::{BufReader, Write};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde_json::Value;

use crate::receive::{Faults, answering, camera, request};
use crate::support::{Client, MOUNTS, Server, lenslet};

pub(crate) fn load(url: &str, arguments: &[&str]) -> Output {
    lenslet().args(["load", url]).args(arguments).output().unwrap()
}

/// What was told; the exit status says what the verdict does.
pub(crate) fn json(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{errors}"));
    assert_eq!(output.status.success(), told["verdict"] == "good", "{told} {errors}");
    told
}

fn start(url: &str, arguments: &[&str]) -> Child {
    let mut command = lenslet();
    command.args(["load", url, "--json"]).args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The greatest of a distribution, which is there for so many.
fn most(told: &Value, what: &str, count: u64) -> f64 {
    let spread = &told[what];
    assert_eq!(spread["count"], count, "{what}: {told}");
    let at = |key: &str| spread[key].as_f64().unwrap();
    assert!(at("min") <= at("p50") && at("p50") <= at("p99") && at("p99") <= at("max"), "{spread}");
    at("max")
}

#[test]
fn twenty_readers_are_played_and_say_goodbye() {
    // As many as come: who stays behind is in the way of the next run.
    let server = Server::on("127.0.0.1", "max_sessions: 20,", MOUNTS);
    for transport in ["tcp", "udp", "tcp"] {
        let told = json(&load(
            &server.url("test"),
            &["--readers", "20", "--transport", transport, "--seconds", "2", "--json"],
        ));
        let readers = &told["readers"];
        assert_eq!((&readers["asked"], &readers["played"]), (&20.into(), &20.into()), "{told}");
        assert_eq!((&readers["failed"], &readers["ended_early"]), (&0.into(), &0.into()), "{told}");
        let packets = &told["packets"];
        assert!(packets["received"].as_u64().unwrap() >= 20 * 60, "{told}");
        assert_eq!((&packets["lost"], &told["transport"]), (&0.into(), &transport.into()), "{told}");
        assert!(most(&told, "largest_gap_ms", 20) > 30.0, "pictures are 33 ms apart: {told}");
        let (first, key) = (most(&told, "first_packet_ms", 20), most(&told, "first_keyframe_ms", 20));
        assert!(first <= key, "{told}");
        most(&told, "jitter_ms", 20);
        most(&told, "buffer_ms", 20);
        let rate = most(&told, "pictures_per_second", 20);
        assert!((25.0..70.0).contains(&rate), "{told}");
        assert!(told["bitrate"].as_u64().unwrap() > 20 * 300_000, "{told}");
    }
}

#[test]
fn the_object_is_as_documented() {
    let server = Server::start();
    let pid = std::process::id().to_string();
    let arguments =
        ["--readers", "1", "--seconds", "1", "--slow", "1", "--churn", "1", "--pid", &pid, "--json"];
    let told = json(&load(&server.url("test"), &arguments));
    let documented = std::fs::read_to_string("docs/capacity.md").unwrap();
    let mut named = 0;
    let mut check = |value: &Value| {
        for key in value.as_object().unwrap().keys() {
            named += 1;
            assert!(documented.contains(&format!("`{key}`")), "{key} is not in docs/capacity.md");
        }
    };
    for object in [&told, &told["readers"], &told["packets"], &told["slow"], &told["churn"]] {
        check(object);
    }
    [&told["tester"], &told["server"], &told["jitter_ms"]].into_iter().for_each(&mut check);
    assert!(named > 40, "{named}: {told}");
    assert_eq!(told["server"]["pid"], std::process::id());
    assert!(told["server"]["resident_kb"].as_u64().unwrap() > 1000, "{told}");
}

#[test]
fn loss_is_counted_to_the_packet() {
    for transport in ["udp", "tcp"] {
        let address = camera(Faults { every: 7, ..Faults::default() });
        let told = json(&load(
            &format!("rtsp://{address}/live"),
            &["--readers", "1", "--transport", transport, "--seconds", "1", "--json"],
        ));
        let count = |what: &str| told["packets"][what].as_u64().unwrap();
        assert!(count("lost") > 0 && count("lost") == count("expected") / 7, "{transport}: {told}");
        assert_eq!(count("received") + count("lost"), count("expected"), "{told}");
        assert!(told["verdict"] != "good", "{told}");
    }
    let told = json(&load(&format!("rtsp://{}/x", camera(Faults::default())), &["--readers", "1", "--json"]));
    assert_eq!(told["packets"]["lost"], 0, "{told}");
}

#[test]
fn who_is_refused_is_counted_with_the_reason() {
    let server = Server::on("127.0.0.1", "max_sessions: 5,", MOUNTS);
    let told = json(&load(&server.url("test"), &["--readers", "8", "--seconds", "1", "--json"]));
    let readers = &told["readers"];
    let counts = [&readers["asked"], &readers["played"], &readers["failed"], &readers["ended_early"]];
    assert_eq!(counts, [8, 5, 3, 0], "{told}");
    let reasons = readers["reasons"].as_array().unwrap();
    assert!(reasons.len() == 1 && reasons[0]["count"] == 3, "{told}");
    assert!(reasons[0]["reason"].as_str().unwrap().contains("SETUP with 453"), "{told}");
    assert_eq!(told["verdict"], "poor");
    for (mount, part) in [("absent", "DESCRIBE with 503"), ("nowhere", "DESCRIBE with 404")] {
        let output = load(&server.url(mount), &["--readers", "2", "--seconds", "1"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!output.status.success() && said.contains("Nobody could play: "), "{said}");
        assert!(said.contains(&format!("2 x the server answers {part}")), "{said}");
    }
}

#[test]
fn slow_readers_are_told_apart_and_disturb_nobody() {
    let server = Server::start();
    for kind in ["stall", "trickle"] {
        let told = json(&load(
            &server.url("test"),
            &["--readers", "5", "--slow", "3", "--slow-kind", kind, "--seconds", "2", "--json"],
        ));
        let slow = &told["slow"];
        assert_eq!((&slow["kind"], &slow["asked"], &slow["played"]), (&kind.into(), &3.into(), &3.into()));
        assert_eq!((&told["readers"]["asked"], &told["readers"]["played"]), (&5.into(), &5.into()));
        assert_eq!((&told["packets"]["lost"], &slow["ended"]), (&0.into(), &0.into()), "{told}");
        most(&told, "largest_gap_ms", 5);
        // What came with the answers is read, and no picture after that.
        assert!(slow["bytes"].as_u64().unwrap() < 3 * 50_000, "{told}");
    }
}

#[test]
fn some_leave_and_others_come() {
    // Who left has said so: there is no room for those who only went silent.
    let server = Server::on("127.0.0.1", "max_sessions: 10,", MOUNTS);
    let arguments = ["--readers", "4", "--churn", "10", "--seconds", "3", "--transport", "udp", "--json"];
    let told = json(&load(&server.url("test"), &arguments));
    let churn = &told["churn"];
    let left = churn["left"].as_u64().unwrap();
    assert!((15..=30).contains(&left), "{told}");
    let joined = churn["first_keyframe_ms"]["count"].as_u64().unwrap();
    assert!((10..=left).contains(&joined), "{told}");
    let buckets = churn["histogram"].as_array().unwrap();
    assert_eq!(buckets.iter().map(|bucket| bucket["count"].as_u64().unwrap()).sum::<u64>(), joined);
    assert_eq!((&told["readers"]["failed"], &told["readers"]["ended_early"]), (&0.into(), &0.into()));
}

#[test]
fn a_server_that_goes_away_ends_it_early() {
    let server = Server::start();
    let child = start(&server.url("test"), &["--readers", "3", "--seconds", "600"]);
    (0..3).for_each(|_| drop(server.logged(&["playing"])));
    drop(server);
    let told = json(&child.wait_with_output().unwrap());
    let readers = &told["readers"];
    let ended = readers["failed"].as_u64().unwrap() + readers["ended_early"].as_u64().unwrap();
    assert!(ended == 3 && told["verdict"] == "poor", "{told}");
}

#[test]
fn an_interrupt_ends_it_with_the_figures_so_far() {
    let server = Server::on("127.0.0.1", "max_sessions: 2,", MOUNTS);
    // A session by UDP outlives its connection: only a goodbye ends it now.
    let arguments = ["--readers", "2", "--seconds", "600", "--transport", "udp"];
    let child = start(&server.url("test"), &arguments);
    (0..2).for_each(|_| drop(server.logged(&["playing"])));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let told = json(&child.wait_with_output().unwrap());
    assert_eq!(told["readers"]["ended_early"], 0, "{told}");
    // It has said goodbye to each: there is place for others.
    (0..2).for_each(|_| drop(Client::connect(&server).set_up_udp(&server.url("test"))));
}

#[test]
fn what_cannot_be_tried_is_said_in_a_sentence() {
    for (arguments, part) in [
        (&["rtsp://127.0.0.1/x"][..], "--readers"),
        (&["rtsp://127.0.0.1/x", "--readers", "0"], "0 is not in 1.."),
        (&["rtsp://127.0.0.1/x", "--readers", "1", "--churn", "-1"], "unexpected argument"),
        (&["rtsp://127.0.0.1/x", "--readers", "1", "--churn=NaN"], "a number from 0 to 10000"),
        (&["http://127.0.0.1/x", "--readers", "1"], "http:// is not spoken here"),
        (&["rtsp://127.0.0.1/x", "--readers", "1", "--pid", "4294967295"], "no process 4294967295"),
    ] {
        let output = lenslet().arg("load").args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(part), "{arguments:?}: {said}");
    }
    let command = "ulimit -n 100; exec \"$0\" load rtsp://127.0.0.1/x --readers 30 --transport udp";
    let output = Command::new("sh").args(["-c", command, env!("CARGO_BIN_EXE_lenslet")]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("need 122 descriptors") && said.contains("may have 100"), "{said}");
    assert!(said.contains("enough for 22"), "{said}");
}

#[test]
fn nobody_there_is_a_reason_like_others() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let told = json(&load(&format!("rtsp://{nobody}/x"), &["--readers", "2", "--json"]));
    let reason = told["readers"]["reasons"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("cannot reach 127.0.0.1"), "{told}");
    assert_eq!(told["readers"]["failed"], 2, "{told}");
}

#[test]
fn a_server_that_asks_for_a_password_is_given_it_by_digest() {
    let address = camera(Faults { asks_for_password: true, ..Faults::default() });
    let arguments = ["--readers", "1", "--seconds", "1", "--json"];
    for transport in ["udp", "tcp"] {
        let arguments = [&arguments[..], &["--transport", transport]].concat();
        let told = json(&load(&format!("rtsp://admin:geheim@{address}/live"), &arguments));
        assert_eq!((&told["readers"]["played"], &told["packets"]["lost"]), (&1.into(), &0.into()), "{told}");
        assert!(!told.to_string().contains("geheim"), "{told}");
    }
    for who in ["", "admin:wrong@", "other:geheim@"] {
        let told = json(&load(&format!("rtsp://{who}{address}/live"), &arguments));
        let reason = told["readers"]["reasons"][0]["reason"].as_str().unwrap();
        assert!(told["readers"]["failed"] == 1 && reason.contains("password"), "{who}: {told}");
    }
}

/// A server that sends each player a packet with the answer to PLAY, and then 64 kB to whoever reports; gives its URL
/// and the bytes of its answers to the second client that came.
fn generous() -> (String, Arc<AtomicU64>) {
    const SDP: &str = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:t\r\n";
    const PACKET: [u8; 17] = [b'$', 0, 0, 13, 0x80, 0xe0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7, 0x65];
    let (answered, came) = (Arc::new(AtomicU64::new(0)), AtomicUsize::new(0));
    let counted = answered.clone();
    let address = answering(move |stream| {
        let second = came.fetch_add(1, Ordering::SeqCst) == 1;
        let counted = counted.clone();
        std::thread::spawn(move || {
            let mut requests = BufReader::new(stream);
            while let Some((first, fields)) = request(&mut requests) {
                let transport = fields.get("transport").map_or("", String::as_str);
                let body = if first.starts_with("DESCRIBE") { SDP } else { "" };
                let reply = format!(
                    "RTSP/1.0 200 OK\r\nCSeq: {}\r\nSession: 1\r\nTransport: {transport}\r\nContent-Length: {}\r\n\r\n{body}",
                    fields["cseq"],
                    body.len()
                );
                let mut bytes = reply.into_bytes();
                if first.starts_with("PLAY") {
                    bytes.extend(PACKET);
                }
                // In one piece: it is read with the answer.
                requests.get_mut().write_all(&bytes).unwrap();
                if second {
                    counted.fetch_add(bytes.len() as u64, Ordering::SeqCst);
                }
                if first.starts_with("PLAY") && second {
                    // Its report.
                    if let Ok([b'$', ..]) = std::io::BufRead::fill_buf(&mut requests) {
                        let _ = requests.get_mut().write_all(&PACKET.repeat(4000));
                    }
                }
            }
        });
    });
    (format!("rtsp://{address}/x"), answered)
}

#[test]
fn a_reader_that_trickles_reads_a_byte_a_second_and_one_that_stalls_none() {
    for (kind, bytes) in [("trickle", 1..=8), ("stall", 0..=0)] {
        let (url, answered) = generous();
        let arguments = ["--readers", "1", "--slow", "1", "--slow-kind", kind, "--seconds", "6", "--json"];
        let told = json(&load(&url, &arguments));
        assert_eq!(told["slow"]["played"], 1, "{told}");
        let read = told["slow"]["bytes"].as_u64().unwrap() - answered.load(Ordering::SeqCst);
        assert!(bytes.contains(&read), "{kind}: {read} bytes: {told}");
    }
}
