//! Bytes read as choices.

/// What is left of the input.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Two bytes, or zeros where there are none.
    pub(crate) fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte().unwrap_or_default(), self.byte().unwrap_or_default()])
    }

    pub(crate) fn long(&mut self) -> u32 {
        u32::from(self.word()) << 16 | u32::from(self.word())
    }

    /// At most so many bytes.
    pub(crate) fn take(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// Places at which the data is cut in two: all of them where that is quick, else some, others for other data.
pub(crate) fn cuts(data: &[u8]) -> impl Iterator<Item = usize> {
    let step = if data.len() <= 128 { 1 } else { data.len().div_ceil(32) };
    let first = data.iter().fold(0, |sum: usize, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    (first % step..data.len()).step_by(step)
}
