//! What may be written in a configuration, as data: for the check that says every mistake, for people's help and for
//! whoever draws a form of it.
//!
//! A test holds it to the parser: every field that is here is read, and no other.

mod access;
mod json;
mod mounts;
mod server;

pub use json::schema;

/// The whole file.
pub(super) static FILE: Shape = Shape::Structure("the configuration", server::FIELDS);

/// The names of what may stand in it.
pub(super) fn sections() -> impl Iterator<Item = &'static str> + Clone {
    server::FIELDS.iter().map(|field| field.name)
}

/// Every kind of mount.
pub(super) use mounts::KINDS;

/// A setting.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// A sentence.
    pub(super) help: &'static str,
    /// What holds where it is not written: as it would be written, or in words.
    pub(super) default: Default,
    pub(super) unit: Option<&'static str>,
    /// As it may be written.
    pub(super) example: &'static str,
}

/// What holds where a setting is not written.
#[derive(Debug)]
pub(super) enum Default {
    /// It has to be written.
    Required,
    /// The same as if this were written.
    Written(&'static str),
    /// No text says the same.
    Words(&'static str),
}

/// What a value looks like.
#[derive(Debug)]
pub(super) enum Shape {
    Switch,
    /// A whole number.
    Integer(i128, i128),
    Number(f64, f64),
    Text,
    Choice(&'static [&'static str]),
    List(&'static Shape),
    /// Two in parentheses.
    Pair(&'static Shape),
    /// A map by names.
    Map(&'static Shape),
    /// What it is called, and its fields.
    Structure(&'static str, &'static [Field]),
    /// A mount: of one of [`KINDS`].
    Mount,
    /// What it is in words, and what it may look like.
    Either(&'static str, &'static [Shape]),
}

/// A kind of mount with the fields that only it has.
#[derive(Debug)]
pub(super) struct MountKind {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) fields: &'static [Field],
}

impl MountKind {
    /// Its own fields, then those that every mount has.
    pub(super) fn fields(&self) -> impl Iterator<Item = &'static Field> + Clone {
        self.fields.iter().chain(mounts::EVERY)
    }
}

impl Field {
    const fn new(
        name: &'static str,
        shape: Shape,
        default: Default,
        example: &'static str,
        help: &'static str,
    ) -> Self {
        Self { name, shape, help, default, unit: None, example }
    }

    const fn in_unit(self, unit: &'static str) -> Self {
        let Self { name, shape, help, default, example, .. } = self;
        Self { name, shape, help, default, unit: Some(unit), example }
    }
}

impl Shape {
    /// In words, for "... is expected".
    pub(super) fn words(&self) -> String {
        match self {
            Self::Switch => "`true` or `false`".to_owned(),
            Self::Integer(least, most) => format!("a whole number between {least} and {most}"),
            Self::Number(least, most) => format!("a number between {least} and {most}"),
            Self::Text => "a text between two \"".to_owned(),
            Self::Choice(names) => one_of(names),
            Self::List(_) => "a list between `[` and `]`".to_owned(),
            Self::Pair(_) => "a pair between `(` and `)`".to_owned(),
            Self::Map(_) => "a map of names between `{` and `}`".to_owned(),
            Self::Structure(what, _) => format!("{what} between `(` and `)`"),
            Self::Mount => format!("a mount, {}, with its settings between `(` and `)`", one_of(&kinds())),
            Self::Either(words, _) => (*words).to_owned(),
        }
    }
}

pub(super) fn kinds() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.name).collect()
}

/// `A, B or C`.
pub(super) fn one_of(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [only] => (*only).to_owned(),
        [before @ .., last] => format!("{} or {last}", before.join(", ")),
    }
}
