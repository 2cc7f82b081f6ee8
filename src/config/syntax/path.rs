//! The way to a value: `mounts["cam"].fps`, `listen[0]`.

use std::fmt;
use std::str::FromStr;

use super::strings;
use super::tree::{Kind, Value};

/// The steps from the whole configuration to a value in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(pub Vec<Step>);

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into a structure's field: `.fps`.
    Field(String),
    /// Into a map's entry: `["cam"]`.
    Key(String),
    /// Into a list's or tuple's element, from 0: `[1]`.
    Index(usize),
}

impl Path {
    /// This path and one step more.
    #[must_use]
    pub fn then(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }

    /// The field of that name in what this path leads to.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        self.then(Step::Field(name.to_owned()))
    }

    /// The map's entry of that name in what this path leads to.
    #[must_use]
    pub fn key(&self, name: &str) -> Self {
        self.then(Step::Key(name.to_owned()))
    }

    /// The way without its last step, and that step.
    pub fn split(&self) -> Option<(Self, &Step)> {
        self.0.split_last().map(|(last, before)| (Self(before.to_vec()), last))
    }
}

impl Value {
    /// What the path leads to.
    pub fn at(&self, path: &Path) -> Option<&Self> {
        path.0.iter().try_fold(self, |value, step| value.step(step))
    }

    /// What one step leads to; through `Some(...)`.
    pub fn step(&self, step: &Step) -> Option<&Self> {
        match (&self.kind, step) {
            (Kind::Tuple { name: Some((name, _)), values }, _) if name == "Some" => {
                values.first()?.step(step)
            }
            (Kind::Struct { fields, .. }, Step::Field(name)) => {
                fields.iter().find(|field| field.name == *name).map(|field| &field.value)
            }
            (Kind::Map(entries), Step::Key(name)) => {
                entries.iter().find(|entry| entry.name() == Some(name)).map(|entry| &entry.value)
            }
            (Kind::List(values) | Kind::Tuple { values, .. }, Step::Index(index)) => values.get(*index),
            _ => None,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) if index == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Key(name) => write!(f, "[{}]", strings::quoted(name))?,
                Step::Index(number) => write!(f, "[{number}]")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Path {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (step, after) = if let Some(inside) = rest.strip_prefix('[') {
                bracketed(inside)
            } else {
                name(rest.strip_prefix('.').filter(|_| !steps.is_empty()).unwrap_or(rest))
            }
            .ok_or_else(|| {
                format!("{text:?} is no way to a setting: it is like `mounts[\"cam\"].fps` or `listen[0]`")
            })?;
            steps.push(step);
            rest = after;
        }
        Ok(Self(steps))
    }
}

/// `"cam"]...` or `0]...`; `cam]...` is what a shell leaves of the first.
fn bracketed(inside: &str) -> Option<(Step, &str)> {
    if inside.starts_with('"') {
        let length = strings::length(inside)?;
        let key = strings::unquoted(inside.get(..length)?).ok()?;
        return Some((Step::Key(key), inside.get(length..)?.strip_prefix(']')?));
    }
    let (bare, after) = inside.split_once(']')?;
    if bare.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some((Step::Index(bare.parse().ok()?), after));
    }
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./".contains(character);
    let starts = bare.starts_with(|first: char| first != '-');
    (starts && bare.chars().all(is_plain)).then(|| (Step::Key(bare.to_owned()), after))
}

fn name(text: &str) -> Option<(Step, &str)> {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    let mut characters = name.chars();
    let named = characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|character| character.is_alphanumeric() || character == '_');
    named.then(|| (Step::Field(name.to_owned()), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_a_shell_leaves_it() {
        for (text, written) in [
            ("mounts[cam].fps", "mounts[\"cam\"].fps"),
            ("mounts[front/door-1.b].fps", "mounts[\"front/door-1.b\"].fps"),
            ("listen[0]", "listen[0]"),
        ] {
            assert_eq!(text.parse::<Path>().unwrap().to_string(), written);
        }
    }

    #[test]
    fn a_path_reads_as_it_is_written() {
        for text in
            ["", "workers", "listen[0]", "mounts[\"cam\"].fps", "mounts[\"a/b]\\\"\"].controls[\"x y\"]"]
        {
            let path: Path = text.parse().unwrap();
            assert_eq!(path.to_string(), text);
        }
        for text in [
            ".a",
            "a.",
            "a..b",
            "a[",
            "a[x y]",
            "a[]",
            "a[\"x\"",
            "a[\"x]",
            "1",
            "a b",
            "a[-1]",
            "a[99999999999999999999]",
        ] {
            assert!(text.parse::<Path>().is_err(), "{text}");
        }
    }
}
