//! Whether datagrams to a destination are refused for good. Of those that are, few are told: hosts and routers answer about
//! once a second, whatever they are sent and for however many ports; and what is refused for a moment is no reason to end
//! anybody.

use std::time::{Duration, Instant};

use crate::server::moment::Moment;

/// Refusals further apart than this have nothing to do with each other: what was sent between them arrived. A neighbour that
/// does not answer is given up every three seconds.
const APART: Duration = Duration::from_secs(4);

/// One after the other for this long they are for good: sessions are looked at once a second, and after five nothing is to
/// go there any more, whatever the machine is busy with meanwhile.
const FOR_GOOD: Duration = Duration::from_secs(3);

/// Refusals that came one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusals {
    first: Moment,
    last: Moment,
    /// The last of any port of the host: one that answers for others has told nothing of this one by its silence.
    host: Moment,
}

impl Refusals {
    /// The first.
    pub(super) fn first(now: Instant) -> Self {
        let now = now.into();
        Self { first: now, last: now, host: now }
    }

    /// One more.
    pub(super) fn and_another(self, now: Instant) -> Self {
        let one = Self::first(now);
        if self.goes_on(now) { Self { first: self.first, ..one } } else { one }
    }

    /// Another port of the host was refused.
    pub(super) fn beside_another(self, now: Instant) -> Self {
        if self.goes_on(now) { Self { host: now.into(), ..self } } else { self }
    }

    fn goes_on(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.host.into()) <= APART
    }

    /// Whether nothing arrives there any more.
    pub(super) fn are_for_good(&self) -> bool {
        Instant::from(self.last).saturating_duration_since(self.first.into()) >= FOR_GOOD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_again_and_again_is_so_for_good_and_what_is_for_a_moment_is_not() {
        let start = crate::clock::now();
        let after = |millis: u64| start + Duration::from_millis(millis);
        // Milliseconds of refusals, of those of other ports of the host, and whether that is for good.
        let cases: [(&str, &[u64], &[u64], bool); 8] = [
            ("once", &[0], &[], false),
            ("a firewall's rules for a moment", &[0, 30, 60, 90, 120, 150], &[], false),
            ("a closed port", &[0, 30, 60, 1030, 2040, 3050], &[], true),
            ("and before three seconds", &[0, 30, 60, 1030, 2040], &[], false),
            ("a neighbour that is gone", &[0, 1, 2, 3100], &[], true),
            ("now and then", &[0, 7300, 14_600, 21_900], &[], false),
            ("beside seven others of a host", &[0, 8000], &[1000, 2000, 3000, 4000, 5000, 6000, 7000], true),
            ("one of which was long before", &[0, 20_000], &[15_000, 16_000, 17_000, 18_000, 19_000], false),
        ];
        for (name, own, others, for_good) in cases {
            let mut all: Vec<(u64, bool)> = own.iter().map(|at| (*at, true)).collect();
            all.extend(others.iter().map(|at| (*at, false)));
            all.sort_unstable();
            let refusals = all.into_iter().fold(None, |before: Option<Refusals>, (at, own)| match own {
                true => {
                    Some(before.map_or(Refusals::first(after(at)), |before| before.and_another(after(at))))
                }
                false => before.map(|before| before.beside_another(after(at))),
            });
            assert_eq!(refusals.unwrap().are_for_good(), for_good, "{name}");
        }
    }
}
