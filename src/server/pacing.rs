//! Large pictures are spread over the time until the next one: how, and what is due when. No sockets, no clock.

use std::fmt;
use std::ops::Range;
use std::time::{Duration, Instant};

use serde::Deserialize;

/// Whether large pictures are spread over time to readers by UDP; those by TCP are paced by TCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Pacing {
    /// Where this machine's own link would be busy with one for more than 2 ms.
    #[default]
    Auto,
    /// Always: a slower link is somewhere behind this machine's own.
    On,
    /// Each goes out at once.
    Off,
}

/// Bits a second of a link of which nothing is known.
const ASSUMED: u64 = 100_000_000;

/// A link may be busy with a picture for as long.
const BEARABLE: Duration = Duration::from_millis(2);

/// What goes out at once keeps the link busy for as long at most, and is followed by the next no sooner: others'
/// packets, audio and reports pass between.
const CHUNK: Duration = Duration::from_micros(500);

/// The next picture of a slide show is no reason to send this one slowly.
const LONGEST: Duration = Duration::from_millis(200);

/// How fast this machine's link to readers is, in bits a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speed {
    /// Readers are on this machine.
    Unlimited,
    Known(u64),
    Unknown,
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("without a bound"),
            Self::Known(speed) => write!(f, "{} Mbit/s", speed / 1_000_000),
            Self::Unknown => write!(f, "not known (taken for {} Mbit/s)", ASSUMED / 1_000_000),
        }
    }
}

/// A picture that goes out to several readers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Burst {
    pub(super) bytes: usize,
    pub(super) packets: usize,
    pub(super) readers: usize,
    /// From one picture of the track to the next.
    pub(super) interval: Duration,
}

/// So many parts of a picture, and from one to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) chunks: usize,
    pub(super) period: Duration,
}

impl Pacing {
    /// Whether any picture is spread on such a link.
    pub(super) fn applies(self, link: Speed) -> bool {
        match self {
            Self::Auto => link != Speed::Unlimited,
            Self::On => true,
            Self::Off => false,
        }
    }

    /// How a burst is spread, unless it goes out at once.
    pub(super) fn plan(self, link: Speed, burst: &Burst) -> Option<Plan> {
        let alone = busy(burst.bytes, 1, ASSUMED);
        let own = match link {
            Speed::Unlimited => Duration::ZERO,
            Speed::Known(speed) => busy(burst.bytes, burst.readers, speed),
            Speed::Unknown => busy(burst.bytes, burst.readers, ASSUMED),
        };
        let busy = match self {
            Self::Auto => Some(own).filter(|own| *own > BEARABLE)?,
            // Each reader may be behind a slow link of its own.
            Self::On => own.max(alone),
            Self::Off => return None,
        };
        // The rest of the interval is for what comes late.
        let allowed = burst.interval.min(LONGEST) * 3 / 5;
        let wanted = busy.as_nanos().div_ceil(CHUNK.as_nanos());
        let most = (allowed.as_nanos() / CHUNK.as_nanos()).min(burst.packets as u128);
        let chunks = wanted.min(most) as u32;
        (chunks > 1).then(|| Plan { chunks: chunks as usize, period: allowed / chunks })
    }
}

