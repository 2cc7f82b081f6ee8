//! The camera's newest picture to the encoder: in its own buffer, or by a copy.

use std::time::Instant;

use super::{End, SHORT, Stream, lost};
use crate::clock;
use crate::encode::Unreadable;
use crate::source::Error;
use crate::source::camera::streaming::sentence;
use crate::source::panics::may_panic;
use crate::source::times;
use crate::v4l2::{FORCE_KEY_FRAME, Filled};

/// Pictures that the encoder has at most: one that it codes and the next. More would only wait.
const AHEAD: usize = 2;

impl Stream<'_> {
    /// Gives the encoder the newest picture if it has room.
    pub(super) fn feed(&mut self, now: Instant) -> Result<(), End> {
        let given = self.running.encoder.given();
        let vacant = self.running.encoder.vacant();
        if given >= AHEAD || (!self.running.shares() && vacant.is_none()) {
            return Ok(());
        }
        let Some(filled) = self.held.take_newest() else { return Ok(()) };
        may_panic("encoder");
        if given == 0 {
            self.progress = now;
        }
        if std::mem::take(&mut self.force) && self.forces_keyframes {
            // Pressing it may fail; the next keyframe comes by itself.
            let force = || self.running.encoder.device().set_control(FORCE_KEY_FRAME, 1);
            let _ = self.calls.make(force)?;
        }
        let (time, _) = times::taken(filled.time, clock::media());
        let micros = self.running.pairs.give(time, self.captured);
        match vacant.filter(|_| !self.running.shares()) {
            Some(index) => self.copy(filled, index, micros),
            None => self.share(filled, micros),
        }
    }

    fn copy(&mut self, filled: Filled, index: u32, micros: u64) -> Result<(), End> {
        let copy = || self.running.copy(&filled, index, micros, &mut self.counts);
        let read = match self.calls.make(copy)? {
            Ok(read) => read,
            Err(error) => {
                self.held.put_back(filled);
                return Err(lost(error));
            }
        };
        self.unreadable *= u32::from(read.is_err());
        let left_out = match read {
            Ok(()) => {
                self.given(filled.sequence);
                Ok(())
            }
            Err(Unreadable(why)) => {
                self.running.pairs.not_given(micros);
                self.leave_out(why)
            }
        };
        // What could not be read is not what is to be shown.
        let free = if read.is_ok() { self.held.keep(filled) } else { Some(filled) };
        free.map_or(Ok(()), |filled| self.capture.requeue(filled)).map_err(sentence)?;
        Ok(left_out?)
    }

    /// The encoder has the picture of this number: says where others are missing before it.
    fn given(&mut self, sequence: u32) {
        if let Some(gap) = self.gaps.coded(sequence) {
            tracing::debug!(mount = self.outlet.name(), "{}: {gap}", self.name);
        }
    }

    /// Counts a picture that the processor could not read.
    fn leave_out(&mut self, why: &'static str) -> Result<(), Error> {
        self.unreadable += 1;
        self.dropped.add(why);
        let broken = || Error::new(format!("{}: the last {SHORT} pictures were all {why}", self.name));
        if self.unreadable < SHORT { Ok(()) } else { Err(broken()) }
    }

    fn share(&mut self, filled: Filled, micros: u64) -> Result<(), End> {
        let index = filled.index() as usize;
        let Some(exported) = self.exported.get(index) else {
            return Ok(self.capture.requeue(filled).map_err(sentence)?);
        };
        let share = || self.running.share(&filled, exported, micros, &mut self.counts);
        let shared = self.calls.make(share)?;
        if shared.is_ok() {
            self.given(filled.sequence);
            self.held.lend(index, filled);
        } else {
            self.held.put_back(filled);
        }
        match shared {
            // It says that it reads others' buffers and does not read these (memory in pieces, too short).
            Err(error) if self.counts.shared == 0 => {
                tracing::info!(mount = self.outlet.name(), "{}: {error}: pictures are copied", self.name);
                Err(End::Refused)
            }
            shared => shared.map_err(lost),
        }
    }
}
