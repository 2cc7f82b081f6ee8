#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;

use super::super::syntax::{self, Kind, Path, Step, Value};
use super::text::{insert, remove, rename, set};
use super::{Change, Error, all, meaning};

fn path(text: &str) -> Path {
    text.parse().unwrap()
}

const FILE: &str = r#"// The cupboard's box.
(
    listen: ["0.0.0.0:8554"], // all of IPv4
    /* two, of which
       one is for tests */
    mounts: {
        "test": Pattern(),
        "door": Camera(
            device: "/dev/video0", // by the window
            fps: 15
        ), // north
    },
    workers: 1,
)
"#;

#[test]
fn a_value_is_set_where_it_stands() {
    let changed = set(FILE, &path("mounts[\"door\"].fps"), "25").unwrap();
    assert_eq!(changed, FILE.replace("fps: 15", "fps: 25"));
    let changed = set(FILE, &path("listen[0]"), " \"[::]:554\" // new\n").unwrap();
    assert_eq!(changed, FILE.replace("0.0.0.0:8554", "[::]:554"));
}

#[test]
fn what_is_added_looks_as_what_is_there() {
    for (way, value, old, new) in [
        ("max_sessions", "5", "    workers: 1,\n", "    workers: 1,\n    max_sessions: 5,\n"),
        (
            "mounts[\"yard\"]",
            "Rpicam(fps: 30)",
            "        ), // north\n",
            "        ), // north\n        \"yard\": Rpicam(fps: 30),\n",
        ),
        ("mounts[\"door\"].width", "640", "fps: 15\n", "fps: 15,\n            width: 640\n"),
        ("mounts[\"test\"].fps", "5", "Pattern()", "Pattern(fps: 5)"),
        ("listen[1]", "\"[::1]:554\"", "[\"0.0.0.0:8554\"]", "[\"0.0.0.0:8554\", \"[::1]:554\"]"),
        (
            "mounts[\"door\"].controls[\"focus\"]",
            "3",
            "fps: 15\n",
            "fps: 15,\n            controls: {\"focus\": 3}\n",
        ),
    ] {
        assert_eq!(set(FILE, &path(way), value).unwrap(), FILE.replace(old, new), "{way}");
        assert_eq!(insert(FILE, &path(way), value).unwrap(), FILE.replace(old, new), "{way}");
    }
    assert_eq!(set("()", &path("workers"), "2").unwrap(), "(workers: 2)");
    assert_eq!(set("(\r\n// x\r\n)", &path("workers"), "2").unwrap(), "(\r\n    workers: 2,\r\n// x\r\n)");
    assert_eq!(set("(a: 1, b: 2,)", &path("c"), "3").unwrap(), "(a: 1, b: 2, c: 3,)");
}

#[test]
fn what_is_taken_out_leaves_no_hole() {
    for (way, old, new) in [
        ("workers", "    workers: 1,\n", ""),
        ("mounts[\"test\"]", "        \"test\": Pattern(),\n", ""),
        ("mounts[\"door\"].fps", "            fps: 15\n", ""),
        ("mounts[\"door\"].device", "device: \"/dev/video0\", // by", "// by"),
        ("listen[0]", "[\"0.0.0.0:8554\"]", "[]"),
    ] {
        assert_eq!(remove(FILE, &path(way)).unwrap(), FILE.replace(old, new), "{way}");
    }
    assert_eq!(remove("(a: 1, b: 2, c: 3)", &path("b")).unwrap(), "(a: 1, c: 3)");
    assert_eq!(remove("(a: 1, b: 2)", &path("b")).unwrap(), "(a: 1)");
    assert_eq!(remove("(a: 1 /* one */, b: 2)", &path("a")).unwrap(), "( /* one */ b: 2)");
}

#[test]
fn names_change_alone() {
    let changed = rename(FILE, &path("mounts[\"door\"]"), "front/door").unwrap();
    assert_eq!(changed, FILE.replace("\"door\"", "\"front/door\""));
    assert_eq!(rename(FILE, &path("workers"), "threads").unwrap(), FILE.replace("workers", "threads"));
}

