//! What the file is to become: nothing of it holds before it is applied.

use std::collections::BTreeMap;

use super::merge::merged;
use crate::control::protocol::{Base, ConfigText, Written};

/// Steps back that are kept.
const STEPS: usize = 100;

/// A text that is being worked on.
#[derive(Debug, Default)]
pub struct Draft {
    /// The file as it was read.
    pub file: String,
    /// Its version.
    pub version: Option<u64>,
    /// What it is known by.
    pub hash: Option<String>,
    /// The file as another has changed it meanwhile, at the same place as here: it is known, and the draft is not made of it.
    pub theirs: Option<ConfigText>,
    /// What it is to become.
    pub text: String,
    /// What is written in that, by the way to it; none: it is being asked.
    pub values: Option<Values>,
    before: Vec<String>,
    after: Vec<String>,
}

/// What is written in a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values {
    by_path: BTreeMap<String, Written>,
    mounts: Vec<(String, String)>,
}

impl Draft {
    /// The file is another than it was: what was changed here is changed in that. False: it cannot be, since the file was
    /// changed at the same place; what is worked on stays, and what the file says now is kept beside it.
    pub fn rebase(&mut self, file: ConfigText) -> bool {
        if file.text == self.file {
            (self.version, self.hash, self.theirs) = (file.version, file.hash, None);
            return true;
        }
        let merged = merged(&self.file, &self.text, &file.text);
        if !merged.clashes.is_empty() {
            self.theirs = Some(file);
            return false;
        }
        self.stand_on(file, merged.text);
        true
    }

    /// The file is that, and is to become this.
    fn stand_on(&mut self, file: ConfigText, text: String) {
        let before = if text == file.text { Vec::new() } else { vec![file.text.clone()] };
        *self =
            Self { version: file.version, hash: file.hash, before, file: file.text, text, ..Self::default() };
    }

    /// The file as it was heard of last.
    pub fn newest(&self) -> &str {
        self.theirs.as_ref().map_or(&self.file, |theirs| &theirs.text)
    }

    /// What that is known by.
    pub fn newest_hash(&self) -> Option<&str> {
        self.theirs.as_ref().map_or(&self.hash, |theirs| &theirs.hash).as_deref()
    }

    /// What it was made of, for who writes it.
    pub fn base(&self) -> Option<Base> {
        self.hash.clone().map(Base::Hash).or(self.version.map(Base::Version))
    }

    /// Whether it differs from the file.
    pub fn changed(&self) -> bool {
        self.text != self.file
    }

    /// Takes a text that was made in sight of the newest file: it is a change of that.
    pub fn settle(&mut self, text: String) {
        match self.theirs.take() {
            Some(theirs) => self.stand_on(theirs, text),
            None => self.take(text),
        }
    }

    /// Takes another text; the one before can be had again.
    pub fn take(&mut self, text: String) {
        if text != self.text {
            self.before.push(std::mem::replace(&mut self.text, text));
            if self.before.len() > STEPS {
                self.before.remove(0);
            }
            self.after.clear();
        }
    }

    /// One step back; false: there is none.
    pub fn undo(&mut self) -> bool {
        let Some(text) = self.before.pop() else { return false };
        self.after.push(std::mem::replace(&mut self.text, text));
        true
    }

    /// And forth again.
    pub fn redo(&mut self) -> bool {
        let Some(text) = self.after.pop() else { return false };
        self.before.push(std::mem::replace(&mut self.text, text));
        true
    }
}

impl Values {
    /// Of a daemon's answer.
    pub fn of(written: Vec<Written>) -> Self {
        let mount = |it: &Written| {
            let name = key(it.path.strip_prefix("mounts[")?)?;
            Some((name, it.kind.clone().unwrap_or_default()))
        };
        let mounts = written.iter().filter_map(mount).collect();
        Self { mounts, by_path: written.into_iter().map(|it| (it.path.clone(), it)).collect() }
    }