/// How long a link is busy with so many bytes for each of so many readers.
fn busy(bytes: usize, readers: usize, bits_a_second: u64) -> Duration {
    let nanos = bytes as u128 * readers as u128 * 8 * 1_000_000_000 / u128::from(bits_a_second.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

impl Plan {
    /// How much later than at once the last packet goes out.
    pub(super) fn delay(&self) -> Duration {
        self.period * (self.chunks - 1) as u32
    }
}

/// How far a picture has gone out.
#[derive(Debug)]
pub(super) struct Progress {
    plan: Plan,
    packets: usize,
    began: Instant,
    /// Chunks so far.
    sent: usize,
    last: Instant,
    next: Instant,
}

impl Progress {
    pub(super) fn new(plan: Plan, packets: usize, now: Instant) -> Self {
        Self { plan, packets, began: now, sent: 0, last: now, next: now }
    }

    /// When there is more to send.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    pub(super) fn is_over(&self) -> bool {
        self.sent == self.plan.chunks
    }

    /// The packets that are due, and are sent now. Who comes late takes several chunks at once, at most a quarter,
    /// and goes on at twice the pace: it is not to be the burst again that this is against.
    pub(super) fn take(&mut self, now: Instant) -> Range<usize> {
        let Plan { chunks, period } = self.plan;
        let from = self.sent;
        if now >= self.next && from < chunks {
            let periods = |since: Instant, times: u32| {
                let passed = (now.saturating_duration_since(since) * times).as_nanos();
                usize::try_from(passed / period.as_nanos().max(1)).unwrap_or(chunks).min(chunks)
            };
            let most = periods(self.last, 2).clamp(1, chunks.div_ceil(4));
            let due = periods(self.began, 1) + 1;
            self.sent = due.clamp(from + 1, from + most).min(chunks);
            self.last = now;
            self.next = (self.began + period * self.sent as u32).max(now + period / 2);
        }
        self.packets * from / chunks..self.packets * self.sent / chunks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn plan(
        pacing: Pacing,
        link: Speed,
        bytes: usize,
        readers: usize,
        interval: Duration,
    ) -> Option<(usize, u128)> {
        let burst = Burst { bytes, packets: bytes.div_ceil(1360), readers, interval };
        pacing.plan(link, &burst).map(|plan| (plan.chunks, plan.period.as_micros()))
    }

    #[test]
    fn plans() {
        use Pacing::{Auto, Off, On};
        use Speed::{Known, Unknown, Unlimited};
        let (fast, slow) = (Known(1_000_000_000), Known(20_000_000));
        for (pacing, link, bytes, readers, interval, expected) in [
            // A gigabit link: one reader's keyframe is no burst, fifty readers' is.
            (Auto, fast, 60_000, 1, 33 * MS, None),
            (Auto, fast, 60_000, 4, 33 * MS, None),
            (Auto, fast, 60_000, 10, 33 * MS, Some((10, 1980))),
            (Auto, fast, 60_000, 50, 33 * MS, Some((39, 507))),
            // Of Wi-Fi nothing is known.
            (Auto, Unknown, 20_000, 1, 33 * MS, None),
            (Auto, Unknown, 60_000, 1, 33 * MS, Some((10, 1980))),
            (Auto, Known(100_000_000), 60_000, 1, 33 * MS, Some((10, 1980))),
            // A link that is too slow: no finer than every half a millisecond, no finer than packets.
            (Auto, slow, 40_000, 1, 33 * MS, Some((30, 660))),
            (Auto, slow, 400_000, 1, 33 * MS, Some((39, 507))),
            (Auto, slow, 40_000, 20, 10 * MS, Some((12, 500))),
            // On this machine.
            (Auto, Unlimited, 1_000_000, 500, 33 * MS, None),
            (On, Unlimited, 40_000, 1, 33 * MS, Some((7, 2828))),
            // Somewhere is a slower link than ours.
            (On, fast, 40_000, 1, 33 * MS, Some((7, 2828))),
            (On, Unlimited, 40_000, 500, 33 * MS, Some((7, 2828))),
            (On, fast, 40_000, 50, 33 * MS, Some((30, 660))),
            (On, slow, 40_000, 1, 33 * MS, Some((30, 660))),
            (On, fast, 5_000, 1, 33 * MS, None),
            // No time, all the time.
            (On, slow, 40_000, 1, MS, None),
            (On, slow, 40_000, 1, Duration::ZERO, None),
            (Auto, Unknown, 60_000, 1, 5000 * MS, Some((10, 12_000))),
            (Off, slow, 400_000, 100, 33 * MS, None),
            // Nonsense is no overflow.
            (On, Known(0), usize::MAX >> 8, 200, 33 * MS, Some((39, 507))),
            (On, fast, 0, 0, 33 * MS, None),
        ] {
            let got = plan(pacing, link, bytes, readers, interval);
            assert_eq!(got, expected, "{pacing:?} {link:?} {bytes} B x {readers}, {interval:?}");
        }
    }

    #[test]
    fn the_last_packet_leaves_within_three_fifths_of_the_interval() {
        for bytes in [10_000, 40_000, 100_000, 1_000_000] {
            for readers in [1, 7, 300] {
                let burst = Burst { bytes, packets: bytes / 1360, readers, interval: 33 * MS };
                let Some(plan) = Pacing::On.plan(Speed::Unknown, &burst) else { continue };
                assert!(plan.delay() < 20 * MS && plan.period >= CHUNK, "{burst:?} {plan:?}");
                // What a chunk has keeps the link busy for no longer, where chunks of whole packets can.
                let chunk = burst.packets.div_ceil(plan.chunks) - 1;
                let fits = bytes * readers * 8 / 1000 <= 100 * 19 && plan.chunks < burst.packets;
                assert!(!fits || chunk * 1360 * readers * 8 <= 50_000, "{burst:?} {plan:?}");
            }
        }
    }

    /// Packets that go out at these times after the beginning.
    fn taken(plan: Plan, packets: usize, at: &[u32]) -> Vec<Range<usize>> {
        let began = crate::clock::now();
        let mut progress = Progress::new(plan, packets, began);
        at.iter().map(|at| progress.take(began + MS * *at)).filter(|range| !range.is_empty()).collect()
    }

    #[test]
    fn chunks_go_out_in_their_time() {
        let plan = Plan { chunks: 4, period: 2 * MS };
        assert_eq!(taken(plan, 10, &[0, 1, 2, 3, 4, 6, 8, 10]), [0..2, 2..5, 5..7, 7..10]);
        assert_eq!(taken(plan, 4, &[0, 2, 4, 6]), [0..1, 1..2, 2..3, 3..4]);
        assert_eq!(plan.delay(), 6 * MS);
    }

    #[test]
    fn who_comes_late_sends_more_but_no_burst() {
        let plan = Plan { chunks: 12, period: 2 * MS };
        assert_eq!(
            taken(plan, 12, &[0, 4, 6, 100, 100, 101, 102, 103]),
            [0..1, 1..3, 3..4, 4..7, 7..8, 8..9, 9..10]
        );
    }

    #[test]
    fn it_is_over_when_all_is_sent() {
        let now = crate::clock::now();
        let mut progress = Progress::new(Plan { chunks: 2, period: 2 * MS }, 3, now);
        assert_eq!((progress.next(), progress.is_over()), (now, false));
        assert_eq!((progress.take(now), progress.next()), (0..1, now + 2 * MS));
        assert_eq!((progress.take(now + 2 * MS), progress.is_over()), (1..3, true));
    }
}
