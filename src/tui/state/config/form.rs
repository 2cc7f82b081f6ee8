//! What can be edited: the sections of the file, and the settings of one of them.

use super::super::cursor::Cursor;
use super::draft::{Values, mount_path};
use super::schema::{Field, Schema};

/// A section of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Section {
    /// The server's own settings.
    Server,
    /// Settings that stand together.
    Structure(String),
    /// Users and bans, which are no part of the file.
    Access,
    /// A mount: its name.
    Mount(String),
}

/// A section that is open.
#[derive(Clone, Debug)]
pub struct Form {
    /// Which.
    pub section: Section,
    /// The setting that keys act on.
    pub cursor: Cursor,
}

/// A setting of a form.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting<'a> {
    /// The way to it.
    pub path: String,
    /// What may be written there.
    pub field: &'a Field,
    /// What is written there.
    pub written: Option<&'a str>,
}

/// The sections, as they are listed.
pub fn sections(schema: &Schema, values: &Values) -> Vec<Section> {
    let structures = schema.structures().map(|(field, _)| Section::Structure(field.name.clone()));
    let mounts = values.mounts().iter().map(|(name, _)| Section::Mount(name.clone()));
    std::iter::once(Section::Server).chain(structures).chain([Section::Access]).chain(mounts).collect()
}

/// The settings of a section; none of a mount of a kind that is not known.
pub fn settings<'a>(section: &Section, schema: &'a Schema, values: &'a Values) -> Vec<Setting<'a>> {
    let setting = |path: String, field: &'a Field| {
        let written = values.at(&path);
        Setting { path, field, written }
    };
    match section {
        Section::Server => schema.plain().map(|field| setting(field.name.clone(), field)).collect(),
        Section::Structure(name) => {
            let fields = schema.structures().find(|(field, _)| field.name == *name).map(|(_, fields)| fields);
            let path = |field: &Field| format!("{name}.{}", field.name);
            fields.unwrap_or_default().iter().map(|field| setting(path(field), field)).collect()
        }
        Section::Access => Vec::new(),
        Section::Mount(name) => {
            let kind = values.kind(name).and_then(|kind| schema.kind(kind));
            let fields = kind.map(|kind| &kind.fields[..]).unwrap_or_default();
            fields.iter().map(|field| setting(mount_path(name, Some(&field.name)), field)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::protocol::Written;

    #[test]
    fn every_setting_of_the_file_is_in_a_form() {
        let schema = Schema::read(crate::config::schema()).unwrap();
        let it = |path: &str, value: &str, kind: Option<&str>| Written {
            path: path.into(),
            value: value.into(),
            kind: kind.map(Into::into),
        };
        let values = Values::of(vec![
            it("workers", "3", None),
            it("mounts[\"a\"]", "Pattern(fps: 5)", Some("Pattern")),
            it("mounts[\"a\"].fps", "5", None),
        ]);
        let sections = sections(&schema, &values);
        assert_eq!((&sections[0], sections.last()), (&Section::Server, Some(&Section::Mount("a".into()))));
        let server = settings(&Section::Server, &schema, &values);
        let workers = server.iter().find(|setting| setting.path == "workers").unwrap();
        assert_eq!(workers.written, Some("3"));
        let mount = settings(&Section::Mount("a".into()), &schema, &values);
        let fps = mount.iter().find(|setting| setting.field.name == "fps").unwrap();
        assert_eq!((fps.path.as_str(), fps.written), ("mounts[\"a\"].fps", Some("5")));
        assert!(settings(&Section::Mount("b".into()), &schema, &values).is_empty());
    }
}
