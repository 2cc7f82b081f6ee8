//! One value that is being typed or chosen. Each sign is tried on the draft, so that a mistake is told while one types.

use ratatui::crossterm::event::{KeyCode, KeyEvent};
use tui_input::Input;

use super::super::super::input;
use super::draft::{Draft, mount_path, quoted, unquoted};
use super::schema::{Field, Kind, Shape};
use super::steps::Steps;
use super::suggestion::Suggestion;
use crate::control::protocol::{ConfigRequest, Edit};

/// A value that is being made.
#[derive(Debug)]
pub enum Editor {
    /// A line is typed.
    Line(Box<Line>),
    /// One of several is chosen.
    Choice(Choice),
    /// Several lines are typed, of a user or a ban.
    Steps(Box<Steps>),
}

/// A line that is typed.
#[derive(Debug)]
pub struct Line {
    /// What it is for.
    pub goal: Goal,
    /// What is being asked for, above the line.
    pub title: String,
    /// What may be typed, and what it means.
    pub field: Option<Field>,
    /// What is typed.
    pub input: Input,
    /// A text: its quotes are not typed.
    pub plain: bool,
    /// What fits.
    pub suggestions: Vec<Suggestion>,
    /// The one that was taken.
    pub suggested: Option<usize>,
    /// What the daemon said of it.
    pub tried: Tried,
    /// What `check` says of a value that fits: a file that is not there.
    pub warning: Option<String>,
    /// Something was typed or taken: before that nobody made a mistake.
    pub touched: bool,
}

/// What a trial came to.
#[derive(Debug, Default)]
pub enum Tried {
    /// It is being asked.
    #[default]
    Asked,
    /// The same, and it is taken as soon as it fits.
    Wanted,
    /// It fits: the text with it.
    Fits(String),
    /// It does not, for this reason.
    Wrong(String),
}

/// What a line becomes.
#[derive(Clone, Debug, PartialEq)]
pub enum Goal {
    /// The value at a path.
    Value(String),
    /// Another name of a mount.
    Rename(String),
    /// The name of a new mount.
    Name(Kind),
    /// A setting that a new mount has to have.
    Required {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// What is said already: fields and values as they are written.
        said: Vec<(String, String)>,
        /// The setting.
        field: String,
    },
}

/// One of several.
#[derive(Debug)]
pub struct Choice {
    /// What is being chosen, above them.
    pub title: String,
    /// What the choice becomes.
    pub of: Of,
    /// What can be chosen, with a few words each.
    pub choices: Vec<(String, String)>,
    /// The one that keys act on.
    pub chosen: usize,
}

/// What a choice becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    /// The value at a path; the last choice is its default.
    Value(String),
    /// The kind of a new mount.
    Kind,
}

/// What a key came to.
#[derive(Debug, PartialEq)]
pub enum Typed {
    /// Something else is to be tried.
    Changed,
    /// It is to be taken.
    Taken,
    /// It is to be forgotten.
    Left,
    /// Nothing.
    Nothing,
}

impl Line {
    /// For the value of a setting, as it is written now.
    pub fn value(path: String, field: &Field, written: Option<&str>) -> Self {
        let text = field.shape == Shape::Text;
        let bare = written.map(|written| (unquoted(written), written));
        let (value, plain) = match bare {
            Some((Some(bare), _)) if text => (bare, true),
            Some((_, written)) => (written.to_owned(), false),
            None => (String::new(), text),
        };
        Self::new(Goal::Value(path.clone()), path, Some(field.clone()), &value, plain)
    }

    /// For another name of a mount.
    pub fn rename(mount: &str) -> Self {
        let title = format!("Another path for {mount}: readers of the old one are sent away");
        Self::new(Goal::Rename(mount.to_owned()), title, None, mount, true)
    }

