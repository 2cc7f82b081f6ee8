//! Pictures for terminals that take them whole: the graphics protocol of kitty, which ghostty, WezTerm and Konsole have too.

use std::io::Write;

use base64::Engine;
use ratatui::layout::Rect;

use super::picture::Picture;

/// Wider is no better on a terminal and longer on a slow line.
const WIDEST: usize = 240;
/// The protocol takes no more of base64 at once.
const PIECE: usize = 4096;
/// Takes our picture away, whether it is there or not.
pub(super) const GONE: &[u8] = b"\x1b_Ga=d,d=I,i=1,q=2\x1b\\";

/// Asks whether the terminal takes pictures so: for a picture of one pixel that is not shown. Who does not know it says nothing.
pub(super) const ASKS: &[u8] = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\";

/// Whether an answer says so.
pub(super) fn is_told(answer: &[u8]) -> bool {
    String::from_utf8_lossy(answer).contains("\x1b_Gi=31;OK")
}

/// Whether it comes through to the terminal: a multiplexer lets none of it, and may take it for something else.
pub(super) fn passes(variable: impl Fn(&str) -> Option<String>) -> bool {
    let multiplexed =
        ["screen", "tmux"].iter().any(|word| variable("TERM").unwrap_or_default().contains(word));
    !multiplexed && variable("TMUX").is_none()
}

/// Whether the terminal says by its environment that it is one of those.
pub fn is_meant(variable: impl Fn(&str) -> Option<String>) -> bool {
    let has = |name: &str, words: &[&str]| {
        variable(name).is_some_and(|value| words.iter().any(|word| value.to_lowercase().contains(word)))
    };
    let named = has("TERM", &["kitty", "ghostty"]) || has("TERM_PROGRAM", &["wezterm", "ghostty"]);
    named && passes(&variable)
}

/// Writes a picture into a place, the cursor left where it was.
pub(super) fn place(out: &mut Vec<u8>, picture: &Picture, area: Rect) {
    // A place of the screen is twice as high as wide.
    let (columns, rows) = picture.fit(area.width.into(), area.height.into(), 2);
    let width = picture.width.min(WIDEST);
    let height = (picture.height * width / picture.width).max(1);
    let mut rgb = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            rgb.extend(picture.part(x, width, y, height));
        }
    }
    let text = base64::engine::general_purpose::STANDARD.encode(rgb);
    let pieces = text.as_bytes().chunks(PIECE);
    let last = pieces.len() - 1;
    // Into memory nothing fails.
    let _ = write!(out, "\x1b7\x1b[{};{}H", area.y + 1, area.x + 1);
    for (number, piece) in pieces.enumerate() {
        let more = u8::from(number < last);
        let _ = match number {
            0 => {
                write!(out, "\x1b_Ga=T,f=24,i=1,q=2,C=1,s={width},v={height},c={columns},r={rows},m={more};")
            }
            _ => write!(out, "\x1b_Gm={more};"),
        };
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\x1b\\");
    }
    out.extend_from_slice(b"\x1b8");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        Picture { width: 480, height: 270, rgb: vec![7; 480 * 270 * 3], age_ms: None }
    }

    #[test]
    fn a_picture_is_sent_in_pieces() {
        let mut sent = Vec::new();
        place(&mut sent, &picture(), Rect::new(2, 4, 40, 20));
        let sent = String::from_utf8(sent).unwrap();
        assert!(
            sent.starts_with("\x1b7\x1b[5;3H\x1b_Ga=T,f=24,i=1,q=2,C=1,s=240,v=135,c=40,r=12,m=1;"),
            "{sent:.90}"
        );
        let pieces: Vec<&str> = sent.split("\x1b\\").filter(|piece| piece.contains(';')).collect();
        let bytes: usize = pieces.iter().map(|piece| piece.rsplit(';').next().unwrap().len()).sum();
        assert_eq!(bytes, (240usize * 135 * 3).div_ceil(3) * 4);
        assert!(pieces.last().unwrap().contains("m=0;"));
    }

    #[test]
    fn terminals_that_take_pictures_are_known_by_their_environment() {
        let of = |name: &'static str, value: &'static str| {
            move |asked: &str| (asked == name).then(|| value.to_owned())
        };
        assert!(is_meant(of("TERM", "xterm-kitty")));
        assert!(is_meant(of("TERM_PROGRAM", "WezTerm")));
        assert!(!is_meant(of("TERM", "xterm-256color")));
        assert!(!is_meant(|asked| match asked {
            "TERM" => Some("screen-256color".to_owned()),
            "TERM_PROGRAM" => Some("ghostty".to_owned()),
            _ => None,
        }));
    }
}
