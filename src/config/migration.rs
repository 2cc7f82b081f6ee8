//! Files that were written for another version of the settings.
//!
//! `schema` says which version a file is written for; one that does not say is read as it is, and taken for the first,
//! 0, where this version cannot read it. A step is an edit of the text: comments and layout stay. A section that this version
//! does not know becomes a comment, so that the file can be read and nothing of it is lost; one whose name is like a known one
//! is a slip, and stays a mistake: an `acess` that is passed over would let everybody in.

use super::check::Wrong;
use super::edit;
use super::nearest::nearest;
use super::schema;
use super::syntax::{self, Entry, Kind, Path, Step, Value};

/// The version that this program reads.
pub(super) const CURRENT: i128 = 1;

type Translation = fn(&str) -> Result<String, edit::Error>;
/// From each version to the next one: the first is of 0.
const STEPS: [Translation; CURRENT as usize] = [sizes_have_both_sides];

/// A text that was written for an earlier version, in the words of this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translated {
    /// It may have other mistakes.
    pub text: String,
    /// Sections that this version does not know: each is a comment in it.
    pub aside: Vec<String>,
}

/// The text, made one for this version, where it was written for an earlier one; none where it was not.
///
/// # Errors
/// A step does not get along with the text's layout: its number, and why.
pub fn migrate(text: &str) -> Option<Result<Translated, String>> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let written = version(&syntax::parse(body).0?);
    let from = written.unwrap_or_default();
    let steps = STEPS.get(usize::try_from(from).ok()?..).filter(|steps| !steps.is_empty())?;
    let mut now = body.to_owned();
    for (number, step) in (from..).zip(steps) {
        match step(&now) {
            Ok(next) => now = next,
            Err(error) => return Some(Err(format!("schema {number} to {}: {error}", number + 1))),
        }
    }
    // What says nothing, and means the same in this version, is no older file.
    if written.is_none() && now == body {
        return None;
    }
    let path = Path::default().field(SCHEMA);
    let current = edit::splice(&now, &path, &CURRENT.to_string()).map_err(|error| error.to_string());
    Some(current.map(|text| without_unknown(text, from)))
}

/// Whether the file says which version it is written for.
pub(super) fn is_said(text: &str) -> bool {
    syntax::parse(text).0.as_ref().and_then(version).is_some()
}

/// The text with the sections that nobody here knows as comments; where the layout does not allow it they stay, and are mistakes.
fn without_unknown(mut text: String, from: i128) -> Translated {
    let mut aside = Vec::new();
    while let Some(name) = unknown(&text) {
        let version = env!("CARGO_PKG_VERSION");
        let why = format!(
            "{name}: Lenslet {version} (schema {CURRENT}) has no such section. It was written for schema {from}, and is kept as it was:"
        );
        let Ok(less) = edit::aside(&text, &name, &why) else { break };
        text = less;
        aside.push(name);
    }
    Translated { text, aside }
}

/// The first section that is not known, and whose name is like no known one.
fn unknown(text: &str) -> Option<String> {
    let tree = syntax::parse(text).0?;
    let Kind::Struct { name: None, fields } = &tree.kind else { return None };
    let known = schema::sections();
    let mut names = fields.iter().map(|field| &*field.name);
    names
        .find(|name| !known.clone().any(|known| known == *name) && nearest(name, known.clone()).is_none())
        .map(str::to_owned)
}

/// What is wrong with a file that is written for another version, if it is: then nothing else is told of it.
pub(super) fn wrong(tree: &Value) -> Option<Wrong> {
    let written = version(tree).filter(|written| *written != CURRENT)?;
    let path = Path::default().field(SCHEMA);
    let span = tree.at(&path)?.span.clone();
    let what = if written > CURRENT {
        format!(
            "the file is written for a later version of Lenslet (schema {written}; this one reads schema {CURRENT}): \
             update Lenslet, or go back to an earlier text (`lenslet config history`, `rollback`)"
        )
    } else {
        format!(
            "the file is written for an earlier version of Lenslet (schema {written}; this one reads schema {CURRENT}): \
             `lenslet serve` translates it when it starts, if nothing else is wrong with it, keeps the old text as a version, and \
             sections that it does not know as comments"
        )
    };
    Some(Wrong { span, path, what })
}

const SCHEMA: &str = "schema";

/// What the file says of its version.
fn version(tree: &Value) -> Option<i128> {
    match &tree.step(&Step::Field(SCHEMA.to_owned()))?.kind {
        Kind::Number(text) => syntax::integer(text).filter(|version| *version >= 0),
        _ => None,
    }
}

