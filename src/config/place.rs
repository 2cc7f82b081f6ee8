//! Lines and columns of a text, and how a mistake in it is shown.

use std::fmt::{self, Write};
use std::ops::Range;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

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
    // A mark without its letter would be put on what stands before it.
    let from = from + text[from..start].find(|character: char| character.width() != Some(0)).unwrap_or(0);
    writeln!(f, "\n {number} | {}", in_columns(&text[from..to]))?;
    let (before, beneath) =
        (in_columns(&text[from..start]).width(), in_columns(&text[start..stop.min(to)]).width());
    write!(f, " {} | {}{}", " ".repeat(number.len()), " ".repeat(before), "^".repeat(beneath.max(1)))
}

/// Characters that are shown on either side.
const SHOWN: usize = 60;

/// As it is shown, each letter in as many columns as is counted for it.
fn in_columns(text: &str) -> String {
    shown(text).replace('\t', "    ")
}

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

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns before the carets and beneath them, of the line and of what is under it. Widths as terminals have them
    /// (Unicode Standard Annex 11): Chinese, Japanese and emoji two, marks none, half-width forms one.
    #[test]
    fn carets_stand_under_what_they_mean_whatever_the_letters_are() {
        for (line, mistake, before, beneath) in [
            ("a: wrong", "wrong", 3, 5),
            ("門口: wrong", "wrong", 6, 5),
            ("a: 二十五", "二十五", 3, 6),
            ("🐈🐈: wrong", "wrong", 6, 5),
            ("cafe\u{301}: wrong", "wrong", 6, 5),
            ("ｶﾞ: wrong", "wrong", 4, 5),
            ("\ta:\twrong", "wrong", 10, 5),
            ("a: \"b\tc\"", "\"b\tc\"", 3, 8),
            ("a: ", "", 3, 1),
        ] {
            let text = format!("(\n{line},\n)");
            let start = if mistake.is_empty() { 2 + line.len() } else { text.find(mistake).unwrap() };
            let mut said = String::new();
            marked(&text, &(start..start + mistake.len()), &mut said).unwrap();
            let (_, under) = said.rsplit_once(" | ").unwrap();
            let carets = format!("{}{}", " ".repeat(before), "^".repeat(beneath));
            assert_eq!(under, carets, "{said}");
        }
    }

    #[test]
    fn a_line_that_is_cut_begins_with_a_letter() {
        let text = format!("e\u{301}{}wrong", "e\u{301}".repeat(40));
        let mut said = String::new();
        marked(&text, &(text.len() - 5..text.len()), &mut said).unwrap();
        let (line, under) = said.trim_start().split_once('\n').unwrap();
        assert!(line.starts_with("1 | e\u{301}"), "{said}");
        assert_eq!(under.find('^'), Some(" 1 | ".len() + 30), "{said}");
    }
}
