//! What every payload format gives the sender.

/// One packet's payload, borrowed from the access unit.
pub(super) trait Payload {
    /// Its bytes.
    fn len(&self) -> usize;

    /// Writes it into exactly [`Payload::len`] bytes.
    fn write(&self, out: &mut [u8]);
}
