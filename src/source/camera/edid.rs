//! What sources are told of a receiver that has no EDID of its own, as a TC358743 after each start: without one they send
//! nothing.
//!
//! [CTA-861](https://www.cta.tech/standards/cta-861-h/) as a Raspberry Pi can take it: its two lanes carry 1080p at up to 50
//! pictures a second, and its encoder is made for 30. So 1080p at 30 comes first; no sound; no fields.

/// The whole of it.
pub(super) fn blocks() -> [[u8; 128]; 2] {
    [checked(&BASE), checked(&EXTENSION)]
}

/// A block that is filled with zeros, and by its last byte adds up to zero.
fn checked(parts: &[&[u8]]) -> [u8; 128] {
    let mut block = [0; 128];
    let bytes = parts.iter().copied().flatten();
    block[..127].iter_mut().zip(bytes).for_each(|(to, byte)| *to = *byte);
    block[127] = block.iter().fold(0, |sum: u8, byte| sum.wrapping_sub(*byte));
    block
}

const BASE: [&[u8]; 12] = [
    &[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0],
    // "LNX", a product, no serial number, of 2026; EDID 1.3.
    &[0x31, 0xd8, 1, 0, 0, 0, 0, 0, 0, 36, 1, 3],
    // Digital, of no size, gamma 2.2, sRGB; its first timings are preferred.
    &[0x80, 0, 0, 120, 0x0e],
    // Where sRGB's colours lie.
    &[0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54],
    // 640x480 at 60; no other established or standard timings.
    &[0x20, 0, 0],
    &[1; 16],
    // 1920x1080 at 30 by 74.25 MHz: 280 pixels of blanking (88, 44), 45 lines (4, 5).
    &[0x01, 0x1d, 0x80, 0x18, 0x71, 0x38, 0x2d, 0x40, 88, 44, 0x45, 0, 0, 0, 0, 0, 0, 0x1e],
    // 1280x720 at 60 by the same: 370 (110, 40), 30 (5, 5).
    &[0x01, 0x1d, 0x00, 0x72, 0x51, 0xd0, 0x1e, 0x20, 110, 40, 0x55, 0, 0, 0, 0, 0, 0, 0x1e],
    &[0, 0, 0, 0xfc, 0],
    b"Lenslet\n     ",
    // 23 to 61 Hz, 15 to 68 kHz, up to 150 MHz.
    &[0, 0, 0, 0xfd, 0, 23, 61, 15, 68, 15, 0, b'\n', b' ', b' ', b' ', b' ', b' ', b' '],
    // One block more.
    &[1],
];

const EXTENSION: [&[u8]; 3] = [
    // CTA-861 3; 22 bytes to the end of its blocks; nothing is cut at the edges; one size is its own.
    &[2, 3, 22, 0x81],
    // By their codes: 1080p at 30, 25, 24 and 50, 720p at 60 and 50, 480p, 576p, 640x480.
    &[0x4b, 0x80 | 34, 33, 32, 31, 4, 19, 3, 2, 18, 17, 1],
    // HDMI, at the address 1.0.0.0.
    &[0x65, 0x03, 0x0c, 0x00, 0x10, 0x00],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_two_blocks_that_add_up_and_prefers_what_the_pis_encoder_is_made_for() {
        let [base, extension] = blocks();
        for block in [&base, &extension] {
            assert_eq!(block.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte)), 0);
        }
        // Each part has its length: the count of extensions is at its place, and where the first block of data ends.
        assert_eq!((base[126], &base[54..56], extension[4] & 0x1f), (1, &[0x01, 0x1d][..], 11));
        assert_eq!(usize::from(extension[2]), 4 + 12 + 6);
        assert_eq!(extension[21], 0);
        let preferred = &base[54..72];
        let side = |low: usize, high: usize| u32::from(preferred[low]) | u32::from(preferred[high] >> 4) << 8;
        assert_eq!((side(2, 4), side(5, 7)), (1920, 1080));
    }
}
