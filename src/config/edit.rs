//! Changes of a text that leave everything else as the person wrote it.
//!
//! The place is found by its path, the new bytes are put there, and the result is read again: it has to mean what the
//! text meant with that change and nothing else, and to be a configuration. Else nothing is changed.

use std::fmt;
use std::ops::Range;

use super::Config;
use super::syntax::{self, Body, Entry, Node, Path, Shape, Step};

/// Why a text was not changed.
#[derive(Debug)]
pub enum Error {
    /// The path is none, or nothing stands there, or something does already: in a sentence.
    Place(String),
    /// The value or the new name cannot be written there: in a sentence.
    Value(String),
    /// The text is no RON.
    Text(syntax::Error),
    /// With the change it would be no configuration.
    Config(super::Error),
    /// The change cannot be made without changing more: it is to be made by hand.
    ByHand(Path),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place(why) | Self::Value(why) => f.write_str(why),
            Self::Text(error) => write!(f, "the text is no RON: {error}"),
            Self::Config(error) => write!(f, "with this change it would be no configuration:{error}"),
            Self::ByHand(path) => write!(f, "{path} cannot be changed without changing more: do it by hand"),
        }
    }
}

impl std::error::Error for Error {}

/// The text with another value at `path`; a field or key that is not written yet is added to what is around it.
///
/// # Errors
/// See [`Error`].
pub fn set(text: &str, path: &str, value: &str) -> Result<String, Error> {
    let edit = Edit::new(text, path)?;
    let value = one_value(value)?;
    match edit.tree.find(&edit.path.0) {
        Some(node) => edit.finish(&[vec![(node.span.clone(), value.to_owned())]], &Change::Set(value)),
        None => edit.add(value),
    }
}

/// The text with something that was not there.
///
/// # Errors
/// See [`Error`].
pub fn insert(text: &str, path: &str, value: &str) -> Result<String, Error> {
    let edit = Edit::new(text, path)?;
    let value = one_value(value)?;
    match edit.tree.find(&edit.path.0) {
        Some(_) => Err(Error::Place(format!("{path} is there already"))),
        None => edit.add(value),
    }
}

/// The text without what stands at `path`. Comments beside it stay.
///
/// # Errors
/// See [`Error`].
pub fn remove(text: &str, path: &str) -> Result<String, Error> {
    let edit = Edit::new(text, path)?;
    let (body, index, entry) = edit.entry()?;
    let exact = entry.span().start..entry.comma.map_or(entry.value.span.end, |comma| comma + 1);
    let previous = index.checked_sub(1).and_then(|index| body.entries.get(index));
    let wide = without_blanks(text, exact.clone(), entry, previous);
    edit.finish(&[vec![(wide, String::new())], vec![(exact, String::new())]], &Change::Remove)
}

/// The text in which a mount or alias is called otherwise.
///
/// # Errors
/// See [`Error`].
pub fn rename(text: &str, path: &str, to: &str) -> Result<String, Error> {
    let edit = Edit::new(text, path)?;
    let (body, _, entry) = edit.entry()?;
    let (Some(key), Some(Step::Key(_))) = (&entry.key, edit.path.0.last()) else {
        return Err(Error::Place(format!("{path} has a name that cannot be another")));
    };
    if body.entries.iter().any(|entry| entry.key.as_ref().is_some_and(|key| key.name == to)) {
        return Err(Error::Place(format!("{to:?} is there already")));
    }
    edit.finish(&[vec![(key.span.clone(), format!("{to:?}"))]], &Change::Rename(to))
}

/// What is to become of the place.
enum Change<'a> {
    Set(&'a str),
    Remove,
    Rename(&'a str),
}

type Splice = (Range<usize>, String);

struct Edit<'a> {
    text: &'a str,
    path: Path,
    tree: Node,
}

impl<'a> Edit<'a> {
    fn new(text: &'a str, path: &str) -> Result<Self, Error> {
        let path = path.parse().map_err(Error::Place)?;
        let tree = syntax::read(text).map_err(Error::Text)?;
        Ok(Self { text, path, tree })
    }