    /// For the name of a new mount.
    pub fn name(kind: Kind, taken: &[String]) -> Self {
        let base = kind.name.to_ascii_lowercase();
        let free = |name: &String| !taken.contains(name);
        let name =
            std::iter::once(base.clone()).chain((2..).map(|number| format!("{base}{number}"))).find(free);
        let title = "The path that it is played by: rtsp://.../".to_owned();
        Self::new(Goal::Name(kind), title, None, &name.unwrap_or_default(), true)
    }

    /// For the next setting that a new mount has to have; none: it has them all.
    pub fn required(kind: &Kind, name: &str, said: &[(String, String)]) -> Option<Self> {
        let missing = |field: &&Field| field.required && said.iter().all(|(name, _)| *name != field.name);
        let field = kind.fields.iter().find(missing)?;
        let goal = Goal::Required {
            kind: kind.clone(),
            name: name.to_owned(),
            said: said.to_vec(),
            field: field.name.clone(),
        };
        let plain = field.shape == Shape::Text;
        Some(Self::new(goal, format!("{name}: {}", field.name), Some(field.clone()), "", plain))
    }

    fn new(goal: Goal, title: String, field: Option<Field>, value: &str, plain: bool) -> Self {
        let input = Input::new(value.to_owned());
        let tried = Tried::default();
        Self {
            goal,
            title,
            field,
            input,
            plain,
            suggestions: Vec::new(),
            suggested: None,
            tried,
            touched: false,
            warning: None,
        }
    }

    /// Whether nothing is typed where something has to be.
    pub fn is_missing(&self) -> bool {
        let needed = !self.plain || self.field.as_ref().is_some_and(|field| field.required);
        needed && self.input.value().trim().is_empty()
    }

    /// What is typed, as it is written in the file.
    pub fn written(&self) -> String {
        let typed = self.input.value();
        match &self.field {
            _ if self.plain => quoted(typed),
            Some(field) if field.is_texts() && !typed.trim_start().starts_with('[') => texts(typed),
            _ => typed.trim().to_owned(),
        }
    }

    /// What the daemon is asked: whether the draft with it is right.
    pub fn trial(&self, draft: &Draft) -> ConfigRequest {
        let edit = match &self.goal {
            Goal::Value(path) => {
                let both = both_sides(path, self.input.value());
                let one = || vec![Edit::Set { path: path.clone(), value: self.written() }];
                return ConfigRequest::Edit {
                    text: Some(draft.text.clone()),
                    edits: both.unwrap_or_else(one),
                };
            }
            Goal::Rename(mount) => {
                Edit::Rename { path: mount_path(mount, None), to: self.input.value().to_owned() }
            }
            Goal::Name(kind) => insert(kind, self.input.value(), &[]),
            Goal::Required { kind, name, said, field } => {
                let said = [&said[..], &[(field.clone(), self.written())]].concat();
                insert(kind, name, &said)
            }
        };
        ConfigRequest::Edit { text: Some(draft.text.clone()), edits: vec![edit] }
    }

    /// Takes a key.
    pub fn typed(&mut self, key: KeyEvent) -> Typed {
        match key.code {
            KeyCode::Enter => Typed::Taken,
            KeyCode::Esc => Typed::Left,
            KeyCode::Up | KeyCode::Down if !self.suggestions.is_empty() => {
                let last = self.suggestions.len() - 1;
                let next = match (self.suggested, key.code) {
                    (None, KeyCode::Up) => last,
                    (None, _) => 0,
                    (Some(at), KeyCode::Up) => at.checked_sub(1).unwrap_or(last),
                    (Some(at), _) => {
                        if at == last {
                            0
                        } else {
                            at + 1
                        }
                    }
                };
                self.suggested = Some(next);
                self.input = Input::new(self.suggestions[next].value.clone());
                Typed::Changed
            }
            _ => {
                let before = self.input.value().to_owned();
                input::typed(&mut self.input, key);
                if self.input.value() == before { Typed::Nothing } else { Typed::Changed }
            }
        }
    }
}

