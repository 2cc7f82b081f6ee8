//! Changes while people watch: the file, signals, what systemd hears.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, ChildStderr, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Client, Rtp, lenslet};

struct Daemon {
    child: Child,
    address: SocketAddr,
    log: Lines<BufReader<ChildStderr>>,
    folder: tempfile::TempDir,
}

impl Daemon {
    fn start(mounts: &str, notify: Option<&std::path::Path>, watchdog: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = lenslet();
        command.arg("serve").arg("--config").arg(folder.path().join("lenslet.ron"));
        command.env("XDG_RUNTIME_DIR", folder.path()).env("STATE_DIRECTORY", folder.path());
        if let Some(notify) = notify {
            command.env("NOTIFY_SOCKET", notify).env("WATCHDOG_USEC", watchdog);
        }
        write(&folder, mounts);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let address = line.strip_prefix("listening on rtsp://").unwrap().parse().unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, log, folder }
    }

    fn logged(&mut self, part: &str) -> String {
        self.log.by_ref().map_while(Result::ok).find(|line| line.contains(part)).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    fn play(&self, mount: &str) -> Client {
        let url = format!("rtsp://{}/{mount}", self.address);
        let mut client = Client::at(self.address);
        let session = client.set_up_tcp(&url);
        client.send(format!("PLAY {url} RTSP/1.0\r\nCSeq: 9\r\nSession: {session}\r\n\r\n").as_bytes());
        client
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write(folder: &tempfile::TempDir, mounts: &str) {
    let text = format!("(listen: [\"127.0.0.1:0\"], udp_ports: (0, 0), mounts: {{{mounts}}})");
    std::fs::write(folder.path().join("new"), text).unwrap();
    std::fs::rename(folder.path().join("new"), folder.path().join("lenslet.ron")).unwrap();
}

fn pictures(first: &str, mounts: usize) -> String {
    let others: Vec<String> =
        (1..mounts).map(|n| format!("\"m{n}\": Pattern(width: 64, height: 48, fps: 5)")).collect();
    format!("\"m0\": {first}, {}", others.join(", "))
}

const FIRST: &str = "Pattern(width: 64, height: 48, fps: 5)";
const OTHER: &str = "Pattern(width: 64, height: 48, fps: 10)";

#[test]
fn a_file_that_is_replaced_restarts_what_differs_and_readers_of_all_mounts_read_on() {
    let mut daemon = Daemon::start(&pictures(FIRST, 16), None, "");
    let done = std::sync::atomic::AtomicBool::new(false);
    let playing = std::sync::Barrier::new(17);
    let clients: Vec<Client> = (0..16).map(|n| daemon.play(&format!("m{n}"))).collect();
    std::thread::scope(|threads| {
        let readers: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                let (done, playing) = (&done, &playing);
                threads.spawn(move || {
                    let mut last: Option<(u16, u32)> = None;
                    let mut largest = 0;
                    let mut left = 8;
                    let mut began = false;
                    while left > 0 {
                        let packet = Rtp::parse(&client.next_frame(0));
                        if let Some((seq, timestamp)) = last {
                            assert_eq!(packet.seq, seq.wrapping_add(1), "nothing is missing");
                            largest = largest.max(packet.timestamp.wrapping_sub(timestamp));
                        }
                        last = Some((packet.seq, packet.timestamp));
                        if !std::mem::replace(&mut began, true) {
                            playing.wait();
                        }
                        left -= usize::from(done.load(std::sync::atomic::Ordering::SeqCst));
                    }
                    largest
                })
            })
            .collect();
        playing.wait();
        write(&daemon.folder, &pictures(OTHER, 16));
        assert!(daemon.logged("reloaded:").contains("15 kept; restarted: m0"));
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        let gaps: Vec<u32> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        // By the capture clock, which does not know how busy the machine is: 1.5 intervals of 90000 / 5 ticks.
        assert!(gaps[1..].iter().all(|gap| *gap < 27_000), "{gaps:?}");
    });
}

