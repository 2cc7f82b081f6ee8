//! What is wrong with a configuration, as a person sees it.

use std::fmt;
use std::path::{Path as FilePath, PathBuf};

use super::check::Wrong;
use super::place;
use super::syntax::{Kind, Mistake, Path, Span, Step, Value};

/// What is wrong with a configuration, and where: every mistake that could be found, the first of them in words.
#[derive(Debug)]
pub struct Error {
    file: Option<PathBuf>,
    problems: Vec<Problem>,
    /// Mistakes besides.
    more: usize,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line and column, both from 1, the column in characters; none where it is of the file as a whole.
    pub place: Option<(usize, usize)>,
    /// The way to the setting: `mounts["cam"].fps`; empty where it is of the whole.
    pub path: String,
    /// What is wrong, what was expected, and the nearest known name.
    pub what: String,
    /// The line and a caret under the place, each line with a line break before it; empty where there is no place.
    pub shown: String,
}

/// No setting stands deeper.
const DEEPEST: usize = 6;

/// More are not told: who sees so many begins at the top.
const MOST: usize = 20;

impl Error {
    /// Something that is wrong with the file as a whole.
    pub(super) fn whole(what: impl Into<String>) -> Self {
        let problem = Problem { place: None, path: String::new(), what: what.into(), shown: String::new() };
        Self { file: None, problems: vec![problem], more: 0 }
    }

    /// A file whose bytes are no text.
    pub(super) fn not_text(path: &FilePath, bytes: &[u8], error: &std::str::Utf8Error) -> Self {
        let what = match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it is UTF-16 text: save it as UTF-8".to_owned(),
            _ => {
                let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
                format!("it is no UTF-8 text from line {line} on: save it as UTF-8")
            }
        };
        Self::whole(what).in_file(path)
    }

    /// What is wrong with the grammar, and what the schema finds wrong before that: behind it a tree is guessed.
    pub(super) fn grammar(text: &str, tree: Option<&Value>, mistakes: &[Mistake], wrong: &[Wrong]) -> Self {
        let first = mistakes.first().map_or(0, |mistake| mistake.span.start);
        let before = || wrong.iter().filter(|wrong| wrong.span.end < first);
        // To word each is to go through the text each time, and there may be as many as the text has letters.
        let mut problems: Vec<Problem> = before().take(MOST).map(|wrong| Problem::new(text, wrong)).collect();
        problems.extend(mistakes.iter().take(MOST - problems.len()).map(|mistake| {
            // Of what is no configuration at all nothing has a way to it.
            let path = tree.map(|tree| around(tree, mistake.span.start)).unwrap_or_default();
            let path = if matches!(path.0.first(), Some(Step::Field(_))) { path } else { Path::default() };
            Problem::new(text, &Wrong { span: mistake.span.clone(), path, what: mistake.what.clone() })
        }));
        let more = before().count() + mistakes.len() - problems.len();
        Self { file: None, problems, more }
    }

    /// What the schema finds wrong.
    pub(super) fn schema(text: &str, wrong: &[Wrong]) -> Self {
        let problems: Vec<Problem> = wrong.iter().take(MOST).map(|wrong| Problem::new(text, wrong)).collect();
        let more = wrong.len() - problems.len();
        Self { file: None, problems, more }
    }

    /// What could not be made a value.
    pub(super) fn value(text: &str, tree: &Value, error: &ron::error::SpannedError) -> Self {
        let at = |position: &ron::error::Position| place::byte(text, position.line, position.col);
        let (start, end) = (at(&error.span.start), at(&error.span.end));
        let span = start..end.max(start);
        let wrong = Wrong { path: around(tree, start), span, what: error.code.to_string() };
        Self { file: None, problems: vec![Problem::new(text, &wrong)], more: 0 }
    }

    /// What cannot be, though it can be written: a room's sentences, each beginning with what it is about.
    pub(super) fn rooms(text: &str, tree: &Value, sentences: &[String]) -> Self {
        let located = |sentence: &String| {
            let (path, what) = about(tree, sentence);
            let span = key(tree, &path).or_else(|| tree.at(&path).map(|value| value.span.clone()));
            let span = span.unwrap_or(0..0);
            Wrong { span, path, what: what.to_owned() }
        };
        let mut wrong: Vec<Wrong> = sentences.iter().map(located).collect();
        wrong.sort_by_key(|wrong| wrong.span.start);
        Self::schema(text, &wrong)
    }

    /// The same mistakes, in this file.
    pub(crate) fn in_file(self, path: &FilePath) -> Self {
        Self { file: Some(path.to_owned()), ..self }
    }

    /// Each mistake in a line of its own, without what stands there: for logs and alarms.
    pub fn lines(&self) -> String {
        let file = self.file.as_ref().map(|file| format!("{}:", file.display())).unwrap_or_default();
        let line = |problem: &Problem| {
            let space = if problem.place.is_none() && self.file.is_some() { " " } else { "" };
            format!("{file}{space}{}", problem.brief())
        };
        let mut lines: Vec<String> = self.problems.iter().map(line).collect();
        lines.extend((self.more > 0).then(|| format!("and {} more", self.more)));
        lines.join("\n")
    }

    /// The first mistakes, in the text's order.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many there are besides.
    pub fn more(&self) -> usize {
        self.more
    }
}

