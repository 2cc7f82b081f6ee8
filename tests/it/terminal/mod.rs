//! The screen in a real pseudo-terminal, against a real daemon with real readers. What it draws is read by a terminal
//! emulator.

mod alone;
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
        let mut command = Command::new("setsid");
        command.args(["--ctty", env!("CARGO_BIN_EXE_lenslet"), "tui", "--control"]);
        Self::run(command.arg(daemon.socket()).env("TERM", term), rows, columns)
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
fn a_terminal_that_takes_sixels_is_sent_its_picture_so() {
    let daemon = Daemon::start("127.0.0.1");
    let mut terminal = Terminal::open(&daemon, "xterm-256color", 40, 120);
    terminal.until_sent(0, b"\x1b[c");
    terminal.type_in("\x1b[?62;4;22c");
    terminal.until_has("cam");
    terminal.type_in("3");
    terminal.until_sent(0, b"\x1bPq\"1;1;");
    // What lies over it takes it away: the screen is drawn anew.
    let before = terminal.shown.0.lock().unwrap().sent.len();
    terminal.type_in("?");
    terminal.until_has("Everywhere");
    terminal.until_sent(before, b"\x1b[2J");
    terminal.type_in(" ");
    terminal.leave();
}

#[test]
fn a_user_is_added_and_signs_in_and_a_ban_is_lifted() {
    let daemon = Daemon::start("127.0.0.1");
    let mut terminal = Terminal::open(&daemon, "xterm-256color", 24, 80);
    terminal.until_has("cam");
    terminal.type_in("4");
    terminal.until_has("Users and bans");
    // What stands right before the mounts.
    terminal.type_in("Gk\r");
    terminal.until_has("There are none: a adds one.");
    terminal.type_in("a");
    terminal.until_has("Another user");
    terminal.type_in("anna\r");
    terminal.type_in("open sesame\ropen sesame\r");
    let shown = terminal.until_has("•••••••••••");
    assert!(!shown.contains("sesame"), "{shown}");
    terminal.type_in("\r\r");
    terminal.until("anna is there", |shown| shown.contains("anna") && !shown.contains("Another user"));
    let url = daemon.url.replace("rtsp://", "rtsp://anna:open%20sesame@");
    let output = lenslet().args(["receive", &format!("{url}/cam"), "--seconds", "1"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!daemon.serves("cam"), "who has no password is not let in");
    terminal.type_in("b");
    terminal.until_has("An address that is let in no more");
    terminal.type_in("192.0.2.7\r\r\r");
    terminal
        .until("the ban is there", |shown| shown.contains("192.0.2.7") && shown.contains("by the screen"));
    terminal.type_in("Gx");
    terminal.until_has("Sure?");
    terminal.type_in("y");
    terminal.until_has("None is: b bans one.");
    terminal.leave();
}

#[test]
fn a_mount_is_added_by_the_wizard_played_and_rolled_back() {
    let daemon = Daemon::start("127.0.0.1");
    let before = daemon.text();
    let mut terminal = Terminal::open(&daemon, "xterm-256color", 40, 120);
    terminal.until_has("cam");
    terminal.type_in("4");
    terminal.until_has("Server");
    terminal.type_in("a");
    terminal.until_has("What is to be served?");
    // The first kind is the test picture.
    terminal.type_in("\r");
    terminal.until_has("it fits");
    terminal.type_in("\x15second");
    terminal.until("the name fits", |shown| shown.contains("> second") && shown.contains("it fits"));
    terminal.type_in("\r");
    // Its form is open; its first setting is the width: neither side is right alone, and an odd one never.
    terminal.until("the form", |shown| shown.contains("width") && !shown.contains("> second"));
    terminal.type_in("\r");
    terminal.until_has("type a value");
    terminal.type_in("\x15321x240");
    let shown =
        terminal.until("321x240 is refused", |shown| shown.contains("> 321x240") && shown.contains("✖ "));
    assert!(!shown.contains("it fits"), "{shown}");
    terminal.type_in("\x15160x120");
    terminal.until_has("it fits");
    terminal.type_in("\r");
    terminal.until_has("160");
    assert_eq!(daemon.text(), before, "nothing holds before it is applied");
    terminal.type_in("w");
    let shown = terminal.until_has("second: comes");
    assert!(shown.contains("+") && shown.contains("1 mount stays: their viewers miss nothing"), "{shown}");
    terminal.type_in("y");
    terminal.until_has("It is served as version");
    let text = daemon.text();
    assert!(text.contains("\"second\": Pattern(width: 160, height: 120),"), "{text}");
    assert!(text.contains("( // the porch") && text.contains("// left one"), "{text}");
    assert!(daemon.serves("second"));
    terminal.type_in("v");
    terminal.until_has("Versions of the file");
    // The newest is at the top: the one before it is the file as it was.
    terminal.type_in("j\r");
    terminal.until("what it would do", |shown| {
        shown.contains("What going back to version 1") && shown.contains("second: goes")
    });
    terminal.type_in("y");
    terminal.until("it is as it was", |_| daemon.text() == before);
    terminal.until_has("It is served as version");
    assert!(daemon.serves("cam") && !daemon.serves("second"));
    terminal.leave();
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
