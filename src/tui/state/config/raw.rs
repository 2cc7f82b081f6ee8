//! The file's text, for those who want it. It is checked at each change.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui_textarea::TextArea;

use super::draft::Draft;
use super::merge::{Clash, merged, row_after};
use crate::control::protocol::Checked;

/// The text that is being edited.
#[derive(Debug)]
pub struct Raw {
    /// The text and where one is in it.
    pub area: TextArea<'static>,
    /// What is wrong with it; none: it is being asked.
    pub checked: Option<Checked>,
    /// It is taken as soon as it was found right.
    pub wanted: bool,
    /// The first line that is seen, from 0.
    pub from: usize,
    /// Where another changed the file at the same place meanwhile.
    pub clashes: Vec<Clash>,
    /// As it was opened.
    before: String,
    /// The file that it was made of, and what another made of that.
    file: String,
    theirs: String,
}

/// What a key came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// The text is another.
    Changed,
    /// It is to be taken.
    Taken,
    /// It is to be forgotten.
    Left,
    /// Nothing, or the cursor moved.
    Nothing,
}

impl Raw {
    /// Of a draft: with what another changed meanwhile.
    pub fn of(draft: &Draft) -> Self {
        let merged = merged(&draft.file, &draft.text, draft.newest());
        Self {
            area: area(&merged.text),
            checked: None,
            wanted: false,
            from: 0,
            before: merged.text,
            clashes: merged.clashes,
            file: draft.file.clone(),
            theirs: draft.newest().to_owned(),
        }
    }

    /// The file is another, and the draft knows it: what was typed is typed in that. Whether something was.
    pub fn overtaken(&mut self, draft: &Draft) -> bool {
        let (typed, before, (row, column)) = (self.changed(), self.text(), self.place());
        let text = if typed {
            let merged = merged(&self.file, &before, draft.newest());
            (self.theirs, self.clashes) = (draft.newest().to_owned(), merged.clashes);
            // Where it is made of the former file still it tells what the other changed of that.
            if self.clashes.is_empty() {
                self.file.clone_from(&self.theirs);
            }
            if draft.theirs.is_none() {
                self.before.clone_from(&draft.text);
            }
            merged.text
        } else {
            *self = Self::of(draft);
            self.before.clone()
        };
        self.area = area(&text);
        self.go_to(row_after(&before, &text, row), column);
        self.checked = None;
        typed
    }

    /// Looks again whether it is at the same place that another changed.
    pub fn compare(&mut self) {
        if !self.clashes.is_empty() {
            self.clashes = merged(&self.file, &self.text(), &self.theirs).clashes;
        }
    }

    /// As it is now; lines end as they did.
    pub fn text(&self) -> String {
        if !self.changed() {
            return self.before.clone();
        }
        let end = if self.before.contains("\r\n") { "\r\n" } else { "\n" };
        let mut text = self.area.lines().join(end);
        if self.before.ends_with('\n') || self.before.is_empty() {
            text.push_str(end);
        }
        text
    }

    /// Whether anything was typed.
    pub fn changed(&self) -> bool {
        let empty = |line: &&str| line.trim().is_empty();
        let lines = self.area.lines().iter().map(String::as_str);
        let (now, before) = (lines.rev().skip_while(empty), self.before.lines().rev().skip_while(empty));
        !now.eq(before)
    }

    fn place(&self) -> (usize, usize) {
        let cursor = self.area.cursor();
        (cursor.0, cursor.1)
    }

    fn go_to(&mut self, row: usize, column: usize) {
        let short = |it: usize| u16::try_from(it).unwrap_or(u16::MAX);
        self.area.move_cursor(ratatui_textarea::CursorMove::Jump(short(row), short(column)));
    }

    /// The first line that is seen where so many are.
    pub fn first_seen(&self, page: usize) -> usize {
        let (row, _) = self.place();
        self.from.clamp((row + 1).saturating_sub(page.max(1)), row)
    }

    /// Takes a key; so many lines are seen.
    pub fn typed(&mut self, key: KeyEvent, page: u16) -> Typed {
        let typed = self.took(key, page.max(1).into());
        self.from = self.first_seen(page.into());
        typed
    }

    fn took(&mut self, key: KeyEvent, page: usize) -> Typed {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('s') if control => return Typed::Taken,
            KeyCode::F(2) => return Typed::Taken,
            KeyCode::Esc => return Typed::Left,
            KeyCode::PageUp | KeyCode::PageDown => {
                let (row, column) = self.place();
                let down = key.code == KeyCode::PageDown;
                let last = self.area.lines().len().saturating_sub(1);
                self.from = if down { (self.from + page).min(last) } else { self.from.saturating_sub(page) };
                self.go_to(if down { (row + page).min(last) } else { row.saturating_sub(page) }, column);
                return Typed::Nothing;
            }
            _ => {}
        }
        if self.area.input(key) { Typed::Changed } else { Typed::Nothing }
    }

    /// Goes to the first mistake.
    pub fn to_mistake(&mut self) {
        let place =
            self.checked.as_ref().and_then(|checked| checked.errors.first()).and_then(|error| error.line);
        if let Some(line) = place {
            self.go_to(usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1), 0);
        }
    }
}

fn area(text: &str) -> TextArea<'static> {
    let mut area = TextArea::from(text.lines());
    area.set_hard_tab_indent(false);
    area.set_tab_length(4);
    area
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::protocol::ConfigText;
    use crate::tui::keys::Key;

    #[test]
    fn what_is_typed_is_the_text_and_its_end_stays() {
        let raw = |text: &str| {
            let mut draft = Draft::default();
            draft.rebase(ConfigText { version: Some(1), text: text.into(), hash: None, is_default: false });
            Raw::of(&draft)
        };
        for (text, after) in [
            ("(a)\n", "x(a)\n"),
            ("(a)", "x(a)"),
            ("", "x\n"),
            ("(\r\n)\r\n", "x(\r\n)\r\n"),
            ("(a)\n\n\n", "x(a)\n\n\n"),
        ] {
            let mut raw = raw(text);
            assert_eq!((raw.text().as_str(), raw.changed()), (text, false));
            assert_eq!(raw.typed(Key::Sign('x').event(), 10), Typed::Changed);
            assert_eq!((raw.text().as_str(), raw.changed()), (after, true));
        }
        let mut raw = raw("(a)\n");
        assert_eq!(raw.typed(Key::Code(KeyCode::Right).event(), 10), Typed::Nothing);
        assert_eq!(raw.typed(Key::Control('s').event(), 10), Typed::Taken);
        assert_eq!(raw.typed(Key::Code(KeyCode::Esc).event(), 10), Typed::Left);
    }
}
