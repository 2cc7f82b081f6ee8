//! Lines and columns of a text, and how a mistake in it is shown.

use std::fmt::{self, Write};
use std::ops::Range;

use crate::plain::is_harmful;

/// The line, from 1, of a byte.
pub(super) fn line(text: &str, at: usize) -> usize {
    before(text, at).matches('\n').count() + 1
}

/// The column, from 1 and in characters, of a byte.
pub(super) fn column(text: &str, at: usize) -> usize {
    let before = before(text, at);
    before.rsplit('\n').next().unwrap_or_default().chars().count() + 1
}

/// The byte at a line and column, as [`line()`] and [`column()`] count them; the text's end where it has no such.
pub(super) fn byte(text: &str, line: usize, column: usize) -> usize {
    let begin = match line.checked_sub(2) {
        None => 0,
        Some(breaks) => text.match_indices('\n').nth(breaks).map_or(text.len(), |(at, _)| at + 1),
    };
    let rest = &text[begin..];
    begin + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
}

/// The line in which a mistake stands, with carets under its place.
pub(super) fn marked(text: &str, span: &Range<usize>, f: &mut impl Write) -> fmt::Result {
    let start = before(text, span.start).len();
    let begin = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[start..].find(['\n', '\r']).map_or(text.len(), |at| start + at);
    let number = line(text, start).to_string();
    let stop = before(text, span.end).len().clamp(start, end.max(start));
    // Long lines are shown around the mistake alone.
    let from = text[begin..start].char_indices().rev().nth(SHOWN - 1).map_or(begin, |(at, _)| begin + at);
    let to = text[start..end].char_indices().nth(SHOWN).map_or(end, |(at, _)| start + at);
    let carets = text[start..stop.min(to)].chars().count().max(1);
    writeln!(f, "\n {number} | {}", shown(&text[from..to]))?;
    let blank: String =
        text[from..start].chars().map(|character| if character == '\t' { '\t' } else { ' ' }).collect();
    write!(f, " {} | {blank}{}", " ".repeat(number.len()), "^".repeat(carets))
}

/// Characters that are shown on either side.
const SHOWN: usize = 60;

/// Without what would steer a terminal.
pub(super) fn shown(text: &str) -> String {
    let plain =
        |character: char| if is_harmful(character) && character != '\t' { '\u{fffd}' } else { character };
    text.chars().map(plain).collect()
}

/// The text before a byte, or before the character that the byte is in.
fn before(text: &str, at: usize) -> &str {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    &text[..at]
}
