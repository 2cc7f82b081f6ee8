//! Counting what came, and the summary.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::verdict::{Evidence, Verdict, judge};
use crate::amount::amount;
use crate::client::{Session, Track, Unit};
use crate::rtsp::client::Transport;

/// What is counted while it plays.
pub(super) struct Figures {
    transport: Transport,
    /// PLAY was sent.
    asked: Option<Instant>,
    /// The first packet came.
    began: Option<Instant>,
    first_picture: Option<Instant>,
    round_trip: Option<Duration>,
    pictures: Vec<Pictures>,
    tracks: Vec<TrackSummary>,
    seconds: f64,
    strangers: u64,
    ended_early: Option<String>,
    /// Bytes at the last line.
    last: (u64, Option<Instant>),
}

/// Access units of one track.
#[derive(Clone, Default)]
struct Pictures {
    whole: u64,
    damaged: u64,
    keyframes: u64,
    last_keyframe: Option<u32>,
    /// Between keyframes, in ticks: shortest, longest.
    interval: Option<(u32, u32)>,
}

/// Everything, for people and scripts.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Summary {
    /// What was played.
    pub url: String,
    /// `udp` or `tcp`.
    pub transport: &'static str,
    /// For how long.
    pub seconds: f64,
    /// From sending PLAY to the first whole picture.
    pub first_picture_ms: Option<f64>,
    /// The shortest answer to a request.
    pub round_trip_ms: Option<f64>,
    /// Datagrams of somebody else's.
    pub strangers: u64,
    /// Its tracks.
    pub tracks: Vec<TrackSummary>,
    /// Why it ended before its time, if it did.
    pub ended_early: Option<String>,
    /// What else a person should know.
    pub note: Option<String>,
    /// How good the path is.
    pub path: Verdict,
    /// The same as a sentence.
    pub sentence: String,
}

/// One track.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TrackSummary {
    /// `video`, `audio`.
    pub kind: String,
    /// `H264`.
    pub encoding: String,
    /// Whether it was set up; else it is only offered.
    pub received: bool,
    /// In pixels.
    pub width: Option<u32>,
    /// In pixels.
    pub height: Option<u32>,
    /// Bits a second, payload only.
    pub bitrate: u64,
    /// Packets received.
    pub packets: u64,
    /// Packets lost.
    pub lost: i64,
    /// Packets received twice.
    pub duplicates: u64,
    /// Packets received late, behind later ones.
    pub reordered: u64,
    /// RFC 3550's interarrival jitter.
    pub jitter_ms: f64,
    /// What a player has to hold back so that nothing stutters; absent where its timestamps jump.
    pub buffer_ms: Option<f64>,
    /// Whole pictures, or access units of sound; absent for tracks that are only counted.
    pub pictures: Option<u64>,
    /// Pictures of which packets are missing.
    pub damaged: Option<u64>,
    /// Pictures a second.
    pub rate: Option<f64>,
    /// Keyframes, where there are other pictures between them.
    pub keyframes: Option<u64>,
    /// Seconds from one keyframe to the next: shortest and longest.
    pub keyframe_interval: Option<(f64, f64)>,
}

impl Figures {
    pub(super) fn new(transport: Transport) -> Self {
        Self {
            transport,
            asked: None,
            began: None,
            first_picture: None,
            round_trip: None,
            pictures: Vec::new(),
            tracks: Vec::new(),
            seconds: 0.0,
            strangers: 0,
            ended_early: None,
            last: (0, None),
        }
    }

    /// Whether no media came yet.
    pub(super) fn is_empty(&self) -> bool {
        self.pictures.is_empty() && self.tracks.iter().all(|track| track.packets == 0)
    }

    pub(super) fn asked(&mut self, at: Instant) {
        self.asked = Some(at);
    }

    pub(super) fn started(&mut self, now: Instant) {
        self.began = Some(now);
    }

    pub(super) fn round_trip(&mut self, time: Duration) {
        self.round_trip = Some(self.round_trip.map_or(time, |least| least.min(time)));
    }

    pub(super) fn ended_early(&mut self, why: String) {
        self.ended_early = Some(why);
    }

    /// An access unit came of a track; the first whole one of those that lead is the first picture.
    pub(super) fn unit(&mut self, track: usize, leads: bool, unit: &Unit) {
        if self.pictures.len() <= track {
            self.pictures.resize_with(track + 1, Pictures::default);
        }
        let pictures = &mut self.pictures[track];
        if unit.damaged {
            pictures.damaged += 1;
            return;
        }
        self.first_picture = self.first_picture.or(leads.then_some(unit.arrival));
        pictures.whole += 1;
        if unit.keyframe {
            pictures.keyframe(unit.timestamp);
        }
    }

