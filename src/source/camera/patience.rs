//! How long a camera's loop waits for what, whoever codes.

use std::time::{Duration, Instant};

use crate::hub::Outlet;
use crate::source::Error;
use crate::source::rhythm::Rhythm;

/// How often the loop looks at the time while nothing happens.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// Whether nobody has wanted it for [`Outlet::linger`].
pub(super) fn over(outlet: &Outlet, now: Instant, wanted: &mut Instant) -> bool {
    if outlet.wanted() {
        *wanted = now;
    }
    now.saturating_duration_since(*wanted) > outlet.linger()
}

/// Looks whether a camera hangs, which was opened, or gave the last picture, when it was `alive`.
pub(super) fn silent(rhythm: &mut Rhythm, alive: Instant, now: Instant, name: &str) -> Result<(), Error> {
    let Some(patience) = rhythm.over(alive, now) else { return Ok(()) };
    // Opening it again often helps.
    rhythm.silent();
    let seconds = patience.as_secs();
    Err(Error::new(format!("{name}: no picture for {seconds} s (does the camera hang?)")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::hub::mount;

    #[test]
    fn a_camera_goes_on_for_a_while_after_its_last_reader() {
        let (outlet, mount) = mount("test");
        let began = clock::now();
        let mut wanted = began;
        let mut over_at = |seconds| over(&outlet, began + Duration::from_secs(seconds), &mut wanted);
        let reader = mount.want();
        assert!(!over_at(100));
        drop(reader);
        assert!(!over_at(110) && over_at(111));
        outlet.set_linger(Duration::from_secs(60));
        assert!(!over_at(160) && over_at(161));
        let reader = mount.want();
        assert!(!over_at(500));
        drop(reader);
        assert!(!over_at(560) && over_at(561));
    }
}
