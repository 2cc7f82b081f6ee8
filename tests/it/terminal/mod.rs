//! The screen in a real pseudo-terminal, against a real daemon with real readers. What it draws is read by a terminal
//! emulator.

mod alone;
mod edits;
mod forwarded;
mod pictures;
mod secret;
mod survives;

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::interop::has;
use crate::sending::{alone, ip, run};
use crate::support::lenslet;

/// For what a person would not wait longer.
const PATIENCE: Duration = Duration::from_secs(30);
const FILE: &str = "( // the porch\n    listen: [\"LISTEN:0\"], udp_ports: (0, 0),\n    mounts: {\n        \"cam\": \
                    Pattern(width: 320, height: 240, fps: 15, bitrate: 300000), // left one\n    },\n)\n";

/// A daemon with a file of its own.
struct Daemon {
    child: Child,
    folder: PathBuf,
    /// Goes with it.
    _own: Option<tempfile::TempDir>,
    url: String,
}

impl Daemon {
    fn start(on: &str) -> Self {
        let own = tempfile::tempdir().unwrap();
        let mut daemon = Self::start_in(own.path(), on);
        daemon._own = Some(own);
        daemon
    }

    /// With all that is its own in a folder that stays.
    fn start_in(folder: &Path, on: &str) -> Self {
        std::fs::write(folder.join("lenslet.ron"), FILE.replace("LISTEN", on)).unwrap();
        let (child, url) = Self::spawn(folder);
        Self { child, folder: folder.to_owned(), _own: None, url }
    }

