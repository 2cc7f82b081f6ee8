//! What a text of RON says, each part with its place.

use std::ops::Range;

/// Bytes of the text.
pub type Span = Range<usize>;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Value {
    /// From its first byte to behind its last; of a variant from its name on.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(String),
    /// A text, or a single character, without its quotes and escapes.
    Text(String),
    /// A name alone: `Auto`, `None`.
    Name(String),
    /// `Name(...)` or `(...)` with fields; nothing between the parentheses is this too.
    Struct {
        /// The variant's or structure's name and its place.
        name: Option<(String, Span)>,
        /// The fields, in the text's order.
        fields: Vec<Field>,
    },
    /// `Name(...)` or `(...)` with values that have no names.
    Tuple {
        /// The variant's name and its place.
        name: Option<(String, Span)>,
        /// The values.
        values: Vec<Value>,
    },
    /// `[...]`.
    List(Vec<Value>),
    /// `{...}`.
    Map(Vec<Entry>),
    /// Something wrong that was told.
    Wrong,
}

/// `name: value` of a structure.
#[derive(Clone, Debug)]
pub struct Field {
    /// The field's name.
    pub name: String,
    /// Where the name stands.
    pub place: Span,
    /// What it is set to.
    pub value: Value,
}

/// `key: value` of a map.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: Value,
    /// What stands behind it.
    pub value: Value,
}

impl Entry {
    /// The key, where it is a text.
    pub fn name(&self) -> Option<&str> {
        match &self.key.kind {
            Kind::Text(name) => Some(name),
            _ => None,
        }
    }
}

/// Something that is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The bytes that are wrong; empty where something is missing.
    pub span: Span,
    /// What is wrong and what was expected.
    pub what: String,
}

impl Mistake {
    pub(in crate::config) fn new(span: Span, what: impl Into<String>) -> Self {
        Self { span, what: what.into() }
    }
}
