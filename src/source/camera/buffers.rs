//! A camera's buffers as the loop takes them, so that a test's camera can be as fast as it likes.

use crate::v4l2::{Capture, Error, FORCE_KEY_FRAME, Filled};

/// Who gives filled buffers and takes them back.
pub(super) trait Buffers {
    /// The next filled buffer, or none yet.
    fn dequeue(&mut self) -> Result<Option<Filled>, Error>;
    /// Gives a buffer back to be filled again.
    fn requeue(&mut self, filled: Filled) -> Result<(), Error>;
    /// How many there are.
    fn buffers(&self) -> u32;
    /// Asks a camera that codes for a keyframe.
    fn force_keyframe(&self);
}

impl Buffers for Capture {
    fn dequeue(&mut self) -> Result<Option<Filled>, Error> {
        Self::dequeue(self)
    }

    fn requeue(&mut self, filled: Filled) -> Result<(), Error> {
        Self::requeue(self, filled)
    }

    fn buffers(&self) -> u32 {
        Self::buffers(self)
    }

    fn force_keyframe(&self) {
        // Refused or not, the next keyframe comes in its own time.
        let _ = self.device().set_control(FORCE_KEY_FRAME, 1);
    }
}