/// `192.168.1.66 fd00::/8` as a list of texts.
fn texts(typed: &str) -> String {
    let words = typed.split([' ', ',']).filter(|word| !word.is_empty());
    let bare = |word: &str| unquoted(word).unwrap_or_else(|| word.to_owned());
    format!("[{}]", words.map(|word| quoted(&bare(word))).collect::<Vec<_>>().join(", "))
}

/// `1280x720` for a width or a height: neither is right without the other. The edits are made together.
fn both_sides(path: &str, typed: &str) -> Option<Vec<Edit>> {
    let mount = path.strip_suffix(".width").or_else(|| path.strip_suffix(".height"))?;
    let (width, height) = typed.trim().split_once('x')?;
    let set =
        |side: &str, value: &str| Edit::Set { path: format!("{mount}.{side}"), value: value.to_owned() };
    Some(vec![set("width", width), set("height", height)])
}

/// A new mount, with an example of what it still has to have: what is said of it shall be tried now.
fn insert(kind: &Kind, name: &str, said: &[(String, String)]) -> Edit {
    let example = |field: &&Field| field.required && said.iter().all(|(name, _)| *name != field.name);
    let examples =
        kind.fields.iter().filter(example).map(|field| (field.name.clone(), field.example.clone()));
    let fields: Vec<String> =
        said.iter().cloned().chain(examples).map(|(name, value)| format!("{name}: {value}")).collect();
    Edit::Insert { path: mount_path(name, None), value: format!("{}({})", kind.name, fields.join(", ")) }
}

impl Choice {
    /// Of the values that a setting may have, and its default.
    pub fn value(path: String, field: &Field, choices: &[String], written: Option<&str>) -> Self {
        let chosen = written.and_then(|written| choices.iter().position(|choice| choice == written));
        let mut choices: Vec<(String, String)> =
            choices.iter().map(|choice| (choice.clone(), String::new())).collect();
        let default = choices.len();
        choices.push((String::new(), format!("as it is by default: {}", field.otherwise())));
        Self { title: path.clone(), of: Of::Value(path), chosen: chosen.unwrap_or(default), choices }
    }

    /// Of the kinds that a mount may be.
    pub fn kinds(kinds: &[Kind]) -> Self {
        let choices = kinds.iter().map(|kind| (kind.name.clone(), kind.help.clone())).collect();
        Self { title: "What is to be served?".to_owned(), of: Of::Kind, choices, chosen: 0 }
    }

    /// Takes a key.
    pub fn typed(&mut self, key: KeyEvent) -> Typed {
        let last = self.choices.len().saturating_sub(1);
        match key.code {
            KeyCode::Enter => return Typed::Taken,
            KeyCode::Esc | KeyCode::Char('q') => return Typed::Left,
            KeyCode::Up | KeyCode::Char('k') => self.chosen = self.chosen.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.chosen = (self.chosen + 1).min(last),
            KeyCode::Home | KeyCode::Char('g') => self.chosen = 0,
            KeyCode::End | KeyCode::Char('G') => self.chosen = last,
            _ => {}
        }
        Typed::Nothing
    }

