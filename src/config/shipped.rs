//! The configurations that are shipped, held to the parser.

use super::Config;
use super::syntax;

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

#[test]
fn the_reference_holds_every_field_of_the_parser() {
    let tree = syntax::read(include_str!("../../configs/reference.ron")).unwrap();
    let mounts = tree.find(&"mounts".parse::<syntax::Path>().unwrap().0).unwrap().body().unwrap();
    let mut seen = 0;
    for item in syn::parse_file(include_str!("file.rs")).unwrap().items {
        let syn::Item::Struct(item) = item else { continue };
        let name = item.ident.to_string();
        let Some(kind) = name.strip_suffix("File") else { continue };
        let of_kind = |node: &&syntax::Node| node.body().unwrap().name.as_deref() == Some(kind);
        let written = match kind {
            "Config" => &tree,
            _ => mounts.entries.iter().map(|entry| &entry.value).find(of_kind).unwrap(),
        };
        for field in item.fields {
            let field = field.ident.unwrap().to_string();
            assert!(written.find(&[syntax::Step::Field(field.clone())]).is_some(), "{kind}: {field}");
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}
