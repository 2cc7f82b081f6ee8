//! `lenslet load`'s verdict: of servers that freeze, that are short for all, that are late, and of one that serves well.

use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::load::{json, load};
use crate::receive::{answering, request};
use crate::support::{MOUNTS, Server};

const SDP: &str = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:t\r\n";

/// From a picture to the next, and the same in ticks.
const STEP: Duration = Duration::from_nanos(1_000_000_000 / 30);
const TICKS: u32 = 3000;

/// What becomes of a picture.
enum Picture {
    /// It is sent so long after PLAY.
    At(Duration),
    /// It is left out.
    LeftOut,
    /// Neither it nor any other is sent.
    Never,
}

/// A server that sends 30 keyframes a second to each, from the first on, unless it is to do otherwise: it is asked by a
/// picture's number and how many play.
fn server(what: impl Fn(u32, usize) -> Picture + Send + Sync + 'static) -> String {
    let (what, playing) = (Arc::new(what), Arc::new(AtomicUsize::new(0)));
    let address = answering(move |stream| {
        let (what, playing) = (what.clone(), playing.clone());
        spawn(move || {
            let to = stream.try_clone().unwrap();
            converse(stream, || {
                playing.fetch_add(1, Ordering::SeqCst);
                spawn(move || play(to, &*what, &playing));
            });
        });
    });
    format!("rtsp://{address}/x")
}

/// Answers until PLAY, and reads on.
fn converse(stream: TcpStream, play: impl FnOnce()) {
    let (mut requests, mut play) = (BufReader::new(stream), Some(play));
    while let Some((first, fields)) = request(&mut requests) {
        let transport = fields.get("transport").map_or("", String::as_str);
        let body = if first.starts_with("DESCRIBE") { SDP } else { "" };
        let (cseq, length) = (&fields["cseq"], body.len());
        let reply = format!(
            "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 1\r\nTransport: {transport}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        if requests.get_mut().write_all(reply.as_bytes()).is_err() {
            return;
        }
        if first.starts_with("PLAY")
            && let Some(play) = play.take()
        {
            play();
        }
    }
}

fn play(mut to: TcpStream, what: &dyn Fn(u32, usize) -> Picture, playing: &AtomicUsize) {
    let (began, mut sequence) = (Instant::now(), 0_u16);
    for number in 0.. {
        let at = match what(number, playing.load(Ordering::SeqCst)) {
            Picture::At(at) => at,
            Picture::LeftOut => {
                sleep((began + STEP * number).saturating_duration_since(Instant::now()));
                continue;
            }
            Picture::Never => return,
        };
        sleep((began + at).saturating_duration_since(Instant::now()));
        let mut packet = vec![b'$', 0, 0, 13, 0x80, 0xe0];
        packet.extend(sequence.to_be_bytes());
        packet.extend((number * TICKS).to_be_bytes());
        packet.extend([0, 0, 0, 7, 0x65]);
        if to.write_all(&packet).is_err() {
            return;
        }
        sequence = sequence.wrapping_add(1);
    }
}

fn in_time(number: u32) -> Picture {
    Picture::At(STEP * number)
}

/// Its verdict of so many readers after so many seconds.
fn judged(url: &str, arguments: &[&str]) -> Value {
    json(&load(url, &[arguments, &["--json"]].concat()))
}

fn poor(told: &Value, part: &str) {
    let sentence = told["sentence"].as_str().unwrap();
    assert!(told["verdict"] == "poor" && sentence.contains(part), "{part}: {told}");
}

#[test]
fn a_server_that_freezes_before_the_end_does_not_carry() {
    let url = server(|number, _| if number < 45 { in_time(number) } else { Picture::Never });
    let told = judged(&url, &["--readers", "4", "--seconds", "3"]);
    poor(&told, "A picture was waited for");
    assert!(told["largest_gap_ms"]["min"].as_f64().unwrap() > 1_000.0, "{told}");
}

#[test]
fn a_server_that_is_short_for_all_is_measured_by_what_one_alone_gets() {
    let short = || {
        server(|number, playing| match (playing, number % 4) {
            (2.., 3) => Picture::LeftOut,
            _ => in_time(number),
        })
    };
    let told = judged(&short(), &["--readers", "4", "--seconds", "2"]);
    poor(&told, "Somebody got 22.");
    poor(&told, "where one alone got 30.0");
    let alone = told["pictures_per_second_alone"].as_f64().unwrap();
    assert!((29.0..31.0).contains(&alone), "{told}");
    // Nobody is alone beside a slow reader either.
    let told = judged(&short(), &["--readers", "1", "--slow", "1", "--seconds", "2"]);
    poor(&told, "where one alone got 30.0");
    let told = judged(&short(), &["--readers", "1", "--seconds", "1"]);
    assert!(told["verdict"] == "good" && told["pictures_per_second_alone"].is_null(), "{told}");
}

#[test]
fn what_is_sent_faster_to_catch_up_is_no_higher_rate() {
    // Three seconds of the past, at three times their pace: it has caught up long after all have come.
    let url = server(|number, _| match number {
        0..90 => Picture::At(STEP * number / 3),
        _ => Picture::At(STEP * (number - 60)),
    });
    let told = judged(&url, &["--readers", "4", "--ramp", "1", "--seconds", "2"]);
    assert_eq!(told["verdict"], "good", "{told}");
    for rank in ["min", "p50", "max"] {
        let rate = told["pictures_per_second"][rank].as_f64().unwrap();
        assert!((29.5..30.5).contains(&rate), "{told}");
    }
}

#[test]
fn a_server_that_falls_behind_does_not_carry() {
    let url = server(|number, _| Picture::At(STEP * number * 2));
    poor(&judged(&url, &["--readers", "2", "--seconds", "2"]), "ms late");
}

/// A server that has answered one request with a refusal and is gone when the next comes.
fn refusing() -> SocketAddr {
    const SAID: &str = "this address has 128 connections: `max_per_address` allows no more.";
    answering(|mut stream| {
        spawn(move || {
            let length = SAID.len();
            let reply = format!(
                "RTSP/1.0 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{SAID}"
            );
            stream.write_all(reply.as_bytes()).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            // What has come unread makes the end a reset.
            let mut first = [0];
            let _ = stream.read(&mut first);
        });
    })
}

#[test]
fn why_a_server_hung_up_is_told_as_it_said_it() {
    for _ in 0..5 {
        let told = judged(&format!("rtsp://{}/x", refusing()), &["--readers", "8"]);
        let reasons = told["readers"]["reasons"].as_array().unwrap();
        let reason = reasons[0]["reason"].as_str().unwrap();
        assert!(reasons.len() == 1 && reasons[0]["count"] == 8, "{told}");
        assert!(reason.contains("with 503") && reason.contains("`max_per_address` allows no more"), "{told}");
    }
}

#[test]
fn slow_readers_who_do_not_get_in_are_no_trial() {
    let server = Server::on("127.0.0.1", "max_sessions: 2,", MOUNTS);
    let told = judged(&server.url("test"), &["--readers", "2", "--slow", "3", "--seconds", "1"]);
    assert_eq!((&told["slow"]["played"], &told["readers"]["played"]), (&0.into(), &2.into()), "{told}");
    poor(&told, "The server let 0 of 3 slow readers play: ");
    poor(&told, "453");
}
