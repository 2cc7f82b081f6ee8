//! With little of a processor or of memory: those who watch go on, and nobody new is let in.
//!
//! The limits are a control group's, of either version. Where this process may make none (it is in somebody's group
//! already, or not root), what needs it is passed over with a word: `pressure` and `memory` have tests of their own. In CI
//! the limit on the processor is had, or the test fails; the one on memory the lab's guest has too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::command::{Camera, Player};
use crate::stand_in;
use crate::support::{Client, Rtp, Server, lenslet};

/// A virtual machine may be slow.
const LONG: Duration = Duration::from_secs(60);

/// A control group of our own; removed when dropped.
struct Group(PathBuf);

/// A limit's file and value, by version 1 and 2.
struct Limit {
    controller: &'static str,
    first: (&'static str, &'static str),
    second: (&'static str, &'static str),
    /// What runs the test in CI where no such group can be made.
    elsewhere: Option<&'static str>,
}

const TENTH_OF_A_CORE: Limit = Limit {
    controller: "cpu",
    first: ("cpu.cfs_quota_us", "10000"),
    second: ("cpu.max", "10000 100000"),
    elsewhere: None,
};

const MEMORY: Limit = Limit {
    controller: "memory",
    first: ("memory.limit_in_bytes", "67108864"),
    second: ("memory.max", "67108864"),
    elsewhere: Some("tests/lab/run"),
};

impl Group {
    fn new(limit: &Limit) -> Option<Self> {
        let group = Self::make(limit);
        if group.is_none() {
            let has = limit.elsewhere.unwrap_or("nothing");
            println!("no control group for {} can be made here: passed over; {has} has it", limit.controller);
            // What nothing else has is never passed over in CI.
            let required = std::env::var_os("LENSLET_REQUIRE_TOOLS").is_some();
            assert!(!required || limit.elsewhere.is_some(), "no control group for {}", limit.controller);
        }
        group
    }

    fn make(limit: &Limit) -> Option<Self> {
        let groups = Path::new("/sys/fs/cgroup");
        // A group that we are in is somebody's who counts on it.
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let free = |controllers: &str| own.lines().any(|line| line.ends_with(&format!(":{controllers}:/")));
        let (root, (file, value)) = if free(limit.controller) {
            (groups.join(limit.controller), limit.first)
        } else if free("") && groups.join("cgroup.subtree_control").exists() {
            fs::write(groups.join("cgroup.subtree_control"), format!("+{}", limit.controller)).ok()?;
            (groups.to_owned(), limit.second)
        } else if has(&groups.join("cgroup.subtree_control"), limit.controller) {
            // Whoever started the machine gives its groups this limit already.
            (groups.to_owned(), limit.second)
        } else {
            return None;
        };
        static MADE: AtomicU32 = AtomicU32::new(0);
        let (process, number) = (std::process::id(), MADE.fetch_add(1, Ordering::SeqCst));
        let folder = root.join(format!("lenslet-test-{}-{process}-{number}", limit.controller));
        fs::create_dir(&folder).ok()?;
        let group = Self(folder);
        fs::write(group.0.join(file), value).ok()?;
        Some(group)
    }

    /// A program that begins in this group.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("sh");
        let procs = self.0.join("cgroup.procs");
        command.args(["-c", &format!("echo $$ > {} && exec \"$@\"", procs.display()), "sh", program]);
        command
    }

    fn serve(&self, mounts: &str) -> Server {
        let program = lenslet().get_program().to_owned();
        Server::by(self.command(program.to_str().unwrap()).args(["-v", "serve"]), mounts)
    }
}

/// Whether a file has this word.
fn has(file: &Path, word: &str) -> bool {
    fs::read_to_string(file).is_ok_and(|words| words.split_whitespace().any(|each| each == word))
}

