//! RON text as a tree that knows where everything stands.
//!
//! serde's reader stops at the first mistake and forgets places; edits and errors need them. Comments and layout are in
//! no node: they are what the text holds between them.

mod path;
mod read;

use std::fmt;
use std::ops::Range;

pub use path::{Path, Step};

/// Something in the text.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its bytes, without what surrounds it.
    pub span: Range<usize>,
    /// What it is.
    pub shape: Shape,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Shape {
    /// A number, a character, or a name alone: `true`, `Off`.
    Word,
    /// A string: what it says.
    Text(String),
    /// `(width: 1, height: 2)`, `Pattern(width: 1)`.
    Struct(Body),
    /// `(1, 2)`, `Some(1)`; without a name and items it is `()`.
    Tuple(Body),
    /// `[1, 2]`.
    List(Body),
    /// `{"a": 1}`.
    Map(Body),
}

/// What stands between brackets.
#[derive(Clone, Debug)]
pub struct Body {
    /// The name in front of the bracket.
    pub name: Option<String>,
    /// The bytes between the brackets.
    pub inside: Range<usize>,
    /// Its entries in the order written.
    pub entries: Vec<Entry>,
}

/// One of several between brackets.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The field's name or the map's key; none in tuples and lists.
    pub key: Option<Key>,
    /// What it is.
    pub value: Node,
    /// Where the comma behind it stands.
    pub comma: Option<usize>,
}

/// The name of a field, or a key of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its bytes.
    pub span: Range<usize>,
    /// What it says; a key that is no string as it is written.
    pub name: String,
}

/// Why a text is no RON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The byte from which on it is none.
    pub at: usize,
    /// What was expected, or is wrong, in a sentence.
    pub what: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.at, self.what)
    }
}

impl std::error::Error for Error {}

/// Reads a whole text.
///
/// # Errors
/// The first place at which it is no RON, or is nested deeper than 32 brackets.
pub fn read(text: &str) -> Result<Node, Error> {
    read::document(text)
}

impl Entry {
    /// From its key to the end of its value.
    pub fn span(&self) -> Range<usize> {
        let start = self.key.as_ref().map_or(self.value.span.start, |key| key.span.start);
        start..self.value.span.end
    }
}

impl Node {
    /// What stands between its brackets, if it has any.
    pub fn body(&self) -> Option<&Body> {
        match &self.shape {
            Shape::Struct(body) | Shape::Tuple(body) | Shape::List(body) | Shape::Map(body) => Some(body),
            Shape::Word | Shape::Text(_) => None,
        }
    }

    /// Its entry at `step`.
    pub fn entry(&self, step: &Step) -> Option<(usize, &Entry)> {
        let body = self.body()?;
        let named = |name: &str| {
            let mut entries = body.entries.iter().enumerate();
            entries.find(|(_, entry)| entry.key.as_ref().is_some_and(|key| key.name == name))
        };
        match (step, &self.shape) {
            (Step::Field(name), Shape::Struct(_)) | (Step::Key(name), Shape::Map(_)) => named(name),
            (Step::Index(index), Shape::List(_) | Shape::Tuple(_)) => {
                body.entries.get(*index).map(|entry| (*index, entry))
            }
            _ => None,
        }
    }

    /// What stands at `path`, from here.
    pub fn find(&self, path: &[Step]) -> Option<&Node> {
        path.iter().try_fold(self, |node, step| node.entry(step).map(|(_, entry)| &entry.value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str, path: &str) -> String {
        let tree = read(text).unwrap();
        let path: Path = path.parse().unwrap();
        tree.find(&path.0).map_or_else(|| "nothing".to_owned(), |node| text[node.span.clone()].to_owned())
    }

    #[test]
    fn everything_is_found_by_its_path() {
        let text = r##"#![enable(implicit_some)]
            ( // a comment: (
              listen: ["0.0.0.0:1", /* ] /* nested */ */ r#"[::]:"2"#],
              udp_ports: (8000, 9_999),
              mounts: { "a/\u{62}\x63": Camera(device: "x", gop: "2 s", controls: {"tilt": -0x3}), "p": Pattern() },
              letter: 'x', quote: '\'', empty: (), flag: true,
            ) // the end"##;
        for (path, expected) in [
            ("listen[0]", "\"0.0.0.0:1\""),
            ("listen[1]", "r#\"[::]:\"2\"#"),
            ("udp_ports[1]", "9_999"),
            ("mounts[\"a/bc\"].device", "\"x\""),
            ("mounts[\"a/bc\"].controls[\"tilt\"]", "-0x3"),
            ("mounts[\"p\"]", "Pattern()"),
            ("letter", "'x'"),
            ("quote", "'\\''"),
            ("empty", "()"),
            ("flag", "true"),
            ("nowhere", "nothing"),
            ("flag.more", "nothing"),
            ("listen[2]", "nothing"),
        ] {
            assert_eq!(at(text, path), expected, "{path}");
        }
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, at, what) in [
            ("", 0, "nothing"),
            ("(a: 1", 5, "')'"),
            ("(a 1)", 3, "':'"),
            ("(a: 1 b: 2)", 6, "a comma"),
            ("(a: [1 2])", 7, "a comma"),
            ("(a: \"x)", 4, "not closed"),
            ("(a: 1) x", 7, "end"),
            ("(a: 1]", 5, "')'"),
            ("(a: )", 4, "a value"),
            ("(a: \"\\q\")", 5, "escape"),
            ("/* x", 0, "not closed"),
            ("(a: {1: 2, 3})", 12, "':'"),
            ("(a: =)", 4, "a value"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.at == at && error.what.contains(what), "{text}: {error:?}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&nested(32)).is_ok());
        assert!(read(&nested(33)).unwrap_err().what.contains("nested"));
        assert!(read(&"[".repeat(1_000_000)).is_err());
        assert!(read(&"/*".repeat(1_000_000)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"([\[\](){}:,"'#!/*\\ \nabr0-9.é_+-]|r#"|//|/\*|\\u\{){0,40}"#) {
            let _ = read(&text);
        }

        #[test]
        fn every_cut_of_a_text_is_told(cut in 0usize..90) {
            let text = r#"(a: ["x", 'y', 1.5e3], b: {"ü": Pattern(w: 1)}, /* c */ d: r"raw", e: (1, 2))"#;
            if text.is_char_boundary(cut) && cut < text.len() {
                prop_assert!(read(&text[..cut]).is_err());
            }
        }
    }
}