/// 0 to 1: before, a width or a height could stand alone. Of a `Camera` it was passed over, and goes; beside that of other kinds the
/// other side's default was true, which is written down.
fn sizes_have_both_sides(text: &str) -> Result<String, edit::Error> {
    let Some(tree) = syntax::parse(text).0 else { return Ok(text.to_owned()) };
    let Some(Kind::Map(mounts)) = tree.step(&Step::Field("mounts".to_owned())).map(|mounts| &mounts.kind)
    else {
        return Ok(text.to_owned());
    };
    let lone = |mount: &Entry| {
        let Kind::Struct { name: Some((kind, _)), .. } = &mount.value.kind else { return None };
        let has = |side: &str| mount.value.step(&Step::Field(side.to_owned())).is_some();
        let (side, other, default) = match (has("width"), has("height")) {
            (true, false) => ("width", "height", "720"),
            (false, true) => ("height", "width", "1280"),
            _ => return None,
        };
        let mount = Path::default().field("mounts").key(mount.name()?);
        match kind.as_str() {
            "Camera" => Some((mount.field(side), None)),
            "Pattern" | "Rpicam" => Some((mount.field(other), Some(default))),
            _ => None,
        }
    };
    mounts.iter().filter_map(lone).try_fold(text.to_owned(), |text, (path, value)| match value {
        Some(value) => edit::splice(&text, &path, value),
        None => edit::cut(&text, &path),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const OLD: &str = "// The yard.\n(\n    mounts: {\n        // Small.\n        \"yard\": Camera(device: \"/dev/video0\", width: 640, fps: 15), // by the gate\n        \"door\": Camera(device: \"/dev/video1\", width: 640, height: 480),\n    },\n)\n";
    const NEW: &str = "// The yard.\n(\n    mounts: {\n        // Small.\n        \"yard\": Camera(device: \"/dev/video0\", fps: 15), // by the gate\n        \"door\": Camera(device: \"/dev/video1\", width: 640, height: 480),\n    },\n    schema: 1,\n)\n";

    #[test]
    fn half_a_size_of_what_had_a_default_for_the_rest_means_what_it_meant() {
        let old = "(mounts: {\n    \"wide\": Pattern(width: 640), // small\n    \"high\": Pattern(height: 480, fps: 5),\n    \"box\": Rpicam(width: 1920),\n})\n";
        assert!(Config::parse(old).is_err());
        let new = migrate(old).unwrap().unwrap().text;
        let config = Config::parse(&new).unwrap();
        let said = format!("{:?}", config.mounts);
        for size in ["width: 640, height: 720", "width: 1280, height: 480", "width: 1920, height: 720"] {
            assert!(said.contains(size), "{said}");
        }
        assert!(new.contains("// small"), "{new}");
    }

    #[test]
    fn an_older_file_is_translated_and_its_comments_stay() {
        assert!(Config::parse(OLD).is_err());
        let new = migrate(OLD).unwrap().unwrap().text;
        assert_eq!(new, NEW);
        Config::parse(&new).unwrap();
        assert!(migrate(&new).is_none(), "it is done once");
        // What says of itself that it is old.
        let said = "(schema: 0, mounts: {\"a\": Pattern()})";
        let error = Config::parse(said).unwrap_err().to_string();
        assert!(error.contains("schema: the file is written for an earlier version"), "{error}");
        assert_eq!(migrate(said).unwrap().unwrap().text, said.replace('0', "1"));
    }

    #[test]
    fn what_is_right_as_it_is_stays_as_it_is() {
        for text in [
            "()",
            "(mounts: {\"a\": Pattern()})",
            "(schema: 1)",
            "(schema: 2)",
            "(schema: -1)",
            "(mounts",
            "",
        ] {
            assert!(migrate(text).is_none(), "{text}");
        }
    }

    /// The file, with each section that is not known as a comment under the reason, and their names.
    const ASIDE: &[(&str, &str, &[&str])] = &[
        (
            "(\n    schema: 0,\n    // Films.\n    films: (path: \"/srv\", /* a week */ days: 7), // all\n    workers: 2,\n)\n",
            "(\n    schema: 1,\n    // Films.\n    // films: WHY\n    // films: (path: \"/srv\", /* a week */ days: 7), // all\n    workers: 2,\n)\n",
            &["films"],
        ),
        // Of several lines, the last of all, without a comma; what would end a comment of another kind.
        (
            "(\r\n\tschema: 0,\r\n\tfilms: (\r\n\t\tends: \"*/\", // */\r\n  x: {},\r\n\t)\r\n)\r\n",
            "(\r\n\tschema: 1,\r\n\t// films: WHY\r\n\t// films: (\r\n\t// \tends: \"*/\", // */\r\n//   x: {},\r\n\t// )\r\n)\r\n",
            &["films"],
        ),
        (
            "(schema: 0, films: [1], workers: 2)",
            "(schema: 1, \n// films: WHY\n// films: [1],\n workers: 2)",
            &["films"],
        ),
        (
            "(films: 1, schema: 0, snow: None)",
            "(\n// films: WHY\n// films: 1,\n schema: 1, \n // snow: WHY\n // snow: None\n )",
            &["films", "snow"],
        ),
        // A comment that goes on in the next line is not part of it.
        (
            "(schema: 0,\n films: 1, /* one\n two */ workers: 2)",
            "(schema: 1,\n // films: WHY\n // films: 1,\n  /* one\n two */ workers: 2)",
            &["films"],
        ),
        // Slips stay mistakes.
        ("(schema: 0, acess: (deny: []))", "(schema: 1, acess: (deny: []))", &[]),
        ("(schema: 0, firewall: (deny: []))", "(schema: 1, firewall: (deny: []))", &[]),
    ];

    #[test]
    fn a_section_that_is_not_known_becomes_a_comment_and_nothing_of_it_is_lost() {
        for (old, expected, names) in ASIDE {
            let new = migrate(old).unwrap().unwrap();
            let why = format!(
                "Lenslet {} (schema 1) has no such section. It was written for schema 0, and is kept as it was:",
                env!("CARGO_PKG_VERSION")
            );
            assert_eq!(
                (new.text.as_str(), &new.aside[..]),
                (
                    &*expected.replace("WHY", &why),
                    &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()[..]
                ),
                "{old}"
            );
            assert_eq!(Config::parse(&new.text).is_ok(), !names.is_empty(), "{}", new.text);
        }
    }

    #[test]
    fn a_later_file_is_refused_with_one_sentence() {
        let error = Config::parse("(schema: 7, recordings: (path: \"/srv\"))").unwrap_err();
        assert_eq!(error.problems().len(), 1, "{error}");
        assert!(
            error
                .to_string()
                .contains("a later version of Lenslet (schema 7; this one reads schema 1): update Lenslet")
        );
    }
}
