//! Who may watch: users and bans, kept across starts.

mod audit;
mod file;
mod keeper;
mod kept;
mod pace;

use std::path::Path;

pub use file::{Edit, Error, UsersFile};
pub use keeper::Keeper;
pub(super) use keeper::count;
pub use kept::BansFile;

use crate::access::{Network, NotANetwork, Rights, Users};
use crate::config;
use crate::control::protocol::{AccessRequest, UserEntry};

impl UsersFile {
    /// The one that a configuration means; `state` is the folder of what is kept across starts.
    pub fn of(access: &config::Access, state: &Path) -> Self {
        let path = access.users_file.clone().unwrap_or_else(|| state.join("users.ron"));
        Self::new(path, &access.realm, state)
    }
}

impl Edit {
    /// What a request does to a user; none if it does nothing.
    pub fn of(request: AccessRequest) -> Option<Self> {
        match request {
            AccessRequest::UserAdd { name, password, read, control } => {
                let rights = Rights {
                    read: read.unwrap_or_else(|| vec!["*".to_owned()]),
                    control: control.unwrap_or_default(),
                };
                Some(Self::Add { name, password, rights })
            }
            AccessRequest::UserPassword { name, password } => Some(Self::Password { name, password }),
            AccessRequest::UserRights { name, read, control } => Some(Self::Rights { name, read, control }),
            AccessRequest::UserRemove { name } => Some(Self::Remove { name }),
            AccessRequest::UserList {}
            | AccessRequest::BanList {}
            | AccessRequest::BanAdd { .. }
            | AccessRequest::BanLift { .. } => None,
        }
    }
}

/// Whom a person means who bans: an address or a network; of a single IPv6 address the network of its customer.
///
/// # Errors
/// It is none.
pub fn banned(text: &str) -> Result<Network, NotANetwork> {
    text.parse().map(Network::of_customer).or_else(|_| text.parse())
}

/// Users in control's words.
pub fn entries(users: &Users) -> Vec<UserEntry> {
    let entry = |(name, rights): (&str, &Rights)| UserEntry {
        name: name.to_owned(),
        read: rights.read.clone(),
        control: rights.control.clone(),
    };
    users.iter().map(entry).collect()
}
