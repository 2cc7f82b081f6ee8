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

/// So much is read at once of what it says. Who says more than that without a pause is heard in its last words.
pub(super) const HEARD: usize = 64 << 10;
const LAST_WORDS: usize = 4 << 10;

/// Takes lines apart and keeps a flood of them out of the log.
#[derive(Debug, Default)]
pub(super) struct Said {
    line: Vec<u8>,
    /// The line's beginning was not heard, and what follows may be the half of a password: not heard up to its end either.
    broken: bool,
    last: Option<String>,
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
    /// Takes in what was read of it `now`, at most [`HEARD`] bytes; whether it says too much to be heard in all of it.
    pub(super) fn hear(&mut self, read: &[u8], now: Instant, tell: impl FnMut(Told)) -> bool {
        let floods = read.len() >= HEARD;
        let mut heard = read;
        if floods {
            heard = &read[read.len() - LAST_WORDS..];
            self.line.clear();
            self.broken = true;
        }
        if self.broken {
            let end = memchr::memchr2(b'\n', b'\r', heard);
            self.broken = end.is_none();
            heard = end.map_or(&[], |end| &heard[end + 1..]);
        }
        self.push(heard, now, tell);
        floods
    }

    fn push(&mut self, bytes: &[u8], now: Instant, mut tell: impl FnMut(Told)) {
        for byte in bytes {
            // A program that counts its pictures on one line of a terminal.
            if matches!(byte, b'\n' | b'\r') {
                self.end(now, &mut tell);
            } else if self.line.len() < LOOKED_AT {
                self.line.push(*byte);
            }
        }
    }

    /// The program ended: what it said last, if anything.
    pub(super) fn finish(&mut self, now: Instant, mut tell: impl FnMut(Told)) -> Option<String> {
        self.end(now, &mut tell);
        if self.lines > MOST {
            tell(Told::More(self.lines - MOST));
        }
        self.last.take()
    }

    fn end(&mut self, now: Instant, tell: &mut impl FnMut(Told)) {
        let line = String::from_utf8_lossy(&self.line);
        let line: String = redact(line.trim()).chars().take(LINE).flat_map(shown).collect();
        self.line.clear();
        if line.is_empty() {
            return;
        }
        self.last = Some(line.clone());
        if self.since.is_none_or(|since| now.saturating_duration_since(since) > WHILE) {
            if self.lines > MOST {
                tell(Told::More(self.lines - MOST));
            }
            (self.since, self.lines) = (Some(now), 0);
        }
        self.lines = self.lines.saturating_add(1);
        if self.lines <= MOST {
            tell(Told::Line(line));
        }
    }
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

    /// What is told of a program that says this, read in such pieces.
    fn told(pieces: &[&[u8]]) -> Vec<String> {
        let mut said = Said::default();
        let mut told = Vec::new();
        let now = clock::now();
        for piece in pieces {
            said.hear(piece, now, |line| told.push(line));
        }
        let last = said.finish(now, |line| told.push(line));
        let line = |told| match told {
            Told::Line(line) => line,
            Told::More(lines) => lines.to_string(),
        };
        told.into_iter().map(line).chain(last).collect()
    }

    /// A whole block that ends in these words; what is before them is not heard but for its end.
    fn block(begin: &str, last: &str) -> Vec<u8> {
        let mut block = vec![b'x'; HEARD - last.len()];
        block[..begin.len()].copy_from_slice(begin.as_bytes());
        block.extend(last.as_bytes());
        block
    }

    #[test]
    fn of_a_password_no_part_is_told_wherever_what_is_heard_of_a_flood_begins() {
        let url = "rtsp://admin:GEHEIM@10.0.0.1:554/x";
        for at in 0..=url.len() {
            let (before, after) = url.split_at(at);
            // What is heard of the second block begins in the middle of the address, or behind it.
            let rest = "y".repeat(LAST_WORDS - after.len() - 2);
            let cut = block("", &format!("{after} {rest}\n"));
            let heard = told(&[b"opens rtsp://admin:GE", &cut, b"then\n"]);
            assert!(!heard.concat().contains(['G', 'E', 'H', 'I', 'M']), "{at}: {heard:?}");
            assert_eq!(heard, ["then", "then"], "{at}");
            // The address begins in one block, goes on behind what is not heard of the second, and ends in the third.
            let heard = told(&[&block("", &format!("\n{before}")), &block("", after), b"HEIM@h/ z\nthen\n"]);
            assert!(!heard.concat().contains(['G', 'E', 'H', 'I', 'M']), "{at}: {heard:?}");
            assert_eq!(heard, ["then", "then"], "{at}");
        }
    }

    #[test]
    fn a_flood_is_heard_in_the_whole_lines_of_its_last_words() {
        let flood = block("", "\nno camera\nand no");
        assert_eq!(told(&[&flood, b" hope\n"]), ["no camera", "and no hope", "and no hope"]);
        let lineless = block("", "");
        assert_eq!(told(&[&lineless, &lineless, b"a\nb"]), ["b", "b"], "its one line is of unknown length");
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