#[test]
fn what_cannot_be_is_refused() {
    let why = |done: Result<String, Error>| done.unwrap_err().to_string();
    for way in ["workers.x", "listen[5]", "workers[0]"] {
        assert_eq!(why(set(FILE, &path(way), "1")), format!("there is no place for {way}"));
    }
    assert_eq!(why(set(FILE, &path(""), "1")), "the whole configuration cannot be changed so");
    assert_eq!(
        why(remove(FILE, &path("mounts[\"x\"]"))),
        "there is no mount \"x\" in the file: there are test, door"
    );
    assert_eq!(why(insert(FILE, &path("workers"), "1")), "workers is there already");
    assert_eq!(why(rename(FILE, &path("mounts[\"door\"]"), "test")), "mounts[\"test\"] is there already");
    assert_eq!(why(rename(FILE, &path("workers"), "a b")), "\"a b\" cannot be a setting's name");
    for value in ["", "1, workers: 2", "1)", "/* 1", "\"", "(a: )", "1 2"] {
        assert!(matches!(set(FILE, &path("workers"), value), Err(Error::Value(_))), "{value}");
    }
    for value in ["Front door", "\"Front\" door", "1)"] {
        let expected = "the new value cannot be read: it is not one value";
        assert_eq!(why(set(FILE, &path("mounts.test.label"), value)), expected, "{value}");
    }
    let expected = "the configuration cannot be read as it is: 2:2: this is not closed: `)` is missing";
    assert_eq!(why(set("\n (", &path("workers"), "1")), expected);
}

#[test]
fn what_would_be_no_configuration_is_refused() {
    let why = |done: Result<String, Error>| done.unwrap_err().to_string();
    for (refused, expected) in [
        (super::set(FILE, "workers", "0"), "workers: 0 is not between 1 and 64"),
        (super::set(FILE, "nothing", "1"), "there is no setting nothing"),
        (super::set(FILE, "mounts[\"test\"].width", "16"), "a size has both, and height is missing"),
        (
            super::set(FILE, "mounts[\"test\"]", "Pattern(width: 15, height: 16)"),
            "the nearest that can be is",
        ),
        (
            super::set(FILE, "mounts[\"x\"].fps", "1"),
            "there is no mount \"x\" in the file: there are test, door",
        ),
        (super::set(FILE, "..", "1"), "is no way to a setting"),
        (super::rename(FILE, "mounts[\"door\"]", "../x"), "a path is letters"),
        (super::remove(FILE, "mounts[\"door\"].device"), "Camera needs device"),
        (
            super::remove("(mounts: {\"a\": Pattern()}, aliases: {\"b\": \"a\"})", "mounts[\"a\"]"),
            "no mount \"a\"",
        ),
    ] {
        let said = why(refused);
        assert!(said.contains(expected), "{said}");
    }
    assert_eq!(super::set("\u{feff}()", "workers", "2").unwrap(), "\u{feff}(workers: 2)");
    assert!(
        super::insert(FILE, "mounts[\"c\"]", "Pattern()").unwrap().contains("\n        \"c\": Pattern(),\n")
    );
}

/// What may stand between two tokens.
fn gap() -> impl Strategy<Value = String> {
    const GAPS: &[&str] =
        &["", "", "", " ", "\n", "\n    ", "\t", " // a ), \"b\n", "/* a, /* ( */ } */", "\r\n  ", "//\n\t"];
    prop::sample::select(GAPS).prop_map(str::to_owned)
}

fn scalar() -> impl Strategy<Value = String> {
    const SCALARS: &[&str] = &[
        "1",
        "-2.5",
        "true",
        "\"te,x}t\"",
        "\"\\\"\\u{e4}\"",
        "'c'",
        "r#\"ra\"w\"#",
        "Auto",
        "0x1F",
        "inf",
        "\"// no\"",
    ];
    prop::sample::select(SCALARS).prop_map(str::to_owned)
}

fn bracketed(
    open: &'static str,
    close: &'static str,
    name: impl Fn(usize) -> String + 'static,
    value: impl Strategy<Value = String> + 'static,
) -> impl Strategy<Value = String> {
    let member = (value, gap(), gap(), gap(), gap());
    (prop::collection::vec(member, 0..5), gap(), any::<bool>()).prop_map(
        move |(members, inside, trailing)| {
            let mut text = format!("{open}{inside}");
            let count = members.len();
            for (index, (value, a, b, c, d)) in members.into_iter().enumerate() {
                let name = name(index);
                let colon = if name.is_empty() { String::new() } else { format!("{name}{a}:") };
                let comma = if index + 1 < count || trailing { "," } else { "" };
                text.push_str(&format!("{colon}{b}{value}{c}{comma}{d}"));
            }
            text + close
        },
    )
}

fn field(index: usize) -> String {
    format!("f{index}")
}

