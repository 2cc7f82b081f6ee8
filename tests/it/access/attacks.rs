//! What went wrong in other servers, each named by its row in `rows.rs`.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use lenslet::access::{Policy, Rules};

use super::{House, PASSWORD, Visitor, challenges, resident, rules, session};
use crate::sending::alone;
use crate::support::{Client, Incoming, MOUNTS, PATIENCE, Server, lenslet};

const TCP: &str = "Transport: RTP/AVP/TCP;interleaved=0-1";

/// Wrong answers from this machine are no matter.
fn patient() -> Rules {
    let policy = Policy { exempt: vec!["127.0.0.0/8".parse().unwrap()], ..Policy::default() };
    Rules { policy, ..rules() }
}

#[test]
fn s1_a_sessions_name_lets_nobody_in_on_a_second_connection() {
    let house = House::new(rules());
    let url = house.url("cam");
    let mut by_tcp = Visitor::alice(&house);
    let mut by_udp = Visitor::alice(&house);
    let sessions = [by_tcp.play(&url), by_udp.play_udp(&url).0];
    for name in &sessions {
        let named = format!("Session: {name}");
        for method in ["PLAY", "PAUSE", "TEARDOWN", "SETUP", "GET_PARAMETER", "SET_PARAMETER", "OPTIONS"] {
            let mut thief = Visitor::alice(&house);
            assert_eq!(thief.say(method, &url, &[&named, TCP]).status, 401, "{method}");
            // Not even a user: it is another one's.
            let status = Visitor::new(&house, "bob", "bob's").ask(method, &url, &[&named, TCP]).status;
            assert_eq!(status, 454, "{method}");
        }
        // Nor she herself, where the session is of a connection.
        let status = Visitor::alice(&house).ask("TEARDOWN", &url, &[&named]).status;
        assert_eq!(status, if *name == sessions[0] { 454 } else { 200 });
    }
    by_tcp.client.next_frame(0);
}

#[test]
fn s2_ten_thousand_setups_of_one_track_are_one_session() {
    let house = House::new(Rules::default());
    let url = house.url("cam/trackID=0");
    let mut client = Visitor::new(&house, "", "");
    let named = format!("Session: {}", session(&client.say("SETUP", &url, &[TCP])));
    let request = format!("SETUP {url} RTSP/1.0\r\nCSeq: 1\r\n{named}\r\n{TCP}\r\n\r\n");
    for _ in 0..100 {
        client.client.send(request.repeat(100).as_bytes());
        for _ in 0..100 {
            assert_eq!(client.client.next_reply().unwrap().status, 200);
        }
    }
    house.wait_for_sessions(1);
    assert_eq!(client.say("PLAY", &house.url("cam"), &[&named]).status, 200);
    client.client.next_frame(0);
}

#[test]
fn s3_two_setups_of_one_track_are_the_last_one() {
    let house = House::new(Rules::default());
    let url = house.url("cam/trackID=0");
    for name_it in [false, true] {
        let mut client = Visitor::new(&house, "", "");
        let first = session(&client.say("SETUP", &url, &[TCP]));
        let named = format!("Session: {first}");
        let second = if name_it {
            client.say("SETUP", &url, &[TCP, &named])
        } else {
            client.say("SETUP", &url, &[TCP])
        };
        assert_eq!(second.status, 200);
        let named = format!("Session: {}", session(&second));
        assert_eq!(client.say("PLAY", &house.url("cam"), &[&named]).status, 200);
        client.client.next_frame(0);
        assert_eq!(client.say("TEARDOWN", &house.url("cam"), &[&named]).status, 200);
    }
    house.wait_for_sessions(0);
}

