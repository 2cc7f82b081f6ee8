//! What is said about users and bans.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// What can be asked about users and bans.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", deny_unknown_fields)]
pub enum AccessRequest {
    /// Who may watch what.
    #[serde(rename = "user list")]
    UserList {},
    /// Another user, from now on.
    #[serde(rename = "user add")]
    UserAdd {
        /// How the user is called.
        name: String,
        /// What the user types.
        password: Password,
        /// Mounts that the user may watch: `cam`, `floor1/*`; if not said, all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        read: Option<Vec<String>>,
        /// Mounts that the user may steer; if not said, none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        control: Option<Vec<String>>,
    },
    /// Another password.
    #[serde(rename = "user passwd")]
    UserPassword {
        /// Whose.
        name: String,
        /// What the user types from now on.
        password: Password,
    },
    /// Other rights.
    #[serde(rename = "user rights")]
    UserRights {
        /// Whose.
        name: String,
        /// Mounts that the user may watch; if not said, as before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        read: Option<Vec<String>>,
        /// Mounts that the user may steer; if not said, as before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        control: Option<Vec<String>>,
    },
    /// No longer a user; what the user watches ends.
    #[serde(rename = "user remove")]
    UserRemove {
        /// Who.
        name: String,
    },
    /// Addresses whose attempts are not looked at.
    #[serde(rename = "ban list")]
    BanList {},
    /// Attempts from an address are not looked at for a while; what plays goes on.
    #[serde(rename = "ban add")]
    BanAdd {
        /// The address.
        address: String,
        /// For how long; if not said, a day.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<u64>,
        /// Why, in a sentence.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// They are again.
    #[serde(rename = "ban lift")]
    BanLift {
        /// The address.
        address: String,
    },
}

impl AccessRequest {
    pub(super) const VERBS: &[&str] = &[
        "user list",
        "user add",
        "user passwd",
        "user rights",
        "user remove",
        "ban list",
        "ban add",
        "ban lift",
    ];

    /// Puts the password in, which was read apart.
    pub(super) fn put(&mut self, read: Password) {
        if let Self::UserAdd { password, .. } | Self::UserPassword { password, .. } = self {
            *password = read;
        }
    }
}

/// A password, which nobody prints, and which is wiped where it is forgotten.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Password(pub String);

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Drop for Password {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserEntry {
    /// How the user is called.
    pub name: String,
    /// Mounts that the user may watch.
    pub read: Vec<String>,
    /// Mounts that the user may steer.
    pub control: Vec<String>,
}

/// A ban.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BanEntry {
    /// Whose attempts: of IPv6 the first address of 64 bits' network.
    pub address: String,
    /// When it ends, by RFC 3339 in UTC.
    pub until: String,
    /// For how long it lasts yet.
    pub for_s: u64,
    /// Why, in a sentence.
    pub why: String,
}

/// Who is let in, as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccessState {
    /// How many users there are; none: nobody is asked for a password.
    pub users: u32,
    /// Who is answered.
    pub open_to: OpenTo,
    /// Where the users are kept.
    pub users_file: Option<String>,
    /// Addresses whose attempts are not looked at.
    pub bans: u32,
    /// How often since the start: who signed in or was not let in, and what limit was in somebody's way. What never
    /// happened is absent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub counters: Vec<AccessCount>,
}

/// How often something happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessCount {
    /// What, in words.
    pub what: String,
    /// How often.
    pub times: u64,
}

/// Who is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenTo {
    /// This machine and private networks: there are no users.
    #[default]
    Private,
    /// Everywhere, as far as the configured networks let in: users have passwords.
    Users,
    /// Everywhere, without a password: it was said so.
    World,
}

/// Something that happened to access.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When, by RFC 3339 in UTC.
    pub at: String,
    /// Who: a user's name, or who changed something by the control socket or the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// The address that it came from; none: this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What happened, in a sentence.
    pub what: String,
    /// How often it happened like this within a short time.
    pub times: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let text = r#"{"do":"user add","name":"anna","password":"marker"}"#;
        let request: AccessRequest = serde_json::from_str(text).unwrap();
        assert!(!format!("{request:?}").contains("marker"));
        assert_eq!(serde_json::to_string(&request).unwrap(), text);
    }
}