fn document() -> impl Strategy<Value = String> {
    let value = scalar().prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            bracketed("(", ")", field, inner.clone()),
            bracketed("Camera(", ")", field, inner.clone()),
            bracketed("{", "}", |index| format!("\"k{index}\""), inner.clone()),
            bracketed("[", "]", |_| String::new(), inner),
        ]
    });
    (gap(), bracketed("(", ")", field, value), gap()).prop_map(|(a, text, b)| format!("{a}{text}{b}"))
}

/// The way to everything in it, itself not.
fn ways(value: &Value, to: &Path, ways: &mut Vec<Path>) {
    let inner: Vec<(Step, &Value)> = match &value.kind {
        Kind::Struct { fields, .. } => {
            fields.iter().map(|field| (Step::Field(field.name.clone()), &field.value)).collect()
        }
        Kind::Map(entries) => {
            entries.iter().map(|entry| (Step::Key(entry.name().unwrap().to_owned()), &entry.value)).collect()
        }
        Kind::List(values) => {
            values.iter().enumerate().map(|(index, value)| (Step::Index(index), value)).collect()
        }
        _ => Vec::new(),
    };
    for (step, value) in inner {
        let way = to.then(step);
        ways.push(way.clone());
        self::ways(value, &way, ways);
    }
}

/// From a member's name to the end of its value.
fn member(tree: &Value, way: &Path) -> std::ops::Range<usize> {
    let (outer, step) = way.split().unwrap();
    let end = tree.at(way).unwrap().span.end;
    let start = match (&tree.at(&outer).unwrap().kind, step) {
        (Kind::Struct { fields, .. }, Step::Field(name)) => {
            fields.iter().find(|field| field.name == *name).unwrap().place.start
        }
        (Kind::Map(entries), Step::Key(name)) => {
            entries.iter().find(|entry| entry.name() == Some(name)).unwrap().key.span.start
        }
        _ => tree.at(way).unwrap().span.start,
    };
    start..end
}

/// The comments, in order: found by another reader than the one under test.
fn comments(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            // As the gaps have them: one in another.
            rest.find("} */").unwrap() + 4
        } else if rest.starts_with("r#\"") {
            rest.find("\"#").unwrap() + 2
        } else if let Some(inside) = rest.strip_prefix("\"\\\"") {
            inside.find('"').unwrap() + 4
        } else if let Some(inside) = rest.strip_prefix('"') {
            inside.find('"').unwrap() + 2
        } else {
            rest = &rest[first.len_utf8()..];
            continue;
        };
        if rest.starts_with('/') {
            found.push(rest[..length].trim_end().to_owned());
        }
        rest = &rest[length..];
    }
    found
}

/// Whether the text is left when some bytes of the other are left out.
fn is_left_of(text: &str, other: &str) -> bool {
    let mut other = other.bytes();
    text.bytes().all(|byte| other.any(|candidate| candidate == byte))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn outside_of_the_value_nothing_changes(text in document(), pick in any::<prop::sample::Index>(), new in scalar()) {
        let (tree, mistakes) = syntax::parse(&text);
        prop_assert!(mistakes.is_empty(), "{text}: {mistakes:?}");
        let (tree, mut all) = (tree.unwrap(), Vec::new());
        ways(&tree, &Path::default(), &mut all);
        prop_assume!(!all.is_empty());
        let way = pick.get(&all);
        let span = tree.at(way).unwrap().span.clone();
        let changed = set(&text, way, &new).unwrap();
        prop_assert_eq!(&changed, &format!("{}{new}{}", &text[..span.start], &text[span.end..]));
        let said = syntax::parse(&changed).0.unwrap();
        prop_assert!(meaning::same(said.at(way).unwrap(), &syntax::parse(&new).0.unwrap()));
        prop_assert_eq!(set(&changed, way, &text[span]).unwrap(), text);
    }

    #[test]
    fn what_comes_and_goes_leaves_every_comment(text in document(), pick in any::<prop::sample::Index>(), new in scalar()) {
        let (tree, mut all) = (syntax::parse(&text).0.unwrap(), vec![Path::default()]);
        ways(&tree, &Path::default(), &mut all);
        let outer = pick.get(&all);
        let step = match &tree.at(outer).unwrap().kind {
            Kind::Struct { .. } => Step::Field("new".to_owned()),
            Kind::Map(_) => Step::Key("new".to_owned()),
            Kind::List(values) => Step::Index(values.len()),
            _ => return Ok(()),
        };
        let way = outer.then(step);
        let more = insert(&text, &way, &new).unwrap();
        prop_assert!(is_left_of(&text, &more), "{text:?} -> {more:?}");
        prop_assert_eq!(comments(&more), comments(&text));
        let less = remove(&more, &way).unwrap();
        prop_assert_eq!(comments(&less), comments(&text), "{:?} -> {:?}", &more, &less);
        prop_assert!(meaning::same(&syntax::parse(&less).0.unwrap(), &tree));
    }

    #[test]
    fn what_goes_takes_nothing_else_along(text in document(), pick in any::<prop::sample::Index>()) {
        let (tree, mut all) = (syntax::parse(&text).0.unwrap(), Vec::new());
        ways(&tree, &Path::default(), &mut all);
        prop_assume!(!all.is_empty());
        let way = pick.get(&all);
        let span = member(&tree, way);
        let less = remove(&text, way).unwrap();
        prop_assert!(is_left_of(&less, &text));
        let kept = [comments(&text[..span.start]), comments(&text[span.end..])].concat();
        prop_assert_eq!(comments(&less), kept, "{:?} -> {:?}", &text, &less);
    }

    #[test]
    fn any_text_is_answered(text in ".{0,80}", way in "[a-z.\\[\\]\"0-9]{0,12}", value in ".{0,12}") {
        let _ = syntax::parse(&text);
        if let Ok(way) = way.parse::<Path>() {
            let _ = set(&text, &way, &value);
            let _ = remove(&text, &way);
        }
    }
}

