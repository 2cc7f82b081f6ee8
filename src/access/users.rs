//! Users, their secrets and rights. The text that is kept holds no password; what it holds is as good as one in its realm,
//! so that it is to be read by nobody else.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::rtsp::auth::{Ha1, Secret, hex};

/// The first lines of the text.
const HEADING: &str = "\
// Users of Lenslet. `lenslet user` changes this file. Nobody else may read it: who knows a hash of it can sign in as that
// user, here, as with the password.
";

/// Characters of a name, at most.
const NAME: usize = 64;

/// Who there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Users {
    realm: String,
    users: BTreeMap<String, User>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Where it stays until it is wiped: what a map moves it leaves behind.
    secret: Box<Secret>,
    /// What it may do.
    pub rights: Rights,
}

/// What a user may do, by mounts: `*` is all of them, `floor1/*` all under `floor1`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rights {
    /// Which it may watch.
    pub read: Vec<String>,
    /// Which it may change: bitrate, controls, who watches.
    pub control: Vec<String>,
}

impl Rights {
    /// Those that are of none of these mounts; `*` is of those to come too.
    pub fn of_none(&self, mounts: &[String]) -> Vec<&str> {
        let named = self.read.iter().chain(&self.control).map(String::as_str);
        let mut none: Vec<&str> = named
            .filter(|right| {
                right.trim_matches('/') != "*" && !mounts.iter().any(|mount| covers(right, mount))
            })
            .collect();
        none.dedup();
        none
    }
}

/// A right that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// To watch.
    Read,
    /// To change.
    Control,
}