impl Problem {
    fn new(text: &str, wrong: &Wrong) -> Self {
        let Wrong { span, path, what } = wrong;
        let mut shown = String::new();
        // A `String` takes all.
        let _ = place::marked(text, span, &mut shown);
        // Brackets in brackets are no way that a person follows.
        let path = Path(path.0.iter().take(DEEPEST).cloned().collect());
        let place = Some((place::line(text, span.start), place::column(text, span.start)));
        Self { place, path: path.to_string(), what: what.clone(), shown }
    }
}

impl Problem {
    /// The place and what is wrong with it, without the line itself.
    fn brief(&self) -> String {
        let place = self.place.map(|(line, column)| format!("{line}:{column}: ")).unwrap_or_default();
        let path = if self.path.is_empty() { String::new() } else { format!("{}: ", self.path) };
        place + &place::shown(&(path + &self.what))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.brief(), self.shown)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            match (&self.file, problem.place) {
                (Some(file), Some(_)) => write!(f, "{}:{problem}", file.display())?,
                (Some(file), None) => write!(f, "{}: {problem}", file.display())?,
                (None, _) => problem.fmt(f)?,
            }
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for Error {}

/// The setting that a sentence begins with, and what it says of it: rooms write `fps: 0 is not ...`, and what hands
/// that on writes the way to it before.
fn about<'a>(tree: &Value, sentence: &'a str) -> (Path, &'a str) {
    let (mut path, mut what) = (Path::default(), sentence);
    let mut from = 0;
    while let Some(at) = what.get(from..).and_then(|rest| rest.find(": ")) {
        let (begin, rest) = (&what[..from + at], &what[from + at + 2..]);
        // `width, height: ...` is shown at the first that is written.
        let names = begin.split(", ").map(|name| (begin == name, name));
        let found = std::iter::once((true, begin)).chain(names).find_map(|(whole, name)| {
            let more: Path = name.parse().ok().filter(|more: &Path| !more.0.is_empty())?;
            let full = Path(path.0.iter().chain(&more.0).cloned().collect());
            tree.at(&full).map(|_| (full, whole))
        });
        match found {
            Some((full, true)) => (path, what, from) = (full, rest, 0),
            Some((full, false)) => return (full, rest),
            None => from += at + 2,
        }
    }
    (path, what)
}

/// Where the name of a mount stands, if that is what the path leads to: what is said of a mount as a whole is of its name.
fn key(tree: &Value, path: &Path) -> Option<Span> {
    let [Step::Field(field), Step::Key(name)] = &path.0[..] else { return None };
    let Kind::Map(entries) = &tree.step(&path.0[0])?.kind else { return None };
    let entry = entries.iter().find(|entry| entry.name() == Some(name.as_str()));
    entry.filter(|_| field == "mounts").map(|entry| entry.key.span.clone())
}

/// The way to the innermost value around a byte.
fn around(value: &Value, at: usize) -> Path {
    let mut path = Path::default();
    let mut value = value;
    while let Some((step, inner)) = inside(value, at) {
        path.0.extend(step);
        value = inner;
    }
    path
}

fn inside(value: &Value, at: usize) -> Option<(Option<Step>, &Value)> {
    let holds = |from: usize, span: &Span| from <= at && at <= span.end;
    match &value.kind {
        Kind::Struct { fields, .. } => fields
            .iter()
            .find(|field| holds(field.place.start, &field.value.span))
            .map(|field| (Some(Step::Field(field.name.clone())), &field.value)),
        Kind::Map(entries) => entries
            .iter()
            .find(|entry| holds(entry.key.span.start, &entry.value.span))
            .map(|entry| (entry.name().map(|name| Step::Key(name.to_owned())), &entry.value)),
        Kind::List(values) | Kind::Tuple { values, .. } => values
            .iter()
            .enumerate()
            .find(|(_, value)| holds(value.span.start, &value.span))
            .map(|(index, value)| (Some(Step::Index(index)), value)),
        _ => None,
    }
}
