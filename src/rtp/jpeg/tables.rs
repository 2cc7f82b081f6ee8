//! Quantization tables that a number stands for ([RFC 2435 section 4.2](https://www.rfc-editor.org/rfc/rfc2435#section-4.2)).

/// For luma and for the colours, in the order of the zigzag.
pub(super) type Tables = [[u8; 64]; 2];

/// Those of ITU-T T.81 annex K.1, which are 50.
#[rustfmt::skip]
const LUMA: [u8; 64] = [
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40,
    26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61, 60, 57, 51,
    56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87,
    95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
];

#[rustfmt::skip]
const COLOURS: [u8; 64] = [
    17, 18, 18, 24, 21, 24, 47, 26, 26, 47, 99, 66, 56, 66, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
];

/// The tables of 1 to 99 ([appendix A](https://www.rfc-editor.org/rfc/rfc2435#appendix-A)), as libjpeg scales them.
pub(super) fn scaled(q: u8) -> Option<Tables> {
    let percent = match u32::from(q) {
        q @ 1..50 => 5000 / q,
        q @ 50..100 => 200 - 2 * q,
        _ => return None,
    };
    let scale = |value: u8| ((u32::from(value) * percent + 50) / 100).clamp(1, 255) as u8;
    Some([LUMA, COLOURS].map(|table| table.map(scale)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::jpeg::Image;

    #[test]
    fn the_tables_are_those_that_encoders_write() {
        for (name, q) in [("420.jpg", 80), ("422.jpg", 70)] {
            let file = std::fs::read(format!("tests/fixtures/bitstreams/{name}")).unwrap();
            let [luma, colours] = Image::parse(&file).unwrap().quantization;
            assert_eq!(scaled(q).unwrap(), [*luma, *colours], "{name}");
        }
        assert_eq!(scaled(50).unwrap(), [LUMA, COLOURS]);
        assert_eq!((scaled(1).unwrap()[0], scaled(99).unwrap()[0][0]), ([255; 64], 1));
        assert!(scaled(0).is_none() && scaled(100).is_none());
    }
}
