//! What NAL units hold.

/// The NAL unit header's length (ITU-T H.265 section 7.3.1.2):
///
/// ```text
/// |F|   type    |  layer id | TID |
/// ```
pub(super) const HEADER: usize = 2;

/// What a NAL unit holds (ITU-T H.265 table 7-1), as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NalType {
    /// A slice of a trailing picture, or of a decodable leading one.
    Slice,
    /// A slice of a RASL picture: a leading picture that needs pictures before its IRAP picture.
    Rasl,
    /// A slice of an IDR picture.
    Idr,
    /// A slice of a BLA picture: an IRAP picture whose RASL pictures have lost what they need.
    Bla,
    /// A slice of a CRA picture: an IRAP picture whose RASL pictures need what is before it.
    Cra,
    /// Video parameter set.
    Vps,
    /// Sequence parameter set.
    Sps,
    /// Picture parameter set.
    Pps,
    /// Supplemental enhancement information before the picture.
    Sei,
    /// What is told of the picture behind it.
    SuffixSei,
    /// The access unit delimiter; not passed on.
    Delimiter,
    /// The end of a coded sequence or of the stream: an IRAP picture is next; not passed on.
    End,
    /// What a reader needs nothing of, or would take for RTP's own: filler, reserved and unspecified types,
    /// layers above the base layer.
    Dropped,
}

impl NalType {
    /// The type of a NAL unit.
    pub fn of(nal: &[u8]) -> Self {
        let &[first, second, ..] = nal else { return Self::Dropped };
        let (layer, temporal_id_plus_1) = ((first & 1) << 5 | second >> 3, second & 7);
        if layer > 0 || temporal_id_plus_1 == 0 || first & 0x80 != 0 {
            return Self::Dropped;
        }
        match first >> 1 {
            0..=7 => Self::Slice,
            8 | 9 => Self::Rasl,
            16..=18 => Self::Bla,
            19 | 20 => Self::Idr,
            21 => Self::Cra,
            32 => Self::Vps,
            33 => Self::Sps,
            34 => Self::Pps,
            35 => Self::Delimiter,
            36 | 37 => Self::End,
            39 => Self::Sei,
            40 => Self::SuffixSei,
            _ => Self::Dropped,
        }
    }

    /// Whether it is a slice of a picture.
    pub fn is_slice(self) -> bool {
        self.is_irap() || matches!(self, Self::Slice | Self::Rasl)
    }

    /// Whether it is a slice of an IRAP picture: decoding can start there.
    pub fn is_irap(self) -> bool {
        matches!(self, Self::Idr | Self::Bla | Self::Cra)
    }

    /// Whether readers get it.
    pub fn is_sent(self) -> bool {
        !matches!(self, Self::Delimiter | Self::End | Self::Dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_base_layers_own_types_are_told_apart() {
        for (number, kind) in [
            (1, NalType::Slice),
            (7, NalType::Slice),
            (9, NalType::Rasl),
            (10, NalType::Dropped),
            (17, NalType::Bla),
            (20, NalType::Idr),
            (21, NalType::Cra),
            (22, NalType::Dropped),
            (34, NalType::Pps),
            (38, NalType::Dropped),
            (40, NalType::SuffixSei),
            (48, NalType::Dropped),
            (49, NalType::Dropped),
        ] {
            assert_eq!(NalType::of(&[number << 1, 1]), kind, "{number}");
        }
        assert_eq!(NalType::of(&[2]), NalType::Dropped, "no whole header");
        assert_eq!(NalType::of(&[2, 0]), NalType::Dropped, "no temporal id");
        assert_eq!(NalType::of(&[2, 9]), NalType::Dropped, "layer 1");
        assert_eq!(NalType::of(&[0x82, 1]), NalType::Dropped, "the forbidden bit");
    }
}
