//! Instructions of user space, counted by callgrind: `cargo bench --bench instructions`. See the README here.
//!
//! Each case runs twice under valgrind, short and long; the difference is what the rounds between cost,
//! without what starting costs. Only what runs inside [`measured`] is counted, packetizing or parsing itself,
//! and of a server what its broadcast does when there is a picture to send. How often threads wait, and are woken
//! for something else, depends on how busy the machine is; so do sender reports, which are taken off.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, SystemTime};

use lenslet::access::{Attempt, Gate, Now, Right, Rights, Rules, Ruling};
use lenslet::media::h264::ParameterSets;
use lenslet::media::{AccessUnit, Codec, Link, MediaTime, TrackId};
use lenslet::rtp::{Sender, Spare};
use lenslet::rtsp::auth::Identity;
use lenslet::rtsp::server::{Answer, Connection, Event, Limits, Peer, Sessions};
use lenslet::server::Pacing;

mod audience;

use audience::{Audience, Transport};

/// Callgrind counts from its beginning to its end.
#[inline(never)]
fn measured(work: &mut dyn FnMut()) {
    work();
    std::hint::black_box(());
}

/// One thing to measure, so many times.
struct Case {
    name: String,
    /// What one round is divided by, and what that is called.
    per: Vec<(usize, &'static str)>,
    /// What is counted, as callgrind's patterns; none of them is called by another.
    counted: &'static [&'static str],
    run: Box<dyn Fn(usize)>,
}

const MEASURED: &[&str] = &["*measured*"];

/// A new access unit is sent, and the due parts of one that is spread.
const BROADCAST: &[&str] = &["*Broadcast::handle_unit*", "*Broadcast::go_on*"];

/// Sends sender reports: once in some seconds, whatever the pictures do.
const REPORTS: &str = "::report_now";

const SIZES: [usize; 3] = [1_200, 20_000, 200_000];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let cases = cases();
    match &arguments[..] {
        [measure, name, rounds] if measure == "--measure" => {
            let guesses = guesses();
            let case = cases.iter().chain(guesses.iter().flatten()).find(|case| case.name == *name).unwrap();
            (case.run)(rounds.parse().unwrap());
        }
        [keep] if keep == "--keep" => keep_all(&cases),
        [time, parts @ ..] if time == "--time" => {
            let chosen = |case: &&Case| {
                case.counted == MEASURED && parts.iter().all(|part| case.name.contains(part.as_str()))
            };
            cases.iter().filter(chosen).for_each(|case| println!("| {} | {} |", case.name, times(case)));
        }
        [check, parts @ ..] if check == "--check" => {
            check_all(&cases, parts);
            check_guesses(parts);
        }
        _ => {
            println!("| case | instructions |\n|---|---|");
            let guesses = guesses();
            let chosen = |case: &&Case| arguments.iter().all(|part| case.name.contains(part.as_str()));
            let cases = cases.iter().chain(guesses.iter().flatten());
            cases.filter(chosen).for_each(|case| println!("| {} | {} |", case.name, figures(case)));
        }
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for bytes in SIZES {
        cases.push(Case {
            name: format!("packetize {bytes} B"),
            per: vec![(1, "picture"), (packets(bytes), "packet")],
            counted: MEASURED,
            run: Box::new(move |rounds| packetize(bytes, rounds)),
        });
    }
    cases.push(Case {
        name: "OPTIONS, DESCRIBE, parsed and answered".into(),
        per: vec![(2, "request")],
        counted: MEASURED,
        run: Box::new(requests),
    });
    cases.push(Case {
        name: "an answer to a challenge, checked".into(),
        per: vec![(2, "answer")],
        counted: MEASURED,
        run: Box::new(answers),
    });
    for (transport, name) in [(Transport::Tcp, "TCP"), (Transport::Udp, "UDP")] {
        for (paused, heads) in [(false, "shared heads"), (true, "own heads")] {
            for readers in [1, 10, 100] {
                cases.push(Case {
                    name: format!("broadcast 20000 B to {readers} by {name}, {heads}"),
                    per: vec![(1, "picture"), (readers, "reader"), (readers * packets(20_000), "packet")],
                    counted: BROADCAST,
                    run: Box::new(move |rounds| broadcast(transport, readers, paused, rounds)),
                });
            }
        }
    }
    for readers in [1, 10, 100] {
        cases.push(Case {
            name: format!("broadcast 20000 B to {readers} by TCP, other channels"),
            per: vec![(1, "picture"), (readers, "reader"), (readers * packets(20_000), "packet")],
            counted: BROADCAST,
            run: Box::new(move |rounds| broadcast(Transport::TcpElsewhere, readers, false, rounds)),
        });
    }
    for (transport, name) in [(Transport::Tcp, "TCP"), (Transport::Udp, "UDP")] {
        cases.push(Case {
            name: format!("broadcast 20000 B to 100 by {name}, shared heads, watched"),
            per: vec![(1, "picture"), (100, "reader")],
            counted: BROADCAST,
            run: Box::new(move |rounds| watched(transport, 100, rounds)),
        });
    }
    for (pacing, how) in [(Pacing::Off, "at once"), (Pacing::On, "spread")] {
        for readers in [1, 10] {
            cases.push(Case {
                name: format!("broadcast groups of 80000 B and 29 x 8000 B to {readers} by UDP, {how}"),
                per: vec![(1, "picture"), (readers, "reader")],
                counted: BROADCAST,
                run: Box::new(move |rounds| groups(pacing, readers, rounds)),
            });
        }
    }
    cases
}

