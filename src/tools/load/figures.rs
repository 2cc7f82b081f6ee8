//! What is gathered of all readers, and the summary.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::histogram::{Bucket, Spread, histogram, round};
use super::reader::Reader;
use super::verdict::{BUSY, Evidence, Slowness, Verdict, judge};
use super::{Options, SlowKind, machine};
use crate::rtsp::client::Transport;

/// Who came so shortly before the end and got nothing says nothing.
const LONG_ENOUGH: Duration = Duration::from_secs(1);

/// Before the reason of one that does not read.
const SLOW: &str = "slow reader: ";

/// In which part a reader is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// One of those that were asked for.
    Viewer,
    /// One that came when another left.
    Replacement,
    /// One that does not read.
    Slow,
}

/// What was gathered so far of readers that are done.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// Viewers and replacements.
    asked: usize,
    played: usize,
    failed: usize,
    ended_early: usize,
    left: usize,
    reasons: BTreeMap<String, usize>,
    slow: Slow,
    pub(super) total: Total,
    first_packet: Vec<Duration>,
    first_keyframe: Vec<Duration>,
    joined: Vec<Duration>,
    gaps: Vec<Duration>,
    jitter: Vec<Duration>,
    buffers: Vec<Duration>,
    rates: Vec<f64>,
    /// Pictures a second of one reader alone.
    pub(super) alone: Option<f64>,
}

#[derive(Debug, Default)]
struct Slow {
    asked: usize,
    played: usize,
    ended: usize,
    bytes: u64,
}

/// Packets of good readers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Total {
    pub(super) expected: u64,
    pub(super) received: u64,
    pub(super) bytes: u64,
}

/// What is measured from when everybody plays.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    began: Instant,
    total: Total,
    cpu: Duration,
    server: Option<(Duration, u64)>,
}

