//! Whether a user is needed to watch, for those who write URLs down.

use crate::access::is_private;
use crate::config::Config;
use crate::daemon::{UsersError, UsersFile};

/// What is asked of who watches.
pub(in crate::cli) struct Needed {
    /// A name and a password.
    pub(in crate::cli) user: bool,
    /// The same, in a sentence.
    pub(in crate::cli) said: String,
    /// What is not as it may be meant, a sentence each.
    pub(in crate::cli) doubts: Vec<String>,
}

/// As a daemon would have it that starts now.
///
/// # Errors
/// The users' file cannot be read, or may be read by others.
pub(in crate::cli) fn needed(config: &Config, state: &std::path::Path) -> Result<Needed, UsersError> {
    let file = UsersFile::of(&config.access, state);
    let users = file.load()?;
    let lost = users.is_empty() && config.access.users_file.is_some() && !file.path().exists();
    let mut doubts = Vec::new();
    let user = !users.is_empty();
    let world = config.access.open_to_world;
    let said = match (users.iter().count(), world) {
        _ if lost => format!(
            "There is no {}, which access.users_file names: nobody but this machine watches until it is there. \
             `lenslet user add NAME` makes it.",
            file.path().display()
        ),
        (0, false) => {
            "There are no users: this machine and private networks watch without a password, nobody else. \
                       `lenslet user add NAME` has everybody asked for one."
                .to_owned()
        }
        (0, true) => "There are no users: everybody in the world may watch, without a password.".to_owned(),
        (count, _) => asked_of(count),
    };
    if user && users.realm() != config.access.realm {
        let (kept, asked) = (users.realm(), &config.access.realm);
        doubts.push(format!(
            "access.realm: {asked:?}, but passwords are kept for {kept:?}, which is asked for"
        ));
    }
    if !user && !world && !lost {
        let networks = config.access.networks.allow.iter().enumerate();
        for (index, network) in networks.filter(|(_, network)| !is_private(network.first())) {
            doubts.push(format!(
                "access.allow[{index}]: {network} is let in once there is a user, or with open_to_world"
            ));
        }
    }
    for (name, rights) in users.iter() {
        let named = rights.read.iter().chain(&rights.control);
        for mount in named.map(|mount| mount.trim_matches('/')).filter(|mount| !mount.ends_with('*')) {
            // Cameras that are found come and go.
            if !config.discover_cameras && !config.mounts.contains_key(mount) {
                doubts
                    .push(format!("user {name:?} may watch or steer {mount:?}, and there is no such mount"));
            }
        }
    }
    Ok(Needed { user, said, doubts })
}

/// What is asked where there are so many users.
pub(in crate::cli) fn asked_of(users: usize) -> String {
    match users {
        1 => "Whoever watches needs a password: there is 1 user.".to_owned(),
        users => format!("Whoever watches needs a password: there are {users} users."),
    }
}