/// Why users are not changed, or not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The text is none of ours: where and why.
    Text(String),
    /// No name for a user.
    Name(String),
    /// A name that players cannot sign in with.
    Quoted(String),
    /// There is none of that name.
    Nobody(String),
    /// There is one of that name already.
    There(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    realm: String,
    users: BTreeMap<String, KeptUser>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptUser {
    md5: Zeroizing<String>,
    sha256: Zeroizing<String>,
    #[serde(default)]
    read: Vec<String>,
    #[serde(default)]
    control: Vec<String>,
    /// Reserved.
    #[serde(default, skip_serializing)]
    publish: Vec<String>,
}

impl Users {
    /// Nobody yet. The realm is part of what is kept: under another name all passwords would have to be set again.
    pub fn new(realm: &str) -> Self {
        Self { realm: realm.to_owned(), users: BTreeMap::new() }
    }

    /// Reads the text that [`Users::text`] wrote.
    ///
    /// # Errors
    /// It is none, with line and column; without what stands there.
    pub fn parse(text: &str) -> Result<Self, Error> {
        // What RON says may hold what stands there.
        let wrong = |error: ron::error::SpannedError| {
            Error::Text(format!("{}: it is not as `lenslet user` writes it", error.span.start))
        };
        let kept: Kept = ron::from_str(text).map_err(wrong)?;
        let mut users = BTreeMap::new();
        for (name, kept) in kept.users {
            valid(&name)?;
            let wrong =
                || Error::Text(format!("users[{name:?}]: its hashes are no hexadecimal of 32 and 64 digits"));
            if !kept.publish.is_empty() {
                return Err(Error::Text(format!(
                    "users[{name:?}]: the right to publish is reserved: nobody can yet"
                )));
            }
            let secret = Secret {
                md5: Ha1(bytes(&kept.md5).ok_or_else(wrong)?),
                sha256: Ha1(bytes(&kept.sha256).ok_or_else(wrong)?),
            };
            let rights = Rights { read: kept.read, control: kept.control };
            users.insert(name, User { secret: Box::new(secret), rights });
        }
        Ok(Self { realm: kept.realm, users })
    }

    /// The text to keep, for nobody else's eyes.
    pub fn text(&self) -> Zeroizing<String> {
        let user = |user: &User| KeptUser {
            md5: hex(&user.secret.md5.0).into(),
            sha256: hex(&user.secret.sha256.0).into(),
            read: user.rights.read.clone(),
            control: user.rights.control.clone(),
            publish: Vec::new(),
        };
        let users = self.users.iter().map(|(name, found)| (name.clone(), user(found))).collect();
        let kept = Kept { realm: self.realm.clone(), users };
        let mut text = Growing(Zeroizing::new(HEADING.to_owned()));
        // Strings and lists of them are never refused.
        let _ = ron::ser::to_writer_pretty(&mut text, &kept, ron::ser::PrettyConfig::default());
        let _ = text.write_str("\n");
        text.0
    }

    /// The realm's name.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Everybody, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Rights)> {
        self.users.iter().map(|(name, user)| (name.as_str(), &user.rights))
    }

    /// What is known of a user's password.
    pub fn secret(&self, name: &str) -> Option<Secret> {
        self.users.get(name).map(|user| Secret::clone(&user.secret))
    }

    /// Whether a user has a right to a mount.
    pub fn may(&self, name: &str, right: Right, mount: &str) -> bool {
        let Some(user) = self.users.get(name) else { return false };
        let mounts = match right {
            Right::Read => &user.rights.read,
            Right::Control => &user.rights.control,
        };
        mounts.iter().any(|pattern| covers(pattern, mount))
    }

    /// Adds a user.
    ///
    /// # Errors
    /// The name is none, or taken.
    pub fn add(&mut self, name: &str, password: &str, rights: Rights) -> Result<(), Error> {
        valid(name)?;
        if self.users.contains_key(name) {
            return Err(Error::There(name.to_owned()));
        }
        // ffmpeg writes a name between quotes as it is, and so do others. Who has such a name has it from an earlier version.
        if name.contains(['"', '\\']) {
            return Err(Error::Quoted(name.to_owned()));
        }
        let secret = Secret::of(name, &self.realm, password);
        self.users.insert(name.to_owned(), User { secret: Box::new(secret), rights });
        Ok(())
    }

    /// Sets a user's password.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn set_password(&mut self, name: &str, password: &str) -> Result<(), Error> {
        let secret = Secret::of(name, &self.realm, password);
        self.users
            .get_mut(name)
            .map(|user| *user.secret = secret)
            .ok_or_else(|| Error::Nobody(name.to_owned()))
    }

    /// Gives a user other rights; those that are not said stay as they are.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn set_rights(
        &mut self,
        name: &str,
        read: Option<Vec<String>>,
        control: Option<Vec<String>>,
    ) -> Result<(), Error> {
        let user = self.users.get_mut(name).ok_or_else(|| Error::Nobody(name.to_owned()))?;
        let Rights { read: reads, control: controls } = &mut user.rights;
        *reads = read.unwrap_or_else(|| std::mem::take(reads));
        *controls = control.unwrap_or_else(|| std::mem::take(controls));
        Ok(())
    }

    /// Removes a user.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn remove(&mut self, name: &str) -> Result<(), Error> {
        self.users.remove(name).map(drop).ok_or_else(|| Error::Nobody(name.to_owned()))
    }
}

/// A text that leaves nothing behind where it grows.
struct Growing(Zeroizing<String>);

impl fmt::Write for Growing {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let length = self.0.len() + more.len();
        if length > self.0.capacity() {
            let mut longer = Zeroizing::new(String::with_capacity(2 * length));
            longer.push_str(&self.0);
            self.0 = longer;
        }
        self.0.push_str(more);
        Ok(())
    }
}

fn covers(pattern: &str, mount: &str) -> bool {
    match pattern.trim_matches('/').strip_suffix('*') {
        Some("") => true,
        Some(folder) => folder.ends_with('/') && mount.starts_with(folder),
        None => pattern.trim_matches('/') == mount,
    }
}