    fn spawn(folder: &Path) -> (Child, String) {
        let mut command = lenslet();
        command.arg("serve").arg("--config").arg(folder.join("lenslet.ron"));
        command.arg("--control").arg(folder.join("lenslet/control.sock"));
        command.env("STATE_DIRECTORY", folder.join("state"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = std::io::BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        std::io::BufRead::read_line(&mut lines, &mut line).unwrap();
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        (child, url)
    }

    fn again(&mut self) {
        (self.child, self.url) = Self::spawn(&self.folder);
    }

    fn end(&mut self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
        self.child.wait().unwrap();
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("lenslet/control.sock")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.folder.join("lenslet.ron")).unwrap()
    }

    fn serves(&self, mount: &str) -> bool {
        let url = format!("{}/{mount}", self.url);
        let output = lenslet().args(["receive", &url, "--seconds", "1"]).output().unwrap();
        output.status.success()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came from the program, as a terminal shows it.
struct Shown {
    parser: vt100::Parser,
    sent: Vec<u8>,
    ended: bool,
}

/// A terminal with `lenslet tui` in it.
struct Terminal {
    child: Child,
    keys: Option<File>,
    shown: Arc<(Mutex<Shown>, Condvar)>,
}

impl Terminal {
    fn open(daemon: &Daemon, term: &str, rows: u16, columns: u16) -> Self {
        Self::open_at(&daemon.socket(), term, rows, columns)
    }

    /// Of a daemon that is reached there.
    fn open_at(socket: &Path, term: &str, rows: u16, columns: u16) -> Self {
        let mut command = Command::new("setsid");
        command.args(["--ctty", env!("CARGO_BIN_EXE_lenslet"), "tui", "--control"]);
        Self::run(command.arg(socket).env("TERM", term), rows, columns)
    }

    /// With another program in it.
    fn run(command: &mut Command, rows: u16, columns: u16) -> Self {
        let (keys, slave) = survives::line_and_end(rows, columns);
        command.env("LANG", "C.UTF-8");
        for gone in ["LC_ALL", "NO_COLOR", "COLORTERM"] {
            command.env_remove(gone);
        }
        let end = || Stdio::from(slave.try_clone().unwrap());
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        drop(slave);
        let mut out = keys.try_clone().unwrap();
        let parser = vt100::Parser::new(rows, columns, 0);
        let shown = Arc::new((Mutex::new(Shown { parser, sent: Vec::new(), ended: false }), Condvar::new()));
        let seen = shown.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                // The last one that had it open is gone: EIO.
                let read = out.read(&mut bytes).unwrap_or(0);
                let mut shown = seen.0.lock().unwrap();
                shown.parser.process(&bytes[..read]);
                shown.sent.extend_from_slice(&bytes[..read]);
                shown.ended = read == 0;
                seen.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        Self { child, keys: Some(keys), shown }
    }

    fn type_in(&mut self, keys: &str) {
        self.keys.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// The screen, once it is as it should be.
    fn until(&self, what: &str, true_of: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + PATIENCE;
        let mut shown = self.shown.0.lock().unwrap();
        loop {
            let contents = shown.parser.screen().contents();
            if true_of(&contents) {
                return contents;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !shown.ended, "never: {what}\n{contents}");
            shown = self.shown.1.wait_timeout(shown, left).unwrap().0;
        }
    }

    /// Waits until this was sent, behind so many bytes.
    fn until_sent(&self, from: usize, part: &[u8]) {
        let end = Instant::now() + PATIENCE;
        let mut shown = self.shown.0.lock().unwrap();
        while !shown.sent[from..].windows(part.len()).any(|it| it == part) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !shown.ended, "never: {part:?}");
            shown = self.shown.1.wait_timeout(shown, left).unwrap().0;
        }
    }

    /// All that was sent.
    fn sent(&self) -> String {
        String::from_utf8_lossy(&self.shown.0.lock().unwrap().sent).into_owned()
    }

    fn until_has(&self, part: &str) -> String {
        self.until(part, |contents| contents.contains(part))
    }

    /// Leaves; the terminal is as it was.
    fn leave(mut self) {
        self.type_in("q");
        self.until_ended();
    }

    /// What the shell sees once it has ended, with the terminal as it was.
    fn until_ended(mut self) -> String {
        let shown = self.shown.0.lock().unwrap();
        let shown = self.shown.1.wait_timeout_while(shown, PATIENCE, |shown| !shown.ended).unwrap().0;
        let screen = shown.parser.screen();
        assert!(shown.ended, "it does not leave\n{}", screen.contents());
        assert!(self.child.wait().unwrap().success(), "{}", screen.contents());
        assert!(!screen.alternate_screen() && !screen.hide_cursor(), "{}", screen.contents());
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        screen.contents()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// ffmpeg, until it is killed or its session ends.
struct Ffmpeg(Child);

impl Ffmpeg {
    fn play(mut command: Command, url: &str, transport: &str) -> Self {
        command.args(["-v", "error", "-rtsp_transport", transport, "-i", url, "-f", "null", "-"]);
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// So many pictures it decodes of three; none where it is not installed.
    fn decodes(url: &str) -> Option<usize> {
        if !has("ffmpeg", &["-version"]) {
            return None;
        }
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-rtsp_transport", "tcp", "-i", url, "-map", "0:v", "-frames:v", "3"]);
        let output = command.args(["-f", "framemd5", "-"]).stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        Some(text.lines().filter(|line| !line.starts_with('#')).count())
    }
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_session_appears_and_is_ended() {
    if !has("ffmpeg", &["-version"]) {
        return;
    }
    let daemon = Daemon::start("127.0.0.1");
    let mut terminal = Terminal::open(&daemon, "xterm-256color", 40, 120);
    terminal.until_has("cam");
    let mut ffmpeg = Ffmpeg::play(Command::new("ffmpeg"), &format!("{}/cam", daemon.url), "tcp");
    terminal.type_in("2");
    let shown = terminal.until_has("Lavf");
    assert!(shown.contains("127.0.0.1") && shown.contains("tcp"), "{shown}");
    terminal.type_in("x");
    terminal.until_has("Sure?");
    terminal.type_in("y");
    terminal.until("the session is gone", |shown| !shown.contains("Lavf"));
    ffmpeg.0.wait().unwrap();
    terminal.leave();
    assert!(daemon.serves("cam"), "leaving the screen ended the daemon");
}

/// The numbers of colours, of all sequences that say how signs look.
fn colours(sent: &str) -> Vec<u8> {
    let looks = sent.split("\x1b[").filter_map(|rest| rest.split_once('m'));
    let looks = looks.filter(|(numbers, _)| numbers.bytes().all(|byte| matches!(byte, b'0'..=b';')));
    let numbers = looks.flat_map(|(numbers, _)| numbers.split(';').filter_map(|it| it.parse().ok()));
    numbers.filter(|number| (30..50).contains(number)).collect()
}

#[test]
fn it_works_in_every_terminal() {
    for (term, rows, columns) in
        [("xterm-256color", 24, 80), ("screen-256color", 40, 120), ("linux", 25, 80), ("vt100", 24, 80)]
    {
        let daemon = Daemon::start("127.0.0.1");
        let mut terminal = Terminal::open(&daemon, term, rows, columns);
        let shown = terminal.until_has("cam");
        assert!(shown.contains("Dashboard") && shown.contains("Lenslet"), "{term}: {shown}");
        if term == "vt100" {
            assert!(shown.is_ascii(), "{shown}");
        }
        for (key, part) in [
            ("2", "Nobody watches"),
            ("3", "320x240"),
            ("4", "Server"),
            ("5", "Log"),
            ("6", "Alarms"),
            ("?", "help"),
        ] {
            terminal.type_in(key);
            terminal.until(part, |shown| shown.contains(part));
        }
        // Any key closes the help.
        terminal.type_in(" ");
        terminal.until("the help is closed", |shown| {
            shown.contains("Nothing is") || shown.contains(" ago") || shown.contains(" for ")
        });
        let sent = terminal.sent();
        let colours = colours(&sent);
        match term {
            "linux" => assert!(colours.contains(&36) && !colours.contains(&38) && !colours.contains(&48)),
            "vt100" => assert!(colours.is_empty(), "a VT100 has no colours: {colours:?}"),
            _ => assert!(colours.contains(&38), "{colours:?}"),
        }
        terminal.leave();
    }
}

#[test]
fn the_daemon_goes_and_comes_back_under_it() {
    let mut daemon = Daemon::start("127.0.0.1");
    let mut terminal = Terminal::open(&daemon, "xterm-256color", 40, 120);
    terminal.until_has("cam");
    daemon.end(Signal::SIGKILL);
    terminal.until_has("tried again");
    daemon.again();
    terminal.until_has("Lenslet answers again.");
    terminal.type_in("5");
    terminal.until_has("Log");
    terminal.leave();
}

#[test]
fn a_dead_line_leaves_nothing_running_and_the_daemon_serving() {
    let daemon = Daemon::start("127.0.0.1");
    // Killed.
    let mut terminal = Terminal::open(&daemon, "xterm-256color", 40, 120);
    terminal.until_has("cam");
    terminal.child.kill().unwrap();
    terminal.child.wait().unwrap();
    assert!(daemon.serves("cam"));
    // Its terminal is gone, as when SSH ends: the master's descriptors close with this process's copies.
    let mut terminal = Terminal::open(&daemon, "xterm-256color", 40, 120);
    terminal.until_has("cam");
    kill(Pid::from_raw(terminal.child.id() as i32), Signal::SIGHUP).unwrap();
    let ended = terminal.child.wait().unwrap();
    assert!(ended.code().is_some(), "it ends by itself: {ended}");
    let shown = terminal.shown.0.lock().unwrap();
    let shown = terminal.shown.1.wait_timeout_while(shown, PATIENCE, |shown| !shown.ended).unwrap().0;
    assert!(!shown.parser.screen().alternate_screen(), "the terminal is as it was");
    drop(shown);
    assert!(daemon.serves("cam"));
}

/// ffmpeg in a network of its own, whose firewall throws one of ten packets of media away: the receiver's report says so,
/// and the screen within a fifth of it.
#[test]
fn loss_is_shown_as_it_is() {
    if !has("ffmpeg", &["-version"]) || !has("iptables", &["--version"]) {
        return;
    }
    if !alone("terminal::loss_is_shown_as_it_is") {
        return;
    }
    let far = Command::new("unshare").args(["-n", "sleep", "120"]).spawn().unwrap();
    let far = Ffmpeg(far);
    let process = far.0.id();
    let mine = std::fs::read_link("/proc/self/ns/net").unwrap();
    while std::fs::read_link(format!("/proc/{process}/ns/net")).unwrap() == mine {
        std::thread::yield_now();
    }
    ip(&format!("link add near type veth peer name far netns {process}"));
    ip("address add 10.9.0.1/24 dev near");
    ip("link set near up");
    let there = |command: &str| run("nsenter", &format!("-t {process} -n {command}"));
    there("ip link set lo up");
    there("ip address add 10.9.0.2/24 dev far");
    there("ip link set far up");
    there(
        "iptables -A INPUT -p udp -m length --length 200: -m statistic --mode nth --every 10 --packet 0 -j DROP",
    );
    let daemon = Daemon::start("10.9.0.1");
    let mut terminal = Terminal::open(&daemon, "xterm-256color", 40, 120);
    terminal.until_has("cam");
    let mut command = Command::new("nsenter");
    command.args(["-t", &process.to_string(), "-n", "ffmpeg"]);
    let _ffmpeg = Ffmpeg::play(command, &format!("{}/cam", daemon.url), "udp");
    terminal.type_in("2");
    let loss = |shown: &str| -> Option<f64> {
        let head = shown.lines().find(|line| line.contains("LOSS%"))?;
        let end = head[..head.find("LOSS%")? + "LOSS%".len()].chars().count();
        let row = shown.lines().find(|line| line.contains("10.9.0.2"))?;
        let cells: String = row.chars().take(end).collect();
        cells.split_whitespace().last()?.parse().ok()
    };
    terminal
        .until("a loss of 8 to 12 %", |shown| loss(shown).is_some_and(|loss| (8.0..=12.0).contains(&loss)));
    terminal.leave();
}