#[test]
fn s4_what_was_torn_down_is_gone_and_no_two_sessions_have_one_name() {
    let house = House::new(Rules::default());
    let url = house.url("cam");
    let mut names = BTreeSet::new();
    for number in 0..300 {
        let mut client = Visitor::new(&house, "", "");
        let name = session(&client.say("SETUP", &format!("{url}/trackID=0"), &[TCP]));
        assert!(name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
        assert!(names.insert(name.clone()));
        // At once behind each other, some while it plays.
        let all = ["PLAY", "TEARDOWN", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER"];
        let requests =
            all.map(|method| format!("{method} {url} RTSP/1.0\r\nCSeq: 1\r\nSession: {name}\r\n\r\n"));
        client.client.send(requests[number % 2..].concat().as_bytes());
        let replies: Vec<u16> =
            requests[number % 2..].iter().map(|_| client.client.next_reply().unwrap().status).collect();
        let expected: &[u16] = &[200, 200, 454, 454, 454, 454];
        assert_eq!(replies, &expected[number % 2..]);
    }
    house.wait_for_sessions(0);
}

#[test]
fn s6_a_length_that_is_none_is_refused() {
    let house = House::new(rules());
    for (length, status) in [
        ("-1", 400),
        ("+5", 400),
        ("0x10", 400),
        ("1e3", 400),
        ("4097", 413),
        ("131072", 413),
        ("4294967296", 413),
        ("18446744073709551616", 413),
        ("99999999999999999999999999", 413),
        ("5\r\nContent-Length: 6", 400),
    ] {
        let mut client = Client::at(house.address);
        client.send(
            format!("GET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: {length}\r\n\r\nabc").as_bytes(),
        );
        assert_eq!(client.next_reply().unwrap().status, status, "{length}");
    }
    // One that is cut off says nothing, and others go on.
    let mut cut = Client::at(house.address);
    cut.send(b"GET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 4096\r\n\r\nabc");
    assert_eq!(Client::at(house.address).ask(&["OPTIONS * RTSP/1.0"]).status, 200);
}

#[test]
fn s7_a_million_fields_of_one_name_leave_nothing_behind() {
    if !alone("access::attacks::s7_a_million_fields_of_one_name_leave_nothing_behind") {
        return;
    }
    let house = House::new(patient());
    let mut client = Client::at(house.address);
    // As many as a field may hold.
    let many = format!("Authorization: Digest {}", "username=\"a\",".repeat(150));
    let request = format!("DESCRIBE {} RTSP/1.0\r\nCSeq: 1\r\n{many}\r\n\r\n", house.url("cam"));
    let mut ask = |times: usize| {
        for _ in 0..times {
            client.send(request.as_bytes());
            assert_eq!(client.next_reply().unwrap().status, 401);
        }
    };
    ask(500);
    let before = resident();
    ask(1_000_000 / 150);
    let after = resident();
    assert!(after <= before + 1024, "{before} kB, then {after} kB");
}

#[test]
fn s8_port_0_makes_no_session_and_no_nul_comes_back() {
    let house = House::new(Rules::default());
    let mut client = Visitor::new(&house, "", "");
    for ports in ["0-0", "0", "0-1", "5000-0"] {
        let transport = format!("Transport: RTP/AVP;unicast;client_port={ports}");
        let status = client.say("SETUP", &house.url("cam/trackID=0"), &[&transport]).status;
        assert!([400, 461].contains(&status), "{ports}: {status}");
    }
    house.wait_for_sessions(0);
    let mut raw = Client::at(house.address);
    raw.send(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\0\x0123\r\n\r\n");
    raw.socket().shutdown(std::net::Shutdown::Write).unwrap();
    let mut told = Vec::new();
    raw.socket().try_clone().unwrap().read_to_end(&mut told).unwrap();
    assert!(told.starts_with(b"RTSP/1.0 400 ") && !told.contains(&0), "{}", told.escape_ascii());
}

/// The targets run in every suite by their kept corpora, and for days by themselves.
#[test]
fn s9_whatever_is_parsed_before_anybody_signed_in_is_fuzzed() {
    let targets: Vec<&str> = crate::corpora::targets::TARGETS.iter().map(|(name, _)| *name).collect();
    for target in [
        "parser",
        "demultiplexer",
        "transport",
        "range",
        "url",
        "authorization",
        "connection",
        "rtcp",
        "entrance",
    ] {
        assert!(targets.contains(&target), "{target}");
    }
    // Some of them anew with each change: what reads an answer, and whole conversations of who gives some.
    let stages = std::fs::read_to_string(".ci/run").unwrap();
    let fuzzed = stages.lines().find(|line| line.trim().starts_with("tests/fuzz/run ")).unwrap();
    for target in ["authorization", "entrance"] {
        assert!(fuzzed.split(' ').any(|word| word == target), "{target}: {fuzzed}");
    }
}

#[test]
fn s10_odd_answers_are_wrong_ones() {
    let house = House::new(Rules { basic: true, ..patient() });
    let url = house.url("cam");
    let long = format!("Basic {}", "QUFB".repeat(400));
    for value in [
        "",
        " ",
        "Basic",
        "Basic ",
        "Basic =",
        "Basic ====",
        "Basic Og==",
        "Basic /////w==",
        "Digest",
        "Digest ",
        "Digest ,,,",
        "Digest username",
        "Digest =",
        "Digest username=\"",
        "Digest username=\"\\",
        "Bearer x",
        &long,
        "Digest username=\"alice\", realm=\"Lenslet\", nonce=\"\", uri=\"\", response=\"\"",
        "Digest username=\"alice\", realm=\"Lenslet\", nonce=\"x\", uri=\"*\", response=\"00000000000000000000000000000000\"",
    ] {
        let reply = Visitor::alice(&house).say("DESCRIBE", &url, &[&format!("Authorization: {value}")]);
        assert_eq!(reply.status, 401, "{value:?}");
    }
    // One of two may be right: nobody knows which is meant.
    let mut alice = Visitor::alice(&house);
    assert_eq!(alice.ask("DESCRIBE", &url, &[]).status, 200);
    let right = format!("Authorization: {}", alice.answer("DESCRIBE", &url).unwrap());
    assert_eq!(alice.say("DESCRIBE", &url, &[&right, "Authorization: Basic YTpi"]).status, 401);
    assert_eq!(alice.say("DESCRIBE", &url, &[&right]).status, 200);
}

/// A server that says this to whatever it is asked: how `lenslet receive` ends.
fn received_from(said: Vec<u8>) -> std::process::Output {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let Ok((mut stream, _)) = listener.accept() else { return };
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(&said);
        // It waits for what the client does.
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let _ = stream.read(&mut [0; 4096]);
    });
    lenslet().args(["receive", &format!("rtsp://{address}/x"), "--seconds", "1"]).output().unwrap()
}

#[test]
fn s11_our_client_survives_a_hostile_server() {
    let began = Instant::now();
    for said in [
        format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\nX: a{}\r\n\r\n", "\r\n b".repeat(300_000)),
        format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\n{}\r\n", "X: y\r\n".repeat(100_000)),
        "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 99999999999999999999\r\n\r\n".into(),
        format!(
            "RTSP/1.0 401 {}\r\nWWW-Authenticate: Digest {}\r\nCSeq: 1\r\n\r\n",
            "x".repeat(9999),
            "realm=\"".repeat(200)
        ),
        "RTSP/1.0 999999 \r\nCSeq: -1\r\n\r\n".into(),
        "\0".repeat(100_000),
    ] {
        let ended = received_from(said.into_bytes());
        let told = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(matches!(ended.status.code(), Some(1..=100)), "{:?} {told}", ended.status);
        assert!(!told.contains("panicked"), "{told}");
    }
    assert!(began.elapsed() < Duration::from_secs(90), "{:?}", began.elapsed());
}

#[test]
fn s12_parameters_without_a_type_are_read_all_the_same() {
    let house = House::new(Rules::default());
    let mut client = Client::at(house.address);
    for (method, body, status) in [
        ("SET_PARAMETER", "", 200),
        ("SET_PARAMETER", "x: 1", 451),
        ("GET_PARAMETER", "x", 451),
        ("GET_PARAMETER", "", 200),
    ] {
        let length = body.len();
        client.send(
            format!("{method} * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes(),
        );
        assert_eq!(client.next_reply().unwrap().status, status, "{method} {body:?}");
    }
}

#[test]
fn s13_a_sessions_name_tells_nothing_of_the_next_one() {
    let house = House::new(Rules::default());
    let names: Vec<u128> = (0..100)
        .map(|_| {
            let reply = Visitor::new(&house, "", "").say("SETUP", &house.url("cam/trackID=0"), &[TCP]);
            u128::from_str_radix(&session(&reply), 16).unwrap()
        })
        .collect();
    // Of 128 random bits half differ; fewer than 20 once in 10^13 times.
    assert!(names.windows(2).all(|pair| (pair[0] ^ pair[1]).count_ones() >= 20), "{names:x?}");
}

#[test]
fn s14_two_clients_of_one_address_have_nothing_of_each_other() {
    let house = House::new(rules());
    let url = house.url("cam");
    let (mut one, mut other) = (Visitor::alice(&house), Visitor::new(&house, "bob", "bob's"));
    let (first, first_rtp, _reports) = one.play_udp(&url);
    let (second, second_rtp, _more) = other.play_udp(&url);
    assert_ne!(first, second);
    assert_eq!(one.ask("PAUSE", &url, &[&format!("Session: {second}")]).status, 454);
    assert_eq!(one.ask("TEARDOWN", &url, &[&format!("Session: {first}")]).status, 200);
    house.wait_for_sessions(1);
    for _ in 0..10 {
        second_rtp.recv(&mut [0; 2048]).unwrap();
    }
    first_rtp.set_nonblocking(true).unwrap();
    while first_rtp.recv(&mut [0; 2048]).is_ok() {}
    second_rtp.recv(&mut [0; 2048]).unwrap();
    assert!(first_rtp.recv(&mut [0; 2048]).is_err());
}

#[test]
fn s15_reports_that_lie_about_their_length_are_passed_over() {
    let house = House::new(Rules::default());
    let url = house.url("cam");
    let mut client = Visitor::new(&house, "", "");
    let (_session, rtp, rtcp) = client.play_udp(&url);
    let (_, from) = rtp.recv_from(&mut [0; 2048]).unwrap();
    let mut interleaved = Visitor::new(&house, "", "");
    interleaved.play(&url);
    for kind in 192..=207_u8 {
        for count in [0x80, 0x81, 0x9f, 0xbf] {
            for length in [0, 1, 6, 0xff, 0xffff_u16] {
                let [high, low] = length.to_be_bytes();
                let report = [count, kind, high, low, 1, 2, 3, 4];
                for end in [0, 1, 3, 4, 7, 8] {
                    rtcp.send_to(&report[..end], (from.ip(), from.port() + 1)).unwrap();
                    let [high, low] = (end as u16).to_be_bytes();
                    interleaved.client.send(&[&[b'$', 1, high, low], &report[..end]].concat());
                }
            }
        }
    }
    for _ in 0..10 {
        rtp.recv(&mut [0; 2048]).unwrap();
        interleaved.client.next_frame(0);
    }
}

#[test]
fn s16_a_goodbye_of_somebody_else_ends_nothing() {
    let house = House::new(Rules::default());
    let (_session, rtp, _rtcp) = Visitor::new(&house, "", "").play_udp(&house.url("cam"));
    let mut packet = [0; 2048];
    let (_, from) = rtp.recv_from(&mut packet).unwrap();
    let ssrc = &packet[8..12];
    for address in ["127.0.0.1:0", "127.0.0.2:0"] {
        let stranger = UdpSocket::bind(address).unwrap();
        for port in [from.port(), from.port() + 1] {
            stranger.send_to(&[&[0x81, 203, 0, 1], ssrc].concat(), (from.ip(), port)).unwrap();
        }
    }
    for _ in 0..50 {
        rtp.recv(&mut packet).unwrap();
    }
    house.wait_for_sessions(1);
}

#[test]
fn s17_who_pauses_pauses_alone() {
    let house = House::new(Rules::default());
    let url = house.url("cam");
    let (mut one, mut other) = (Visitor::new(&house, "", ""), Visitor::new(&house, "", ""));
    let named = format!("Session: {}", one.play(&url));
    other.play(&url);
    let (_session, rtp, _rtcp) = Visitor::new(&house, "", "").play_udp(&url);
    assert_eq!(one.say("PAUSE", &url, &[&named]).status, 200);
    for _ in 0..50 {
        other.client.next_frame(0);
        rtp.recv(&mut [0; 2048]).unwrap();
    }
}

#[test]
fn s18_no_answer_to_a_challenge_is_logged() {
    let server = Server::verbose(MOUNTS);
    let mut client = Client::connect(&server);
    let marker = "c2VjcmV0LW1hcms6eHh4";
    for lines in [
        ["DESCRIBE rtsp://h/test RTSP/1.0", format!("Authorization: Basic {marker}").as_str()],
        [format!("DESCRIBE rtsp://alice:{marker}@h/nowhere RTSP/1.0").as_str(), "X: y"],
        [format!("SETUP rtsp://{marker}@h/absent RTSP/1.0").as_str(), "Transport: RTP/AVP/TCP"],
        ["X rtsp://h/ RTSP/1.0", format!("Authorization: Digest response=\"{marker}\"").as_str()],
    ] {
        client.ask(&lines);
    }
    client.send(format!("DESCRIBE * RTSP/1.0\r\nAuthorization {marker}\r\n\r\n").as_bytes());
    assert_eq!(client.next_reply().unwrap().status, 400);
    Client::connect(&server).ask(&["DESCRIBE rtsp://h/the-end RTSP/1.0"]);
    loop {
        let line = server.logged(&[]);
        assert!(!line.contains(marker), "{line}");
        if line.contains("the-end") {
            break;
        }
    }
}

#[test]
fn s19_our_client_says_its_password_to_nobody_whom_a_server_names() {
    let (listener, trap) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let (address, elsewhere) = (listener.local_addr().unwrap(), trap.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut reading = std::io::BufReader::new(stream);
        let mut asked = Vec::new();
        loop {
            let mut request = String::new();
            while !request.ends_with("\r\n\r\n") {
                if std::io::BufRead::read_line(&mut reading, &mut request).unwrap_or(0) == 0 {
                    return asked;
                }
            }
            let cseq = request.lines().find(|line| line.starts_with("CSeq")).unwrap().to_owned();
            let sdp = format!(
                "v=0\r\no=- 1 1 IN IP4 {elsewhere}\r\ns=x\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\n\
                 a=control:rtsp://{elsewhere}/x\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
                 a=control:rtsp://{elsewhere}/x/trackID=0\r\n"
            );
            let reply = if request.starts_with("OPTIONS") {
                format!("RTSP/1.0 200 OK\r\n{cseq}\r\nPublic: DESCRIBE, SETUP, PLAY\r\n\r\n")
            } else if !request.contains("Authorization") {
                format!(
                    "RTSP/1.0 401 Unauthorized\r\n{cseq}\r\nWWW-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n\r\n"
                )
            } else if request.starts_with("DESCRIBE") {
                let base = format!("Content-Base: rtsp://{elsewhere}/x/");
                format!(
                    "RTSP/1.0 200 OK\r\n{cseq}\r\n{base}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
                    sdp.len()
                )
            } else {
                format!("RTSP/1.0 404 Not Found\r\n{cseq}\r\n\r\n")
            };
            asked.push(request);
            reading.get_mut().write_all(reply.as_bytes()).unwrap();
        }
    });
    let url = format!("rtsp://alice:marker-secret@{address}/x");
    let ended = lenslet().args(["receive", &url, "--seconds", "1"]).output().unwrap();
    let asked = serving.join().unwrap();
    assert!(asked.iter().any(|request| request.starts_with("DESCRIBE") && request.contains("Authorization")));
    trap.set_nonblocking(true).unwrap();
    assert!(trap.accept().is_err(), "it went where it was pointed to");
    let told = format!("{ended:?}{asked:?}");
    assert!(!told.contains("marker-secret"), "{told}");
}

#[test]
fn s20_who_has_not_signed_in_overflows_nothing() {
    let house = House::new(patient());
    let url = house.url("cam");
    let body = "x".repeat(4 << 10);
    let field = "y".repeat(2000);
    for (request, statuses) in [
        (
            format!("DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
            &[401][..],
        ),
        (format!("DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Basic {field}\r\n\r\n"), &[401]),
        (
            format!(
                "DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Digest username=\"{field}\"\r\n\r\n"
            ),
            &[401],
        ),
        (
            format!("DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Basic {field}{field}\r\n\r\n"),
            &[400],
        ),
        (format!("{field}{field} {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n"), &[400]),
        (format!("DESCRIBE {url}{} RTSP/1.0\r\nCSeq: 1\r\n\r\n", "/z".repeat(40_000)), &[414]),
        (
            format!("DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nSession: {field}\r\nTransport: {field}\r\n\r\n"),
            &[401],
        ),
    ] {
        let mut client = Client::at(house.address);
        client.send(request.as_bytes());
        let status = client.next_reply().unwrap().status;
        assert!(statuses.contains(&status), "{status}: {}", &request[..request.len().min(120)]);
    }
    assert_eq!(Visitor::alice(&house).ask("DESCRIBE", &url, &[]).status, 200);
}

#[test]
fn s21_only_a_program_that_the_configuration_names_is_started_and_for_no_stranger() {
    let folder = tempfile::tempdir().unwrap();
    let (made, other) = (folder.path().join("made"), folder.path().join("other"));
    let command = format!("touch {}", other.display());
    // What is no `Command` is none, however it is written.
    let paths =
        [format!("exec:{command}"), format!("|{command}"), format!("$({command})"), format!("`{command}`")];
    let files: String = paths
        .iter()
        .enumerate()
        .map(|(number, path)| format!("\"f{number}\": File(path: {path:?}), "))
        .collect();
    let program = format!("touch {}", made.display());
    let server = Server::with(&format!("mounts: {{ {files} \"x\": Command(command: {program:?}) }}"));
    let control = server.control();
    let mut adding = lenslet()
        .args(["user", "add", "alice", "--password-stdin", "--control", control.to_str().unwrap()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    adding.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(adding.wait().unwrap().success());
    let visit = |password| Visitor::over(Client::connect(&server), "alice", password);
    for path in ["x", &format!("x;{command}"), &format!("x?command={}", command.replace(' ', "%20"))] {
        assert_eq!(
            visit("wrong").say("DESCRIBE", &server.url(path).replace(' ', "%20"), &[]).status,
            401,
            "{path}"
        );
    }
    assert_eq!(visit("wrong").ask("DESCRIBE", &server.url("x"), &[]).status, 401);
    assert!(!made.exists(), "for a stranger");
    for number in 0..paths.len() {
        assert_eq!(visit(PASSWORD).ask("DESCRIBE", &server.url(&format!("f{number}")), &[]).status, 503);
    }
    assert_eq!(visit(PASSWORD).ask("DESCRIBE", &server.url("x"), &[]).status, 503);
    assert!(made.exists() && !other.exists());
}

#[test]
fn s22_whatever_is_asked_a_password_is_asked_for() {
    let house = House::new(patient());
    let url = house.url("cam");
    let track = format!("{url}/trackID=0");
    let methods = [
        "DESCRIBE",
        "SETUP",
        "PLAY",
        "PAUSE",
        "TEARDOWN",
        "GET_PARAMETER",
        "SET_PARAMETER",
        "ANNOUNCE",
        "RECORD",
        "REDIRECT",
        "FLY",
    ];
    for method in methods {
        for url in [url.as_str(), &track, "*", "rtsp://h", &url.to_uppercase()] {
            assert_eq!(Visitor::alice(&house).say(method, url, &[TCP]).status, 401, "{method} {url}");
        }
        for (user, password) in [("alice", "wrong"), ("mallory", PASSWORD), ("alice", "")] {
            let status = Visitor::new(&house, user, password).ask(method, &url, &[TCP]).status;
            assert_eq!(status, 401, "{method} {user}");
        }
        let status = Visitor::new(&house, "bob", "bob's").ask(method, &track, &[TCP]).status;
        assert_ne!(status, 401, "{method}");
    }
    house.wait_for_sessions(0);
}

#[test]
fn s23_ten_thousand_describes_in_vain_leave_nothing_behind() {
    if !alone("access::attacks::s23_ten_thousand_describes_in_vain_leave_nothing_behind") {
        return;
    }
    let house = House::new(patient());
    let (cam, nowhere) = (house.url("cam"), house.url("nowhere"));
    let mut bob = Visitor::new(&house, "bob", "bob's");
    let mut vain = |times: usize| {
        for _ in 0..times {
            let mut stranger = Visitor::alice(&house);
            assert_eq!(stranger.say("DESCRIBE", &cam, &[]).status, 401);
            assert_eq!(bob.ask("DESCRIBE", &nowhere, &[]).status, 404);
            assert_eq!(Visitor::new(&house, "mallory", "x").ask("DESCRIBE", &cam, &[]).status, 401);
        }
    };
    vain(300);
    let before = resident();
    vain(3334);
    let after = resident();
    assert!(after <= before + before / 50 + 512, "{before} kB, then {after} kB");
}

#[test]
fn s24_who_guesses_waits_and_nobody_else_does() {
    const DELAY: Duration = Duration::from_secs(6);
    let policy = Policy { delay: DELAY, free: 0, ..Policy::default() };
    let house = House::new(Rules { policy, ..rules() });
    let url = house.url("cam");
    std::thread::scope(|scope| {
        let guesses: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let began = Instant::now();
                    assert_eq!(Visitor::new(&house, "alice", "x").ask("DESCRIBE", &url, &[]).status, 401);
                    began.elapsed()
                })
            })
            .collect();
        super::wait(|| house.counted("wrong user or password") == 4);
        let began = Instant::now();
        Visitor::alice(&house).play(&url);
        assert!(began.elapsed() < DELAY / 2, "{:?}", began.elapsed());
        for guess in guesses {
            // Side by side, and not one behind the other.
            let took = guess.join().unwrap();
            assert!(took >= DELAY && took < DELAY * 2, "{took:?}");
        }
    });
}

#[test]
fn s25_a_reader_that_reads_nothing_locks_nobody() {
    let house = House::new(Rules::default());
    let url = house.url("cam");
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&house.address.into()).unwrap();
    let mut stuck = std::net::TcpStream::from(socket);
    write!(stuck, "SETUP {url}/trackID=0 RTSP/1.0\r\nCSeq: 1\r\n{TCP}\r\n\r\n").unwrap();
    house.wait_for_sessions(1);
    write!(stuck, "PLAY {url} RTSP/1.0\r\nCSeq: 2\r\n\r\n").unwrap();
    let mut other = Visitor::new(&house, "", "");
    other.play(&url);
    // Long enough that its buffers are full.
    for _ in 0..200 {
        other.client.next_frame(0);
    }
    assert!(!matches!(other.client.next(), Incoming::Closed));
    assert!(challenges(&other.say("DESCRIBE", &url, &[])).is_empty());
}