/// What Digest and Basic can carry: no colon, no control characters.
fn valid(name: &str) -> Result<(), Error> {
    let fits = !name.is_empty() && name.chars().count() <= NAME;
    if fits && !name.chars().any(|character| character == ':' || character.is_control()) {
        Ok(())
    } else {
        Err(Error::Name(name.to_owned()))
    }
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        let digits = text.get(2 * index..2 * index + 2).filter(|digits| !digits.contains('+'))?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(why) => f.write_str(why),
            Self::Name(name) => {
                write!(
                    f,
                    "{name:?} is no name for a user: 1 to {NAME} characters, no colon, no control characters"
                )
            }
            Self::Quoted(name) => write!(
                f,
                "{name:?} is no name for a user: ffmpeg and others cannot sign in with a \" or a \\ in it"
            ),
            Self::Nobody(name) => write!(f, "there is no user {name:?}"),
            Self::There(name) => write!(f, "there is a user {name:?} already"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(read: &[&str], control: &[&str]) -> Rights {
        let owned = |mounts: &[&str]| mounts.iter().map(|mount| (*mount).to_owned()).collect();
        Rights { read: owned(read), control: owned(control) }
    }

    fn two() -> Users {
        let mut users = Users::new("Lenslet");
        users.add("alice", "marker-password", rights(&["*"], &["cam"])).unwrap();
        // Of an earlier version.
        let secret = Secret::of("Ünal \"q\"", "Lenslet", "");
        let user = User { secret: Box::new(secret), rights: rights(&["floor1/*", "/door"], &[]) };
        users.users.insert("Ünal \"q\"".to_owned(), user);
        users
    }

    #[test]
    fn what_is_kept_is_read_again_and_holds_no_password() {
        let text = two().text();
        assert!(text.starts_with("// Users of Lenslet.") && !text.contains("marker"));
        assert_eq!(Users::parse(&text), Ok(two()));
        assert_eq!(two().secret("alice"), Some(Secret::of("alice", "Lenslet", "marker-password")));
        assert!(!format!("{:?}", two()).contains(&hex(&two().secret("alice").unwrap().md5.0)));
    }

    #[test]
    fn rights_are_by_mount() {
        let users = two();
        for (name, right, mount, may) in [
            ("alice", Right::Read, "cam", true),
            ("alice", Right::Read, "any/thing", true),
            ("alice", Right::Control, "cam", true),
            ("alice", Right::Control, "cam2", false),
            ("Ünal \"q\"", Right::Read, "floor1/kitchen", true),
            ("Ünal \"q\"", Right::Read, "floor1", false),
            ("Ünal \"q\"", Right::Read, "floor10/kitchen", false),
            ("Ünal \"q\"", Right::Read, "door", true),
            ("Ünal \"q\"", Right::Control, "door", false),
            ("nobody", Right::Read, "cam", false),
        ] {
            assert_eq!(users.may(name, right, mount), may, "{name} {right:?} {mount}");
        }
    }

    #[test]
    fn users_are_changed_by_name() {
        let mut users = two();
        assert_eq!(users.add("alice", "x", Rights::default()), Err(Error::There("alice".into())));
        assert_eq!(users.set_password("bob", "x"), Err(Error::Nobody("bob".into())));
        users.set_password("alice", "other").unwrap();
        assert_eq!(users.secret("alice"), Some(Secret::of("alice", "Lenslet", "other")));
        assert!(users.may("alice", Right::Read, "cam"), "its rights are as they were");
        users.remove("alice").unwrap();
        assert_eq!(users.remove("alice"), Err(Error::Nobody("alice".into())));
        assert_eq!(users.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["Ünal \"q\""]);
        for name in ["", "a:b", "a\nb", &"x".repeat(65)] {
            assert_eq!(users.add(name, "x", Rights::default()), Err(Error::Name(name.to_owned())));
        }
        for name in ["a\"b", "a\\b"] {
            assert_eq!(users.add(name, "x", Rights::default()), Err(Error::Quoted(name.to_owned())));
        }
    }

    #[test]
    fn the_right_to_publish_is_reserved_and_said_to_be() {
        let text = two().text().replacen("control: ", "publish: [\"cam\"], control: ", 1);
        let error = Users::parse(&text).unwrap_err().to_string();
        assert!(error.contains("\"alice\"") && error.contains("publish is reserved"), "{error}");
    }

    #[test]
    fn a_text_that_is_none_is_refused_without_telling_what_stands_in_it() {
        let whole = two().text();
        for text in [
            "",
            "(",
            "(realm: \"x\")",
            &whole[..whole.len() / 2],
            &whole.replace("md5: \"", "md5: \"zz"),
            &whole.replace("\"alice\"", "\"a:b\""),
            &whole.replace("read", "write"),
            &whole.replace("read", "publish"),
        ] {
            let error = Users::parse(text).unwrap_err().to_string();
            let hash = hex(&two().secret("alice").unwrap().md5.0);
            assert!(!error.contains(&hash[..8]), "{error}");
        }
    }
}
