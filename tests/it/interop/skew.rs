//! Sound and pictures on one clock: what the sender reports of both tracks say of the file's times.
//!
//! `LENSLET_SKEW_SECONDS` says how long; `.ci/long` takes 60.

use lenslet::rtp::Depacketizer;

use super::has;
use super::source::{self, Coding, Expected, OFF};
use crate::support::{Client, Incoming, Server};

const RATES: [f64; 2] = [90_000.0, 16_000.0];

/// The instants of a sender report (RFC 3550 section 6.4.1), and how many access units came before it.
struct Report {
    wall: f64,
    rtp: u32,
    before: usize,
}

/// An access unit as it came.
struct Unit {
    timestamp: u32,
    data: Vec<u8>,
}

#[derive(Default)]
struct Track {
    units: Vec<Unit>,
    reports: Vec<Report>,
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

impl Track {
    fn handle_report(&mut self, compound: &[u8]) {
        // Of its compounds only a sender report begins so; the next one may be a BYE's.
        assert_eq!(compound[1], 200);
        let wall = f64::from(word(compound, 8)) + f64::from(word(compound, 12)) / 4_294_967_296.0;
        self.reports.push(Report { wall, rtp: word(compound, 16), before: self.units.len() });
    }

    /// When a unit is shown on the wall's clock, by the last report before it (the first one for those
    /// that came before any).
    fn wall(&self, index: usize, rate: f64) -> f64 {
        let report = self.reports.iter().rev().find(|report| report.before <= index);
        let report = report.unwrap_or(&self.reports[0]);
        let ticks = self.units[index].timestamp.wrapping_sub(report.rtp) as i32;
        report.wall + f64::from(ticks) / rate
    }

    /// Where each unit's own time begins on the wall's clock: its wall time without its time in the file,
    /// of which unit 0 is number `start`.
    fn origins(&self, rate: f64, start: usize, times: &[f64], period: f64) -> Vec<f64> {
        let in_file = |place: usize| times[place % times.len()] + (place / times.len()) as f64 * period;
        (0..self.units.len()).map(|index| self.wall(index, rate) - in_file(start + index)).collect()
    }
}

/// Plays both tracks until there is so much of the sound.
fn play(server: &Server, seconds: f64) -> [Track; 2] {
    let mut client = Client::connect(server);
    let url = server.url("sound");
    let mut session = String::new();
    for track in 0..2 {
        let channels = format!("interleaved={}-{}", 2 * track, 2 * track + 1);
        let transport = format!("Transport: RTP/AVP/TCP;unicast;{channels}");
        let setup = format!("SETUP {url}/trackID={track} RTSP/1.0");
        let of = format!("Session: {session}");
        let lines = [setup.as_str(), &transport, &of];
        // The first has no session yet.
        let reply = client.ask(if track == 0 { &lines[..2] } else { &lines });
        assert_eq!(reply.status, 200, "{reply:?}");
        session = reply.header("session").unwrap().split(';').next().unwrap().to_owned();
    }
    let reply = client.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]);
    assert_eq!(reply.status, 200, "{reply:?}");
    let mut tracks = [Track::default(), Track::default()];
    let mut depacketizer = Depacketizer::new("H264", &[]).unwrap();
    while tracks[1].units.len() as f64 * 1024.0 / RATES[1] < seconds {
        let Incoming::Frame { channel, data } = client.next() else { panic!("only frames come") };
        let track = &mut tracks[usize::from(channel / 2)];
        match channel {
            0 => {
                depacketizer.handle_packet(word(&data, 4), data[1] & 0x80 != 0, 0, &data[12..]);
                let units = std::iter::from_fn(|| depacketizer.poll_unit());
                track
                    .units
                    .extend(units.map(|unit| Unit { timestamp: unit.timestamp, data: unit.data.to_vec() }));
            }
            2 => track.units.push(Unit { timestamp: word(&data, 4), data: data[16..].to_vec() }),
            _ => track.handle_report(&data),
        }
    }
    tracks
}

/// Which of the file's it is that came first.
fn place<T: PartialEq>(first: &T, of: &[T]) -> usize {
    let mut places = (0..of.len()).filter(|place| of[*place] == *first);
    let place = places.next().expect("one of the file's");
    assert_eq!(places.next(), None, "only one is like the first");
    place
}

#[test]
fn by_their_reports_sound_and_pictures_are_together_to_a_millisecond() {
    if !has("ffmpeg", &["-version"]) || !has("ffprobe", &["-version"]) {
        return;
    }
    let seconds = std::env::var("LENSLET_SKEW_SECONDS").map_or(10.0, |seconds| seconds.parse().unwrap());
    let file = Expected::of_mp4("tests/fixtures/bitstreams/seamless.mp4", Coding::H264, true);
    let sound = file.sound.as_ref().unwrap();
    let tracks = play(&Server::with(&source::mounts()), seconds);
    for track in &tracks {
        assert!(track.reports.len() >= 2, "a report at first and one 7.5 s later at the latest");
    }
    // One slice a picture.
    let sent = Coding::H264.nal_units(&file.stream);
    let pictures: Vec<&[u8]> = sent.into_iter().filter(|nal| matches!(nal[0] & 0x1f, 1 | 5)).collect();
    assert_eq!(pictures.len(), file.times.len());
    let first = Coding::H264.nal_units(&tracks[0].units[0].data);
    let starts = [place(first.last().unwrap(), &pictures), place(&tracks[1].units[0].data, &sound.frames)];
    let shown = tracks[0].origins(RATES[0], starts[0], &file.times, file.period);
    let heard = tracks[1].origins(RATES[1], starts[1], &sound.times, file.period);
    // The file's rounds look alike: the sound may have begun a round before or after the picture.
    let rounds = ((shown[0] - heard[0]) / file.period).round() * file.period;
    let span = |origins: &[f64]| {
        origins.iter().fold((f64::MAX, f64::MIN), |(least, most), one| (least.min(*one), most.max(*one)))
    };
    let (shown, heard) = (span(&shown), span(&heard));
    let skew = (shown.1 - heard.0 - rounds).abs().max((heard.1 + rounds - shown.0).abs());
    println!(
        "{} pictures, {} frames: {:.6} s apart at most",
        tracks[0].units.len(),
        tracks[1].units.len(),
        skew
    );
    assert!(skew < OFF, "pictures begin at {shown:?}, sound at {heard:?} and {rounds}");
}
