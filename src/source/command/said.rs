//! What a program says on its standard error: into the log, a line each, and the last one into the reason why it
//! ended.

use std::time::{Duration, Instant};

use crate::amount::amount;
use crate::hub::Outlet;
use crate::redact::redact;

/// Lines logged in [`WHILE`]; more are counted.
const MOST: u32 = 20;
const WHILE: Duration = Duration::from_secs(10);

/// A longer line is cut.
const LINE: usize = 400;

/// Of a longer line so much is looked at: a password that is cut is not known to be one.
const LOOKED_AT: usize = 4 * LINE;

/// Takes lines apart and keeps a flood of them out of the log.
#[derive(Debug, Default)]
pub(super) struct Said {
    line: Vec<u8>,
    /// The last one that had something in it, as it was said.
    last: Vec<u8>,
    since: Option<Instant>,
    lines: u32,
}

/// What goes into the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    Line(String),
    /// So many lines were left out.
    More(u32),
}

impl Said {
    /// Takes in what was said `now`. All of it: of a line that is heard in part nobody knows whether there is a password in it.
    pub(super) fn push(&mut self, bytes: &[u8], now: Instant, mut tell: impl FnMut(Told)) {
        let mut rest = bytes;
        // A program that counts its pictures on one line of a terminal ends it so.
        while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
            self.add(&rest[..end]);
            self.end(now, &mut tell);
            rest = &rest[end + 1..];
        }
        self.add(rest);
    }

    fn add(&mut self, part: &[u8]) {
        self.line.extend_from_slice(&part[..part.len().min(LOOKED_AT - self.line.len())]);
    }

    /// The program ended: what it said last, if anything.
    pub(super) fn finish(&mut self, now: Instant, mut tell: impl FnMut(Told)) -> Option<String> {
        self.end(now, &mut tell);
        if self.lines > MOST {
            tell(Told::More(self.lines - MOST));
        }
        Some(sentence(&std::mem::take(&mut self.last))).filter(|last| !last.is_empty())
    }

    fn end(&mut self, now: Instant, tell: &mut impl FnMut(Told)) {
        if self.line.trim_ascii().is_empty() {
            return self.line.clear();
        }
        std::mem::swap(&mut self.line, &mut self.last);
        self.line.clear();
        if self.since.is_none_or(|since| now.saturating_duration_since(since) > WHILE) {
            if self.lines > MOST {
                tell(Told::More(self.lines - MOST));
            }
            (self.since, self.lines) = (Some(now), 0);
        }
        self.lines = self.lines.saturating_add(1);
        // What is not told is made no sentence of: that costs many times as much as all else.
        if self.lines <= MOST {
            tell(Told::Line(sentence(&self.last)));
        }
    }
}

/// A line as it is told.
fn sentence(line: &[u8]) -> String {
    redact(String::from_utf8_lossy(line).trim()).chars().take(LINE).flat_map(shown).collect()
}

/// A terminal that reads the log obeys no program but ours.
fn shown(character: char) -> impl Iterator<Item = char> {
    let control = character.is_control() && character != '\t';
    let escaped = control.then(|| character.escape_default());
    escaped.into_iter().flatten().chain((!control).then_some(character))
}

/// Puts it into the log.
pub(super) fn tell(outlet: &Outlet, again: bool, told: Told) {
    match told {
        Told::Line(line) => log(outlet, again, &format!("it says: {line}")),
        Told::More(lines) => log(outlet, again, &format!("it said {} more", amount(lines, "line"))),
    }
}

/// Puts a line about the program into the log; `again` says that it was run before, and is told of for who looks closer.
pub(super) fn log(outlet: &Outlet, again: bool, line: &str) {
    let mount = outlet.name();
    if again {
        tracing::debug!(mount, "{line}");
    } else {
        tracing::info!(mount, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn lines_are_told_whole_and_harmless_and_the_last_is_kept() {
        let mut said = Said::default();
        let mut told = Vec::new();
        let now = clock::now();
        for piece in ["Pre", "view\n\n#1 (30 fps)\r", "ERROR: \x1b[31mno camera"] {
            said.push(piece.as_bytes(), now, |line| told.push(line));
        }
        let last = said.finish(now, |line| told.push(line));
        let line = |text: &str| Told::Line(text.into());
        let error = r"ERROR: \u{1b}[31mno camera";
        assert_eq!(told, [line("Preview"), line("#1 (30 fps)"), line(error)]);
        assert_eq!(last.as_deref(), Some(error));
    }

    #[test]
    fn a_password_at_the_place_where_a_line_is_cut_is_hidden() {
        let mut said = Said::default();
        let now = clock::now();
        let line = format!("{} rtsp://admin:12345678@h/ x\n", "y".repeat(LINE - 20));
        said.push(line.as_bytes(), now, |_| {});
        let last = said.finish(now, |_| {}).unwrap();
        assert!(last.ends_with(" rtsp://admin:***@h/") && last.len() == LINE, "{last}");
    }

    #[test]
    fn of_a_password_no_part_is_told_wherever_what_is_read_begins_and_ends() {
        let said_in = |pieces: &[&[u8]]| {
            let mut said = Said::default();
            let mut told = Vec::new();
            let now = clock::now();
            for piece in pieces {
                said.push(piece, now, |line| told.push(line));
            }
            let last = said.finish(now, |line| told.push(line));
            (told, last)
        };
        let line = |text: &str| Told::Line(text.into());
        let text = b"opens rtsp://admin:GEHEIM@10.0.0.1:554/x";
        let told = "opens rtsp://admin:***@10.0.0.1:554/x";
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                assert_eq!(said_in(&pieces), (vec![line(told)], Some(told.to_owned())), "{first} {second}");
            }
        }
    }

    #[test]
    fn what_is_counted_and_not_told_is_the_last_all_the_same() {
        let mut said = Said::default();
        let mut told = Vec::new();
        let now = clock::now();
        let flood = "frame lost\n".repeat(10_000) + "rtsp://a:b@h is gone \n  \r\n";
        for piece in flood.as_bytes().chunks(977) {
            said.push(piece, now, |line| told.push(line));
        }
        let last = said.finish(now, |line| told.push(line));
        assert_eq!(last.as_deref(), Some("rtsp://a:***@h is gone"));
        assert_eq!(told[20..], [Told::More(9_981)]);
        assert_eq!(said.finish(now, |_| {}), None, "it is told once");
    }

    #[test]
    fn a_flood_is_counted() {
        let mut said = Said::default();
        let mut told = Vec::new();
        let now = clock::now();
        said.push("x\n".repeat(1000).as_bytes(), now, |line| told.push(line));
        assert_eq!(told.len(), 20);
        said.push(b"y\n", now + Duration::from_secs(11), |line| told.push(line));
        assert_eq!(told[20..], [Told::More(980), Told::Line("y".into())]);
        said.push(&[b'z'; 100_000], now, |_| {});
        assert_eq!(said.finish(now, |_| {}).map(|line| line.len()), Some(LINE));
    }
}
