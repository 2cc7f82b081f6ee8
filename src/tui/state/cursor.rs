//! Which line of a list keys act on, and which lines are seen.

use super::super::command::Command;

/// Lines that stay above and below where there are more.
const MARGIN: usize = 0;

/// A place in a list whose length is known only when it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The line that keys act on.
    pub chosen: usize,
    /// The first line that is seen.
    top: usize,
}

impl Cursor {
    /// Goes where a key says; false: it says nothing of this.
    pub fn go(&mut self, command: Command, length: usize, page: u16) -> bool {
        let (page, last) = (usize::from(page).max(1), length.saturating_sub(1));
        let chosen = self.chosen.min(last);
        self.chosen = match command {
            Command::Up => chosen.saturating_sub(1),
            Command::Down => chosen + 1,
            Command::PageUp => chosen.saturating_sub(page),
            Command::PageDown => chosen + page,
            Command::First => 0,
            Command::Last => last,
            _ => return false,
        }
        .min(last);
        self.top = self.window(length, page).start;
        true
    }

    /// To a line.
    pub fn set(&mut self, chosen: usize, length: usize, page: u16) {
        self.chosen = chosen.min(length.saturating_sub(1));
        self.top = self.window(length, usize::from(page)).start;
    }

    /// The lines that are seen where there is room for so many.
    pub fn window(&self, length: usize, page: usize) -> std::ops::Range<usize> {
        let page = page.max(1);
        let chosen = self.chosen.min(length.saturating_sub(1));
        let lowest = (chosen + 1 + MARGIN).saturating_sub(page);
        let top = self.top.clamp(lowest, chosen.max(lowest)).min(length.saturating_sub(page));
        top..(top + page).min(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_line_is_always_seen() {
        let mut cursor = Cursor::default();
        for (command, chosen, seen) in [
            (Command::Up, 0, 0..3),
            (Command::Down, 1, 0..3),
            (Command::PageDown, 4, 2..5),
            (Command::Up, 3, 2..5),
            (Command::Last, 9, 7..10),
            (Command::PageDown, 9, 7..10),
            (Command::PageUp, 6, 6..9),
            (Command::First, 0, 0..3),
        ] {
            assert!(cursor.go(command, 10, 3));
            assert_eq!((cursor.chosen, cursor.window(10, 3)), (chosen, seen), "{command:?}");
        }
        assert!(!cursor.go(Command::Kick, 10, 3));
        // The list became shorter.
        cursor.go(Command::Last, 10, 3);
        assert_eq!(cursor.window(2, 3), 0..2);
        assert_eq!(cursor.window(0, 3), 0..0);
    }
}
