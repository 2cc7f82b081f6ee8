//! What a table of keys is made of: which key does what, and what help and footer say of it. Each screen has its own in `panes`.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::command::Command::{self, self as C};
use super::tab::Tab;

/// A key, or several that do the same.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// The keys.
    pub keys: &'static [Key],
    /// As they are written in the footer and in the help.
    pub shown: &'static str,
    /// What they do.
    pub does: Command,
    /// In the help: a few words.
    pub help: &'static str,
    /// In the footer: a word; none: it is not there.
    pub footer: Option<&'static str>,
}

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A sign.
    Sign(char),
    /// A sign with Ctrl.
    Control(char),
    /// Any other.
    Code(KeyCode),
}

impl Key {
    /// What was pressed; none where no table has it.
    pub fn of(event: KeyEvent) -> Option<Self> {
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        match event.code {
            KeyCode::Char(_) if event.modifiers.contains(KeyModifiers::ALT) => None,
            KeyCode::Char(sign) if control => Some(Self::Control(sign.to_ascii_lowercase())),
            KeyCode::Char(sign) => Some(Self::Sign(sign)),
            code => Some(Self::Code(code)),
        }
    }

    /// As the terminal tells it.
    pub fn event(self) -> KeyEvent {
        match self {
            Self::Sign(sign) => KeyEvent::new(KeyCode::Char(sign), KeyModifiers::NONE),
            Self::Control(sign) => KeyEvent::new(KeyCode::Char(sign), KeyModifiers::CONTROL),
            Self::Code(code) => KeyEvent::new(code, KeyModifiers::NONE),
        }
    }
}

/// A binding that the footer leaves out.
pub const fn key(keys: &'static [Key], shown: &'static str, does: Command, help: &'static str) -> Binding {
    Binding { keys, shown, does, help, footer: None }
}

impl Binding {
    /// With a word in the footer.
    #[must_use]
    pub const fn with_footer(self, word: &'static str) -> Self {
        Self { footer: Some(word), ..self }
    }
}

/// Keys that all lists have.
pub const UP: Binding = key(&[Key::Code(KeyCode::Up), Key::Sign('k')], "Up k", C::Up, "the line above");
/// To the line below.
pub const DOWN: Binding =
    key(&[Key::Code(KeyCode::Down), Key::Sign('j')], "Down j", C::Down, "the line below");
/// A screen up.
pub const PAGE_UP: Binding =
    key(&[Key::Code(KeyCode::PageUp), Key::Control('b')], "PgUp ^B", C::PageUp, "a page up");
/// A screen down.
pub const PAGE_DOWN: Binding =
    key(&[Key::Code(KeyCode::PageDown), Key::Control('f')], "PgDn ^F", C::PageDown, "a page down");
/// To the first line.
pub const FIRST: Binding =
    key(&[Key::Code(KeyCode::Home), Key::Sign('g')], "Home g", C::First, "the first line");
/// To the last line.
pub const LAST: Binding = key(&[Key::Code(KeyCode::End), Key::Sign('G')], "End G", C::Last, "the last line");
/// Opens what the line is about.
pub const OPEN: Binding = key(&[Key::Code(KeyCode::Enter)], "Enter", C::Open, "open it").with_footer("open");

/// What is left of them where something is being typed.
pub const TYPING: &[Binding] =
    &[key(&[Key::Code(KeyCode::F(1))], "F1", C::Help, "this help").with_footer("help")];

/// The keys that move in every list, together.
pub const LIST: [Binding; 6] = [UP, DOWN, PAGE_UP, PAGE_DOWN, FIRST, LAST];

/// Keys that every screen has, unless its own table has them.
pub const EVERYWHERE: &[Binding] = &[
    key(&[Key::Sign('1')], "1", C::Show(Tab::Dashboard), "the dashboard"),
    key(&[Key::Sign('2')], "2", C::Show(Tab::Sessions), "who watches"),
    key(&[Key::Sign('3')], "3", C::Show(Tab::Mount), "a mount"),
    key(&[Key::Sign('4')], "4", C::Show(Tab::Config), "the configuration"),
    key(&[Key::Sign('5')], "5", C::Show(Tab::Logs), "the log"),
    key(&[Key::Sign('6')], "6", C::Show(Tab::Alarms), "the alarms"),
    key(&[Key::Code(KeyCode::Tab)], "Tab", C::NextTab, "the next screen"),
    key(&[Key::Code(KeyCode::BackTab)], "Shift-Tab", C::PreviousTab, "the screen before"),
    key(&[Key::Code(KeyCode::Esc), Key::Code(KeyCode::Backspace)], "Esc", C::Back, "back"),
    key(&[Key::Control('l')], "^L", C::Redraw, "draw everything anew"),
    key(&[Key::Sign('?'), Key::Code(KeyCode::F(1))], "?", C::Help, "this help").with_footer("help"),
    key(&[Key::Sign('q'), Key::Control('c')], "q ^C", C::Leave, "leave; it goes on").with_footer("leave"),
];
