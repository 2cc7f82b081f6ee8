//! Where a reader starts: at a fresh keyframe, at a forced one, or at the newest there is.

use std::time::Duration;

/// A keyframe this young is worth starting at as it is.
pub(super) const FRESH: Duration = Duration::from_millis(250);

/// Backlog goes out this many times faster than it was captured.
pub(super) const CATCH_UP: u32 = 4;
