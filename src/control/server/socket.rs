//! The socket's file, and who may talk through it.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::sys::socket::{getsockopt, sockopt};
use smol::Async;
use socket2::{Domain, SockAddr, Type};

use super::origin::origin;
use crate::control::Caller;
use crate::control::protocol::Refusal;

/// The socket's owner and group talk through it.
const MODE: u32 = 0o660;
/// A longer path is not taken by the kernel (unix(7)).
const LONGEST: usize = 107;

/// A socket that is listened on; its file goes when this is dropped.
#[derive(Debug)]
pub struct Socket {
    listener: Async<UnixListener>,
    path: PathBuf,
    /// Device and inode: what lies at the path later may be another's.
    file: Option<(u64, u64)>,
    group: u32,
    /// Held as long as the socket lives, so that of two daemons that start at once only one takes the place.
    lock: File,
}

impl Socket {
    /// Listens at a path. A socket that a daemon left behind when it died is taken over; one that is answered is not.
    ///
    /// # Errors
    /// Another daemon answers there, something else lies there, or the folder cannot be written: in a sentence.
    pub fn bind(path: &Path) -> Result<Self, Error> {
        let wrong = |why: Why| Error { path: path.to_owned(), why };
        if path.as_os_str().len() > LONGEST {
            return Err(wrong(Why::TooLong));
        }
        if let Some(folder) = path.parent() {
            // Where it cannot be made, the next call says so.
            let _ = DirBuilder::new().recursive(true).mode(0o755).create(folder);
        }
        let lock = lock(path).map_err(wrong)?;
        clear(path).map_err(wrong)?;
        let (listener, meta) = listen(path).map_err(|error| wrong(Why::System(error)))?;
        Ok(Self { listener, path: path.to_owned(), file: Some(id(&meta)), group: meta.gid(), lock })
    }

    /// Whether clients find it where it is looked for.
    pub(super) fn is_there(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|meta| Some(id(&meta)) == self.file)
    }

    /// Makes its file again, which is gone; who is connected stays connected.
    ///
    /// # Errors
    /// As [`Socket::bind`]; then it is as it was.
    pub(super) fn bind_again(&mut self) -> Result<(), Error> {
        let wrong = |why: Why| Error { path: self.path.clone(), why };
        let ours = self.lock.metadata().map(|meta| id(&meta));
        let is_ours = fs::metadata(lock_of(&self.path)).is_ok_and(|meta| Some(id(&meta)) == ours.ok());
        if !is_ours {
            // The lock's file is gone as well: others look at the one that is there.
            let bound = Self::bind(&self.path)?;
            // What is at the path now is not the old one's to remove.
            std::mem::replace(self, bound).file = None;
            return Ok(());
        }
        clear(&self.path).map_err(wrong)?;
        let (listener, meta) = listen(&self.path).map_err(|error| wrong(Why::System(error)))?;
        (self.listener, self.file, self.group) = (listener, Some(id(&meta)), meta.gid());
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn group(&self) -> u32 {
        self.group
    }

    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        let (stream, _) = self.listener.accept().await?;
        stream.into_inner()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.is_there() {
            // What is left behind is taken over by the next.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens at a path where nothing is.
fn listen(path: &Path) -> io::Result<(Async<UnixListener>, Metadata)> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    // Before anybody can connect: it is not listened on yet.
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    socket.listen(16)?;
    Ok((Async::new(UnixListener::from(socket))?, fs::symlink_metadata(path)?))
}

fn id(meta: &Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

fn lock_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Takes the place, whether or not a socket is there.
fn lock(path: &Path) -> Result<File, Why> {
    let options = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(lock_of(path));
    let file = options.map_err(Why::System)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Why::Another),
        Err(TryLockError::Error(error)) => Err(Why::System(error)),
    }
}

/// Removes a socket that nobody answers.
fn clear(path: &Path) -> Result<(), Why> {
    let meta = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(Why::System)?,
    };
    if !meta.file_type().is_socket() {
        return Err(Why::NoSocket);
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(Why::Another),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(Why::System)
        }
        Err(error) => Err(Why::System(error)),
    }
}

/// Who is at the other end, where it may ask: root, the daemon's own user, and who is of the socket's group.
pub(super) fn caller(stream: &UnixStream, group: u32) -> Result<Caller, Refusal> {
    let own = nix::unistd::geteuid().as_raw();
    let peer = getsockopt(stream, sockopt::PeerCredentials).map_err(|error| {
        Refusal::new(
            "not-allowed",
            format!("the kernel does not say who asks: {error}"),
            "use a local socket",
        )
    })?;
    let pid = Some(peer.pid()).filter(|pid| *pid > 0);
    let caller = Caller { uid: peer.uid(), pid, from: pid.and_then(|pid| origin(Path::new("/"), pid)) };
    let text = caller.pid.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok());
    let groups = groups(&text.unwrap_or_default());
    if may(caller.uid, peer.gid(), &groups, own, group) {
        return Ok(caller);
    }
    Err(Refusal::new(
        "not-allowed",
        format!("user {} is neither root, nor user {own}, nor in group {group}", caller.uid),
        "ask as root, or as a member of the socket's group",
    ))
}

fn may(uid: u32, gid: u32, groups: &[u32], own: u32, group: u32) -> bool {
    uid == 0 || uid == own || gid == group || groups.contains(&group)
}

/// The supplementary groups, of `/proc/PID/status`.
fn groups(status: &str) -> Vec<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Groups:")).unwrap_or_default();
    line.split_whitespace().filter_map(|group| group.parse().ok()).collect()
}

/// Why the socket is not listened on.
#[derive(Debug)]
pub struct Error {
    path: PathBuf,
    why: Why,
}

#[derive(Debug)]
enum Why {
    Another,
    NoSocket,
    TooLong,
    System(io::Error),
}

impl Error {
    /// Whether another daemon has the place.
    pub fn is_taken(&self) -> bool {
        matches!(self.why, Why::Another)
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.path.display();
        match &self.why {
            Why::Another => {
                write!(f, "another Lenslet answers at {path}: `lenslet status` shows what it does")
            }
            Why::NoSocket => write!(f, "what lies at {path} is no socket: remove it or set another path"),
            Why::TooLong => {
                write!(f, "{path} is longer than the {LONGEST} bytes that a socket's path may have")
            }
            Why::System(error) => write!(
                f,
                "the control socket {path} cannot be made: {error}: `--control PATH` or `control_socket` names another place"
            ),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_the_daemons_user_and_its_group_may_ask() {
        for (uid, gid, also, expected) in [
            (0, 5, vec![], true),
            (100, 5, vec![], true),
            (7, 200, vec![], true),
            (7, 5, vec![4, 200], true),
            (7, 5, vec![4], false),
            (7, 0, vec![0], false),
        ] {
            assert_eq!(may(uid, gid, &also, 100, 200), expected, "{uid} {gid} {also:?}");
        }
    }

    #[test]
    fn groups_are_read_as_the_kernel_writes_them() {
        assert_eq!(groups("Name:\tcat\nGid:\t1\t1\t1\t1\nGroups:\t4 24 1000 \nNStgid:\t9\n"), [4, 24, 1000]);
        assert!(groups("Groups:\t\n").is_empty());
        assert!(groups("").is_empty());
    }
}