/// Who guesses is not to learn by the time that an answer takes whether there is such a user: pairs that are to cost the same. Both
/// names stand in the midst of the others: a name that is looked for at their end takes some instructions less, there or not.
fn guesses() -> Vec<[Case; 2]> {
    let pair = |(by, sha256): (&str, bool)| {
        [("a wrong password", "user42"), ("a user that there is not", "user4x")].map(|(what, user)| Case {
            name: format!("{what}, by {by}"),
            per: vec![(1, "answer")],
            counted: MEASURED,
            run: Box::new(move |rounds| guess(user, sha256, rounds)),
        })
    };
    [("SHA-256", true), ("MD5", false)].map(pair).into()
}

/// Fails where the two of a pair differ by more than a hundredth.
fn check_guesses(parts: &[String]) {
    let mut differ = 0;
    for pair in guesses() {
        if !parts.is_empty() && !pair.iter().any(|case| parts.iter().any(|part| case.name.contains(part))) {
            continue;
        }
        let [first, second] = pair.each_ref().map(spent);
        let is_same = first.abs_diff(second) * 100 <= first.max(second);
        differ += usize::from(!is_same);
        let verdict = if is_same { "ok" } else { "DIFFER" };
        println!("{verdict:6} {first:>8} {}, {second:>8} {}", pair[0].name, pair[1].name);
    }
    assert_eq!(differ, 0, "pairs of guesses whose costs tell whether there is such a user");
}

/// Instructions of a round of each case, as they were when they were last kept, and the fewest that were ever:
/// `INSTRUCTIONS<tab>FEWEST<tab>NAME`. Where they are more by a hundredth than that, a fourth column has the words of the
/// CHANGELOG that say why; `tests/it/kept.rs` looks for them there.
const KEPT: &str = "tests/bench/instructions.kept";

/// A line of that.
struct Kept {
    figure: u64,
    fewest: u64,
    name: String,
    why: String,
}

fn kept() -> Vec<Kept> {
    let line = |line: &str| {
        let mut columns = line.splitn(4, '\t').map(str::to_owned);
        let mut next = || columns.next().unwrap_or_default();
        let (figure, fewest) = (next().parse().unwrap(), next().parse().unwrap());
        Kept { figure, fewest, name: next(), why: next() }
    };
    std::fs::read_to_string(KEPT).unwrap().lines().map(line).collect()
}

/// Keeps what rounds cost now. A reason stays with its case for as long as the case needs one.
fn keep_all(cases: &[Case]) {
    let before = kept();
    let line = |case: &Case| {
        let figure = spent(case);
        let known = before.iter().find(|kept| kept.name == case.name);
        let fewest = known.map_or(figure, |kept| kept.fewest.min(figure));
        let why = known.map_or("", |kept| &kept.why);
        let raised = figure > fewest + fewest / 100;
        if raised && known.is_none_or(|kept| figure > kept.figure + kept.figure / 100 || why.is_empty()) {
            println!(
                "{}: {figure} where it was {fewest}; say why in the CHANGELOG, and behind it in {KEPT}",
                case.name
            );
        }
        let why = if raised { format!("\t{why}") } else { String::new() };
        format!("{figure}\t{fewest}\t{}{why}\n", case.name)
    };
    std::fs::write(KEPT, cases.iter().map(line).collect::<String>()).unwrap();
}

/// Fails where a round costs a tenth more than what was kept. Who raises a figure says why in the CHANGELOG.
/// Of the cases that have one of these parts in their names, or of all.
fn check_all(cases: &[Case], parts: &[String]) {
    let kept = kept();
    assert_eq!(kept.len(), cases.len(), "{KEPT} is not of these cases: keep it anew by --keep");
    let mut worse = 0;
    for (Kept { figure, name, .. }, case) in kept.into_iter().zip(cases) {
        assert_eq!(name, case.name, "{KEPT} is not of these cases: keep it anew by --keep");
        if !parts.is_empty() && !parts.iter().any(|part| name.contains(part)) {
            continue;
        }
        let most = figure + figure / 10;
        let now = spent(case);
        let verdict = if now > most { "MORE" } else { "ok" };
        worse += usize::from(now > most);
        println!("{verdict:4} {now:>8} kept {figure:>8} {name}");
    }
    assert_eq!(worse, 0, "rounds that cost over a tenth more than what {KEPT} has");
}

