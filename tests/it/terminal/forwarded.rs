//! The control socket forwarded by a real sshd, which ssh talks to through its standard input: no port is opened.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::{Daemon, PATIENCE, Terminal};
use crate::interop::has;

/// A forwarded socket, as long as its ssh lives.
struct Forward {
    ssh: Child,
    socket: PathBuf,
}

impl Forward {
    /// Of a daemon's socket, by somebody's account.
    fn start(sshd: &Path, folder: &Path, user: &str, daemon: &Daemon) -> Self {
        let file = |name: &str| folder.join(name).display().to_string();
        let socket = folder.join(format!("{user}.sock"));
        // A place for what sshd expects of a system, which is gone with it.
        let serve = format!(
            "mount -t tmpfs none /run && mkdir -p /run/sshd && exec {} -i -f {}",
            sshd.display(),
            file("config")
        );
        let mut ssh = Command::new("ssh");
        ssh.args([
            "-N",
            "-F",
            "none",
            "-i",
            &file("key"),
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=no",
        ]);
        ssh.args([
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "ExitOnForwardFailure=yes",
            "-o",
            "StreamLocalBindUnlink=yes",
        ]);
        ssh.arg("-o").arg(format!("ProxyCommand=unshare -m sh -c '{serve}'"));
        ssh.arg("-L")
            .arg(format!("{}:{}", socket.display(), daemon.socket().display()))
            .arg(format!("{user}@lenslet"));
        let mut ssh = ssh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let end = Instant::now() + PATIENCE;
        while UnixStream::connect(&socket).is_err() {
            assert!(Instant::now() < end && ssh.try_wait().unwrap().is_none(), "ssh does not forward");
            std::thread::yield_now();
        }
        Self { ssh, socket }
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        let _ = self.ssh.kill();
        let _ = self.ssh.wait();
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// Where sshd is: it wants to be called by its whole path.
fn sshd() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.map(|folder| folder.join("sshd")).find(|sshd| sshd.is_file())
}

#[test]
fn the_screen_comes_through_a_socket_that_ssh_forwards() {
    let root = nix::unistd::geteuid().is_root() && has("unshare", &["-m", "true"]);
    let Some(sshd) = sshd().filter(|_| root && has("ssh", &["-V"])) else { return };
    let daemon = Daemon::start("127.0.0.1");
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let file = |name: &str| folder.path().join(name);
    for name in ["key", "host"] {
        let mut made = Command::new("ssh-keygen");
        assert!(
            made.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(file(name)).status().unwrap().success()
        );
    }
    let config = format!(
        "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPidFile none\n",
        file("host").display(),
        file("key.pub").display()
    );
    std::fs::write(file("config"), config).unwrap();
    let mut forward = Forward::start(&sshd, folder.path(), "root", &daemon);
    let mut terminal = Terminal::open_at(&forward.socket, "xterm-256color", 24, 80);
    terminal.until_has("cam");
    terminal.type_in("f");
    terminal.until_has("keyframe");
    // The line breaks, and comes back.
    forward.ssh.kill().unwrap();
    terminal.until_has("tried again");
    drop(forward);
    assert!(daemon.serves("cam"));
    let _forward = Forward::start(&sshd, folder.path(), "root", &daemon);
    terminal.until_has("Lenslet answers again.");
    terminal.leave();
    assert!(daemon.serves("cam"));
    // Who asks is whom sshd has signed in, not whoever opened the socket on this side.
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(daemon.folder.join("lenslet"), open.clone()).unwrap();
    std::fs::set_permissions(&daemon.folder, open.clone()).unwrap();
    std::fs::set_permissions(daemon.socket(), open).unwrap();
    let stranger = Forward::start(&sshd, folder.path(), "nobody", &daemon);
    let terminal = Terminal::open_at(&stranger.socket, "xterm-256color", 24, 80);
    terminal.until_has("is neither root");
}