    /// What is written there.
    pub fn at(&self, path: &str) -> Option<&str> {
        self.by_path.get(path).map(|it| it.value.as_str())
    }

    /// The mounts in the text's order: names and kinds.
    pub fn mounts(&self) -> &[(String, String)] {
        &self.mounts
    }

    /// The kind of a mount.
    pub fn kind(&self, mount: &str) -> Option<&str> {
        self.mounts.iter().find(|(name, _)| name == mount).map(|(_, kind)| kind.as_str())
    }
}

/// `"cam"]` whole: a mount, and nothing in it.
fn key(rest: &str) -> Option<String> {
    unquoted(rest.strip_suffix(']')?)
}

/// A text as it is written in the file.
pub fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for sign in text.chars() {
        match sign {
            '"' | '\\' => out.extend(['\\', sign]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            sign if sign.is_control() => out.push_str(&format!("\\u{{{:x}}}", u32::from(sign))),
            sign => out.push(sign),
        }
    }
    out.push('"');
    out
}

/// A text that is written with nothing but `\"` and `\\` in it; none: it is written otherwise.
pub fn unquoted(written: &str) -> Option<String> {
    let inside = written.strip_prefix('"')?.strip_suffix('"')?;
    let (mut out, mut signs) = (String::new(), inside.chars());
    while let Some(sign) = signs.next() {
        match sign {
            '"' => return None,
            '\\' => out.push(signs.next().filter(|sign| matches!(sign, '"' | '\\'))?),
            sign => out.push(sign),
        }
    }
    Some(out)
}

/// The way to a mount, or to something in it.
pub fn mount_path(mount: &str, field: Option<&str>) -> String {
    let path = format!("mounts[{}]", quoted(mount));
    field.map_or_else(|| path.clone(), |field| format!("{path}.{field}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_and_read_again() {
        for text in ["", "a", "a\"b", "c\\d", "ü"] {
            assert_eq!(unquoted(&quoted(text)).as_deref(), Some(text));
        }
        assert_eq!(quoted("a\n\u{1}"), "\"a\\n\\u{1}\"");
        for written in ["5", "r\"a\"", "\"a\\n\"", "\"a\" // \"", "\""] {
            assert_eq!(unquoted(written), None, "{written}");
        }
    }

    #[test]
    fn steps_go_back_and_forth() {
        let mut draft = Draft::default();
        draft.rebase(ConfigText { version: Some(4), text: "a".into(), hash: None, is_default: false });
        assert!(!draft.changed() && !draft.undo() && !draft.redo());
        draft.take("b".into());
        draft.take("b".into());
        draft.take("c".into());
        assert!(draft.changed() && draft.undo());
        assert_eq!(draft.text, "b");
        assert!(draft.redo() && !draft.redo());
        assert_eq!(draft.text, "c");
        assert!(draft.undo() && draft.undo() && !draft.undo());
        assert_eq!((draft.text.as_str(), draft.changed()), ("a", false));
        draft.take("d".into());
        assert!(!draft.redo(), "what was undone is gone once something else is done");
    }

    #[test]
    fn mounts_are_found_in_their_order() {
        let it = |path: &str, value: &str, kind: Option<&str>| Written {
            path: path.into(),
            value: value.into(),
            kind: kind.map(Into::into),
        };
        let values = Values::of(vec![
            it("mounts", "{...}", None),
            it("mounts[\"z\"]", "Pattern()", Some("Pattern")),
            it("mounts[\"a\"]", "Camera(device: \"x\")", Some("Camera")),
            it("mounts[\"a\"].device", "\"x\"", None),
            it("mounts[\"a\"].controls[\"b\"]", "1", None),
        ]);
        let mounts = [("z".to_owned(), "Pattern".to_owned()), ("a".to_owned(), "Camera".to_owned())];
        assert_eq!(values.mounts(), mounts);
        assert_eq!(values.at(&mount_path("a", Some("device"))), Some("\"x\""));
        assert_eq!(values.kind("a"), Some("Camera"));
    }
}