/// Everything, for people and scripts.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Summary {
    /// What was played.
    pub(super) url: String,
    /// `udp` or `tcp`.
    pub(super) transport: &'static str,
    /// Since everybody played.
    pub(super) seconds: f64,
    pub(super) readers: Readers,
    pub(super) packets: Packets,
    /// Bits a second to all readers while everybody played, RTP headers included.
    pub(super) bitrate: u64,
    /// Packets a second, likewise.
    pub(super) packets_per_second: f64,
    /// The longest time without a picture, a value a reader.
    pub(super) largest_gap_ms: Option<Spread>,
    /// RFC 3550's interarrival jitter.
    pub(super) jitter_ms: Option<Spread>,
    /// What a player has to hold back so that nothing stutters.
    pub(super) buffer_ms: Option<Spread>,
    /// From sending PLAY.
    pub(super) first_packet_ms: Option<Spread>,
    /// From sending PLAY to the end of the first keyframe that is whole.
    pub(super) first_keyframe_ms: Option<Spread>,
    /// The same as counts.
    pub(super) first_keyframe_histogram: Vec<Bucket>,
    /// By their timestamps, since everybody played.
    pub(super) pictures_per_second: Option<Spread>,
    /// Likewise, of one reader before others came.
    pub(super) pictures_per_second_alone: Option<f64>,
    pub(super) slow: Option<SlowSummary>,
    pub(super) churn: Option<ChurnSummary>,
    pub(super) tester: Tester,
    pub(super) server: Option<ServerSummary>,
    pub(super) verdict: Verdict,
    /// The same as a sentence.
    pub(super) sentence: String,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Readers {
    /// Replacements included.
    pub(super) asked: usize,
    /// To whom a packet came.
    pub(super) played: usize,
    /// To whom none came.
    pub(super) failed: usize,
    /// Whose session ended by itself.
    pub(super) ended_early: usize,
    pub(super) reasons: Vec<Reason>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Reason {
    pub(super) reason: String,
    pub(super) count: usize,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Packets {
    pub(super) expected: u64,
    pub(super) received: u64,
    pub(super) lost: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct SlowSummary {
    /// `stall` or `trickle`.
    pub(super) kind: &'static str,
    pub(super) asked: usize,
    pub(super) played: usize,
    /// Whom the server did away with.
    pub(super) ended: usize,
    /// That they read in all.
    pub(super) bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct ChurnSummary {
    pub(super) per_second: f64,
    pub(super) left: usize,
    /// From sending PLAY to the first whole keyframe, of those that came for others.
    pub(super) first_keyframe_ms: Option<Spread>,
    /// The same as counts.
    pub(super) histogram: Vec<Bucket>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Tester {
    /// Of one core, while everybody played.
    pub(super) cpu_percent: f64,
    /// So busy that its figures are a lower bound.
    pub(super) saturated: bool,
    /// Datagrams that this machine's sockets had no room for.
    pub(super) socket_overflows: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct ServerSummary {
    pub(super) pid: u32,
    /// Of one core, while everybody played.
    pub(super) cpu_percent: f64,
    pub(super) cpu_us_per_packet: f64,
    /// At the end.
    pub(super) resident_kb: u64,
}

impl Window {
    pub(super) fn begin(total: Total, pid: Option<u32>, now: Instant) -> Self {
        Self { began: now, total, cpu: machine::own_cpu(), server: pid.and_then(machine::process) }
    }

    /// Part of a core that this tester used since.
    pub(super) fn busy(&self, now: Instant) -> f64 {
        let seconds = now.saturating_duration_since(self.began).as_secs_f64();
        // Of less it says nothing.
        let seconds = if seconds < 0.1 { f64::INFINITY } else { seconds };
        machine::own_cpu().saturating_sub(self.cpu).as_secs_f64() / seconds
    }
}

impl std::ops::AddAssign for Total {
    fn add_assign(&mut self, other: Self) {
        self.expected += other.expected;
        self.received += other.received;
        self.bytes += other.bytes;
    }
}

impl Total {
    pub(super) fn of(reader: &Reader) -> Self {
        let mut total = Self::default();
        for track in &reader.tracks {
            let tally = &track.tally;
            total += Self { expected: tally.expected(), received: tally.received, bytes: tally.bytes };
        }
        total
    }
}

impl Figures {
    /// A reader is done: `why` if not because it should be.
    pub(super) fn add(&mut self, part: Part, reader: &Reader, why: Option<String>, now: Instant) {
        if part == Part::Slow {
            self.slow.asked += 1;
            self.slow.played += usize::from(reader.asked().is_some());
            self.slow.ended += usize::from(reader.asked().is_some() && why.is_some());
            self.slow.bytes += reader.trickled;
            return self.reason(why.map(|why| format!("{SLOW}{why}")));
        }
        let first = reader.tracks.iter().filter_map(|track| track.tally.first_packet).min();
        let silent = why.is_none() && first.is_none();
        if silent && now.saturating_duration_since(reader.opened()) < LONG_ENOUGH {
            return;
        }
        self.asked += 1;
        match first {
            Some(_) => self.played += 1,
            None => self.failed += 1,
        }
        self.ended_early += usize::from(first.is_some() && why.is_some());
        self.reason(why.or_else(|| silent.then(|| "nothing came".to_owned())));
        self.total += Total::of(reader);
        self.media(part, reader, first, now);
    }

    /// One could not even be opened.
    pub(super) fn unopened(&mut self, part: Part, why: String) {
        match part {
            Part::Slow => {
                self.slow.asked += 1;
                return self.reason(Some(format!("{SLOW}{why}")));
            }
            _ => (self.asked, self.failed) = (self.asked + 1, self.failed + 1),
        }
        self.reason(Some(why));
    }

    /// One leaves for another.
    pub(super) fn left(&mut self) {
        self.left += 1;
    }

    pub(super) fn failed(&self) -> usize {
        self.failed + self.ended_early
    }

    fn reason(&mut self, why: Option<String>) {
        if let Some(why) = why {
            *self.reasons.entry(why).or_default() += 1;
        }
    }

    fn media(&mut self, part: Part, reader: &Reader, first: Option<Instant>, now: Instant) {
        let Some(tally) = reader.leading() else { return };
        let after = |at: Instant| reader.asked().map(|asked| at.saturating_duration_since(asked));
        self.first_packet.extend(first.and_then(after));
        let keyframe = tally.first_keyframe.and_then(after);
        self.first_keyframe.extend(keyframe);
        self.joined.extend(keyframe.filter(|_| part == Part::Replacement));
        self.jitter.extend(tally.jitter());
        self.gaps.extend(tally.largest_gap(now));
        if tally.pictures > 0 {
            self.buffers.push(tally.lateness.most());
        }
        self.rates.extend(tally.pace.rate());
    }

    /// The end, when every reader was added.
    pub(super) fn summary(
        self,
        options: &Options,
        url: &str,
        window: Window,
        overflows: u64,
        now: Instant,
    ) -> Summary {
        let seconds = now.saturating_duration_since(window.began).as_secs_f64();
        let per_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let received = self.total.received.saturating_sub(window.total.received);
        let busy = window.busy(now);
        let server = options.pid.zip(window.server).and_then(|(pid, (before, _))| {
            let (after, resident_kb) = machine::process(pid)?;
            let cpu = after.saturating_sub(before).as_secs_f64();
            let (cpu_percent, each) = (cpu / seconds.max(1e-3) * 100.0, cpu * 1e6 / received.max(1) as f64);
            Some(ServerSummary {
                pid,
                cpu_percent: round(cpu_percent),
                cpu_us_per_packet: round(each),
                resident_kb,
            })
        });
        let (verdict, sentence) = judge(&self.evidence(options, busy, overflows));
        Summary {
            url: url.to_owned(),
            transport: if options.transport == Transport::Udp { "udp" } else { "tcp" },
            seconds: round(seconds),
            packets: Packets {
                expected: self.total.expected,
                received: self.total.received,
                lost: self.total.lost(),
            },
            bitrate: per_second((self.total.bytes.saturating_sub(window.total.bytes)) * 8) as u64,
            packets_per_second: round(per_second(received)),
            largest_gap_ms: Spread::of_times(self.gaps.iter().copied()),
            jitter_ms: Spread::of_times(self.jitter.iter().copied()),
            buffer_ms: Spread::of_times(self.buffers.iter().copied()),
            first_packet_ms: Spread::of_times(self.first_packet.iter().copied()),
            first_keyframe_ms: Spread::of_times(self.first_keyframe.iter().copied()),
            first_keyframe_histogram: histogram(self.first_keyframe.iter().copied()),
            pictures_per_second: Spread::of(self.rates.iter().copied()),
            pictures_per_second_alone: self.alone.map(round),
            slow: (options.slow > 0).then(|| self.slow.summary(options.slow_kind)),
            churn: (options.churn > 0.0).then(|| ChurnSummary {
                per_second: options.churn,
                left: self.left,
                first_keyframe_ms: Spread::of_times(self.joined.iter().copied()),
                histogram: histogram(self.joined.iter().copied()),
            }),
            tester: Tester {
                cpu_percent: round(busy * 100.0),
                saturated: busy >= BUSY,
                socket_overflows: overflows,
            },
            server,
            verdict,
            sentence,
            readers: self.readers(),
        }
    }

    fn readers(self) -> Readers {
        let mut reasons: Vec<Reason> =
            self.reasons.into_iter().map(|(reason, count)| Reason { reason, count }).collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.count));
        let Self { asked, played, failed, ended_early, .. } = self;
        Readers { asked, played, failed, ended_early, reasons }
    }

    fn evidence(&self, options: &Options, busy: f64, overflows: u64) -> Evidence {
        let most = |times: &[Duration]| times.iter().copied().max().unwrap_or_default();
        let rates = Spread::of(self.rates.iter().copied()).map(|spread| (spread.min, spread.p50));
        let (of_slow, of_viewers): (Vec<_>, Vec<_>) =
            self.reasons.iter().partition(|(reason, _)| reason.starts_with(SLOW));
        let commonest = |reasons: Vec<(&String, &usize)>| {
            let most = reasons.into_iter().max_by_key(|(_, count)| **count);
            most.map(|(reason, _)| reason.trim_start_matches(SLOW).to_owned())
        };
        Evidence {
            transport: options.transport,
            asked: self.asked,
            played: self.played,
            ended_early: self.ended_early,
            reason: commonest(of_viewers),
            slow: Slowness { asked: self.slow.asked, played: self.slow.played, reason: commonest(of_slow) },
            expected: self.total.expected,
            lost: self.total.lost(),
            largest_gap: most(&self.gaps),
            buffer: most(&self.buffers),
            rates,
            alone: self.alone,
            busy,
            overflows,
        }
    }
}

impl Total {
    pub(super) fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.received)
    }
}

impl Slow {
    fn summary(&self, kind: SlowKind) -> SlowSummary {
        let kind = match kind {
            SlowKind::Stall => "stall",
            SlowKind::Trickle => "trickle",
        };
        SlowSummary { kind, asked: self.asked, played: self.played, ended: self.ended, bytes: self.bytes }
    }
}