    fn parent(&self) -> Result<(&Node, &Step), Error> {
        let (last, way) = self.path.0.split_last().ok_or_else(|| self.nothing())?;
        Ok((self.tree.find(way).ok_or_else(|| self.nothing())?, last))
    }

    fn nothing(&self) -> Error {
        Error::Place(format!("there is no {}", self.path))
    }

    fn entry(&self) -> Result<(&Body, usize, &Entry), Error> {
        let (parent, last) = self.parent()?;
        let (index, entry) = parent.entry(last).ok_or_else(|| self.nothing())?;
        Ok((parent.body().ok_or_else(|| self.nothing())?, index, entry))
    }

    /// Adds what is not there.
    fn add(&self, value: &str) -> Result<String, Error> {
        let (parent, last) = self.parent()?;
        let body = parent.body().ok_or_else(|| self.nothing())?;
        let written = match (last, &parent.shape) {
            (Step::Field(name), Shape::Struct(_)) => format!("{name}: {value}"),
            (Step::Field(name), Shape::Tuple(_)) if body.entries.is_empty() => format!("{name}: {value}"),
            (Step::Key(key), Shape::Map(_)) => format!("{key:?}: {value}"),
            (Step::Index(index), Shape::List(_)) if *index == body.entries.len() => value.to_owned(),
            _ => return Err(self.nothing()),
        };
        self.finish(&additions(self.text, body, &written), &Change::Set(value))
    }

    /// The first of the ways that means what was meant.
    fn finish(&self, ways: &[Vec<Splice>], change: &Change<'_>) -> Result<String, Error> {
        let mut meant = Meaning::of(&self.tree, self.text);
        meant.apply(&self.path.0, change).ok_or_else(|| self.nothing())?;
        let means_it = |text: &String| syntax::read(text).is_ok_and(|tree| Meaning::of(&tree, text) == meant);
        let found = ways.iter().map(|splices| spliced(self.text, splices)).find(means_it);
        let text = found.ok_or_else(|| Error::ByHand(self.path.clone()))?;
        Config::parse(&text).map_err(Error::Config)?;
        Ok(text)
    }
}

fn one_value(value: &str) -> Result<&str, Error> {
    let value = value.trim();
    match syntax::read(value) {
        Ok(node) if node.span == (0..value.len()) => Ok(value),
        Ok(_) => Err(Error::Value(format!("{value:?} is not one value"))),
        Err(error) => Err(Error::Value(format!("{value:?} is no value: {}", error.what))),
    }
}

fn spliced(text: &str, splices: &[Splice]) -> String {
    let mut new = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for (span, written) in splices {
        new.push_str(&text[at..span.start]);
        new.push_str(written);
        at = span.end;
    }
    new.push_str(&text[at..]);
    new
}

/// Ways to write one more between brackets, the best first.
fn additions(text: &str, body: &Body, written: &str) -> Vec<Vec<Splice>> {
    let Some(last) = body.entries.last() else {
        let start = body.inside.start;
        let plain = vec![(start..start, written.to_owned())];
        if !text[body.inside.clone()].contains('\n') {
            return vec![plain];
        }
        let line = format!("\n{}    {written},", indent(text, start));
        return vec![vec![(start..start, line)], plain];
    };
    let end = last.value.span.end;
    let comma = if last.comma.is_some() { "" } else { "," };
    let behind = last.comma.map_or(end, |comma| comma + 1);
    let beside = if last.comma.is_some() {
        vec![(behind..behind, format!(" {written},"))]
    } else {
        vec![(end..end, format!(", {written}"))]
    };
    let own_line = text[..last.span().start]
        .rfind('\n')
        .is_some_and(|line| text[line..last.span().start].chars().all(char::is_whitespace));
    if !own_line {
        return vec![beside];
    }
    let indent = indent(text, last.span().start);
    match text[behind..body.inside.end].find('\n') {
        Some(line) => {
            let line = behind + line;
            let line = if text[..line].ends_with('\r') && line > behind { line - 1 } else { line };
            let new = vec![(end..end, comma.to_owned()), (line..line, format!("\n{indent}{written},"))];
            vec![new, beside]
        }
        None => vec![vec![(behind..behind, format!("{comma}\n{indent}{written}"))], beside],
    }
}

