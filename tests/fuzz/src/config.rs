//! Configurations: any text is answered, and an edit of what can be read leaves the rest as it is.

use lenslet::config::syntax::{self, Kind, Path, Step, Value};
use lenslet::config::{Config, edit};

pub fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Err(error) = Config::parse(&text) {
        assert!(!error.problems().is_empty());
        assert!(!error.to_string().is_empty());
    }
    let (tree, mistakes) = syntax::parse(&text);
    for mistake in &mistakes {
        assert!(mistake.span.start <= mistake.span.end && mistake.span.end <= text.len());
    }
    let Some(tree) = tree.filter(|_| mistakes.is_empty()) else { return };
    let mut ways = Vec::new();
    walk(&tree, &Path::default(), &mut ways);
    for way in ways.iter().take(20) {
        // What a mount, a list or a number becomes by this is rarely a configuration; where it is, the rest is as it was.
        let path = way.to_string();
        if let Ok(new) = edit::set(&text, &path, "5") {
            let span = tree.at(way).unwrap().span.clone();
            let mark = text.len() - text.trim_start_matches('\u{feff}').len();
            assert_eq!(new, format!("{}5{}", &text[..mark + span.start], &text[mark + span.end..]));
        }
        if let Ok(new) = edit::remove(&text, &path) {
            assert!(new.len() < text.len());
            Config::parse(&new).unwrap();
        }
    }
}

fn walk(value: &Value, to: &Path, ways: &mut Vec<Path>) {
    assert!(value.span.start <= value.span.end);
    let inner: Vec<(Step, &Value)> = match &value.kind {
        Kind::Struct { fields, .. } => {
            fields.iter().map(|field| (Step::Field(field.name.clone()), &field.value)).collect()
        }
        Kind::Map(entries) => entries
            .iter()
            .filter_map(|entry| Some((Step::Key(entry.name()?.to_owned()), &entry.value)))
            .collect(),
        Kind::List(values) | Kind::Tuple { values, .. } => {
            values.iter().enumerate().map(|(index, value)| (Step::Index(index), value)).collect()
        }
        _ => Vec::new(),
    };
    for (step, inner) in inner {
        assert!(value.span.start <= inner.span.start && inner.span.end <= value.span.end);
        let way = to.then(step);
        // Of two of one name the first is meant.
        if value.step(way.0.last().unwrap()).is_some_and(|found| found.span == inner.span) {
            ways.push(way.clone());
        }
        walk(inner, &way, ways);
    }
}
