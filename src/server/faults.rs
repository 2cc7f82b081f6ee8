//! What readers see when the clock steps, and when a task panics. The sources' own faults are in `tests/it`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use super::supervise::on_purpose::{self, Planned};
use super::testing::{Client, PATIENCE, publish, serve};
use crate::clock;
use crate::hub::Outlet;
use crate::rtcp;

/// A sender report's NTP time in seconds since 1970, its RTP time, and when it came.
#[derive(Debug)]
struct Report {
    wall: f64,
    rtp: u32,
    came: Duration,
}

impl Client {
    fn report(&self) -> Report {
        let mut bytes = [0; 2048];
        self.rtcp.recv(&mut bytes).unwrap();
        assert_eq!(bytes[1], 200, "a sender report");
        let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        let since_1970 = u64::from(word(8)).wrapping_sub(rtcp::ntp(UNIX_EPOCH) >> 32);
        let wall = since_1970 as f64 + f64::from(word(12)) / 2f64.powi(32);
        Report { wall, rtp: word(16), came: clock::media().since(Default::default()) }
    }
}

/// On a busy machine two clocks that are read one after the other are so far apart, in seconds.
const APART: f64 = 2.0;

#[test]
fn steps_of_the_wall_clock_change_nothing_but_the_mapping_in_sender_reports() {
    let step = Arc::new(AtomicI64::new(0));
    let real = || clock::wall().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    // A board without a battery: it is 1970.
    let booted = 100.0 - real();
    step.store(booted as i64, Ordering::SeqCst);
    let begin = || clock::stepped::follow(step.clone());
    serve(&["cam"], 1, begin, |house, address, outlets| {
        let mut client = Client::set_up(address, "cam");
        publish(&outlets[0]);
        assert!(client.play().contains(" 200 "));
        let (mut seq, mut timestamp) = client.packet();
        let mut last = client.report();
        assert!((last.wall - 100.0).abs() < 60.0, "{last:?}");
        for seconds in [0, -3600, 3600, booted as i64] {
            step.store(seconds, Ordering::SeqCst);
            let expected = real() + seconds as f64;
            // In the time of a picture; then a report, whenever it is due.
            publish(&outlets[0]);
            let next = client.packet();
            assert_eq!(next.0, seq.wrapping_add(1));
            let picture = f64::from(next.1.wrapping_sub(timestamp)) / 90_000.0;
            assert!(picture < 20.0, "{picture} s from a picture to the next");
            (seq, timestamp) = next;
            // Another reader has its first report with the first picture.
            let mut other = Client::set_up(address, "cam");
            assert!(other.play().contains(" 200 "));
            other.packet();
            let report = other.report();
            assert!((report.wall - expected).abs() < APART, "{report:?} at {expected}");
            let (by_rtp, by_monotonic) = (
                f64::from(report.rtp.wrapping_sub(last.rtp)) / 90_000.0,
                (report.came - last.came).as_secs_f64(),
            );
            assert!((by_rtp - by_monotonic).abs() < APART, "RTP {by_rtp} s, monotonic {by_monotonic} s");
            last = report;
            assert!(client.ask("GET_PARAMETER").contains(" 200 "), "its session goes on");
        }
        // The first reader's own next report, too: one new mapping, at its usual time.
        publish(&outlets[0]);
        let own = client.report();
        let slope = f64::from(own.rtp.wrapping_sub(last.rtp)) / 90_000.0 - (own.wall - last.wall);
        assert!(slope.abs() < APART, "{own:?} {last:?}");
        assert!(!house.sessions().is_empty());
    });
}

/// Plans a panic and has it happen while a reader of another mount looks on.
fn panics(what: &'static str, provoke: impl Fn(&Client, &[Outlet])) {
    let planned = Planned::default();
    let begin = || on_purpose::follow(planned.clone());
    serve(&["cam", "other"], 1, begin, |house, address, outlets| {
        let mut clients = ["cam", "other"].map(|mount| Client::set_up(address, mount));
        for (client, outlet) in clients.iter_mut().zip(outlets) {
            publish(outlet);
            assert!(client.play().contains(" 200 "));
        }
        let [struck, other] = clients;
        let (mut seq, _) = other.packet();
        struck.packet();
        // Twice: what panics the second time was back after the first.
        for _ in 0..2 {
            *planned.lock().unwrap() = Some(what);
            let happened = || planned.lock().unwrap().is_none();
            let began = clock::now();
            let mut again = false;
            while !again {
                assert!(clock::now().duration_since(began) < PATIENCE, "{what} does not come back");
                publish(&outlets[1]);
                let next = other.packet().0;
                assert_eq!(next, seq.wrapping_add(1), "{what}: another mount's reader misses nothing");
                seq = next;
                if !happened() {
                    provoke(&struck, outlets);
                    continue;
                }
                publish(&outlets[0]);
                again = serves(&struck);
            }
        }
        assert!(other.has_read_all());
        assert!(!house.sessions().is_empty());
        let mut new = Client::set_up(address, "cam");
        publish(&outlets[0]);
        assert!(new.play().contains(" 200 "), "{what}: who comes now is served");
        new.packet();
    });
}

/// Whether a picture comes within a while.
fn serves(client: &Client) -> bool {
    client.rtp.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    client.rtp.recv(&mut [0; 2048]).is_ok()
}

#[test]
fn a_broadcast_that_panics_begins_again_and_other_mounts_have_nothing_of_it() {
    // The mount's own is named like it.
    panics("cam", |_, outlets| publish(&outlets[0]));
}

#[test]
fn a_connection_that_panics_is_closed_alone() {
    panics("connection", |struck, _| {
        let mut stream = TcpStream::connect(struck.address).unwrap();
        stream.write_all(b"DESCRIBE rtsp://h/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n").unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0, "it is closed without an answer");
    });
}

#[test]
fn a_listener_that_panics_listens_again() {
    panics("listener", |struck, _| {
        let mut stream = TcpStream::connect(struck.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0, "whom it was about to serve");
    });
}

#[test]
fn housekeeping_that_panics_begins_again() {
    panics("housekeeping", |struck, _| {
        serves(struck);
    });
}

#[test]
fn what_reads_reports_begins_again() {
    panics("reports", |struck, _| {
        let mut bytes = [0; 2048];
        let (_, server) = struck.rtcp.recv_from(&mut bytes).unwrap();
        struck.rtcp.send_to(b"no RTCP", server).unwrap();
        serves(struck);
    });
}

#[test]
fn what_drains_the_media_port_begins_again() {
    panics("drain", |struck, outlets| {
        publish(&outlets[0]);
        let (_, server) = struck.rtp.recv_from(&mut [0; 2048]).unwrap();
        struck.rtp.send_to(b"punch", server).unwrap();
        serves(struck);
    });
}
