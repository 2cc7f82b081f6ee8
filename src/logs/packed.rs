//! Lines behind each other in one ring of bytes: a line of its own in memory would be three allocations, and a thousand
//! are kept for as long as the program runs.

use std::collections::VecDeque;

use super::{Level, Line};

/// Lines, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Packed {
    /// Of each line its level, its room, the lengths of its time and its text, and these.
    bytes: VecDeque<u8>,
    lines: usize,
    /// The rooms that lines were of: the program has a dozen, each library one.
    rooms: Vec<&'static str>,
}

/// What is before a line's time and text.
const HEAD: usize = 7;

/// The ring grows by so many bytes: doubled, as it would be by itself, half of it may be room for lines that never come.
const STEP: usize = 8 << 10;

impl Packed {
    pub(super) fn len(&self) -> usize {
        self.lines
    }

    /// Of all lines.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a line. Of one that is longer than any line that is kept, the end is missing.
    pub(super) fn push(&mut self, line: &Line) {
        let (time, text) = (cut(&line.time, u8::MAX.into()), cut(&line.text, u32::MAX as usize));
        let level = Level::ALL.iter().position(|level| *level == line.level).unwrap_or_default();
        let [a, b, c, d] = (text.len() as u32).to_le_bytes();
        let head: [u8; HEAD] = [level as u8, self.room(line.room), time.len() as u8, a, b, c, d];
        let more = HEAD + time.len() + text.len();
        if self.bytes.capacity() - self.bytes.len() < more {
            self.bytes.reserve_exact(more.next_multiple_of(STEP));
        }
        self.bytes.extend(head);
        self.bytes.extend(time.as_bytes());
        self.bytes.extend(text.as_bytes());
        self.lines += 1;
    }

    /// Takes the oldest away.
    pub(super) fn pop(&mut self) {
        if let Some(head) = self.head(0) {
            self.bytes.drain(..HEAD + head.time + head.text);
            self.lines -= 1;
        }
    }

    /// All but the first so many, which are passed over without being taken out.
    pub(super) fn skip(&self, first: usize) -> impl Iterator<Item = Line> {
        let next = |at: &usize| self.head(*at).map(|head| *at + HEAD + head.time + head.text);
        let mut at = std::iter::successors(Some(0), next).nth(first).unwrap_or(self.bytes.len());
        std::iter::from_fn(move || {
            let Head { level, room, time, text } = self.head(at)?;
            let (from, middle) = (at + HEAD, at + HEAD + time);
            at = middle + text;
            Some(Line { time: self.text(from, middle), level, room, text: self.text(middle, at) })
        })
    }

    /// Its number; where there are more than can be, the last one's.
    fn room(&mut self, room: &'static str) -> u8 {
        let number = self.rooms.iter().position(|known| *known == room).unwrap_or(self.rooms.len());
        if number == self.rooms.len() && number <= usize::from(u8::MAX) {
            self.rooms.push(room);
        }
        number.min(u8::MAX.into()) as u8
    }

    fn head(&self, at: usize) -> Option<Head> {
        let mut head = [0; HEAD];
        for (place, byte) in head.iter_mut().enumerate() {
            *byte = *self.bytes.get(at + place)?;
        }
        let [level, room, time, text @ ..] = head;
        Some(Head {
            level: Level::ALL.get(usize::from(level)).copied().unwrap_or(Level::Info),
            room: self.rooms.get(usize::from(room)).copied().unwrap_or_default(),
            time: time.into(),
            text: u32::from_le_bytes(text) as usize,
        })
    }

    fn text(&self, from: usize, to: usize) -> String {
        let bytes = self.bytes.range(from..to).copied().collect();
        // It was text when it came.
        String::from_utf8(bytes).unwrap_or_default()
    }
}

struct Head {
    level: Level,
    room: &'static str,
    time: usize,
    text: usize,
}

/// At most so many bytes of it, and no half character.
fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_as_they_went_in_wherever_the_ring_is_cut() {
        let mut packed = Packed::default();
        let line = |number: usize| Line {
            time: "2026-11-27T03:04:05.123456Z".to_owned(),
            level: Level::ALL[number % 5],
            room: ["server", "source", "a library"][number % 3],
            text: format!("größer {}", "x".repeat(number % 97)),
        };
        for number in 0..2000 {
            packed.push(&line(number));
            if number >= 10 {
                packed.pop();
            }
            let first = (number + 1).saturating_sub(10);
            for skipped in [0, 1, 7, 10, 11, usize::MAX >> 1] {
                let left = (first + skipped..=number).map(line);
                assert!(packed.skip(skipped).eq(left), "{number}, {skipped}");
            }
        }
        assert_eq!(packed.len(), 10);
        let bytes = packed.skip(0).map(|line| HEAD + line.time.len() + line.text.len());
        assert_eq!(packed.bytes(), bytes.sum::<usize>());
    }

    #[test]
    fn what_is_longer_than_can_be_kept_loses_its_end_and_rooms_without_end_are_one() {
        let mut packed = Packed::default();
        let time = format!("{}ö", "1".repeat(254));
        for number in 0..300 {
            let room = Box::leak(number.to_string().into_boxed_str());
            packed.push(&Line { time: time.clone(), level: Level::Warn, room, text: String::new() });
        }
        let rooms: Vec<&str> = packed.skip(0).map(|line| line.room).collect();
        assert_eq!((rooms[0], rooms[254], rooms[299]), ("0", "254", "255"));
        assert!(packed.skip(0).all(|line| line.time == time[..254]));
        packed.pop();
        (0..400).for_each(|_| packed.pop());
        assert_eq!((packed.len(), packed.bytes(), packed.skip(0).count()), (0, 0, 0));
    }
}
