//! Where a picture was when, on its way from the camera to the readers.

use super::MediaTime;

/// Instants of one picture's way; each is at or behind the one before. Of a file's picture: when it is due, when it
/// was read (at once if that was before), and when it was passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Journey {
    /// When it was taken, by the driver's stamp.
    pub taken: MediaTime,
    /// When we had it, not coded yet unless the camera codes.
    pub captured: MediaTime,
    /// When we had it coded.
    pub coded: MediaTime,
}

impl Journey {
    /// Of instants that clocks and drivers give, in whatever order they say.
    pub fn new(taken: MediaTime, captured: MediaTime, coded: MediaTime) -> Self {
        let captured = captured.max(taken);
        Self { taken, captured, coded: coded.max(captured) }
    }
}
