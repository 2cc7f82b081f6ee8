//! Colours, marks and lines, by what the terminal can show. Every mark reads without colour, every colour beside a word.

use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;

use crate::control::protocol::{AlarmLevel, MountState};

/// How it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Whether the terminal shows more than ASCII.
    pub glyphs: Glyphs,
    /// How many colours it has.
    pub colours: Colours,
    /// What is behind the text.
    pub ground: Ground,
    /// How it takes pictures.
    pub pictures: Pictures,
    /// Somebody said so: the terminal is not asked.
    pub said: bool,
}

/// How a terminal takes pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pictures {
    /// As signs: half blocks, or darker and lighter ones.
    #[default]
    Signs,
    /// Whole, by the protocol of kitty.
    Kitty,
    /// Whole, as sixels.
    Sixel,
}

/// What signs there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyphs {
    /// Lines, blocks and dots.
    Utf8,
    /// What a typewriter has.
    Ascii,
}

/// What colours there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// None: bold, reverse and underline tell apart.
    None,
    /// The eight that every terminal has.
    Eight,
    /// Any, for pictures.
    All,
}

/// What is behind the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// Light text on dark.
    Dark,
    /// Dark text on light.
    Light,
}

impl Theme {
    /// What the environment says: `LC_ALL`, `LC_CTYPE`, `LANG`, `TERM`, `COLORTERM`, `COLORFGBG`, `NO_COLOR`.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        let term = set("TERM").unwrap_or_default();
        let utf8 = locale.contains("utf-8") || locale.contains("utf8");
        // A VT100 knows no UTF-8, whatever the locale is on this side of the line.
        let glyphs = if utf8 && !term.starts_with("vt1") { Glyphs::Utf8 } else { Glyphs::Ascii };
        let many = term.contains("256color")
            || term.contains("kitty")
            || set("COLORTERM").is_some_and(|value| value == "truecolor" || value == "24bit");
        let colours = match () {
            () if set("NO_COLOR").is_some() || term.starts_with("vt") || term == "dumb" => Colours::None,
            () if many => Colours::All,
            () => Colours::Eight,
        };
        let background = set("COLORFGBG").and_then(|value| value.rsplit(';').next()?.parse().ok());
        let light = background.is_some_and(|background: u8| background == 7 || background == 15);
        let ground = if light { Ground::Light } else { Ground::Dark };
        let pictures = if super::kitty::is_meant(set) { Pictures::Kitty } else { Pictures::Signs };
        Self { glyphs, colours, ground, pictures, said: false }
    }

    fn colour(self, dark: Color, light: Color) -> Style {
        match (self.colours, self.ground) {
            (Colours::None, _) => Style::new(),
            (_, Ground::Dark) => Style::new().fg(dark),
            (_, Ground::Light) => Style::new().fg(light),
        }
    }

    /// All is well.
    pub fn good(self) -> Style {
        self.colour(Color::Green, Color::Green)
    }

    /// Less than could be.
    pub fn warning(self) -> Style {
        self.colour(Color::Yellow, Color::Magenta).add_modifier(Modifier::BOLD)
    }

    /// Broken.
    pub fn bad(self) -> Style {
        self.colour(Color::Red, Color::Red).add_modifier(Modifier::BOLD)
    }

    /// What the eye may pass over.
    pub fn quiet(self) -> Style {
        match self.colours {
            Colours::None => Style::new(),
            Colours::Eight => Style::new().add_modifier(Modifier::DIM),
            Colours::All => self.colour(Color::DarkGray, Color::DarkGray),
        }
    }

    /// Heads, titles and keys.
    pub fn title(self) -> Style {
        self.colour(Color::Cyan, Color::Blue).add_modifier(Modifier::BOLD)
    }

    /// Charts and bars.
    pub fn chart(self) -> Style {
        self.colour(Color::Cyan, Color::Blue)
    }

    /// The line that keys act on.
    pub fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// A line around something.
    pub fn border(self) -> border::Set<'static> {
        match self.glyphs {
            Glyphs::Utf8 => border::ROUNDED,
            Glyphs::Ascii => border::Set {
                top_left: "+",
                top_right: "+",
                bottom_left: "+",
                bottom_right: "+",
                vertical_left: "|",
                vertical_right: "|",
                horizontal_top: "-",
                horizontal_bottom: "-",
            },
        }
    }

    /// One of two signs.
    pub fn sign(self, utf8: &'static str, ascii: &'static str) -> &'static str {
        match self.glyphs {
            Glyphs::Utf8 => utf8,
            Glyphs::Ascii => ascii,
        }
    }

    /// A mount's state: its mark, its word and its look.
    pub fn mount(self, state: MountState) -> (&'static str, &'static str, Style) {
        match state {
            MountState::Live => (self.sign("●", "*"), "live", self.good()),
            MountState::Starting => (self.sign("◐", "~"), "starting", self.warning()),
            MountState::Idle => (self.sign("○", "o"), "idle", self.quiet()),
            MountState::StandIn => (self.sign("▲", "!"), "stand-in", self.warning()),
            MountState::Failed => (self.sign("✖", "X"), "failed", self.bad()),
            MountState::Disabled => (self.sign("–", "-"), "disabled", self.quiet()),
        }
    }

    /// An alarm's mark and look.
    pub fn alarm(self, level: AlarmLevel) -> (&'static str, Style) {
        match level {
            AlarmLevel::Error => (self.sign("✖", "X"), self.bad()),
            AlarmLevel::Warning => (self.sign("▲", "!"), self.warning()),
        }
    }
}

impl Default for Theme {
    fn default() -> Self {
        Self {
            glyphs: Glyphs::Utf8,
            colours: Colours::All,
            ground: Ground::Dark,
            pictures: Pictures::Signs,
            said: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Theme {
        let look = |name: &str| variables.iter().find(|(other, _)| *other == name);
        Theme::of(|name| look(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn it_looks_as_the_terminal_can() {
        let xterm = of(&[("TERM", "xterm-256color"), ("LANG", "en_US.UTF-8")]);
        assert_eq!(xterm, Theme::default());
        assert_eq!(of(&[("TERM", "linux"), ("LANG", "C.utf8")]).colours, Colours::Eight);
        assert_eq!(of(&[("TERM", "xterm-256color"), ("NO_COLOR", "1")]).colours, Colours::None);
        assert_eq!(of(&[("TERM", "xterm-256color"), ("NO_COLOR", "")]).colours, Colours::All);
        assert_eq!(of(&[("TERM", "vt100"), ("LANG", "C.UTF-8")]).glyphs, Glyphs::Ascii);
        assert_eq!(of(&[("LANG", "en_US.UTF-8"), ("LC_ALL", "C")]).glyphs, Glyphs::Ascii);
        assert_eq!(of(&[("COLORFGBG", "0;15")]).ground, Ground::Light);
        assert_eq!(of(&[("COLORFGBG", "15;default;0")]).ground, Ground::Dark);
    }
}
