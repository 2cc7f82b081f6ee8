//! NAL units of an Annex-B byte stream.

use memchr::memmem;

/// The NAL units between the start codes, trailing zeros taken off
/// (ITU-T H.264 annex B.1). What stands before the first start code is no NAL unit.
pub fn nal_units(annex_b: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut starts = memmem::find_iter(annex_b, &[0, 0, 1]).peekable();
    std::iter::from_fn(move || {
        let start = starts.next()? + 3;
        let end = starts.peek().copied().unwrap_or(annex_b.len());
        Some(annex_b.get(start..end).unwrap_or_default())
    })
    .map(|nal| {
        let length = nal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        &nal[..length]
    })
    .filter(|nal| !nal.is_empty())
}

/// What a NAL unit holds (ITU-T H.264 table 7-1), as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NalType {
    /// A coded slice of a picture that others are needed for.
    Slice,
    /// A coded slice of an IDR picture.
    Idr,
    /// Sequence parameter set.
    Sps,
    /// Picture parameter set.
    Pps,
    /// Supplemental enhancement information.
    Sei,
    /// What a reader needs nothing of, or would take for RTP's own: delimiters, filler, types 0 and 24-31.
    Dropped,
    /// Anything else: passed on.
    Other,
}

impl NalType {
    /// The type of a NAL unit.
    pub fn of(nal: &[u8]) -> Self {
        match nal.first().map(|header| header & 0x1f) {
            Some(1..=4) => Self::Slice,
            Some(5) => Self::Idr,
            Some(6) => Self::Sei,
            Some(7) => Self::Sps,
            Some(8) => Self::Pps,
            None | Some(0 | 9 | 12 | 24..) => Self::Dropped,
            Some(_) => Self::Other,
        }
    }

    /// Whether it is a slice of a picture.
    pub fn is_slice(self) -> bool {
        matches!(self, Self::Slice | Self::Idr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_codes_of_three_and_four_bytes_and_trailing_zeros_are_taken_off() {
        let stream = [0xff, 0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2, 0, 0, 1, 0, 0, 1, 0x65, 0];
        assert_eq!(nal_units(&stream).collect::<Vec<_>>(), [&[0x67, 1][..], &[0x68, 2], &[0x65]]);
    }

    #[test]
    fn nothing_is_found_in_nothing() {
        assert_eq!(nal_units(&[]).count() + nal_units(&[0, 0, 1]).count() + nal_units(&[1, 2]).count(), 0);
    }
}
