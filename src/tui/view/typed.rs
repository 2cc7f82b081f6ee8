//! A line that is being typed, in a box that may be smaller than it.

use tui_input::Input;

use super::super::theme::Theme;
use super::super::words::{sign_by_sign, width};

/// What is seen of a line in a box of so many columns, and in which of them the cursor stands. `hidden`: none of its signs is.
///
/// It stands still while the cursor goes to and fro, and jumps by a quarter of the box before that comes to an edge: there is
/// something to read on both sides of it, and a slow line is not sent all of it with each key.
pub(super) fn typed(theme: Theme, input: &Input, hidden: bool, room: usize) -> (String, u16) {
    let dot = theme.sign("•", "*").chars().next().unwrap_or('*');
    let signs = sign_by_sign(input.value()).map(|sign| if hidden { dot } else { sign });
    let signs: Vec<(char, usize)> = signs.map(|sign| (sign, width(sign))).collect();
    let columns = |signs: &[(char, usize)]| signs.iter().map(|(_, wide)| wide).sum::<usize>();
    let (before, all) = (columns(&signs[..input.cursor().min(signs.len())]), columns(&signs));
    let room = room.max(1);
    let first = first(before, all, room);
    let cut = if room < MARKED { (false, false) } else { (first > 0, all > first + room) };
    let mark = theme.sign("…", "~");
    let (left, right) = (first + usize::from(cut.0), first + room - usize::from(cut.1));
    let mut seen = if cut.0 { mark.to_owned() } else { String::new() };
    // Where the next sign of the line is, and where the next one that is seen belongs.
    let (mut at, mut next, mut stands) = (0, left, false);
    for (sign, wide) in signs {
        let (from, to) = (at, at + wide);
        at = to;
        let is_seen = from >= left && to <= right && from == next;
        match wide {
            // A mark stands on what is before it, if that is there.
            0 if stands && from == next => seen.push(sign),
            0 => {}
            _ if is_seen => {
                seen.push(sign);
                (next, stands) = (to, true);
            }
            // Half of a wide one is seen on neither side.
            _ if from < left && to > left => {
                seen.push(' ');
                next = to;
            }
            _ => {}
        }
    }
    if cut.1 {
        seen.push_str(&" ".repeat(right.saturating_sub(next)));
        seen.push_str(mark);
    }
    (seen, u16::try_from(before - first).unwrap_or(u16::MAX))
}

/// In a smaller box there is no room to tell that something is cut.
const MARKED: usize = 8;

/// The first column of the line that is seen. Behind its last sign the cursor has room too.
fn first(before: usize, all: usize, room: usize) -> usize {
    let step = (room / 4).max(1);
    let last = (before + room / 4).min(all);
    (last + 1).saturating_sub(room).div_ceil(step) * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_in_the_box_whatever_their_sizes_are() {
        for room in 1..40 {
            for (before, all) in (0..100).flat_map(|all| (0..=all).map(move |before| (before, all))) {
                let first = first(before, all, room);
                assert!((first..first + room).contains(&before), "{before} of {all} in {room}: {first}");
                assert!(first == 0 || all >= room, "{all} have room in {room}");
                let input = Input::new("x".repeat(all)).with_cursor(before);
                let (seen, at) = typed(Theme::default(), &input, false, room);
                assert!(seen.chars().count() <= room && usize::from(at) < room);
                let cut = first > 0 || all > first + room;
                assert_eq!(seen.contains('…'), room >= MARKED && cut, "{seen}");
                // What tells that more is there is no sign of the line.
                assert_ne!(seen.chars().nth(at.into()), Some('…'), "{before} of {all} in {room}: {seen}");
            }
        }
    }

    #[test]
    fn what_is_wide_or_stands_on_another_is_whole_or_not_seen() {
        let seen = |text: &str, cursor: usize, room| {
            let input = Input::new(text.to_owned()).with_cursor(cursor);
            typed(Theme::default(), &input, false, room)
        };
        assert_eq!(seen("e\u{301}a", 2, 9), ("e\u{301}a".to_owned(), 1));
        assert_eq!(seen("\u{301}a", 1, 9), ("\u{fffd}a".to_owned(), 1));
        // Nine wide ones in eleven columns: the second is cut by the sign that says so, or the last one that has room.
        let wide = "\u{524d}".repeat(9);
        let (whole, half) = ("\u{524d}".repeat(5), "\u{524d}".repeat(4));
        assert_eq!(seen(&wide, 0, 11), (format!("{whole}…"), 0));
        assert_eq!(seen(&wide, 0, 12), (format!("{whole} …"), 0));
        assert_eq!(seen(&wide, 9, 11), (format!("… {half}"), 10));
    }
}