    /// How it goes: a line for who watches.
    pub(super) fn line(&mut self, session: &Session, now: Instant) -> String {
        let octets: u64 = session.tracks().iter().map(|track| track.statistics().octets).sum();
        let lost: i64 = session.tracks().iter().map(|track| track.statistics().lost).sum();
        let leading = super::leading(session).and_then(|track| self.pictures.get(track));
        let whole = leading.map_or(0, |pictures| pictures.whole);
        let began = self.began.unwrap_or(now);
        let (before, since) = self.last;
        let seconds = now.saturating_duration_since(since.unwrap_or(began)).as_secs_f64().max(0.001);
        self.last = (octets, Some(now));
        let rate = (octets - before.min(octets)) as f64 * 8.0 / seconds;
        let elapsed = now.saturating_duration_since(began).as_secs();
        format!("{elapsed:>4} s  {:>12}  {}  {lost} lost", bits(rate as u64), amount(whole, "picture"))
    }

    /// Takes the session's figures before it says goodbye.
    pub(super) fn close(&mut self, session: &Session, now: Instant) {
        let seconds = self.began.map_or(0.0, |began| now.saturating_duration_since(began).as_secs_f64());
        self.seconds = seconds;
        self.strangers = session.strangers();
        let none = Pictures::default();
        let summary = |(index, track): (usize, &Track)| {
            TrackSummary::new(track, self.pictures.get(index).unwrap_or(&none), seconds)
        };
        self.tracks = session.tracks().iter().enumerate().map(summary).collect();
    }

    pub(super) fn summary(self, url: &str, note: Option<String>) -> Summary {
        let received = || self.tracks.iter().filter(|track| track.received);
        let buffer = received().filter_map(|track| track.buffer_ms).fold(0.0, f64::max);
        let evidence = Evidence {
            transport: self.transport,
            packets: received().map(|track| track.packets).sum(),
            lost: received().map(|track| u64::try_from(track.lost).unwrap_or_default()).sum(),
            buffer: Duration::from_secs_f64(buffer / 1000.0),
        };
        let (path, sentence) = match &self.ended_early {
            Some(_) => (Verdict::Poor, "The session did not last.".to_owned()),
            None => judge(evidence),
        };
        let first = self.asked.zip(self.first_picture);
        Summary {
            url: url.to_owned(),
            transport: if self.transport == Transport::Udp { "udp" } else { "tcp" },
            seconds: round(self.seconds),
            first_picture_ms: first.map(|(asked, first)| millis(first.saturating_duration_since(asked))),
            round_trip_ms: self.round_trip.map(millis),
            strangers: self.strangers,
            tracks: self.tracks,
            ended_early: self.ended_early,
            note,
            path,
            sentence,
        }
    }
}

impl Pictures {
    fn keyframe(&mut self, timestamp: u32) {
        self.keyframes += 1;
        if let Some(last) = self.last_keyframe.replace(timestamp) {
            let ticks = timestamp.wrapping_sub(last);
            let (shortest, longest) = self.interval.unwrap_or((ticks, ticks));
            self.interval = Some((shortest.min(ticks), longest.max(ticks)));
        }
    }
}

impl TrackSummary {
    fn new(track: &Track, pictures: &Pictures, seconds: f64) -> Self {
        let media = track.media();
        let statistics = track.statistics();
        let size = track.picture_size();
        let rate = f64::from(media.clock_rate.max(1));
        let understood = track.is_set_up() && track.is_understood();
        // Elsewhere every access unit is one.
        let keyframes = understood && matches!(&*media.encoding, "H264" | "H265");
        let per_second = |count: f64| if seconds > 0.0 { count / seconds } else { 0.0 };
        let interval = pictures.interval.filter(|_| keyframes);
        Self {
            kind: media.kind.clone(),
            encoding: media.encoding.clone(),
            received: track.is_set_up(),
            width: size.map(|(width, _)| width),
            height: size.map(|(_, height)| height),
            bitrate: per_second(statistics.octets as f64 * 8.0) as u64,
            packets: statistics.received,
            // Second packets do not make up for lost ones.
            lost: statistics.lost + statistics.duplicates as i64,
            duplicates: statistics.duplicates,
            reordered: statistics.reordered,
            jitter_ms: millis(statistics.jitter),
            buffer_ms: buffer(track.lateness().most(), seconds).map(millis),
            pictures: understood.then_some(pictures.whole),
            damaged: understood.then_some(pictures.damaged),
            rate: understood.then(|| round(per_second(pictures.whole as f64))),
            keyframes: keyframes.then_some(pictures.keyframes),
            keyframe_interval: interval.map(|(shortest, longest)| {
                (round(f64::from(shortest) / rate), round(f64::from(longest) / rate))
            }),
        }
    }
}

