//! The changes themselves, of any RON.

use super::super::place;
use super::super::syntax::{self, Kind, Path, Step, Value};
use super::layout::{self, Splice};
use super::{Error, comment, meaning, way};

/// Sets what the path leads to, to a value in RON; what is not there yet is added, and what it has to stand in too.
///
/// # Errors
/// The text or the value is no RON, or there is no place for it.
pub(super) fn set(text: &str, path: &Path, value: &str) -> Result<String, Error> {
    let tree = tree(text)?;
    let path = &way::fitted(path, &tree);
    let (value, new) = self::value(value)?;
    if let Some(old) = tree.at(path).filter(|_| !path.0.is_empty()) {
        let splice = Splice { span: old.span.clone(), text: value.to_owned() };
        return done(text, &tree, vec![splice], |tree| meaning::set(tree, path, new));
    }
    add(text, &tree, path, value, new)
}

/// Adds what is not there yet.
///
/// # Errors
/// As of [`set`], and where there is such a thing.
pub(super) fn insert(text: &str, path: &Path, value: &str) -> Result<String, Error> {
    let tree = tree(text)?;
    let path = &way::fitted(path, &tree);
    if tree.at(path).is_some() {
        return Err(Error::Taken(path.clone()));
    }
    let (value, new) = self::value(value)?;
    add(text, &tree, path, value, new)
}

/// Takes a setting, a map's entry or a list's element out. Comments beside it stay.
///
/// # Errors
/// The text is no RON, or nothing is there.
pub(super) fn remove(text: &str, path: &Path) -> Result<String, Error> {
    let tree = tree(text)?;
    let path = &way::fitted(path, &tree);
    let nowhere = || nowhere(path, &tree);
    let (outer, step) = path.split().ok_or_else(nowhere)?;
    let container = tree.at(&outer).ok_or_else(nowhere)?;
    container.step(step).ok_or_else(nowhere)?;
    let splices = layout::removal(text, container, step).ok_or_else(nowhere)?;
    done(text, &tree, splices, |tree| meaning::remove(tree, path))
}

/// Gives a map's entry or a setting another name.
///
/// # Errors
/// The text is no RON, nothing is there, or the name is taken.
pub(super) fn rename(text: &str, path: &Path, name: &str) -> Result<String, Error> {
    let tree = tree(text)?;
    let path = &way::fitted(path, &tree);
    let nowhere = || nowhere(path, &tree);
    let (outer, step) = path.split().ok_or_else(nowhere)?;
    let container = tree.at(&outer).ok_or_else(nowhere)?;
    let named = match step {
        Step::Key(_) => Step::Key(name.to_owned()),
        Step::Field(_) if is_name(name) => Step::Field(name.to_owned()),
        Step::Field(_) => return Err(Error::Name(name.to_owned())),
        Step::Index(_) => return Err(nowhere()),
    };
    if container.step(&named).is_some() {
        return Err(Error::Taken(outer.then(named)));
    }
    let (span, text_of_name) = match (layout::container(container).map(|inside| &inside.kind), step) {
        (Some(Kind::Struct { fields, .. }), Step::Field(old)) => {
            fields.iter().find(|field| field.name == *old).map(|field| (field.place.clone(), name.to_owned()))
        }
        (Some(Kind::Map(entries)), Step::Key(old)) => entries
            .iter()
            .find(|entry| entry.name() == Some(old))
            .map(|entry| (entry.key.span.clone(), syntax::quoted(name))),
        _ => None,
    }
    .ok_or_else(nowhere)?;
    let splice = Splice { span, text: text_of_name };
    done(text, &tree, vec![splice], |tree| meaning::rename(tree, path, name))
}

/// Makes a comment of a setting of the whole, beneath a line that says why.
///
/// # Errors
/// The text is no RON, there is no such setting, or the layout does not allow it.
pub(super) fn aside(text: &str, name: &str, why: &str) -> Result<String, Error> {
    let tree = tree(text)?;
    let path = Path::default().field(name);
    let splice = comment::out(text, &tree, name, why).ok_or_else(|| nowhere(&path, &tree))?;
    done(text, &tree, vec![splice], |tree| meaning::remove(tree, &path))
}

/// Adds a value, and around it what is missing on the way to it.
fn add(text: &str, tree: &Value, path: &Path, value: &str, new: Value) -> Result<String, Error> {
    let nowhere = || Error::Nowhere(path.clone());
    let known = (0..path.0.len()).rev().find(|length| tree.at(&Path(path.0[..*length].to_vec())).is_some());
    let known = known.ok_or_else(nowhere)?;
    let (outer, missing) = path.0.split_at(known);
    let container = tree.at(&Path(outer.to_vec())).ok_or_else(nowhere)?;
    let (first, deeper) = missing.split_first().ok_or_else(nowhere)?;
    // What kind it would be of nobody knows: a new one is set as a whole.
    if let Some(why) = way::no_such_mount(path, tree).filter(|_| !matches!(path.0.len(), 0..=2)) {
        return Err(Error::NoSuchMount(why));
    }
    let (mut value, mut new) = (value.to_owned(), new);
    for step in deeper.iter().rev() {
        let member = layout::member(step, &value).ok_or_else(nowhere)?;
        value = match step {
            Step::Key(_) => format!("{{{member}}}"),
            _ => format!("({member})"),
        };
        new = meaning::around(step, new);
    }
    let splices = layout::insertion(text, container, first, &value).ok_or_else(nowhere)?;
    done(text, tree, splices, |tree| meaning::insert(tree, &Path(outer.to_vec()), first, new))
}

/// The changed text, if it says what the changed tree says.
fn done(
    text: &str,
    tree: &Value,
    splices: Vec<Splice>,
    change: impl FnOnce(&mut Value) -> Option<()>,
) -> Result<String, Error> {
    let mut meant = tree.clone();
    change(&mut meant).ok_or(Error::NotAsMeant)?;
    let changed = layout::spliced(text, splices).ok_or(Error::NotAsMeant)?;
    match syntax::parse(&changed) {
        (Some(said), mistakes) if mistakes.is_empty() && meaning::same(&said, &meant) => Ok(changed),
        _ => Err(Error::NotAsMeant),
    }
}

fn tree(text: &str) -> Result<Value, Error> {
    match syntax::parse(text) {
        (Some(tree), mistakes) if mistakes.is_empty() => Ok(tree),
        (_, mistakes) => {
            let told = mistakes.first().map(|first| {
                let (line, column) =
                    (place::line(text, first.span.start), place::column(text, first.span.start));
                format!("{line}:{column}: {}", first.what)
            });
            Err(Error::Text(told.unwrap_or_default()))
        }
    }
}

/// The new value's text, without what stands around it, and its tree.
fn value(text: &str) -> Result<(&str, Value), Error> {
    match syntax::parse(text) {
        (Some(value), mistakes) if mistakes.is_empty() => {
            Ok((text.get(value.span.clone()).unwrap_or_default(), value))
        }
        (_, mistakes) => Err(Error::Value(match mistakes.first() {
            // What is said of a file is not said of a value.
            Some(first) if first.what.contains("configuration") => "it is not one value".to_owned(),
            first => first.map(|first| first.what.clone()).unwrap_or_default(),
        })),
    }
}

/// Why there is no way there.
fn nowhere(path: &Path, tree: &Value) -> Error {
    way::no_such_mount(path, tree).map_or_else(|| Error::Nowhere(path.clone()), Error::NoSuchMount)
}

fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
        && !matches!(name, "true" | "false" | "inf" | "NaN")
}