/// Instructions of a round, from two runs of which one has some rounds more.
fn spent(case: &Case) -> u64 {
    // As many keyframes as pictures in between: whole groups. Before that the mount's memory has to be full.
    let (short, long) = (100, 220);
    count(case, long).saturating_sub(count(case, short)) / (long - short) as u64
}

fn figures(case: &Case) -> String {
    let spent = spent(case);
    let per = case.per.iter().map(|(parts, what)| format!("{} a {what}", spent / *parts as u64));
    per.collect::<Vec<_>>().join(", ")
}

/// Time of a round, on this machine and not under valgrind: the best of some, since others only make it longer.
fn times(case: &Case) -> String {
    const ROUNDS: usize = 10_000;
    let took = |rounds| {
        let began = lenslet::clock::now();
        (case.run)(rounds);
        lenslet::clock::now().saturating_duration_since(began)
    };
    let best = (0..5).map(|_| took(ROUNDS + 100).saturating_sub(took(100))).min().unwrap();
    let micros = best.as_secs_f64() * 1e6 / ROUNDS as f64;
    let per = case.per.iter().map(|(parts, what)| format!("{:.2} µs a {what}", micros / *parts as f64));
    per.collect::<Vec<_>>().join(", ")
}

fn count(case: &Case, rounds: usize) -> u64 {
    let profile = std::env::temp_dir().join(format!("lenslet-instructions-{}", std::process::id()));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--compress-strings=no"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .args(case.counted.iter().map(|pattern| format!("--toggle-collect={pattern}")))
        .arg(std::env::current_exe().unwrap())
        .args(["--measure", &case.name, &rounds.to_string()])
        .output()
        .expect("valgrind is installed");
    let told = std::fs::read_to_string(&profile).unwrap_or_default();
    let _ = std::fs::remove_file(&profile);
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split("Collected :").nth(1));
    match collected.and_then(|collected| collected.trim().parse::<u64>().ok()) {
        // Nothing at all: what is counted has another name now.
        Some(count) if output.status.success() && count > 0 => count - called(&told, REPORTS),
        _ => panic!("{}: {text}", case.name),
    }
}

/// Instructions in calls of a function, by a profile of callgrind's: a line of whom, one of how often, one of where
/// and how many in all.
fn called(profile: &str, function: &str) -> u64 {
    let mut lines = profile.lines();
    let mut sum = 0;
    while let Some(line) = lines.next() {
        if line.starts_with("cfn=") && line.contains(function) {
            let spent = lines.find(|line| line.starts_with("calls=")).and_then(|_| lines.next());
            let spent = spent.and_then(|line| line.split(' ').nth(1));
            sum += spent.and_then(|spent| spent.parse::<u64>().ok()).expect("a profile of callgrind's");
        }
    }
    sum
}

fn unit(bytes: usize) -> AccessUnit {
    let mut data = vec![0, 0, 0, 1, 0x41];
    data.resize(data.len() + bytes, 0xa5);
    AccessUnit {
        track: TrackId(0),
        time: MediaTime::default(),
        link: Link::Follows,
        journey: None,
        data: data.into(),
    }
}

fn sender() -> Sender {
    let codec = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68, 1]));
    Sender::new(TrackId(0), &codec, 1, 0, 0, 1_420)
}

fn packets(bytes: usize) -> usize {
    usize::from(sender().packetize(&unit(bytes)).unwrap().packets)
}

fn packetize(bytes: usize, rounds: usize) {
    let (unit, mut sender, mut spare) = (unit(bytes), sender(), Spare::default());
    for _ in 0..rounds {
        measured(&mut || {
            let image = std::hint::black_box(sender.packetize_in(&unit, &mut spare)).unwrap();
            image.give_to(&mut spare, usize::MAX);
        });
    }
}