impl Summary {
    /// Whether nothing whole came of what can be shown, or of what can be heard where nothing can be shown.
    pub(super) fn nothing_whole(&self) -> bool {
        let understood = || self.tracks.iter().filter(|track| track.pictures.is_some());
        let video = understood().any(|track| track.kind == "video");
        let mut leading = understood().filter(|track| !video || track.kind == "video").peekable();
        leading.peek().is_some() && leading.all(|track| track.pictures == Some(0))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = self.transport.to_ascii_uppercase();
        writeln!(f, "{} by {transport}, {:.1} s", self.url, self.seconds)?;
        for (index, track) in self.tracks.iter().enumerate() {
            writeln!(f, "  track {index}: {track}")?;
        }
        if let Some(first) = self.first_picture_ms {
            write!(f, "  first picture {first:.0} ms after PLAY")?;
            if let Some(round_trip) = self.round_trip_ms {
                write!(f, ", round trip {round_trip:.1} ms")?;
            }
            writeln!(f)?;
        }
        if self.strangers > 0 {
            writeln!(f, "  {} datagrams came from somebody else and were left out", self.strangers)?;
        }
        for remark in self.note.iter().chain(&self.ended_early) {
            writeln!(f, "  {remark}")?;
        }
        f.write_str(&self.sentence)
    }
}

impl fmt::Display for TrackSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoding = if self.encoding.is_empty() { "unknown" } else { &self.encoding };
        write!(f, "{} {encoding}", self.kind)?;
        if let (Some(width), Some(height)) = (self.width, self.height) {
            write!(f, " {width}x{height}")?;
        }
        if !self.received {
            return f.write_str(", offered and not received");
        }
        write!(f, ", {}", bits(self.bitrate))?;
        if let (Some(pictures), Some(rate)) = (self.pictures, self.rate) {
            let what = if self.kind == "audio" { "access units" } else { "pictures" };
            write!(f, ", {pictures} {what} ({rate:.1} a second)")?;
        }
        if let Some(damaged) = self.damaged.filter(|damaged| *damaged > 0) {
            write!(f, ", {damaged} damaged")?;
        }
        match self.keyframe_interval {
            Some((shortest, longest)) if shortest == longest => write!(f, ", a keyframe every {longest} s")?,
            Some((shortest, longest)) => write!(f, ", a keyframe every {shortest} to {longest} s")?,
            None => {}
        }
        let expected = self.packets as i64 + self.lost;
        write!(f, ", {} of {expected} packets lost", self.lost)?;
        match self.buffer_ms {
            Some(buffer) => write!(f, ", jitter {:.1} ms, buffer needed {buffer:.0} ms", self.jitter_ms),
            None => f.write_str(", its timestamps jump"),
        }
    }
}

/// How late packets were, if that can be: by timestamps that follow the clock, none is late by longer than it played.
fn buffer(lateness: Duration, seconds: f64) -> Option<Duration> {
    const ROUNDING: f64 = 1.0;
    Some(lateness).filter(|lateness| lateness.as_secs_f64() <= seconds + ROUNDING)
}

fn bits(rate: u64) -> String {
    match rate {
        0..1_000_000 => format!("{} kbit/s", rate / 1000),
        _ => format!("{:.2} Mbit/s", rate as f64 / 1e6),
    }
}

fn millis(time: Duration) -> f64 {
    round(time.as_secs_f64() * 1000.0)
}

fn round(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_later_than_possible_is_no_lateness() {
        let seconds = Duration::from_secs;
        assert_eq!(buffer(seconds(4), 5.0), Some(seconds(4)), "the path stood still");
        assert_eq!(buffer(seconds(47_000), 5.0), None, "a timestamp jumped");
        assert_eq!(buffer(Duration::from_millis(20), 0.0), Some(Duration::from_millis(20)));
    }
}
