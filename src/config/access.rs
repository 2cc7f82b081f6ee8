//! Who may watch, and from where: what is written about it, held against what can be.

use std::path::PathBuf;

use super::file::AccessFile;
use super::networks::networks;
use crate::access::{Network, Networks};

/// The realm's name where none is written.
const REALM: &str = "Lenslet";
/// Characters of a realm's name.
const LONGEST_REALM: usize = 64;

/// Who may watch, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// What players show beside their question for a password; part of what is kept of each.
    pub realm: String,
    /// Where users are kept; none: in the usual place.
    pub users_file: Option<PathBuf>,
    /// Without users, the whole world is answered too.
    pub open_to_world: bool,
    /// Passwords may cross the network in the clear.
    pub basic: bool,
    /// From where clients may come.
    pub networks: Networks,
    /// From here nobody is banned.
    pub exempt: Vec<Network>,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            realm: REALM.to_owned(),
            users_file: None,
            open_to_world: false,
            basic: false,
            networks: Networks::default(),
            exempt: Vec::new(),
        }
    }
}

/// The section as it is meant.
///
/// # Errors
/// A sentence for each thing that cannot be, beginning with the way to it.
pub(super) fn access(file: AccessFile) -> Result<Access, Vec<String>> {
    let mut wrong = Vec::new();
    let mut access = Access::default();
    if let Some(realm) = file.realm {
        match realm_is_right(&realm) {
            Ok(()) => access.realm = realm,
            Err(why) => wrong.push(format!("access.realm: {why}")),
        }
    }
    if let Some(path) = file.users_file.map(PathBuf::from) {
        if !path.is_absolute() || path.file_name().is_none() {
            let why = "the whole path is needed, from / on, to be the same wherever Lenslet is started";
            wrong.push(format!("access.users_file: {why}"));
        }
        access.users_file = Some(path);
    }
    access.open_to_world = file.open_to_world.unwrap_or_default();
    access.basic = file.basic.unwrap_or_default();
    for (name, written, place) in [
        ("allow", file.allow, &mut access.networks.allow),
        ("deny", file.deny, &mut access.networks.deny),
        ("exempt", file.exempt, &mut access.exempt),
    ] {
        match networks(name, written) {
            Ok(networks) => *place = networks,
            Err(whys) => wrong.extend(whys.into_iter().map(|why| format!("access.{why}"))),
        }
    }
    if wrong.is_empty() { Ok(access) } else { Err(wrong) }
}

/// It stands between quotes in a header (RFC 7616 section 3.3), where clients read little more than letters.
fn realm_is_right(realm: &str) -> Result<(), String> {
    if realm.trim().is_empty() {
        return Err(format!("there is nothing in it: leave it out for {REALM:?}"));
    }
    if realm.len() > LONGEST_REALM {
        return Err(format!("it is longer than {LONGEST_REALM} characters"));
    }
    let plain = |character: char| matches!(character, ' '..='~') && !matches!(character, '"' | '\\');
    match realm.chars().find(|character| !plain(*character)) {
        Some(character) => {
            Err(format!("{character:?} cannot be in it: players read ASCII without \" and \\"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn what_is_written_is_what_is_true() {
        let config = Config::parse(
            r#"(access: (realm: "Front door", users_file: "/etc/lenslet/users", open_to_world: true, basic: true,
                allow: ["192.168.0.0/16", "::1"], deny: ["192.168.1.7"], exempt: ["10.0.0.0/8"]),
                mounts: {"cam": Pattern(allow: ["192.168.1.0/24"], deny: ["192.168.1.9"])})"#,
        );
        let config = config.unwrap();
        let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
        let expected = Access {
            realm: "Front door".to_owned(),
            users_file: Some("/etc/lenslet/users".into()),
            open_to_world: true,
            basic: true,
            networks: Networks {
                allow: networks(&["192.168.0.0/16", "::1"]),
                deny: networks(&["192.168.1.7"]),
            },
            exempt: networks(&["10.0.0.0/8"]),
        };
        assert_eq!(config.access, expected);
        let of_mount = Networks { allow: networks(&["192.168.1.0/24"]), deny: networks(&["192.168.1.9"]) };
        assert_eq!(config.mounts["cam"].networks, of_mount);
    }

    #[test]
    fn nobody_is_let_in_from_the_world_unless_it_is_said() {
        let access = Config::parse("()").unwrap().access;
        assert_eq!((access.open_to_world, access.basic, access.realm.as_str()), (false, false, "Lenslet"));
        assert_eq!(access.networks, Networks::default());
    }
}
