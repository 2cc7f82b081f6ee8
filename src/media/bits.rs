//! The first fields of a NAL unit, read bit by bit.

/// A NAL unit's payload without its emulation prevention bytes
/// (ITU-T H.264 sections 7.3.1 and 9.1, H.265 sections 7.3.1 and 9.2). Behind its end everything is `None`.
pub(super) struct Bits<'a> {
    bytes: std::slice::Iter<'a, u8>,
    /// Zero bytes just before: a 3 behind two of them is no payload.
    zeros: u32,
    current: u8,
    left: u32,
}

impl<'a> Bits<'a> {
    /// Begins behind the NAL unit's header of so many bytes.
    pub(super) fn behind(header: usize, nal: &'a [u8]) -> Self {
        Self { bytes: nal.get(header..).unwrap_or_default().iter(), zeros: 0, current: 0, left: 0 }
    }

    /// `u(1)`.
    pub(super) fn flag(&mut self) -> Option<bool> {
        if self.left == 0 {
            self.current = self.byte()?;
            self.left = 8;
        }
        self.left -= 1;
        Some(self.current >> self.left & 1 == 1)
    }

    /// `u(count)` of at most 32 bits.
    pub(super) fn fixed(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |value, _| Some(value << 1 | u32::from(self.flag()?)))
    }

    /// `ue(v)` below 2^31.
    pub(super) fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 30 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.fixed(zeros)?)
    }

    /// `se(v)`.
    pub(super) fn signed(&mut self) -> Option<i32> {
        let code = self.unsigned()?;
        let size = code.div_ceil(2) as i32;
        Some(if code % 2 == 1 { size } else { -size })
    }

    fn byte(&mut self) -> Option<u8> {
        let mut byte = *self.bytes.next()?;
        if self.zeros >= 2 && byte == 3 {
            byte = *self.bytes.next()?;
            self.zeros = 0;
        }
        self.zeros = if byte == 0 { self.zeros + 1 } else { 0 };
        Some(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_every_length_are_read_and_an_end_is_an_end() {
        // ue: 1 | 010 | 011 | 00100 | 1..., se: 010 -> 1, 011 -> -1.
        let mut bits = Bits::behind(1, &[0x65, 0b1010_0110, 0b0100_0100, 0b1100_0000]);
        assert_eq!([0; 4].map(|_| bits.unsigned()), [0, 1, 2, 3].map(Some));
        assert_eq!([bits.signed(), bits.signed()], [Some(1), Some(-1)]);
        assert_eq!((bits.fixed(6), bits.flag(), bits.unsigned()), (Some(0), None, None));
        assert_eq!(Bits::behind(1, &[]).flag(), None);
        assert_eq!(Bits::behind(1, &[0x65, 0, 0, 0, 0, 0xff, 0xff]).unsigned(), None, "too long a code");
    }

    #[test]
    fn emulation_prevention_is_taken_out() {
        let mut bits = Bits::behind(1, &[0x67, 0, 0, 3, 1, 0, 0, 3]);
        assert_eq!((bits.fixed(24), bits.fixed(16), bits.flag()), (Some(1), Some(0), None));
    }
}
