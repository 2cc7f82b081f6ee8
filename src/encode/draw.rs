//! Drawing into pictures: rectangles and a line of figures.

use crate::media::Picture;

/// A colour of video range: luma, blue and red difference (ITU-R BT.601).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

/// White.
pub const WHITE: Colour = Colour(235, 128, 128);
/// Black.
pub const BLACK: Colour = Colour(16, 128, 128);
/// The bars of a test picture at 75 %: white, yellow, cyan, green, magenta, red, blue.
pub const BARS: [Colour; 7] = [
    Colour(180, 128, 128),
    Colour(162, 44, 142),
    Colour(131, 156, 44),
    Colour(112, 72, 58),
    Colour(84, 184, 198),
    Colour(65, 100, 212),
    Colour(35, 212, 114),
];

/// Fills a rectangle; what lies outside of the picture is cut off.
pub fn fill(picture: &mut Picture, left: usize, top: usize, width: usize, height: usize, colour: Colour) {
    let Colour(luma, blue, red) = colour;
    let right = left.saturating_add(width).min(picture.width);
    let bottom = top.saturating_add(height).min(picture.height);
    let left = left.min(right);
    for row in top..bottom {
        let start = row * picture.width;
        picture.luma[start + left..start + right].fill(luma);
    }
    let half = picture.width / 2;
    let (chroma_left, chroma_right) = (left / 2, right.div_ceil(2).min(half));
    for row in top / 2..bottom.div_ceil(2).min(picture.height / 2) {
        let start = row * half;
        picture.blue[start + chroma_left..start + chroma_right].fill(blue);
        picture.red[start + chroma_left..start + chroma_right].fill(red);
    }
}

/// Fills `height` rows from `top` on with snow: grey noise, another for every `seed`.
pub fn snow(picture: &mut Picture, top: usize, height: usize, seed: u64) {
    fill(picture, 0, top, picture.width, height, BLACK);
    let width = picture.width;
    let rows = picture.luma.chunks_mut(width).skip(top).take(height);
    // Marsaglia's xorshift; it must not begin at zero.
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for dots in rows.flat_map(|row| row.chunks_mut(8)) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        for (dot, noise) in dots.iter_mut().zip(state.to_le_bytes()) {
            *dot = 96 + noise / 4;
        }
    }
}

/// Columns and rows of a character, with the space behind and below it.
pub const CELL: (usize, usize) = (6, 8);

/// Writes text of figures, `: . - #` and the capitals that are needed, each dot of a character `scale` pixels wide and high.
pub fn text(picture: &mut Picture, left: usize, top: usize, scale: usize, text: &str, colour: Colour) {
    for (place, character) in text.chars().enumerate() {
        for (row, dots) in glyph(character).into_iter().enumerate() {
            for column in (0..5).filter(|column| dots >> (4 - column) & 1 == 1) {
                let x = left + (place * CELL.0 + column) * scale;
                fill(picture, x, top + row * scale, scale, scale, colour);
            }
        }
    }
}

/// A character's seven rows of five dots.
fn glyph(character: char) -> [u8; 7] {
    match character {
        '0' => [0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e],
        '1' => [0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e],
        '2' => [0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f],
        '3' => [0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e],
        '4' => [0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02],
        '5' => [0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e],
        '6' => [0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e],
        '7' => [0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08],
        '8' => [0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e],
        '9' => [0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c],
        ':' => [0x00, 0x04, 0x04, 0x00, 0x04, 0x04, 0x00],
        '.' => [0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x0c],
        '-' => [0x00, 0x00, 0x00, 0x1f, 0x00, 0x00, 0x00],
        '#' => [0x0a, 0x0a, 0x1f, 0x0a, 0x1f, 0x0a, 0x0a],
        'A' => [0x0e, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11],
        'C' => [0x0e, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0e],
        'E' => [0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x1f],
        'G' => [0x0e, 0x11, 0x10, 0x17, 0x11, 0x11, 0x0f],
        'I' => [0x0e, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0e],
        'L' => [0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1f],
        'N' => [0x11, 0x19, 0x15, 0x13, 0x11, 0x11, 0x11],
        'O' => [0x0e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e],
        'S' => [0x0f, 0x10, 0x10, 0x0e, 0x01, 0x01, 0x1e],
        'T' => [0x1f, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04],
        'U' => [0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e],
        _ => [0; 7],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_drawn_outside_of_the_picture() {
        let mut picture = Picture::black(16, 8);
        fill(&mut picture, 12, 6, 100, 100, WHITE);
        fill(&mut picture, 100, 100, 5, 5, WHITE);
        text(&mut picture, 10, 3, 3, "8:8", WHITE);
        assert_eq!(picture.luma[7 * 16 + 15], 235);
        assert_eq!(picture.luma[0], 16);
    }
}