#[test]
fn several_changes_have_to_be_right_together_alone() {
    let text = "(mounts: {\"a\": Camera(device: \"x\") /* y */})";
    let width = Change::Set("mounts[\"a\"].width", "640");
    let height = Change::Set("mounts[\"a\"].height", "480");
    assert!(matches!(all(text, &[width]), Err(Error::Config(_))));
    let both = all(text, &[width, height]).unwrap();
    assert_eq!(both, "(mounts: {\"a\": Camera(device: \"x\", width: 640, height: 480) /* y */})");
}

#[test]
fn a_path_is_taken_as_people_write_it() {
    let text = "(mounts: {\"cam\": Pattern(fps: 30), \"1\": Pattern()}, aliases: {\"b\": \"cam\"})";
    for way in ["mounts[\"cam\"].fps", "mounts[cam].fps", "mounts.cam.fps"] {
        assert_eq!(set(text, &path(way), "25").unwrap(), text.replace("30", "25"), "{way}");
        assert_eq!(remove(text, &path(way)).unwrap(), text.replace("fps: 30", ""), "{way}");
    }
    assert_eq!(
        set(text, &path("mounts[1]"), "Pattern(fps: 5)").unwrap(),
        text.replace("Pattern()", "Pattern(fps: 5)")
    );
    assert_eq!(
        set(text, &path("aliases.b"), "\"1\"").unwrap(),
        text.replace("\"b\": \"cam\"", "\"b\": \"1\"")
    );
    let added = set("()", &path("mounts.a"), "Pattern()").unwrap();
    assert_eq!(added, "(mounts: {\"a\": Pattern()})");
    assert_eq!(rename(text, &path("mounts[1]"), "two").unwrap(), text.replace("\"1\"", "\"two\""));
    let camera = "(mounts: {\"c\": Camera(device: \"x\")})";
    let focused = camera.replace("\"x\"", "\"x\", controls: {\"focus\": 3}");
    assert_eq!(set(camera, &path("mounts.c.controls.focus"), "3").unwrap(), focused);
}

#[test]
fn a_setting_of_a_mount_that_there_is_not_names_the_nearest_mount() {
    let text = "(mounts: {\"front\": Pattern(), \"back\": Pattern()})";
    let near = "there is no mount \"frnt\" in the file: front is nearest";
    let told = [
        set(text, &path("mounts[\"frnt\"].fps"), "25"),
        set(text, &path("mounts.frnt.controls.brightness"), "25"),
        insert(text, &path("mounts[\"frnt\"].fps"), "25"),
        remove(text, &path("mounts[\"frnt\"]")),
        remove(text, &path("mounts[\"frnt\"].fps")),
        rename(text, &path("mounts[\"frnt\"]"), "x"),
    ];
    for told in told {
        assert_eq!(told.unwrap_err().to_string(), near);
    }
    let told = |text: &str| set(text, &path("mounts[\"garden\"].fps"), "25").unwrap_err().to_string();
    assert_eq!(told(text), "there is no mount \"garden\" in the file: there are front, back");
    assert_eq!(told("()"), "there is no mount \"garden\" in the file: there are none");
    // A new one as a whole is no mistake.
    assert!(set(text, &path("mounts[\"frnt\"]"), "Pattern()").is_ok());
}
