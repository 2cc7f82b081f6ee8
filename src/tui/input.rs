//! A line of text that is being typed.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_input::{Input, InputRequest};

/// Takes a key; false: it means nothing in a line.
pub(super) fn typed(input: &mut Input, key: KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    let request = match key.code {
        KeyCode::Char('a') if control => InputRequest::GoToStart,
        KeyCode::Char('e') if control => InputRequest::GoToEnd,
        KeyCode::Char('b') if control => InputRequest::GoToPrevChar,
        KeyCode::Char('f') if control => InputRequest::GoToNextChar,
        KeyCode::Char('h') if control => InputRequest::DeletePrevChar,
        KeyCode::Char('k') if control => InputRequest::DeleteTillEnd,
        KeyCode::Char('u') if control => InputRequest::DeleteFromStart,
        KeyCode::Char('w') if control => InputRequest::DeletePrevWord,
        KeyCode::Char('y') if control => InputRequest::Yank,
        KeyCode::Left if control => InputRequest::GoToPrevWord,
        KeyCode::Right if control => InputRequest::GoToNextWord,
        KeyCode::Char('d') if control => InputRequest::DeleteNextChar,
        KeyCode::Left if alt => InputRequest::GoToPrevWord,
        KeyCode::Right if alt => InputRequest::GoToNextWord,
        KeyCode::Backspace if alt => InputRequest::DeletePrevWord,
        KeyCode::Delete if alt || control => InputRequest::DeleteNextWord,
        KeyCode::Char('d') if alt => InputRequest::DeleteNextWord,
        KeyCode::Char('b') if alt => InputRequest::GoToPrevWord,
        KeyCode::Char('f') if alt => InputRequest::GoToNextWord,
        KeyCode::Char(sign) if !control && !alt => InputRequest::InsertChar(sign),
        KeyCode::Left => InputRequest::GoToPrevChar,
        KeyCode::Right => InputRequest::GoToNextChar,
        KeyCode::Home => InputRequest::GoToStart,
        KeyCode::End => InputRequest::GoToEnd,
        KeyCode::Backspace => InputRequest::DeletePrevChar,
        KeyCode::Delete => InputRequest::DeleteNextChar,
        _ => return false,
    };
    let _ = input.handle(request);
    true
}

/// A line has no more signs: what is longer was pasted by mistake.
const LONGEST: usize = 4096;

/// Takes text as if it were typed; what ends a line is left out.
pub(super) fn pasted(input: &mut Input, text: &str) {
    let (before, after): (String, String) = {
        let mut signs = input.value().chars();
        (signs.by_ref().take(input.cursor()).collect(), signs.collect())
    };
    let room = LONGEST.saturating_sub(input.value().chars().count());
    let new: String = text.chars().filter(|sign| !sign.is_control()).take(room).collect();
    let cursor = input.cursor() + new.chars().count();
    *input = Input::new(before + &new + &after).with_cursor(cursor);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_put_where_one_types_and_a_line_has_an_end() {
        let mut input = Input::new("añd".to_owned()).with_cursor(2);
        pasted(&mut input, "\u{e9}\r\n!\x1b");
        assert_eq!((input.value(), input.cursor()), ("añé!d", 4));
        pasted(&mut input, &"x".repeat(1_000_000));
        assert_eq!((input.value().len() - 2, input.cursor()), (LONGEST, LONGEST - 1));
    }
}
