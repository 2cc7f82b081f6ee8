//! The users' file: read by nobody else, and replaced as a whole.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use zeroize::Zeroizing;

use crate::access::{self, Users};
use crate::config::store;
use crate::control::protocol::Password;

/// No file of users is larger.
const LARGEST: u64 = 16 << 20;
/// Bytes of a password, at most.
const LONGEST_PASSWORD: usize = 1024;

/// A file of users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsersFile {
    path: PathBuf,
    realm: String,
    /// The folder of what is kept across starts, whose owner is to read it.
    state: PathBuf,
}

/// What is done to a user.
#[derive(Clone, PartialEq, Eq)]
pub enum Edit {
    /// There is another one.
    Add {
        /// The name.
        name: String,
        /// The password, which is not kept.
        password: Password,
        /// What may be watched and steered.
        rights: access::Rights,
    },
    /// The password is another one.
    Password {
        /// The name.
        name: String,
        /// The password, which is not kept.
        password: Password,
    },
    /// Something else may be watched, or steered; as before where it is not said.
    Rights {
        /// The name.
        name: String,
        /// What may be watched.
        read: Option<Vec<String>>,
        /// What may be steered.
        control: Option<Vec<String>>,
    },
    /// There is one less.
    Remove {
        /// The name.
        name: String,
    },
}

/// Why users are not read, or not changed.
#[derive(Debug)]
pub enum Error {
    /// Others may read the file.
    Readable {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file does not hold users.
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, without what stands there.
        why: access::Error,
    },
    /// The user cannot be changed like this.
    User(access::Error),
    /// That is no password.
    Password(&'static str),
    /// The file cannot be read.
    System {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file cannot be written.
    Unwritten(store::Error),
}

/// What tells one state of a file from another: which file it is, and when it or its mode was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark(u64, i64, i64);

impl UsersFile {
    /// The file at a path. Where there is none yet, its users will be of this realm. `state` is the folder of what is kept across
    /// starts: what root writes is its owner's.
    pub fn new(path: impl Into<PathBuf>, realm: &str, state: &Path) -> Self {
        Self { path: path.into(), realm: realm.to_owned(), state: state.to_owned() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Who there is: nobody where there is no file.
    ///
    /// # Errors
    /// Others may read it, it holds something else, or it cannot be read.
    pub fn load(&self) -> Result<Users, Error> {
        let system = |source| Error::System { path: self.path.clone(), source };
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Users::new(&self.realm)),
            opened => opened.map_err(system)?,
        };
        let meta = file.metadata().map_err(system)?;
        let mode = meta.permissions().mode() & 0o7777;
        if !meta.is_file() || meta.len() > LARGEST {
            return Err(system(io::Error::other("it is no file, or too large for one of users")));
        }
        if mode & 0o077 != 0 {
            return Err(Error::Readable { path: self.path.clone(), mode });
        }
        // With room for all of it, and a byte more to see its end in.
        let mut text = Zeroizing::new(String::with_capacity(usize::try_from(meta.len()).unwrap_or(0) + 1));
        file.read_to_string(&mut text).map_err(system)?;
        let users = Users::parse(&text).map_err(|why| Error::Text { path: self.path.clone(), why })?;
        // Of another realm nothing is kept then.
        Ok(if users.is_empty() { Users::new(&self.realm) } else { users })
    }

    /// Changes a user; what was read is written again with the change, while no other program does the same.
    ///
    /// # Errors
    /// It cannot be done: then the file is as it was.
    pub fn change(&self, edit: &Edit) -> Result<Users, Error> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let system = |source| Error::System { path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(system)?;
        let _one_at_a_time = Flock::lock(File::open(folder).map_err(system)?, FlockArg::LockExclusive)
            .map_err(|(_, error)| system(error.into()))?;
        let mut users = self.load()?;
        edit.apply(&mut users)?;
        store::replace_secret_for(&self.state, &self.path, users.text().as_bytes())
            .map_err(Error::Unwritten)?;
        Ok(users)
    }

    /// As it is now; none where there is no file.
    pub(super) fn mark(&self) -> Option<Mark> {
        Mark::of(&self.path)
    }
}

impl Mark {
    /// Of a file as it is now; none where there is none.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let meta = fs::metadata(path).ok()?;
        Some(Self(meta.ino(), meta.ctime(), meta.ctime_nsec()))
    }
}

impl Edit {
    /// Whose.
    pub fn name(&self) -> &str {
        match self {
            Self::Add { name, .. }
            | Self::Password { name, .. }
            | Self::Rights { name, .. }
            | Self::Remove { name } => name,
        }
    }

    /// What was done, in a sentence.
    pub fn said(&self) -> String {
        match self {
            Self::Add { name, rights, .. } => format!("{name:?} is a user and may {}", may(rights)),
            Self::Password { name, .. } => format!("{name:?} has another password"),
            Self::Rights { name, .. } => format!("{name:?} has other rights"),
            Self::Remove { name } => format!("{name:?} is no user any more"),
        }
    }

