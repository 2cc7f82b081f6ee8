//! Who may know whom, held against the parsed source. A new arrow changes this table in the same commit.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// Each room, and the rooms of this crate that it may name.
const MAY_KNOW: [(&str, &[&str]); 29] = [
    ("access", &["plain", "rtsp"]),
    ("amount", &[]),
    ("backup", &["amount", "clock", "config"]),
    ("board", &["clock"]),
    (
        "cli",
        &[
            "access", "amount", "backup", "clock", "config", "control", "daemon", "logs", "plain", "rtsp",
            "source", "tools", "tui",
        ],
    ),
    ("client", &["clock", "random", "rtcp", "rtp", "rtsp", "sdp"]),
    ("clock", &["media"]),
    ("config", &["access", "clock", "plain", "rtsp", "server", "source"]),
    ("control", &[]),
    (
        "daemon",
        &[
            "access", "amount", "board", "clock", "config", "control", "encode", "hub", "logs", "media",
            "plain", "redact", "server", "source",
        ],
    ),
    ("encode", &["media"]),
    ("hub", &["media"]),
    ("lib", &[]),
    ("logs", &["clock", "plain", "redact"]),
    ("main", &["cli"]),
    ("media", &[]),
    ("plain", &[]),
    ("random", &["clock"]),
    ("redact", &[]),
    ("rtcp", &[]),
    ("rtp", &["hub", "media", "rtcp"]),
    ("rtsp", &["plain", "sdp"]),
    ("sdp", &["media", "rtp"]),
    ("server", &["access", "amount", "clock", "hub", "media", "random", "rtcp", "rtp", "rtsp", "sdp"]),
    ("source", &["amount", "clock", "encode", "hub", "media", "redact", "v4l2"]),
    ("tests", &[]),
    ("tools", &["amount", "client", "clock", "rtcp", "rtp", "rtsp", "sdp"]),
    ("tui", &["control", "plain"]),
    ("v4l2", &["media"]),
];

/// Rooms without I/O, and what they therefore do not name.
const PURE: [&str; 9] = ["access", "hub", "media", "plain", "redact", "rtcp", "rtp", "rtsp", "sdp"];
const IMPURE: [&str; 9] = [
    "smol",
    "async_net",
    "std::fs",
    "std::thread",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "Instant::now",
    "SystemTime::now",
];

const UNSAFE: [&str; 6] = [
    "src/v4l2-sys/",
    "src/v4l2/sys/",
    "src/board/sys.rs",
    "src/server/sys.rs",
    "src/encode/sys.rs",
    "src/source/sys.rs",
];

/// What musl has as a loop of single calls on 64-bit targets: every static binary would make a call a message.
const LOOPS: [&str; 2] = ["libc::sendmmsg", "libc::recvmmsg"];

/// Every path that a file names, written out, tests left aside.
struct Paths<'a> {
    /// Modules from the crate's root to this file.
    here: &'a [String],
    named: BTreeSet<String>,
    unsafety: bool,
}

impl Paths<'_> {
    fn add(&mut self, segments: &[String]) {
        let supers = segments.iter().take_while(|segment| *segment == "super").count();
        let mut full: Vec<String> = match segments.first().map(String::as_str) {
            Some("crate") => segments[1..].to_vec(),
            Some("super") => {
                let kept = self.here.len().saturating_sub(supers);
                [&self.here[..kept], &segments[supers..]].concat()
            }
            _ => {
                self.named.insert(segments.join("::"));
                return;
            }
        };
        full.insert(0, "crate".to_owned());
        self.named.insert(full.join("::"));
    }

    fn add_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                self.add_tree(&[before, &[path.ident.to_string()]].concat(), &path.tree);
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.add_tree(before, item)),
            syn::UseTree::Name(name) => self.add(&[before, &[name.ident.to_string()]].concat()),
            syn::UseTree::Rename(name) => self.add(&[before, &[name.ident.to_string()]].concat()),
            syn::UseTree::Glob(_) => self.add(before),
        }
    }
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.ident != "tests" {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.add(&segments);
        syn::visit::visit_path(self, path);
    }

    fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
        self.unsafety = true;
        syn::visit::visit_expr_unsafe(self, block);
    }

    /// Of functions and methods.
    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.unsafety |= signature.unsafety.is_some();
        syn::visit::visit_signature(self, signature);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.unsafety |= item.unsafety.is_some();
        syn::visit::visit_item_impl(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.unsafety |= item.unsafety.is_some();
        syn::visit::visit_item_trait(self, item);
    }

    fn visit_item_foreign_mod(&mut self, block: &'ast syn::ItemForeignMod) {
        self.unsafety |= block.unsafety.is_some();
        syn::visit::visit_item_foreign_mod(self, block);
    }
}