impl Drop for Group {
    fn drop(&mut self) {
        // The kernel takes a moment to see that nobody is in it any more.
        let began = Instant::now();
        while fs::remove_dir(&self.0).is_err() && began.elapsed() < Duration::from_secs(5) {
            std::thread::yield_now();
        }
    }
}

/// The answer to a DESCRIBE, however long it takes, and how long that was.
fn describe(server: &Server) -> (u16, Duration) {
    let mut client = Client::connect(server);
    client.socket().set_read_timeout(Some(LONG)).unwrap();
    let began = Instant::now();
    (client.ask(&[&format!("DESCRIBE {} RTSP/1.0", server.url("cam"))]).status, began.elapsed())
}

/// A reader by UDP whose packets lie where the kernel puts them.
struct Viewer {
    _client: Client,
    _sockets: [std::net::UdpSocket; 2],
}

impl Viewer {
    /// Gives the status if it is refused.
    fn join(server: &Server) -> Result<Self, u16> {
        let url = server.url("cam");
        let mut client = Client::connect(server);
        let status = client.ask(&[&format!("DESCRIBE {url} RTSP/1.0")]).status;
        if status != 200 {
            return Err(status);
        }
        let (session, rtp, rtcp) = client.set_up_udp(&url);
        let reply = client.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]);
        assert_eq!(reply.status, 200);
        Ok(Self { _client: client, _sockets: [rtp, rtcp] })
    }
}

/// How much later pictures come than the least late of them, by their timestamps.
struct Lag {
    began: Instant,
    first: u32,
    least: f64,
}

impl Lag {
    fn of(&mut self, packet: &[u8]) -> f64 {
        let ticks = Rtp::parse(packet).timestamp.wrapping_sub(self.first) as i32;
        let late = self.began.elapsed().as_secs_f64() - f64::from(ticks) / 90_000.0;
        self.least = self.least.min(late);
        late - self.least
    }
}

/// A reader by TCP that looks how late pictures come, until it is dropped or asked.
struct Watching {
    over: std::sync::mpsc::Sender<()>,
    thread: std::thread::JoinHandle<(f64, u32)>,
}

impl Watching {
    fn begin(server: &Server) -> Self {
        let url = server.url("cam");
        let mut client = Client::connect(server);
        let session = client.set_up_tcp(&url);
        let reply = client.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]);
        assert_eq!(reply.status, 200);
        let first = Rtp::parse(&client.next_frame(0)).timestamp;
        let mut lag = Lag { began: Instant::now(), first, least: f64::MAX };
        let (sender, over) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let (mut worst, mut packets) = (0.0_f64, 0);
            while over.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
                worst = worst.max(lag.of(&client.next_frame(0)));
                packets += 1;
            }
            (worst, packets)
        });
        Self { over: sender, thread }
    }

    /// How late the latest was, in seconds, and how many packets came.
    fn end(self) -> (f64, u32) {
        drop(self.over);
        self.thread.join().unwrap()
    }
}