    /// The rights that it gives.
    pub fn rights(&self) -> access::Rights {
        match self {
            Self::Add { rights, .. } => rights.clone(),
            Self::Rights { read, control, .. } => access::Rights {
                read: read.clone().unwrap_or_default(),
                control: control.clone().unwrap_or_default(),
            },
            Self::Password { .. } | Self::Remove { .. } => access::Rights::default(),
        }
    }

    fn apply(&self, users: &mut Users) -> Result<(), Error> {
        match self {
            Self::Add { name, password, rights } => {
                is_password(&password.0)?;
                users.add(name, &password.0, rights.clone())
            }
            Self::Password { name, password } => {
                is_password(&password.0)?;
                users.set_password(name, &password.0)
            }
            Self::Rights { name, read, control } => users.set_rights(name, read.clone(), control.clone()),
            Self::Remove { name } => users.remove(name),
        }
        .map_err(Error::User)
    }
}

/// What rights come to, in words.
fn may(rights: &access::Rights) -> String {
    let list = |mounts: &[String]| match mounts {
        [] => "nothing".to_owned(),
        [all] if all == "*" => "every mount".to_owned(),
        mounts => mounts.join(", "),
    };
    match rights.control[..] {
        [] => format!("watch {}", list(&rights.read)),
        _ => format!("watch {}, and steer {}", list(&rights.read), list(&rights.control)),
    }
}

fn is_password(password: &str) -> Result<(), Error> {
    match password.len() {
        0 => Err(Error::Password("the password is empty")),
        1..=LONGEST_PASSWORD => Ok(()),
        _ => Err(Error::Password("the password is longer than 1024 bytes")),
    }
}

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said())
    }
}

impl Error {
    /// As a daemon says it, which is another user than who hears it.
    pub fn of_daemon(&self) -> String {
        match self {
            Self::System { path, source } if source.kind() == io::ErrorKind::PermissionDenied => {
                format!("{self}{}", store::denied_to_daemon(path))
            }
            Self::Unwritten(error) => error.of_daemon(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Readable { path, mode } => {
                let path = path.display();
                write!(
                    f,
                    "{path}: others may read it (mode {mode:04o}), and who knows what is in it can sign in as any user: \
                     chmod 600 {path}, and give all users new passwords if somebody may have read it"
                )
            }
            Self::Text { path, why } => write!(f, "{}: this is no file of users: {why}", path.display()),
            Self::User(error) => error.fmt(f),
            Self::Password(why) => f.write_str(why),
            Self::System { path, source } => {
                write!(f, "{}: the users cannot be read: {source}", path.display())
            }
            Self::Unwritten(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Right, Rights};

    fn add(name: &str, password: &str) -> Edit {
        let rights = Rights { read: vec!["*".into()], control: Vec::new() };
        Edit::Add { name: name.into(), password: password.into(), rights }
    }

    #[test]
    fn users_are_kept_for_nobody_else_to_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = UsersFile::new(folder.path().join("new/users.ron"), "Lenslet", folder.path());
        assert!(file.load().unwrap().is_empty());
        for password in ["marker-password", "p:%\"\\ä\n"] {
            file.change(&add("anna", password)).unwrap();
            assert_eq!(file.load().unwrap().secret("anna"), {
                let mut users = Users::new("Lenslet");
                users.add("anna", password, Rights::default()).unwrap();
                users.secret("anna")
            });
            file.change(&Edit::Remove { name: "anna".into() }).unwrap();
        }
        file.change(&add("anna", "marker-password")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(file.path()), 0o600);
        assert!(!fs::read_to_string(file.path()).unwrap().contains("marker"));
        // What is let open later stays closed by nobody: it is refused.
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o640)).unwrap();
        let refused = file.load().unwrap_err().to_string();
        assert!(refused.contains("mode 0640") && refused.contains("chmod 600"), "{refused}");
        assert!(matches!(file.change(&add("bob", "x")), Err(Error::Readable { .. })));
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
        assert!(file.load().unwrap().may("anna", Right::Read, "cam"));
        assert_eq!(fs::read_dir(folder.path().join("new")).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_cannot_be_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = UsersFile::new(folder.path().join("users.ron"), "Lenslet", folder.path());
        file.change(&add("anna", "secret")).unwrap();
        let before = fs::read(file.path()).unwrap();
        for edit in [
            add("anna", "other"),
            add("bob", ""),
            add("bob", &"x".repeat(1025)),
            Edit::Password { name: "bob".into(), password: "x".into() },
            Edit::Rights { name: "bob".into(), read: None, control: None },
            Edit::Remove { name: "bob".into() },
        ] {
            assert!(file.change(&edit).is_err(), "{edit:?}");
            assert_eq!(fs::read(file.path()).unwrap(), before);
        }
        fs::write(file.path(), "marker").unwrap();
        assert!(!file.load().unwrap_err().to_string().contains("marker"));
    }

    #[test]
    fn of_many_who_write_at_once_nobody_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let file = UsersFile::new(folder.path().join("users.ron"), "Lenslet", folder.path());
        std::thread::scope(|threads| {
            for number in 0..8 {
                let file = &file;
                threads.spawn(move || file.change(&add(&format!("user{number}"), "x")).unwrap());
            }
        });
        assert_eq!(file.load().unwrap().iter().count(), 8);
    }
}
