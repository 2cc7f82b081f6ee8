//! Changes of a configuration's text that leave everything else as the person wrote it: comments, order, layout.
//!
//! A change is a splice of the text; the result is read again and has to say what was meant, and to be a configuration,
//! else it is refused.

mod comment;
mod layout;
mod meaning;
#[cfg(test)]
mod tests;
mod text;
mod way;

use std::fmt;

use super::Config;
use super::syntax::Path;
pub use way::{fitted, no_such_mount};

/// Why a text is left as it is.
#[derive(Debug)]
pub enum Error {
    /// The path is none: in a sentence.
    Path(String),
    /// The text is no RON: what is wrong with it first.
    Text(String),
    /// The new value is no RON: what is wrong with it.
    Value(String),
    /// The path leads to nothing that could have such a thing.
    Nowhere(Path),
    /// The path leads into a mount that there is not: in a sentence.
    NoSuchMount(String),
    /// Something is there already.
    Taken(Path),
    /// It cannot be a name.
    Name(String),
    /// With the change it would be no configuration.
    Config(super::Error),
    /// What the changed text says is not what was meant: the layout is beyond this editor.
    NotAsMeant,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(what) | Self::NoSuchMount(what) => f.write_str(what),
            Self::Config(error) => write!(f, "with this change it would be no configuration: {error}"),
            Self::Text(what) => write!(f, "the configuration cannot be read as it is: {what}"),
            Self::Value(what) => write!(f, "the new value cannot be read: {what}"),
            Self::Nowhere(path) if path.0.is_empty() => {
                f.write_str("the whole configuration cannot be changed so")
            }
            Self::Nowhere(path) => write!(f, "there is no place for {path}"),
            Self::Taken(path) => write!(f, "{path} is there already"),
            Self::Name(name) => write!(f, "{name:?} cannot be a setting's name"),
            Self::NotAsMeant => f.write_str("the file's layout does not allow this change: edit it by hand"),
        }
    }
}

impl std::error::Error for Error {}

/// A change of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// As [`set`].
    Set(&'a str, &'a str),
    /// As [`insert`].
    Insert(&'a str, &'a str),
    /// As [`remove`].
    Remove(&'a str),
    /// As [`rename`].
    Rename(&'a str, &'a str),
}

/// Makes several changes, one after the other: with all of them it has to be a configuration.
///
/// # Errors
/// As of each.
pub fn all(text: &str, changes: &[Change<'_>]) -> Result<String, Error> {
    // What some editors begin every file with stays as it is.
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let changed = changes.iter().try_fold(body.to_owned(), |text, change| change.of(&text))?;
    Config::parse(&changed).map_err(Error::Config)?;
    Ok(format!("{}{changed}", &text[..text.len() - body.len()]))
}

/// Sets what the path leads to, to a value in RON; what is not there yet is added, and what it has to stand in too.
///
/// # Errors
/// The text or the value is no RON, there is no place for it, or it would be no configuration.
pub fn set(text: &str, path: &str, value: &str) -> Result<String, Error> {
    all(text, &[Change::Set(path, value)])
}

/// Adds what is not there yet.
///
/// # Errors
/// As of [`set`], and where there is such a thing.
pub fn insert(text: &str, path: &str, value: &str) -> Result<String, Error> {
    all(text, &[Change::Insert(path, value)])
}

/// Takes a setting, a map's entry or a list's element out. Comments beside it stay.
///
/// # Errors
/// The text is no RON, nothing is there, or without it it would be no configuration.
pub fn remove(text: &str, path: &str) -> Result<String, Error> {
    all(text, &[Change::Remove(path)])
}

/// Gives a map's entry or a setting another name.
///
/// # Errors
/// The text is no RON, nothing is there, the name is taken, or it would be no configuration.
pub fn rename(text: &str, path: &str, name: &str) -> Result<String, Error> {
    all(text, &[Change::Rename(path, name)])
}

impl Change<'_> {
    /// The text with it, which need not be a configuration.
    fn of(&self, text: &str) -> Result<String, Error> {
        let path = |path: &str| path.parse::<Path>().map_err(Error::Path);
        match *self {
            Self::Set(to, value) => text::set(text, &path(to)?, value),
            Self::Insert(to, value) => text::insert(text, &path(to)?, value),
            Self::Remove(to) => text::remove(text, &path(to)?),
            Self::Rename(to, name) => text::rename(text, &path(to)?, name),
        }
    }
}

/// The text with another value at the path, whether it is a configuration then or not.
pub(super) fn splice(text: &str, path: &Path, value: &str) -> Result<String, Error> {
    text::set(text, path, value)
}

/// The text without what is at the path, whether it is a configuration then or not.
pub(super) fn cut(text: &str, path: &Path) -> Result<String, Error> {
    text::remove(text, path)
}

/// The text with a setting of the whole as a comment beneath a line that says why, whether it is a configuration then or not.
pub(super) fn aside(text: &str, name: &str, why: &str) -> Result<String, Error> {
    text::aside(text, name, why)
}
