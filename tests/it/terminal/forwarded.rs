//! The control socket forwarded by a real sshd, which ssh talks to through its standard input: no port is opened.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::{Daemon, PATIENCE, Terminal};
use crate::interop::{has, skip};

/// An sshd of our own, with a key that lets anybody in.
struct Sshd {
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Sshd {
    /// None where there is no sshd, or nobody who may start it.
    fn new() -> Option<Self> {
        if !has("unshare", &["-m", "true"]) || !has("ssh", &["-V"]) {
            return None;
        }
        let Some(program) = sshd() else {
            skip("sshd", "is not installed");
            return None;
        };
        if !nix::unistd::geteuid().is_root() {
            skip("sshd", "is started by root alone");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let it = Self { program, folder };
        for name in ["key", "host"] {
            let mut made = Command::new("ssh-keygen");
            let made = made.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(it.file(name));
            assert!(made.status().unwrap().success());
        }
        let config = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPidFile none\n",
            it.file("host"),
            it.file("key.pub")
        );
        std::fs::write(it.file("config"), config).unwrap();
        Some(it)
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// What an ssh to it is started with, the account behind it; `by` runs it, if anything does.
    fn ssh(&self, by: &[&str], options: &[&str], user: &str) -> Command {
        // A place for what sshd expects of a system, which is gone with it.
        let serve = format!(
            "mount -t tmpfs none /run && mkdir -p /run/sshd && exec {} -i -f {}",
            self.program.display(),
            self.file("config")
        );
        let mut words = by.iter().chain(&["ssh", "-F", "none", "-i"]).copied();
        let mut ssh = Command::new(words.next().unwrap());
        ssh.args(words).arg(self.file("key"));
        for option in ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"] {
            ssh.args(["-o", option]);
        }
        ssh.arg("-o").arg(format!("ProxyCommand=unshare -m sh -c '{serve}'"));
        ssh.args(options).arg(format!("{user}@lenslet"));
        ssh
    }
}

/// A forwarded socket, as long as its ssh lives.
struct Forward {
    ssh: Child,
    socket: PathBuf,
}

impl Forward {
    /// Of a daemon's socket, by somebody's account.
    fn start(sshd: &Sshd, user: &str, daemon: &Daemon) -> Self {
        let socket = sshd.folder.path().join(format!("{user}.sock"));
        let way = format!("{}:{}", socket.display(), daemon.socket().display());
        let options = ["-N", "-o", "ExitOnForwardFailure=yes", "-o", "StreamLocalBindUnlink=yes", "-L", &way];
        let mut ssh = sshd.ssh(&[], &options, user);
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
    let Some(sshd) = Sshd::new() else { return };
    let daemon = Daemon::start("127.0.0.1");
    let mut forward = Forward::start(&sshd, "root", &daemon);
    let mut terminal = Terminal::open_at(&forward.socket, "xterm-256color", 24, 80);
    terminal.until_has("cam");
    terminal.type_in("f");
    terminal.until_has("keyframe");
    // The line breaks, and comes back.
    forward.ssh.kill().unwrap();
    terminal.until_has("tried again");
    drop(forward);
    assert!(daemon.serves("cam"));
    let _forward = Forward::start(&sshd, "root", &daemon);
    terminal.until_has("Lenslet answers again.");
    terminal.leave();
    assert!(daemon.serves("cam"));
    // Who asks is whom sshd has signed in, not whoever opened the socket on this side.
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(daemon.folder.join("lenslet"), open.clone()).unwrap();
    std::fs::set_permissions(&daemon.folder, open.clone()).unwrap();
    std::fs::set_permissions(daemon.socket(), open).unwrap();
    let stranger = Forward::start(&sshd, "nobody", &daemon);
    let terminal = Terminal::open_at(&stranger.socket, "xterm-256color", 24, 80);
    terminal.until_has("is neither root");
}

/// Whether a process runs that was started with this among its words.
fn runs(word: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let words = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    // Not ssh, and not the shell that sshd starts it by.
    words.map(|words| words.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect::<Vec<_>>()).any(|words| {
        words.get(1).is_some_and(|it| it == b"tui") && words.iter().any(|it| it == word.as_bytes())
    })
}

#[test]
fn an_ssh_that_is_killed_leaves_no_screen_and_the_daemon_serving() {
    let Some(sshd) = Sshd::new() else { return };
    let daemon = Daemon::start("127.0.0.1");
    let socket = daemon.socket().display().to_string();
    let mut ssh = sshd.ssh(&["setsid", "--ctty"], &["-tt"], "root");
    ssh.arg(format!("LANG=C.UTF-8 exec {} tui --control {socket}", env!("CARGO_BIN_EXE_lenslet")));
    let mut terminal = Terminal::run(ssh.env("TERM", "xterm-256color"), 24, 80);
    terminal.until_has("cam");
    assert!(runs(&socket), "the screen is on the other side");
    // As a laptop that is closed, or a network that is gone: nobody says goodbye.
    terminal.child.kill().unwrap();
    terminal.child.wait().unwrap();
    let end = Instant::now() + PATIENCE;
    while runs(&socket) {
        assert!(Instant::now() < end, "the screen goes on without anybody");
        std::thread::yield_now();
    }
    assert!(daemon.serves("cam"));
}
