//! RON text as a tree that keeps its places: what the checks and the editor look at.
//!
//! Values are serde's to read; this tree says where each stands, and goes on after a mistake, so that a person sees
//! all of them at once. What is between the places (comments, layout) stays the text's own.

mod lexer;
mod numbers;
mod parser;
mod path;
mod strings;
mod tree;

pub(in crate::config) use numbers::{float, integer};
pub use path::{Path, Step};
pub use strings::quoted;
pub use tree::{Entry, Field, Kind, Mistake, Span, Value};

/// The text's value, and everything that is wrong with its grammar, in the text's order.
///
/// Nesting beyond [`MAX_DEPTH`] is a mistake.
pub fn parse(text: &str) -> (Option<Value>, Vec<Mistake>) {
    parser::Parser::new(text).file()
}

/// The sign that comes next behind a byte, over blanks and comments, and no later than at `until`.
pub(in crate::config) fn next_sign(text: &str, from: usize, until: usize) -> Option<Span> {
    let (tokens, _) = lexer::tokens(text.get(from..=until)?);
    match tokens.first() {
        Some((lexer::Token::Sign(_), span)) => Some(from + span.start..from + span.end),
        _ => None,
    }
}

/// Values in values: far more than any configuration has, far less than the stack bears.
pub const MAX_DEPTH: usize = 64;