fn requests(rounds: usize) {
    let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let limits = Limits { timeout: Duration::from_secs(60), sessions: 10, per_address: 10 };
    let mut sessions = Sessions::new(|| [7; 16], limits);
    let mut connection = Connection::new(Peer { addr: address(5_000), local: address(554) }, 1);
    let bytes = b"OPTIONS rtsp://127.0.0.1:8554/cam RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: Lavf59.27.100\r\n\r\n\
        DESCRIBE rtsp://127.0.0.1:8554/cam RTSP/1.0\r\nAccept: application/sdp\r\nCSeq: 2\r\n\
        User-Agent: Lavf59.27.100\r\n\r\n";
    let (now, wall) = (lenslet::clock::now(), SystemTime::UNIX_EPOCH);
    for _ in 0..rounds {
        let sdp = "v=0\r\n".repeat(100);
        let mut sdp = Some(sdp);
        measured(&mut || {
            connection.handle_input(bytes);
            while let Some(event) = connection.poll_event(&mut sessions, now, wall) {
                let answer = match event {
                    Event::SignIn(_) => Answer::SignedIn(None),
                    Event::Describe { .. } => Answer::Described { sdp: sdp.take().unwrap() },
                    other => panic!("{other:?}"),
                };
                connection.answer(&mut sessions, now, wall, answer);
            }
            while let Some(reply) = connection.poll_output() {
                std::hint::black_box(reply);
            }
        });
    }
}

/// One by MD5 and one by SHA-256, by a gate that knows a hundred users.
fn answers(rounds: usize) {
    let gate = gate();
    let held = Identity { name: "user42".into(), password: 0 };
    let answers = answered(&gate, "user42", "secret");
    for _ in 0..rounds {
        measured(&mut || {
            for answer in &answers {
                let attempt = Attempt { held: Some(&held), ..attempt(Some(answer)) };
                assert!(matches!(gate.sign_in(&attempt, now()), Ruling::Granted(_)));
            }
        });
    }
}

/// A password that is not right, of a user that there is or is not, from where nobody is banned.
fn guess(user: &str, sha256: bool, rounds: usize) {
    let gate = gate();
    let answers = answered(&gate, user, "not the secret");
    let answer = &answers[usize::from(!sha256)];
    // The longer hash is SHA-256's.
    assert!(answers[0].len() > answers[1].len(), "{answers:?}");
    for _ in 0..rounds {
        measured(&mut || {
            let ruling = gate.sign_in(&attempt(Some(answer)), now());
            assert!(matches!(ruling, Ruling::Challenge { .. }));
        });
    }
}

/// It knows a hundred users, and bans nobody.
fn gate() -> Gate {
    let mut rules = Rules::default();
    for number in 0..100 {
        let rights = Rights { read: vec!["*".into()], control: vec![] };
        rules.users.add(&format!("user{number}"), "secret", rights).unwrap();
    }
    rules.policy.exempt = vec!["192.168.0.0/16".parse().unwrap()];
    Gate::new(rules, [7; 32])
}

const URI: &str = "rtsp://127.0.0.1:8554/cam";

fn attempt(authorization: Option<&str>) -> Attempt<'_> {
    Attempt {
        connection: 1,
        peer: [192, 168, 1, 7].into(),
        method: "DESCRIBE",
        uri: URI,
        mount: Some("cam"),
        is_mount: true,
        right: Right::Read,
        authorization,
        agent: None,
        held: None,
        own_session: false,
    }
}

fn now() -> Now {
    let time = Duration::from_secs(1_000_000);
    Now { wall: SystemTime::UNIX_EPOCH + time, steady: time }
}

/// The answers to both challenges.
fn answered(gate: &Gate, user: &str, password: &str) -> Vec<String> {
    let Ruling::Challenge { headers, .. } = gate.sign_in(&attempt(None), now()) else {
        panic!("no challenge")
    };
    let answer = |challenge: &String| {
        let mut client = http_auth::PasswordClient::try_from(challenge.as_str()).unwrap();
        let parameters = http_auth::PasswordParams {
            username: user,
            password,
            uri: URI,
            method: "DESCRIBE",
            body: Some(&[]),
        };
        client.respond(&parameters).unwrap()
    };
    headers.iter().map(answer).collect()
}

fn broadcast(transport: Transport, readers: usize, paused: bool, rounds: usize) {
    let mut audience = Audience::new(transport, Pacing::Auto, readers, measured);
    if paused {
        audience.pause();
    }
    (0..rounds).for_each(|_| audience.picture(20_000));
}

/// Somebody asks for the status four times a second, at 30 pictures.
fn watched(transport: Transport, readers: usize, rounds: usize) {
    let mut audience = Audience::new(transport, Pacing::Auto, readers, measured);
    for round in 0..rounds {
        if round % 8 == 0 {
            assert_eq!(audience.sessions(), readers);
        }
        audience.picture(20_000);
    }
}

fn groups(pacing: Pacing, readers: usize, rounds: usize) {
    let mut audience = Audience::new(Transport::Udp, pacing, readers, measured);
    (0..rounds).for_each(|_| audience.picture_of(8_000, 10));
}
