//! Whether a packet belongs to a keyframe, by the first bytes of its payload.

/// What of a payload format has to be known for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// [RFC 6184](https://www.rfc-editor.org/rfc/rfc6184).
    H264,
    /// [RFC 7798](https://www.rfc-editor.org/rfc/rfc7798).
    H265,
    /// Every picture stands for itself: JPEG, sound.
    Alone,
    /// Where decoding can start is not known here.
    Unknown,
}

impl Format {
    pub(super) fn of(encoding: &str, kind: &str) -> Self {
        match (encoding, kind) {
            ("H264", _) => Self::H264,
            ("H265", _) => Self::H265,
            ("JPEG", _) | (_, "audio") => Self::Alone,
            _ => Self::Unknown,
        }
    }

    /// Whether the packet carries a part of an IDR or IRAP picture.
    pub(super) fn is_keyframe(self, payload: &[u8]) -> bool {
        let is_idr = |first: u8| first & 0x1f == 5;
        let is_irap = |first: u8| (16..=21).contains(&(first >> 1 & 0x3f));
        match (self, payload) {
            (Self::Alone, _) => true,
            // FU-A and FU-B: the type stands in the second byte; STAP-A.
            (Self::H264, [first, second, rest @ ..]) => match first & 0x1f {
                28 | 29 => is_idr(*second),
                24 => aggregated(&payload[1..]).any(is_idr),
                _ => is_idr(*first) && !rest.is_empty(),
            },
            (Self::H265, [first, _, third, ..]) => match first >> 1 & 0x3f {
                49 => (16..=21).contains(&(third & 0x3f)),
                48 => aggregated(&payload[2..]).any(is_irap),
                _ => is_irap(*first),
            },
            _ => false,
        }
    }
}

/// The first bytes of the NAL units in an aggregation packet, as far as it is at hand.
fn aggregated(mut units: &[u8]) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let [high, low, rest @ ..] = units else { return None };
        let first = *rest.first()?;
        units = rest.get(usize::from(u16::from_be_bytes([*high, *low]))..).unwrap_or_default();
        Some(first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyframes_are_seen_in_every_kind_of_packet() {
        for (format, payload, expected) in [
            (Format::H264, &[0x65, 1, 2][..], true),
            (Format::H264, &[0x41, 1, 2], false),
            (Format::H264, &[0x67, 1, 2], false),
            (Format::H264, &[0x7c, 0x85, 1], true),
            (Format::H264, &[0x7c, 0x05, 1], true),
            (Format::H264, &[0x5c, 0x81, 1], false),
            (Format::H264, &[0x78, 0, 1, 0x67, 0, 1, 0x68, 0, 2, 0x65, 1], true),
            (Format::H264, &[0x78, 0, 1, 0x67, 0, 1, 0x68], false),
            (Format::H264, &[0x78, 0, 9, 0x67], false),
            (Format::H265, &[38, 1, 9], true),
            (Format::H265, &[42, 1, 9], true),
            (Format::H265, &[2, 1, 9], false),
            (Format::H265, &[98, 1, 0x93], true),
            (Format::H265, &[98, 1, 0x81], false),
            (Format::H265, &[96, 1, 0, 1, 64, 0, 1, 38], true),
            (Format::H265, &[96, 1, 0, 1, 64], false),
            (Format::Alone, &[], true),
            (Format::Unknown, &[0x65, 1], false),
            (Format::H264, &[0x65], false),
            (Format::H265, &[], false),
        ] {
            assert_eq!(format.is_keyframe(payload), expected, "{format:?} {payload:x?}");
        }
    }
}