#[test]
fn with_a_tenth_of_a_core_new_viewers_are_refused_and_old_ones_stay_in_time() {
    let Some(group) = Group::new(&TENTH_OF_A_CORE) else { return };
    let server =
        group.serve(r#"mounts: {"cam": Pattern(width: 320, height: 240, fps: 15, bitrate: 1000000)}"#);
    let url = server.url("cam");
    let watching = Watching::begin(&server);
    // More than it can carry.
    let mut crowd = lenslet();
    crowd.args(["load", &url, "--transport", "tcp", "--readers", "600", "--ramp", "3", "--seconds", "60"]);
    let mut crowd = crowd.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let told = server.logged_within(LONG, &["no more viewers are let in for now: pictures wait"]);
    let told = told.expect("too many came");
    let (status, took) = describe(&server);
    assert_eq!(status, 503);
    // Those who know the mount already are told by SETUP.
    let setup = format!("SETUP {url}/trackID=0 RTSP/1.0");
    let reply = Client::connect(&server).ask(&[&setup, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"]);
    assert_eq!(reply.status, 453);
    let resident = server.resident();
    crowd.kill().unwrap();
    crowd.wait().unwrap();
    let again = server.logged_within(LONG, &["viewers are let in again"]);
    assert!(again.is_some(), "nobody is let in though everybody left");
    let (worst, packets) = watching.end();
    println!("{resident} kB, {packets} packets, {worst:.3} s late at most, refused after {took:.2?}; {told}");
    assert!(worst < 2.0, "{worst} s late");
    assert!(resident < 64 << 10, "{resident} kB");
    assert_eq!(describe(&server).0, 200);
}

/// Takes memory of its group until 7 of 64 MB are left.
const HOG: &str = "
import os, sys
folder, taken = sys.argv[1], []
usage = next(n for n in ('memory.current', 'memory.usage_in_bytes') if os.path.exists(f'{folder}/{n}'))
def used():
    stat = dict(line.split() for line in open(f'{folder}/memory.stat'))
    return int(open(f'{folder}/{usage}').read()) - int(stat.get('total_inactive_file', stat['inactive_file']))
while used() < 57 << 20:
    taken.append(b'x' * (1 << 20))
sys.stdin.read()
";

#[test]
fn with_little_memory_new_viewers_are_refused_until_there_is_more() {
    let Some(group) = Group::new(&MEMORY) else { return };
    let server = group.serve(r#"mounts: {"cam": Pattern(width: 64, height: 48, fps: 5, bitrate: 100000)}"#);
    let _first = Viewer::join(&server).unwrap();
    let watching = Watching::begin(&server);
    // Of memory it takes all that there is, and of the processor what is left.
    let mut hog = group.command("nice");
    hog.args(["-n", "19", "python3", "-c", HOG]).arg(&group.0);
    let mut hog = hog.stdin(Stdio::piped()).spawn().unwrap();
    let told = server
        .logged_within(LONG, &["no more viewers are let in for now:", "MB of 64 MB of memory are left"]);
    println!("{}", told.expect("memory is short"));
    assert_eq!(Viewer::join(&server).err(), Some(503));
    let resident = server.resident();
    hog.kill().unwrap();
    hog.wait().unwrap();
    server.logged_within(LONG, &["viewers are let in again"]).expect("there is memory again");
    let (worst, packets) = watching.end();
    println!("{resident} kB, {packets} packets, {worst:.3} s late at most");
    assert!(worst < 2.0, "{worst} s late");
    assert!(resident < 32 << 10, "{resident} kB");
    assert!(Viewer::join(&server).is_ok());
}

#[test]
fn with_little_memory_mounts_of_1080p_that_fail_are_stood_in_for() {
    let Some(group) = Group::new(&MEMORY) else { return };
    let cameras: Vec<Camera> = (0..3).map_while(|_| Camera::new()).collect();
    let stream = stand_in::large(cameras.first().expect("python3"));
    let mount = |(number, camera): (usize, &Camera)| {
        let command = camera.command_of(stream.to_str().unwrap(), stand_in::DIES_AND_HANGS);
        // The programs have memory of their own.
        let procs = group.0.with_file_name("cgroup.procs");
        let command = format!("sh -c 'echo $$ > {}; exec {command}'", procs.display());
        format!("\"cam{number}\": Command(command: {command:?}, fps: 100)")
    };
    let mounts: Vec<String> = cameras.iter().enumerate().map(mount).collect();
    let server = group.serve(&format!("mounts: {{{}}}", mounts.join(", ")));
    let mut players: Vec<Player> =
        (0..mounts.len()).map(|number| Player::of(&server, &format!("cam{number}"))).collect();
    let before = server.anonymous();
    for player in &mut players {
        stand_in::a_second_apart(player, 15);
    }
    let after = server.anonymous();
    println!("{before} kB before, {after} kB while three mounts are stood in for");
    assert!(after < before + (24 << 10), "{before} kB became {after} kB");
}