    /// The edit of a value.
    pub fn edit(&self) -> Option<Edit> {
        let Of::Value(path) = &self.of else { return None };
        let (value, _) = self.choices.get(self.chosen)?;
        let path = path.clone();
        Some(if value.is_empty() { Edit::Remove { path } } else { Edit::Set { path, value: value.clone() } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::keys::Key;
    use crate::tui::state::config::schema::Schema;

    fn schema() -> Schema {
        Schema::read(crate::config::schema()).unwrap()
    }

    fn edit(line: &Line) -> Edit {
        match line.trial(&Draft::default()) {
            ConfigRequest::Edit { mut edits, .. } => edits.remove(0),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn texts_are_typed_without_quotes_and_all_else_as_it_is_written() {
        let schema = schema();
        let camera = schema.kind("Camera").unwrap();
        let field = |name: &str| camera.fields.iter().find(|field| field.name == name).unwrap();
        let path = || "mounts[\"a\"].x".to_owned();
        let line = Line::value(path(), field("device"), Some("\"/dev/video0\""));
        assert_eq!((line.input.value(), line.written().as_str()), ("/dev/video0", "\"/dev/video0\""));
        let line = Line::value(path(), field("device"), Some("r\"/dev/video0\""));
        assert_eq!((line.input.value(), line.written().as_str()), ("r\"/dev/video0\"", "r\"/dev/video0\""));
        let line = Line::value(path(), field("fps"), Some("25"));
        assert_eq!(edit(&line), Edit::Set { path: path(), value: "25".into() });
        let line = Line::value(path(), field("label"), None);
        assert_eq!(edit(&line), Edit::Set { path: path(), value: "\"\"".into() });
    }

    #[test]
    fn a_new_mount_is_asked_what_it_has_to_have() {
        let schema = schema();
        let camera = schema.kind("Camera").unwrap().clone();
        let line = Line::name(camera.clone(), &["camera".to_owned()]);
        assert_eq!(line.input.value(), "camera2");
        let Edit::Insert { path, value } = edit(&line) else { panic!() };
        assert_eq!(
            (path.as_str(), value.as_str()),
            ("mounts[\"camera2\"]", "Camera(device: \"/dev/video0\")")
        );
        let mut line = Line::required(&camera, "door", &[]).unwrap();
        for sign in "/dev/x".chars() {
            assert_eq!(line.typed(Key::Sign(sign).event()), Typed::Changed);
        }
        let Edit::Insert { value, .. } = edit(&line) else { panic!() };
        assert_eq!(value, "Camera(device: \"/dev/x\")");
        let said = [("device".to_owned(), "\"/dev/x\"".to_owned())];
        assert!(Line::required(&camera, "door", &said).is_none());
        let pattern = schema.kind("Pattern").unwrap();
        assert!(Line::required(pattern, "t", &[]).is_none());
    }

    #[test]
    fn suggestions_are_gone_through_by_arrows() {
        let camera = schema().kind("Camera").unwrap().clone();
        let mut line = Line::required(&camera, "door", &[]).unwrap();
        line.suggestions =
            ["/dev/a", "/dev/b"].map(|it| Suggestion { value: it.to_owned(), shown: String::new() }).to_vec();
        let mut go = |code| {
            assert_eq!(line.typed(Key::Code(code).event()), Typed::Changed);
            line.input.value().to_owned()
        };
        let seen = [KeyCode::Down, KeyCode::Down, KeyCode::Down, KeyCode::Up].map(&mut go);
        assert_eq!(seen, ["/dev/a", "/dev/b", "/dev/a", "/dev/b"]);
    }

    #[test]
    fn a_choice_has_the_default_too() {
        let camera = schema().kind("Camera").unwrap().clone();
        let field = camera.fields.iter().find(|field| field.name == "encode").unwrap();
        let Shape::Choice { choices } = &field.shape else { panic!() };
        let mut choice = Choice::value("x".into(), field, choices, Some("Software"));
        assert_eq!(choice.choices[choice.chosen].0, "Software");
        choice.typed(Key::Code(KeyCode::Down).event());
        assert_eq!(choice.edit(), Some(Edit::Set { path: "x".into(), value: "Off".into() }));
        choice.typed(Key::Code(KeyCode::End).event());
        assert_eq!(choice.edit(), Some(Edit::Remove { path: "x".into() }));
        assert_eq!(choice.typed(Key::Code(KeyCode::Enter).event()), Typed::Taken);
        let kinds = Choice::kinds(&schema().kinds);
        assert!(kinds.edit().is_none() && kinds.choices[0].0 == "Pattern");
    }
}