#[test]
fn a_file_that_is_wrong_changes_nothing_and_sighup_has_it_read_again() {
    let mut daemon = Daemon::start(&pictures(FIRST, 2), None, "");
    let mut client = daemon.play("m0");
    client.next_frame(0);
    write(&daemon.folder, "\"m0\": Nonsense(), \"m1\": Rubbish()");
    // A line of the log for each mistake, whatever a terminal is shown of it.
    for mistake in ["Nonsense", "Rubbish"] {
        let line = daemon.logged(&format!("there is no kind of mount {mistake}"));
        assert!(!line.contains("\\n") && !line.contains('^'), "{line}");
    }
    daemon.logged("the configuration is as it was");
    client.next_frame(0);
    // Nobody sees a file go; the signal has it looked for.
    std::fs::remove_file(daemon.folder.path().join("lenslet.ron")).unwrap();
    daemon.signal(Signal::SIGHUP);
    daemon.logged("the file is gone");
    client.next_frame(0);
    write(&daemon.folder, "\"m1\": Pattern(width: 64, height: 48, fps: 5)");
    assert!(daemon.logged("reloaded:").contains("removed: m0"));
    // Its reader is told goodbye, and the connection ends.
    while !client.next_frame(1).windows(4).any(|head| head == [0x81, 203, 0, 1]) {}
}

/// Who empties the file and writes it then is told nothing of what it was between, and nobody is served that.
#[test]
fn a_file_that_is_being_written_is_waited_for() {
    let mut daemon = Daemon::start(&pictures(FIRST, 2), None, "");
    let mut client = daemon.play("m0");
    client.next_frame(0);
    let path = daemon.folder.path().join("lenslet.ron");
    let text = std::fs::read_to_string(&path).unwrap();
    // Emptied, and no more: that is told, but not at once.
    let began = Instant::now();
    std::fs::write(&path, "").unwrap();
    daemon.logged("the file is empty");
    assert!(began.elapsed() >= Duration::from_millis(500), "{:?}", began.elapsed());
    daemon.logged("the configuration is as it was");
    // Half of it, for as long as who writes has it open.
    let mut file = std::fs::File::create(&path).unwrap();
    let changed = text.replacen("fps: 5", "fps: 10", 1);
    let (half, rest) = changed.split_at(changed.len() / 2);
    file.write_all(half.as_bytes()).unwrap();
    (0..5).for_each(|_| drop(client.next_frame(0)));
    file.write_all(rest.as_bytes()).unwrap();
    drop(file);
    let mut told = Vec::new();
    while !told.last().is_some_and(|line: &String| line.contains("reloaded:")) {
        told.push(daemon.logged(""));
    }
    assert!(told.last().unwrap().contains("restarted: m0"), "{told:?}");
    assert!(!told.iter().any(|line| line.contains("as it was")), "{told:?}");
    client.next_frame(0);
}

