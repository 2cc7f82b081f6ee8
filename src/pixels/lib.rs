//! What is done to every byte of a raw picture: a row of it a call, so that what a call costs is nothing beside it.
//!
//! A crate of its own since what is optimized how is said by crate: boards' binaries are made for size, and a compiler that
//! makes code for size makes no vectors, which costs these loops eight times the instructions. They are made for speed
//! everywhere (`Cargo.toml`), and never become part of their callers, as which they would be made for size again.
//!
//! All is written so that the compiler makes vectors of it, those of the oldest processors too: bytes two by two as one number,
//! of which one byte is wanted. It makes none of every second byte of a row. Where two rows are of different lengths, the
//! shorter ends both.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

/// The first byte of each pair.
#[inline(never)]
pub fn low(pairs: &[[u8; 2]], to: &mut [u8]) {
    to.iter_mut().zip(pairs).for_each(|(to, pair)| *to = low_of(pair) as u8);
}

/// The second byte of each pair.
#[inline(never)]
pub fn high(pairs: &[[u8; 2]], to: &mut [u8]) {
    to.iter_mut().zip(pairs).for_each(|(to, pair)| *to = high_of(pair) as u8);
}

/// The mean of the first bytes of the pairs of two rows.
#[inline(never)]
pub fn mean_of_low(upper: &[[u8; 2]], lower: &[[u8; 2]], to: &mut [u8]) {
    mean(upper, lower, low_of, to);
}

/// The mean of the second bytes of the pairs of two rows.
#[inline(never)]
pub fn mean_of_high(upper: &[[u8; 2]], lower: &[[u8; 2]], to: &mut [u8]) {
    mean(upper, lower, high_of, to);
}

/// The luma of pixels of three bytes each.
#[inline(never)]
pub fn luma(pixels: &[u8], to: &mut [u8]) {
    to.iter_mut().zip(pixels.as_chunks::<3>().0).for_each(|(to, pixel)| *to = pixel[0]);
}

/// Chroma of pixels of three bytes each: the mean of four of them, of two rows.
#[inline(never)]
pub fn chroma(upper: &[u8], lower: &[u8], blue: &mut [u8], red: &mut [u8]) {
    let fours = upper.as_chunks::<6>().0.iter().zip(lower.as_chunks::<6>().0);
    for ((blue, red), (upper, lower)) in blue.iter_mut().zip(red).zip(fours) {
        let mean = |at: usize| {
            let sum = [upper[at], upper[at + 3], lower[at], lower[at + 3]].map(u16::from);
            ((sum.into_iter().sum::<u16>() + 2) / 4) as u8
        };
        (*blue, *red) = (mean(1), mean(2));
    }
}

/// Every sample becomes what a table has for it.
#[inline(never)]
pub fn look_up(table: &[u8; 256], samples: &mut [u8]) {
    samples.iter_mut().for_each(|sample| *sample = table[usize::from(*sample)]);
}

fn low_of(pair: &[u8; 2]) -> u16 {
    u16::from_le_bytes(*pair) & 0xff
}

fn high_of(pair: &[u8; 2]) -> u16 {
    u16::from_le_bytes(*pair) >> 8
}

fn mean(upper: &[[u8; 2]], lower: &[[u8; 2]], of: impl Fn(&[u8; 2]) -> u16, to: &mut [u8]) {
    for ((to, upper), lower) in to.iter_mut().zip(upper).zip(lower) {
        *to = ((of(upper) + of(lower) + 1) >> 1) as u8;
    }
}
