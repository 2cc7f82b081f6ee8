//! The file's text, for those who want it. It is checked at each change.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui_textarea::TextArea;

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
    before: String,
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
    /// Of a text.
    pub fn new(text: &str) -> Self {
        let mut area = TextArea::from(text.lines());
        area.set_hard_tab_indent(false);
        area.set_tab_length(4);
        Self { area, checked: None, wanted: false, before: text.to_owned() }
    }

    /// As it is now.
    pub fn text(&self) -> String {
        let mut text = self.area.lines().join("\n");
        if self.before.ends_with('\n') || self.before.is_empty() {
            text.push('\n');
        }
        text
    }

    /// Whether anything was typed.
    pub fn changed(&self) -> bool {
        self.text().trim_end() != self.before.trim_end()
    }

    /// Takes a key.
    pub fn typed(&mut self, key: KeyEvent) -> Typed {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('s') if control => return Typed::Taken,
            KeyCode::F(2) => return Typed::Taken,
            KeyCode::Esc => return Typed::Left,
            _ => {}
        }
        if self.area.input(key) { Typed::Changed } else { Typed::Nothing }
    }

    /// Goes to the first mistake.
    pub fn to_mistake(&mut self) {
        let place =
            self.checked.as_ref().and_then(|checked| checked.errors.first()).and_then(|error| error.line);
        if let Some(line) = place {
            let row = u16::try_from(line.saturating_sub(1)).unwrap_or(u16::MAX);
            self.area.move_cursor(ratatui_textarea::CursorMove::Jump(row, 0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::keys::Key;

    #[test]
    fn what_is_typed_is_the_text_and_its_end_stays() {
        for (text, after) in [("(a)\n", "x(a)\n"), ("(a)", "x(a)"), ("", "x\n")] {
            let mut raw = Raw::new(text);
            assert!(!raw.changed());
            assert_eq!(raw.typed(Key::Sign('x').event()), Typed::Changed);
            assert_eq!((raw.text().as_str(), raw.changed()), (after, true));
        }
        let mut raw = Raw::new("(a)\n");
        assert_eq!(raw.typed(Key::Code(KeyCode::Right).event()), Typed::Nothing);
        assert_eq!(raw.typed(Key::Control('s').event()), Typed::Taken);
        assert_eq!(raw.typed(Key::Code(KeyCode::Esc).event()), Typed::Left);
    }
}
