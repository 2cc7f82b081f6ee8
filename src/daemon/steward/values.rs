//! What is written in a configuration, thing by thing.

use crate::config::syntax::{self, Kind, Path, Span, Step, Value};
use crate::control::protocol::{Refusal, Written};

/// All of it, in the text's order; what something stands in comes before it.
///
/// # Errors
/// The text is no RON: what is wrong with it first.
pub(super) fn values(text: &str) -> Result<Vec<Written>, Refusal> {
    // What some editors begin every file with is no part of it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let (tree, mistakes) = syntax::parse(text);
    if let Some(mistake) = mistakes.first() {
        return Err(Refusal::new("no-configuration", mistake.what.clone(), "`config check` says where"));
    }
    let mut written = Vec::new();
    if let Some(tree) = &tree {
        members(text, tree, &Path::default(), &mut written);
    }
    Ok(written)
}

fn members(text: &str, value: &Value, path: &Path, written: &mut Vec<Written>) {
    match &value.kind {
        Kind::Struct { fields, .. } => {
            for field in fields {
                add(text, &field.value, &path.field(&field.name), written);
            }
        }
        Kind::Map(entries) => {
            for entry in entries {
                if let Some(name) = entry.name() {
                    add(text, &entry.value, &path.key(name), written);
                }
            }
        }
        Kind::Tuple { name: Some((name, _)), values } if name == "Some" => {
            for value in values {
                members(text, value, path, written);
            }
        }
        Kind::List(values) | Kind::Tuple { values, .. } => {
            for (index, value) in values.iter().enumerate() {
                add(text, value, &path.then(Step::Index(index)), written);
            }
        }
        _ => {}
    }
}

fn add(text: &str, value: &Value, path: &Path, written: &mut Vec<Written>) {
    let kind = match &value.kind {
        Kind::Struct { name, .. } | Kind::Tuple { name, .. } => name.as_ref().map(|(name, _)| name.clone()),
        _ => None,
    };
    written.push(Written { path: path.to_string(), value: slice(text, &value.span), kind });
    members(text, value, path, written);
}

fn slice(text: &str, span: &Span) -> String {
    text.get(span.clone()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_written_is_told_with_the_way_to_it() {
        let text = "\u{feff}( // first\n workers: 2, udp_ports: (0, 9),\n mounts: {\"a\": Camera(device: \"x\" /* y */, \
                    controls: {\"b c\": 1}), \"t\": Pattern()}, max_sessions: Some(3))";
        let told: Vec<(String, String, Option<String>)> =
            values(text).unwrap().into_iter().map(|it| (it.path, it.value, it.kind)).collect();
        let expected = [
            ("workers", "2", None),
            ("udp_ports", "(0, 9)", None),
            ("udp_ports[0]", "0", None),
            ("udp_ports[1]", "9", None),
            (
                "mounts",
                "{\"a\": Camera(device: \"x\" /* y */, controls: {\"b c\": 1}), \"t\": Pattern()}",
                None,
            ),
            ("mounts[\"a\"]", "Camera(device: \"x\" /* y */, controls: {\"b c\": 1})", Some("Camera")),
            ("mounts[\"a\"].device", "\"x\"", None),
            ("mounts[\"a\"].controls", "{\"b c\": 1}", None),
            ("mounts[\"a\"].controls[\"b c\"]", "1", None),
            ("mounts[\"t\"]", "Pattern()", Some("Pattern")),
            ("max_sessions", "Some(3)", Some("Some")),
        ];
        let expected = expected.map(|(path, value, kind): (&str, &str, Option<&str>)| {
            (path.to_owned(), value.to_owned(), kind.map(str::to_owned))
        });
        assert_eq!(told, expected);
        assert!(values("").unwrap().is_empty());
        assert_eq!(values("(workers: ").unwrap_err().what, "no-configuration");
    }
}
