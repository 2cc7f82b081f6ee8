//! What a program wrote that are no pictures, in words.

use crate::redact::redact;
use crate::source::camera::Coding;

/// So much of what it writes is shown where they are no pictures.
const HEAD: usize = 80;

/// What a program does that wrote no picture, by what it began with.
pub(super) fn wrote(head: &[u8], format: Coding) -> String {
    // Before it is cut: of what is cut nobody knows any more that it is a password.
    let begins: String = redact(&String::from_utf8_lossy(head)).chars().take(HEAD).collect();
    let begins = begins.escape_debug();
    let head = &head[..head.len().min(HEAD)];
    let format = match format {
        Coding::H264 => "H.264",
        Coding::Hevc => "H.265",
        Coding::Mjpeg => "JPEGs",
    };
    if is_text(head) {
        format!("prints text, no {format}: \"{begins}\"")
    } else {
        format!("writes no {format}, its `format`; what it writes begins with \"{begins}\"")
    }
}

/// Keeps what was written last.
#[derive(Debug, Default)]
pub(super) struct Tail(Vec<u8>);

/// So much of it. What is quoted is a line that begins in it: of a password that is cut nobody knows what it is.
const TAIL: usize = 2048;

/// So many bytes of a picture look like text by chance once in a million.
const NO_CHANCE: usize = 12;

impl Tail {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(TAIL)..];
        let over = (self.0.len() + bytes.len()).saturating_sub(TAIL);
        self.0.drain(..over);
        self.0.extend_from_slice(bytes);
    }

    /// That it ends with text, behind its pictures.
    pub(super) fn printed(&self) -> Option<String> {
        let last = self.0.utf8_chunks().last().filter(|last| last.invalid().is_empty())?.valid();
        let pictures = last.rfind(|character| !is_printed(character));
        let text = pictures.map_or(last, |end| &last[end..]);
        let text = text.trim_matches(|character: char| character.is_control() || character.is_whitespace());
        if text.len() < NO_CHANCE {
            return None;
        }
        let line = text.rfind(['\n', '\r']);
        let begins = line.is_some() || text.len() < last.len() || last.len() < self.0.len();
        let said = redact(line.map_or(text, |end| text[end..].trim_start()));
        let said: String = said.chars().take(HEAD).collect();
        let said = if begins { format!(": \"{}\"", said.escape_debug()) } else { String::new() };
        Some(format!("prints text behind its pictures{said}"))
    }
}

fn is_printed(character: char) -> bool {
    !character.is_control() || matches!(character, '\n' | '\r' | '\t' | '\x1b')
}

/// Whether these bytes are for people; the last character may be cut.
pub(super) fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.trim().is_empty() && text.chars().all(is_printed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(parts: &[&[u8]]) -> Option<String> {
        let mut tail = Tail::default();
        parts.iter().for_each(|part| tail.push(part));
        tail.printed()
    }

    #[test]
    fn the_last_line_behind_pictures_is_told_however_it_is_read_and_pictures_are_no_text() {
        let picture: Vec<u8> = (0..9000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert_eq!(printed(&[&picture]), None);
        let text = "it went\nERROR: camera \u{fc} timed out\r\n";
        let told = Some("prints text behind its pictures: \"ERROR: camera \u{fc} timed out\"".to_owned());
        for at in 0..text.len() {
            let (first, then) = text.as_bytes().split_at(at);
            assert_eq!(printed(&[&picture, first, then]), told, "{at}");
        }
        assert_eq!(printed(&[&picture, b"ok\n"]), None, "that is too short to be none of the picture");
    }

    #[test]
    fn of_a_password_no_part_is_told_though_its_beginning_is_gone() {
        let line = format!("rtsp://admin:{}@h/x", "GEHEIM".repeat(400));
        assert_eq!(printed(&[&[0xff; 9], line.as_bytes()]).unwrap(), "prints text behind its pictures");
        let told = printed(&[&[0xff; 9], b"\nopens rtsp://admin:GEHEIM@h/x"]).unwrap();
        assert_eq!(told, "prints text behind its pictures: \"opens rtsp://admin:***@h/x\"");
    }
}