/// Runs a command of the same person's: whether it went well, and what it said.
fn run(folder: &tempfile::TempDir, arguments: &[&str]) -> (bool, String) {
    let output = lenslet()
        .args(arguments)
        .env("XDG_RUNTIME_DIR", folder.path())
        .env("STATE_DIRECTORY", folder.path())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn what_was_edited_by_hand_and_served_is_a_version_and_a_damaged_file_is_told_and_rolled_back() {
    let mut daemon = Daemon::start(&pictures(FIRST, 2), None, "");
    let path = daemon.folder.path().join("lenslet.ron");
    let first = std::fs::read_to_string(&path).unwrap();
    write(&daemon.folder, &pictures(OTHER, 2));
    daemon.logged("reloaded:");
    let second = std::fs::read_to_string(&path).unwrap();
    let run = |daemon: &Daemon, arguments: &[&str]| run(&daemon.folder, arguments);
    // What is served becomes a version a moment after it is told.
    let mut histories = (0..100).map(|_| run(&daemon, &["config", "history"]).1);
    let history = histories.find(|history| history.lines().count() == 2).expect("no second version");
    let lines: Vec<&str> = history.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("2 ") && lines[1].starts_with("1 "), "{history}");
    assert!(lines[0].contains("by hand"), "{history}");
    assert!(run(&daemon, &["config", "check"]).0);
    std::fs::write(&path, "(mounts: {\"m0\": Pat").unwrap();
    daemon.logged("the configuration is as it was");
    let (right, said) = run(&daemon, &["config", "check"]);
    assert!(
        !right && said.contains("1:1: this is not closed"),
        "the file is checked, not what is served: {said}"
    );
    assert!(run(&daemon, &["config", "get"]).1.starts_with("(mounts: {\"m0\": Pat"));
    assert!(!run(&daemon, &["config", "set", "workers", "2"]).0, "nothing is written over what is damaged");
    let (done, said) = run(&daemon, &["config", "rollback", "1"]);
    assert!(done && said.contains("m0 starts anew") && said.contains("version 3"), "{said}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), first);
    // Where no daemon runs the file is changed all the same.
    daemon.signal(Signal::SIGTERM);
    daemon.child.wait().unwrap();
    let file = path.to_str().unwrap();
    let (done, said) = run(&daemon, &["config", "rollback", "2", "--config", file]);
    assert!(done && said.contains("version 4"), "{said}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), second);
    assert_eq!(run(&daemon, &["config", "history", "--config", file]).1.lines().count(), 4);
    assert!(!run(&daemon, &["config", "rollback", "9", "--config", file]).0);
}

#[test]
fn sigterm_ends_sessions_with_bye_though_a_child_ignores_it() {
    let mounts = format!(
        "{}, \"child\": Command(command: \"sh -c 'trap \\\"\\\" TERM INT; while :; do sleep 1; done'\", always: true)",
        pictures(FIRST, 2)
    );
    let mut daemon = Daemon::start(&mounts, None, "");
    let mut client = daemon.play("m0");
    client.next_frame(0);
    let began = Instant::now();
    daemon.signal(Signal::SIGTERM);
    let mut last = client.next_frame(1);
    while !last.windows(4).any(|head| head == [0x81, 203, 0, 1]) {
        last = client.next_frame(1);
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(daemon.child.wait().unwrap().success());
}

#[test]
fn systemd_hears_when_it_is_ready_reloads_lives_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let daemon = Daemon::start(&pictures(FIRST, 2), Some(&path), "400000");
    let hear = |wanted: &str| {
        let mut bytes = [0; 512];
        loop {
            let length = socket.recv(&mut bytes).unwrap();
            let said = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if said.contains(wanted) {
                return said;
            }
        }
    };
    assert!(hear("READY=1").contains("STATUS=2 mounts"));
    hear("WATCHDOG=1");
    write(&daemon.folder, &pictures(OTHER, 3));
    assert!(hear("RELOADING=1").contains("MONOTONIC_USEC="));
    assert!(hear("READY=1").contains("STATUS=3 mounts"));
    daemon.signal(Signal::SIGTERM);
    hear("STOPPING=1");
}

/// As systemd hands them on: from descriptor 3, to the process that is named. Nobody else could listen there meanwhile.
#[test]
fn sockets_of_systemds_are_served_also_those_that_are_not_configured() {
    let sockets = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = sockets.each_ref().map(|socket| socket.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lenslet.ron");
    let text = |mount: &str| {
        format!(
            "(listen: [\"{}\"], mounts: {{\"{mount}\": Pattern(width: 64, height: 48, fps: 5)}})",
            addresses[0]
        )
    };
    std::fs::write(&file, text("m0")).unwrap();
    let [one, other] = sockets.map(|socket| Stdio::from(std::os::fd::OwnedFd::from(socket)));
    let mut command = std::process::Command::new("sh");
    let script = "exec 3<&0 4<&2 </dev/null 2>/dev/null; LISTEN_PID=$$ LISTEN_FDS=2 exec \"$@\"";
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_lenslet"), "serve", "--config"]).arg(&file);
    command.env("XDG_RUNTIME_DIR", folder.path()).env("STATE_DIRECTORY", folder.path());
    let mut child = command.stdin(one).stderr(other).stdout(Stdio::piped()).spawn().unwrap();
    // The ends that stay are the child's alone.
    drop(command);
    let said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let told: Vec<String> = said.take(2).collect();
    assert_eq!(told, addresses.map(|address| format!("listening on rtsp://{address}")));
    let describe = |address: SocketAddr, mount: &str| {
        Client::at(address).ask(&[&format!("DESCRIBE rtsp://{address}/{mount} RTSP/1.0")]).status
    };
    assert_eq!(addresses.map(|address| describe(address, "m0")), [200, 200]);
    // A reload keeps what is configured.
    std::fs::write(&file, text("m1")).unwrap();
    let (done, said) = run(&folder, &["reload"]);
    assert!(done, "{said}");
    assert_eq!(describe(addresses[0], "m1"), 200);
    child.kill().unwrap();
    child.wait().unwrap();
}