/// What a file does against the rules.
fn offences(file: &str, source: &str) -> Vec<String> {
    let inside = file.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    let here: Vec<String> = inside.split('/').map(str::to_owned).collect();
    let room = here[0].clone();
    let mut paths = Paths { here: &here, named: BTreeSet::new(), unsafety: false };
    paths.visit_file(&syn::parse_file(source).unwrap());
    let table: BTreeMap<&str, &[&str]> = MAY_KNOW.into();
    let mut wrong = Vec::new();
    // As a file's `mod tests` is left aside, so is one that is a file, or several.
    if here.iter().skip(1).any(|module| module == "tests") {
        return wrong;
    }
    let Some(allowed) = table.get(room.as_str()) else {
        return vec![format!("{file}: the table has no {room}")];
    };
    for name in &paths.named {
        let mut segments = name.split("::");
        if segments.next() == Some("crate")
            && let Some(other) = segments.next()
            && table.contains_key(other)
            && other != room
            && !allowed.contains(&other)
        {
            wrong.push(format!("{file}: {room} may not know {other} ({name})"));
        }
        if PURE.contains(&room.as_str())
            && let Some(impure) =
                IMPURE.iter().find(|impure| format!("{name}::").contains(&format!("{impure}::")))
        {
            wrong.push(format!("{file}: {room} is pure and names {impure} ({name})"));
        }
    }
    for name in LOOPS.iter().filter(|name| paths.named.contains(**name)) {
        wrong.push(format!("{file}: {name} is a loop in musl; make the system call"));
    }
    if paths.unsafety && !UNSAFE.iter().any(|place| file.starts_with(place)) {
        wrong.push(format!("{file}: unsafe lives in {UNSAFE:?} alone"));
    }
    wrong
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

#[test]
fn nobody_knows_whom_it_may_not() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wrong: Vec<String> = files(&root.join("src"))
        .iter()
        .map(|path| {
            (path.strip_prefix(root).unwrap().display().to_string(), fs::read_to_string(path).unwrap())
        })
        // Crates of their own, which cannot know this one.
        .filter(|(file, _)| !file.starts_with("src/v4l2-sys/") && !file.starts_with("src/pixels/"))
        .flat_map(|(file, source)| offences(&file, &source))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_table_bites() {
    for (file, source, part) in [
        ("src/rtp/x.rs", "use crate::server::Server;", "rtp may not know server"),
        ("src/source/a/b.rs", "fn f() { super::super::super::server::x(); }", "source may not know server"),
        ("src/hub/x.rs", "pub use crate::{media, rtsp::url};", "hub may not know rtsp"),
        ("src/rtsp/x.rs", "fn f() { std::time::Instant::now(); }", "names Instant::now"),
        ("src/rtsp/x.rs", "use std::net::{IpAddr, TcpStream};", "names TcpStream"),
        ("src/media/x.rs", "use smol::io;", "names smol"),
        ("src/hub/x.rs", "fn f() { unsafe { g() } }", "unsafe lives"),
        ("src/hub/x.rs", "unsafe fn f() {}", "unsafe lives"),
        ("src/hub/x.rs", "impl T { unsafe fn f(&self) {} }", "unsafe lives"),
        ("src/hub/x.rs", "unsafe impl Send for T {}", "unsafe lives"),
        ("src/hub/x.rs", "unsafe trait T {}", "unsafe lives"),
        ("src/hub/x.rs", "unsafe extern \"C\" { fn f(); }", "unsafe lives"),
        ("src/server/sys.rs", "fn f() { unsafe { libc::sendmmsg(0, p, 1, 0) } }", "is a loop in musl"),
        ("src/stranger/mod.rs", "", "no stranger"),
    ] {
        let wrong = offences(file, source).join("\n");
        assert!(wrong.contains(part), "{source}: {wrong:?}");
    }
    assert!(offences("src/server/x.rs", "use super::udp; use crate::{hub, media};").is_empty());
}
