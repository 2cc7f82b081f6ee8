//! What is written otherwise in another text of a configuration, setting by setting.

use std::collections::BTreeSet;

use super::syntax::{self, Kind, Path, Step, Value};

/// A setting that two texts have otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The way to it.
    pub path: Path,
    /// As the first text has it; none: it is not written there.
    pub before: Option<String>,
    /// As the second text has it.
    pub after: Option<String>,
}

/// Every setting that differs, each as deep as both texts have the same around it. What is no RON has none.
pub fn changes(before: &str, after: &str) -> Vec<Change> {
    let (one, other) = (tree(before), tree(after));
    let mut found = Vec::new();
    compare((before, one.as_ref()), (after, other.as_ref()), &Path::default(), &mut found);
    found
}

fn tree(text: &str) -> Option<Value> {
    syntax::parse(text).0
}

type Part<'a> = (&'a str, Option<&'a Value>);

fn compare(before: Part<'_>, after: Part<'_>, path: &Path, found: &mut Vec<Change>) {
    let (one, other) = (written(before), written(after));
    if one == other {
        return;
    }
    if let Some(steps) = before.1.zip(after.1).and_then(|(one, other)| steps(one, other)) {
        for step in steps {
            let one = (before.0, before.1.and_then(|value| value.step(&step)));
            let other = (after.0, after.1.and_then(|value| value.step(&step)));
            compare(one, other, &path.then(step), found);
        }
        return;
    }
    found.push(Change { path: path.clone(), before: one, after: other });
}

fn written((text, value): Part<'_>) -> Option<String> {
    Some(text.get(value?.span.clone())?.to_owned())
}

/// What is in both of them or in one, where they are of the same kind.
fn steps(one: &Value, other: &Value) -> Option<Vec<Step>> {
    let names = |value: &Value| -> Vec<String> {
        match &value.kind {
            Kind::Struct { fields, .. } => fields.iter().map(|field| field.name.clone()).collect(),
            Kind::Map(entries) => {
                entries.iter().filter_map(|entry| entry.name().map(str::to_owned)).collect()
            }
            _ => Vec::new(),
        }
    };
    let into: fn(String) -> Step = match (&one.kind, &other.kind) {
        (Kind::Struct { name: one, .. }, Kind::Struct { name: other, .. })
            if one.as_ref().map(|(name, _)| name) == other.as_ref().map(|(name, _)| name) =>
        {
            Step::Field
        }
        (Kind::Map(_), Kind::Map(_)) => Step::Key,
        _ => return None,
    };
    let all: BTreeSet<String> = names(one).into_iter().chain(names(other)).collect();
    Some(all.into_iter().map(into).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(before: &str, after: &str) -> Vec<String> {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        changes(before, after)
            .into_iter()
            .map(|change| format!("{} {} {}", change.path, or_none(change.before), or_none(change.after)))
            .collect()
    }

    #[test]
    fn each_setting_that_differs_is_told_and_comments_and_order_are_none() {
        let before =
            r#"(workers: 1, mounts: {"a": Pattern(fps: 5, gop: 9), "b": Pattern(), "c": Pattern()})"#;
        let after = r#"( // mine
            mounts: {"c": File(path: "x"), "a": Pattern(gop: 9, fps: 6), "b": Pattern(label: "B")}, dscp: 1)"#;
        let expected = [
            "dscp - 1",
            "mounts[\"a\"].fps 5 6",
            "mounts[\"b\"].label - \"B\"",
            "mounts[\"c\"] Pattern() File(path: \"x\")",
            "workers 1 -",
        ];
        assert_eq!(told(before, after), expected);
        assert!(told(before, before).is_empty());
        assert_eq!(told("()", "(workers: 1)"), ["workers - 1"]);
        assert_eq!(told("", "()"), [" - ()"]);
    }
}
