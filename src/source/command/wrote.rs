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

/// Whether these bytes are for people; the last character may be cut.
pub(super) fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.trim().is_empty()
        && text
            .chars()
            .all(|character| !character.is_control() || matches!(character, '\n' | '\r' | '\t' | '\x1b'))
}