/// The blanks with which the line of `at` begins.
fn indent(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |line| line + 1);
    let line = &text[start..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// With the line that it leaves empty, or the blanks and the comma that belonged to it.
fn without_blanks(text: &str, exact: Range<usize>, entry: &Entry, previous: Option<&Entry>) -> Range<usize> {
    let blank = |letter| matches!(letter, ' ' | '\t');
    let before = text[..exact.start].trim_end_matches(blank);
    let after = text[exact.end..].trim_start_matches(blank);
    if before.ends_with('\n') && after.starts_with('\n') {
        return before.len()..text.len() - after.len() + 1;
    }
    if entry.comma.is_some() {
        return if after.starts_with(['\n', '/']) { exact } else { exact.start..text.len() - after.len() };
    }
    match previous.and_then(|previous| previous.comma) {
        Some(comma) if text[comma + 1..exact.start].chars().all(char::is_whitespace) => comma..exact.end,
        _ => exact,
    }
}

/// What a tree says, wherever it stands.
#[derive(Clone, Debug, PartialEq)]
enum Meaning {
    Word(String),
    Text(String),
    Several { kind: char, name: Option<String>, entries: Vec<(Option<String>, Meaning)> },
}

impl Meaning {
    fn of(node: &Node, text: &str) -> Self {
        let (kind, body) = match &node.shape {
            Shape::Word => return Self::Word(text[node.span.clone()].to_owned()),
            Shape::Text(said) => return Self::Text(said.clone()),
            Shape::Struct(body) | Shape::Tuple(body) => ('(', body),
            Shape::List(body) => ('[', body),
            Shape::Map(body) => ('{', body),
        };
        let entry =
            |entry: &Entry| (entry.key.as_ref().map(|key| key.name.clone()), Self::of(&entry.value, text));
        Self::Several { kind, name: body.name.clone(), entries: body.entries.iter().map(entry).collect() }
    }

    fn apply(&mut self, path: &[Step], change: &Change<'_>) -> Option<()> {
        let (step, rest) = path.split_first()?;
        let Self::Several { entries, .. } = self else { return None };
        let (index, name) = match step {
            Step::Index(index) => (*index, None),
            Step::Field(name) | Step::Key(name) => {
                let place = entries.iter().position(|(key, _)| key.as_ref() == Some(name));
                (place.unwrap_or(entries.len()), Some(name.clone()))
            }
        };
        if !rest.is_empty() {
            return entries.get_mut(index)?.1.apply(rest, change);
        }
        match change {
            Change::Set(value) => {
                let value = Self::of(&syntax::read(value).ok()?, value);
                match entries.get_mut(index) {
                    Some(entry) => entry.1 = value,
                    None => entries.push((name, value)),
                }
            }
            Change::Remove if index < entries.len() => drop(entries.remove(index)),
            Change::Remove => return None,
            Change::Rename(to) => entries.get_mut(index)?.0 = Some((*to).to_owned()),
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = r#"// My cameras.
(
    session_timeout: 60, // seconds, as the recorder wants it
    /* on every address */ listen: ["0.0.0.0:8554"],
    mounts: {
        // The door.
        "door": Pattern(fps: 30, width: 640, height: 480), // the old one
        "yard": Pattern() /* ) */
    },
    aliases: {"/ch1": "door"}
)
// The end.
"#;

    #[test]
    fn a_change_is_made_where_a_person_would_make_it() {
        for (new, old_part, new_part) in [
            (set(FILE, "session_timeout", "90"), "session_timeout: 60", "session_timeout: 90"),
            (set(FILE, "mounts[\"door\"].fps", " 25 "), "fps: 30", "fps: 25"),
            (set(FILE, "mounts[\"door\"].gop", "50"), "height: 480)", "height: 480, gop: 50)"),
            (set(FILE, "mounts[\"yard\"].gop", "50"), "Pattern() /*", "Pattern(gop: 50) /*"),
            (set(FILE, "listen[1]", "\"[::1]:1\""), "8554\"]", "8554\", \"[::1]:1\"]"),
            (set(FILE, "workers", "2"), "\"door\"}\n", "\"door\"},\n    workers: 2,\n"),
            (
                insert(FILE, "mounts[\"c\"]", "Pattern()"),
                "Pattern() /* ) */\n",
                "Pattern(), /* ) */\n        \"c\": Pattern(),\n",
            ),
            (remove(FILE, "mounts[\"yard\"]"), "\"yard\": Pattern() ", " "),
            (remove(FILE, "aliases"), "\n    aliases: {\"/ch1\": \"door\"}", ""),
            (remove(FILE, "aliases[\"/ch1\"]"), "\"/ch1\": \"door\"", ""),
            (remove(FILE, "mounts[\"door\"].fps"), "fps: 30, ", ""),
            (remove(FILE, "session_timeout"), "session_timeout: 60, //", " //"),
            (rename(FILE, "mounts[\"yard\"]", "back"), "\"yard\"", "\"back\""),
        ] {
            let new = new.unwrap();
            let expected = FILE.replacen(old_part, new_part, 1);
            assert!(
                new == expected || new.replace(" ", "") == expected.replace(" ", ""),
                "{new}\n---\n{expected}"
            );
        }
        assert_eq!(set("()", "workers", "2").unwrap(), "(workers: 2)");
        assert_eq!(set("(\n)", "workers", "2").unwrap(), "(\n    workers: 2,\n)");
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        for (refused, why) in [
            (set(FILE, "session_timeout", "0"), "session_timeout: 0"),
            (set(FILE, "session_timeout", "60, workers: 2"), "value"),
            (set(FILE, "session_timeout", "60 // x"), "not one value"),
            (set(FILE, "session_timeout", ""), "no value"),
            (set(FILE, "mounts[\"x\"].fps", "1"), "there is no mounts[\"x\"].fps"),
            (set(FILE, "..", "1"), "no path"),
            (set(FILE, "nothing", "1"), "nothing"),
            (set("(", "nothing", "1"), "no RON"),
            (insert(FILE, "mounts[\"door\"]", "Pattern()"), "already"),
            (remove(FILE, "mounts[\"x\"]"), "there is no"),
            (remove(FILE, "mounts[\"door\"]"), "no mount \"door\""),
            (rename(FILE, "mounts[\"yard\"]", "door"), "already"),
            (rename(FILE, "session_timeout", "x"), "cannot be another"),
            (rename(FILE, "mounts[\"yard\"]", "../x"), "a path is letters"),
        ] {
            let error = refused.unwrap_err().to_string();
            assert!(error.contains(why), "{why}: {error}");
        }
    }

    const BLANKS: &str = r"( |\n|\t|// [a-z:,)(]{0,5}\n|/\* [a-z:,){]{0,5} \*/){0,3}";

    proptest! {
        #[test]
        fn everything_outside_the_value_stays_byte_for_byte(
            blanks in proptest::collection::vec(BLANKS, 12), timeout in 10u64..3600, fps in 1u32..60,
        ) {
            let [a, b, c, d, e, f, g, h, i, j, k, l] = &blanks[..] else { unreachable!() };
            let before = format!("{a}({b}mounts{c}:{d}{{{e}\"cam\"{f}:{g}Pattern({h}fps:{i}");
            let behind = format!("{j}){k}}}{l},session_timeout:60)");
            let text = format!("{before}30{behind}");
            let new = set(&text, "mounts[\"cam\"].fps", &fps.to_string()).unwrap();
            prop_assert_eq!(new, format!("{before}{fps}{behind}"));
            let new = set(&text, "session_timeout", &timeout.to_string()).unwrap();
            prop_assert_eq!(&new[..text.len() - 3], &text[..text.len() - 3]);

            // What is added and removed leaves the text's own bytes, in their order.
            let more = set(&text, "mounts[\"cam\"].gop", "77").unwrap();
            let mut rest = more.chars();
            prop_assert!(text.chars().all(|letter| rest.any(|other| other == letter)), "{}", more);
            let less = remove(&text, "mounts[\"cam\"].fps").unwrap();
            let mut rest = text.chars();
            prop_assert!(less.chars().all(|letter| rest.any(|other| other == letter)), "{}", less);
            for comment in blanks[..8].iter().flat_map(|blank| blank.lines()) {
                prop_assert!(less.contains(comment.trim()), "{}", less);
            }
        }
    }
}
