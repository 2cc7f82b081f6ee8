//! Pictures in sixels, for terminals that take those: foot, WezTerm, mlterm, mintty, xterm as a VT340 and others.
//!
//! A sixel is a column of six pixels of one colour. Each band of six rows is gone over once for each colour in it.

use std::io::Write;

use ratatui::layout::Rect;

use super::picture::Picture;

/// Wider is longer on a slow line.
const WIDEST: usize = 240;
/// Shades of red, green and blue: what they make together fits the 256 colours that terminals keep at least.
const SHADES: [usize; 3] = [6, 7, 6];
/// An ordered dither, so that skies have no steps: sixteenths of a shade.
const DITHER: [[usize; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];

/// Whether the answer to what a terminal is (`ESC [ c`) has sixels among what it can: `ESC [ ? 62 ; 4 ; 22 c`.
pub fn is_told(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let told = text.split_once("\x1b[?").and_then(|(_, rest)| rest.split_once('c'));
    // The first number is its class.
    told.is_some_and(|(numbers, _)| numbers.split(';').skip(1).any(|number| number == "4"))
}

/// Writes a picture into a place, the cursor left where it was. A sign is so many pixels wide and high.
pub fn place(out: &mut Vec<u8>, picture: &Picture, area: Rect, sign: (u16, u16)) {
    let room =
        (usize::from(area.width) * usize::from(sign.0), usize::from(area.height) * usize::from(sign.1));
    let (width, height) = picture.fit(room.0.min(WIDEST), room.1, 1);
    // Into memory nothing fails.
    let _ = write!(out, "\x1b7\x1b[{};{}H\x1bPq\"1;1;{width};{height}", area.y + 1, area.x + 1);
    let pixels: Vec<u8> = (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .map(|(x, y)| colour(picture.part(x, width, y, height), x, y))
        .collect();
    let mut used = [false; 256];
    pixels.iter().for_each(|pixel| used[usize::from(*pixel)] = true);
    for number in (0..used.len()).filter(|number| used[*number]) {
        let [red, green, blue] = percent(number);
        let _ = write!(out, "#{number};2;{red};{green};{blue}");
    }
    for band in pixels.chunks(width * 6) {
        self::band(out, band, width);
    }
    out.extend_from_slice(b"\x1b\\\x1b8");
}

/// The nearest colour that there is, or one of the two nearest by turns.
fn colour(rgb: [u8; 3], x: usize, y: usize) -> u8 {
    let between = DITHER[y % 4][x % 4];
    let shade =
        |value: u8, shades: usize| (usize::from(value) * (shades - 1) * 16 + between * 255) / (255 * 16);
    let [red, green, blue] = [0, 1, 2].map(|it| shade(rgb[it], SHADES[it]).min(SHADES[it] - 1));
    ((red * SHADES[1] + green) * SHADES[2] + blue) as u8
}

/// A colour in hundredths of red, green and blue.
fn percent(number: usize) -> [usize; 3] {
    let shades = [number / SHADES[2] / SHADES[1], number / SHADES[2] % SHADES[1], number % SHADES[2]];
    [0, 1, 2].map(|it| shades[it] * 100 / (SHADES[it] - 1))
}

/// Six rows, or what is left of them.
fn band(out: &mut Vec<u8>, pixels: &[u8], width: usize) {
    let mut colours: Vec<u8> = pixels.to_vec();
    colours.sort_unstable();
    colours.dedup();
    for colour in colours {
        let _ = write!(out, "#{colour}");
        let sixel = |x: usize| {
            let rows = pixels[x..].iter().step_by(width).enumerate();
            63 + rows.map(|(row, pixel)| u8::from(*pixel == colour) << row).sum::<u8>()
        };
        // What is behind the last sixel of a colour need not be said.
        let last = (0..width).rfind(|x| sixel(*x) > 63).unwrap_or(0);
        let mut x = 0;
        while x <= last {
            let sign = sixel(x);
            let same = (x..=last).take_while(|x| sixel(*x) == sign).count();
            match same {
                0..4 => out.extend(std::iter::repeat_n(sign, same)),
                _ => drop(write!(out, "!{same}{}", char::from(sign))),
            }
            x += same;
        }
        out.push(b'$');
    }
    out.push(b'-');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a terminal makes of it: width, height, and the pixels in hundredths.
    fn read(sent: &str) -> (usize, usize, Vec<[usize; 3]>) {
        let inside = sent.split_once("\x1bPq").unwrap().1.split_once("\x1b\\").unwrap().0;
        let mut signs = inside.chars().peekable();
        let number = |signs: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let mut value = 0;
            while let Some(digit) = signs.peek().and_then(|sign| sign.to_digit(10)) {
                (value, _) = (value * 10 + digit as usize, signs.next());
            }
            value
        };
        assert_eq!(signs.next(), Some('"'));
        let mut raster = [0; 4];
        for value in &mut raster {
            *value = number(&mut signs);
            signs.next_if_eq(&';');
        }
        let (width, height) = (raster[2], raster[3]);
        let (mut pixels, mut palette) = (vec![[usize::MAX; 3]; width * height], vec![[0; 3]; 256]);
        let (mut x, mut top, mut colour, mut times) = (0, 0, 0, 1);
        while let Some(sign) = signs.next() {
            match sign {
                '#' => {
                    colour = number(&mut signs);
                    if signs.next_if_eq(&';').is_some() {
                        assert_eq!((number(&mut signs), signs.next()), (2, Some(';')));
                        for part in &mut palette[colour] {
                            *part = number(&mut signs);
                            signs.next_if_eq(&';');
                        }
                    }
                }
                '!' => times = number(&mut signs),
                '$' => x = 0,
                '-' => (x, top) = (0, top + 6),
                sixel => {
                    for _ in 0..std::mem::replace(&mut times, 1) {
                        let bits = sixel as usize - 63;
                        for row in (0..6).filter(|row| bits >> row & 1 == 1) {
                            pixels[(top + row) * width + x] = palette[colour];
                        }
                        x += 1;
                    }
                }
            }
        }
        (width, height, pixels)
    }

    #[test]
    fn a_picture_comes_out_as_it_was() {
        let (width, height) = (50usize, 31usize);
        let rgb: Vec<u8> =
            (0..width * height).flat_map(|at| [(at % 256) as u8, (at / 7 % 256) as u8, 200]).collect();
        let picture = Picture { width, height, rgb, age_ms: None };
        let mut sent = Vec::new();
        place(&mut sent, &picture, Rect::new(2, 4, 5, 20), (10, 20));
        let sent = String::from_utf8(sent).unwrap();
        assert!(sent.starts_with("\x1b7\x1b[5;3H\x1bPq\"1;1;50;31") && sent.ends_with("\x1b\\\x1b8"));
        let (wide, high, pixels) = read(&sent);
        assert_eq!((wide, high), (width, height));
        for (place, pixel) in pixels.iter().enumerate() {
            let was = &picture.rgb[place * 3..place * 3 + 3];
            let far = pixel.iter().zip(was).map(|(now, was)| (now * 255 / 100).abs_diff(usize::from(*was)));
            // One shade at most.
            assert!(far.clone().all(|far| far <= 54), "{place}: {pixel:?} of {was:?}");
        }
        let mean: usize = pixels.iter().map(|[_, _, blue]| blue * 255 / 100).sum::<usize>() / pixels.len();
        assert!(mean.abs_diff(200) < 8, "{mean}: the dither keeps the mean");
    }

    #[test]
    fn it_is_as_large_as_there_is_room_and_no_longer_than_it_has_to_be() {
        let picture = Picture { width: 320, height: 180, rgb: vec![90; 320 * 180 * 3], age_ms: None };
        let mut sent = Vec::new();
        place(&mut sent, &picture, Rect::new(0, 0, 100, 9), (8, 16));
        let (width, height, _) = read(std::str::from_utf8(&sent).unwrap());
        assert_eq!((width, height), (240, 135));
        assert!(sent.len() < 240 * 135, "{} bytes", sent.len());
    }

    #[test]
    fn who_can_says_so() {
        assert!(is_told(b"\x1b[?62;4;22c") && is_told(b"j\x1b[?64;1;4c"));
        for answer in [&b"\x1b[?62;22c"[..], b"\x1b[?4c", b"\x1b[?6c", b"", b"4c", b"\x1b[?62;14c"] {
            assert!(!is_told(answer), "{answer:?}");
        }
    }
}
