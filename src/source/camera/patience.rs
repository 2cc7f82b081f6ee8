//! How long a camera's loop waits for what, whoever codes.

use std::time::{Duration, Instant};

use crate::hub::Outlet;

/// How long the camera goes on after the last reader left: the next one starts at once.
const LINGER: Duration = Duration::from_secs(10);
/// A camera silent for so long hangs; opening it again often helps.
pub(super) const SILENCE: Duration = Duration::from_secs(10);
/// How often the loop looks at the time while nothing happens.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// Whether nobody has wanted it for [`LINGER`].
pub(super) fn over(outlet: &Outlet, now: Instant, wanted: &mut Instant) -> bool {
    if outlet.wanted() {
        *wanted = now;
    }
    now.saturating_duration_since(*wanted) > LINGER
}
