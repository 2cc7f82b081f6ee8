//! An instant in half the room, for what readers keep and nobody looks at for each picture.

use std::num::NonZeroU64;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::clock;

/// Nanoseconds since the first one was made; what was before that is then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(NonZeroU64);

fn first() -> Instant {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    *FIRST.get_or_init(clock::now)
}

impl From<Instant> for Moment {
    fn from(instant: Instant) -> Self {
        let since = instant.saturating_duration_since(first());
        // Five hundred years.
        let nanos = since.as_secs().saturating_mul(1_000_000_000).saturating_add(since.subsec_nanos().into());
        Self(NonZeroU64::MIN.saturating_add(nanos))
    }
}

impl From<Moment> for Instant {
    fn from(moment: Moment) -> Self {
        let since = Duration::from_nanos(moment.0.get() - 1);
        first().checked_add(since).unwrap_or_else(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_comes_out_as_it_went_in() {
        let now = clock::now();
        assert!(Instant::from(Moment::from(now)) >= now);
        for nanos in [0, 1, 999_999_999, 1_000_000_000, 86_400_000_000_007] {
            let later = clock::now() + Duration::from_nanos(nanos);
            assert_eq!(Instant::from(Moment::from(later)), later);
            assert!(Moment::from(later) < Moment::from(later + Duration::from_nanos(1)));
        }
        assert_eq!(size_of::<Option<Moment>>(), 8);
    }
}
