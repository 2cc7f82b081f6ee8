//! The schema and the configurations that are shipped, held to the parser.

use std::collections::BTreeSet;

use super::Config;
use super::schema::{Default, FILE, Field, KINDS, Shape};
use super::syntax::{self, Kind, Step, Value};

const REFERENCE: &str = include_str!("../../configs/reference.ron");

fn server() -> &'static [Field] {
    match &FILE {
        Shape::Structure(_, fields) => fields,
        _ => panic!("the file is no structure"),
    }
}

/// What a section's fields are listed under.
fn name_of(section: &Field) -> &'static str {
    match section.name {
        "access" => "Access",
        other => panic!("a section {other} that the parser's structures are not looked up for"),
    }
}

/// A configuration with that value of the field.
type With = Box<dyn Fn(&str) -> String>;

/// Every field of the schema, with a configuration in which it is written as its example says; empty is the file's own.
fn examples() -> Vec<(&'static str, &'static Field, With)> {
    let mut examples: Vec<(_, _, With)> = Vec::new();
    for field in server() {
        examples.push(("", field, Box::new(|value| format!("({}: {value})", field.name))));
        if let Shape::Structure(_, fields) = &field.shape {
            for inner in *fields {
                let with = move |value: &str| format!("({}: ({}: {value}))", field.name, inner.name);
                examples.push((name_of(field), inner, Box::new(with)));
            }
        }
    }
    for kind in KINDS {
        for field in kind.fields() {
            let with = move |value: &str| {
                let needed = kind.fields().filter(|other| matches!(other.default, Default::Required));
                let others = needed.filter(|other| other.name != field.name);
                let mut written: Vec<String> =
                    others.map(|other| format!("{}: {}", other.name, other.example)).collect();
                // A size has both.
                match field.name {
                    "width" => written.push("height: 480".to_owned()),
                    "height" => written.push("width: 640".to_owned()),
                    _ => {}
                }
                written.push(format!("{}: {value}", field.name));
                format!("(mounts: {{\"a\": {}({})}})", kind.name, written.join(", "))
            };
            examples.push((kind.name, field, Box::new(with)));
        }
    }
    examples
}

#[test]
fn every_field_of_the_schema_is_read() {
    for (kind, field, with) in examples() {
        let text = with(field.example);
        Config::parse(&text).unwrap_or_else(|error| panic!("{kind}.{}: {error}", field.name));
        if let Default::Written(value) = field.default {
            Config::parse(&with(value)).unwrap_or_else(|error| panic!("{kind}.{}: {error}", field.name));
        }
        assert!(field.help.ends_with('.'), "{kind}.{}", field.name);
    }
}

#[test]
fn what_is_a_default_changes_nothing() {
    for (kind, field, with) in examples() {
        let Default::Written(value) = field.default else { continue };
        let without = with("None").replace(&format!(", {}: None", field.name), "");
        let without = without.replace(&format!("{}: None", field.name), "");
        // Half a size is none.
        if matches!(field.name, "width" | "height") {
            continue;
        }
        let (written, left_out) = (Config::parse(&with(value)).unwrap(), Config::parse(&without).unwrap());
        assert_eq!(written, left_out, "{kind}.{}", field.name);
    }
}

#[test]
fn bounds_and_choices_are_the_rooms_own() {
    for (kind, field, with) in examples() {
        let taken: Vec<String> = match &field.shape {
            Shape::Choice(names) => names.iter().map(|name| (*name).to_owned()).collect(),
            // Sizes have rules of their own, and `rotation` two values.
            Shape::Integer(least, most) if !matches!(field.name, "width" | "height") => {
                vec![least.to_string(), most.to_string()]
            }
            Shape::Number(least, most) if field.name != "level" => vec![least.to_string(), most.to_string()],
            _ => continue,
        };
        for value in taken {
            // What other settings forbid beside it is no matter of this one.
            if (kind, value.as_str()) == ("Camera", "Software") && !cfg!(feature = "soft-h264") {
                continue;
            }
            let text = with(&value);
            Config::parse(&text).unwrap_or_else(|error| panic!("{kind}.{}: {error}", field.name));
        }
    }
}

/// What the parser's structures have, by kind: of these sources' own text.
fn parsed() -> BTreeSet<(String, String)> {
    let sources = [
        include_str!("file/mod.rs"),
        include_str!("file/access.rs"),
        include_str!("file/camera.rs"),
        include_str!("file/pictures.rs"),
        include_str!("file/program.rs"),
    ];
    let mut found = BTreeSet::new();
    for item in sources.iter().flat_map(|source| syn::parse_file(source).unwrap().items) {
        let syn::Item::Struct(item) = item else { continue };
        let name = item.ident.to_string();
        let Some(kind) = name.strip_suffix("File") else { continue };
        let kind = if kind == "Config" { "" } else { kind };
        let names = item.fields.into_iter().map(|field| field.ident.unwrap().to_string());
        found.extend(names.map(|field| (kind.to_owned(), field)));
    }
    found
}

#[test]
fn the_schema_has_every_field_of_the_parser() {
    let schema: BTreeSet<_> =
        examples().iter().map(|(kind, field, _)| ((*kind).to_owned(), field.name.to_owned())).collect();
    let parsed = parsed();
    assert!(parsed.len() > 40, "{parsed:?}");
    assert_eq!(schema, parsed);
}

#[test]
fn the_reference_has_every_field_of_the_schema() {
    let tree = syntax::parse(REFERENCE).0.unwrap();
    let Kind::Map(mounts) = &tree.step(&Step::Field("mounts".to_owned())).unwrap().kind else { panic!() };
    let of_kind = |value: &&Value, kind: &str| match &value.kind {
        Kind::Struct { name: Some((name, _)), .. } => name == kind,
        _ => false,
    };
    for (kind, field, _) in examples() {
        let place = match kind {
            "" => &tree,
            "Access" => tree.step(&Step::Field("access".to_owned())).unwrap(),
            _ => mounts.iter().map(|entry| &entry.value).find(|value| of_kind(value, kind)).unwrap(),
        };
        assert!(place.step(&Step::Field(field.name.to_owned())).is_some(), "{kind}.{}", field.name);
    }
}

#[test]
fn every_shipped_configuration_is_one() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/configs");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 7, "{files:?}");
    for file in files {
        let config = Config::load(&file).unwrap_or_else(|error| panic!("{error}"));
        assert!(!config.mounts.is_empty(), "{file:?}");
    }
}
