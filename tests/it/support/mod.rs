//! A server of our own, and a client that says exactly what it is told.

mod network;
mod receiver;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

pub(crate) use network::Network;
pub(crate) use receiver::Receiver;

/// Nothing on loopback takes this long unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The mounts that every test may use.
pub(crate) const MOUNTS: &str = r#"mounts: {
    "test": Pattern(width: 320, height: 240, fps: 30, bitrate: 500000, gop: 30),
    "live/cam": Pattern(width: 64, height: 48, fps: 30, bitrate: 100000, gop: 30),
    "clip": File(path: "tests/fixtures/bitstreams/clip.h264", fps: 30),
    "absent": File(path: "/nowhere/absent.h264"),
}"#;

/// A running `lenslet serve`, stopped when dropped. `LENSLET_WORKERS` says over how many workers it spreads readers
/// where a test does not.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Mutex<mpsc::Receiver<String>>,
    config: tempfile::NamedTempFile,
    runtime: tempfile::TempDir,
}

impl Server {
    /// Serves [`MOUNTS`] on a free port.
    pub(crate) fn start() -> Self {
        Self::with(MOUNTS)
    }

    /// Serves these mounts (`mounts: {...}`) on a free port.
    pub(crate) fn with(mounts: &str) -> Self {
        Self::on("127.0.0.1", "", mounts)
    }

    /// Serves on a free port of an address (`[::1]`), with more settings (`max_sessions: 2,`) and other mounts.
    pub(crate) fn on(on: &str, settings: &str, mounts: &str) -> Self {
        Self::run(&["serve"], on, settings, mounts)
    }

    /// Serves these mounts on a free port and logs more.
    pub(crate) fn verbose(mounts: &str) -> Self {
        Self::run(&["-v", "serve"], "127.0.0.1", "", mounts)
    }

    fn run(arguments: &[&str], on: &str, settings: &str, mounts: &str) -> Self {
        Self::run_by(lenslet().args(arguments), on, settings, mounts)
    }

    /// Serves these mounts by a command that runs `lenslet serve` with the arguments that are added to it.
    pub(crate) fn by(command: &mut Command, mounts: &str) -> Self {
        Self::run_by(command, "127.0.0.1", "", mounts)
    }

    /// Serves in the network of another process.
    pub(crate) fn inside(process: u32, on: &str, settings: &str, mounts: &str) -> Self {
        let mut command = Command::new("nsenter");
        command.args(["-t", &process.to_string(), "-n", env!("CARGO_BIN_EXE_lenslet"), "-v", "serve"]);
        Self::run_by(&mut command, on, settings, mounts)
    }

    fn run_by(command: &mut Command, on: &str, settings: &str, mounts: &str) -> Self {
        let workers = workers(settings);
        let text = format!("(listen: [\"{on}:0\"], udp_ports: (0, 0), {workers} {settings} {mounts})");
        Self::run_text(command, &text)
    }

    /// Serves a configuration, which has it listen on one address.
    pub(crate) fn of(text: &str) -> Self {
        Self::run_text(lenslet().arg("serve"), text)
    }

    /// The same by a command that runs `lenslet serve`.
    pub(crate) fn run_text(command: &mut Command, text: &str) -> Self {
        let (config, runtime) = (tempfile::NamedTempFile::new().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(config.path(), text).unwrap();
        Self::run_on(command, config, runtime)
    }

    /// Ends it, and starts it again with what it kept.
    pub(crate) fn restart(&mut self) {
        self.end_child();
        self.start_again();
    }

    /// Kills it, as a cut of the power does, and starts it again.
    pub(crate) fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.start_again();
    }

    fn start_again(&mut self) {
        let config = std::mem::replace(&mut self.config, tempfile::NamedTempFile::new().unwrap());
        let runtime = std::mem::replace(&mut self.runtime, tempfile::tempdir().unwrap());
        *self = Self::run_on(lenslet().arg("serve"), config, runtime);
    }

    /// Ends it; gives what it kept, and the lines of its log that nobody read.
    pub(crate) fn end(mut self) -> (tempfile::TempDir, Vec<String>) {
        self.end_child();
        // Until its end of the pipe is closed.
        let log = self.log.lock().unwrap().iter().collect();
        (std::mem::replace(&mut self.runtime, tempfile::tempdir().unwrap()), log)
    }

    fn end_child(&mut self) -> std::process::ExitStatus {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        self.child.wait().unwrap()
    }

    fn run_on(command: &mut Command, config: tempfile::NamedTempFile, runtime: tempfile::TempDir) -> Self {
        let mut child = command
            .arg("--config")
            .arg(config.path())
            .env("XDG_RUNTIME_DIR", runtime.path())
            .env("STATE_DIRECTORY", runtime.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, log) = mpsc::channel();
        // Nobody may listen; read on, so that the server never writes into a closed pipe.
        std::thread::spawn(move || said.map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let address = line.strip_prefix("listening on rtsp://").unwrap();
        // An unspecified address is told as this name.
        let address = address.replace("localhost", "127.0.0.1").parse().unwrap();
        // The rest is for people; read on, so that the server never writes into a closed pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, log: Mutex::new(log), config, runtime }
    }

    /// Its configuration's file.
    pub(crate) fn config(&self) -> &std::path::Path {
        self.config.path()
    }

    /// Has it read its file again.
    pub(crate) fn hang_up(&self) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.child.id() as i32), nix::sys::signal::SIGHUP)
            .unwrap();
    }

    /// Its control socket.
    pub(crate) fn control(&self) -> std::path::PathBuf {
        self.runtime.path().join("lenslet/control.sock")
    }

    /// Where it keeps what outlives it.
    pub(crate) fn state(&self) -> &std::path::Path {
        self.runtime.path()
    }

    /// Waits for the next line of the log that holds all of these.
    pub(crate) fn logged(&self, parts: &[&str]) -> String {
        loop {
            let line = self
                .log
                .lock()
                .unwrap()
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|_| panic!("nobody logged {parts:?}"));
            if parts.iter().all(|part| line.contains(part)) {
                return line;
            }
        }
    }

    /// The next line of the log that holds all of these, if it comes in time; lines before it are passed over.
    pub(crate) fn logged_within(&self, patience: Duration, parts: &[&str]) -> Option<String> {
        let until = std::time::Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(std::time::Instant::now());
            let line = self.log.lock().unwrap().recv_timeout(left).ok()?;
            if parts.iter().all(|part| line.contains(part)) {
                return Some(line);
            }
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("rtsp://{}/{path}", self.address)
    }

    /// Its number.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in kB.
    pub(crate) fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// What of it is its own, and no part of a file: code is resident from its first use on.
    pub(crate) fn anonymous(&self) -> u64 {
        self.memory("RssAnon:")
    }

    fn memory(&self, kind: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(kind)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Open descriptors.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Asks it to stop; whether it ended well.
    pub(crate) fn stop(mut self) -> bool {
        self.end_child().success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many workers `LENSLET_WORKERS` says, as a setting, where these settings do not say.
pub(crate) fn workers(settings: &str) -> String {
    match std::env::var("LENSLET_WORKERS") {
        Ok(workers) if !settings.contains("workers:") => format!("workers: {workers},"),
        _ => String::new(),
    }
}

/// The program under test: `LENSLET_BINARY`, as for what is measured of a release, or else the suite's own.
pub(crate) fn lenslet() -> Command {
    let own = env!("CARGO_BIN_EXE_lenslet").into();
    let mut command = Command::new(std::env::var_os("LENSLET_BINARY").unwrap_or(own));
    // What it keeps is not this machine's, and neither is the daemon that it asks where none of its user's is.
    command.env("STATE_DIRECTORY", env!("CARGO_TARGET_TMPDIR")).env("RUNTIME_DIRECTORY", NO_DAEMONS);
    command
}

/// A folder of a service's, as its daemon would have its socket in, where none is.
pub(crate) const NO_DAEMONS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/nobody/lenslet");

/// The fields of an RTP packet that matter here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rtp {
    pub(crate) seq: u16,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) ssrc: u32,
    /// The type of the H.264 NAL unit, a fragmented one's too.
    pub(crate) nal: u8,
}

impl Rtp {
    pub(crate) fn parse(packet: &[u8]) -> Self {
        assert_eq!(packet[0], 0x80);
        let nal = if packet[12] & 0x1f == 28 { packet[13] & 0x1f } else { packet[12] & 0x1f };
        Self {
            seq: u16::from_be_bytes([packet[2], packet[3]]),
            timestamp: u32::from_be_bytes(packet[4..8].try_into().unwrap()),
            marker: packet[1] & 0x80 != 0,
            ssrc: u32::from_be_bytes(packet[8..12].try_into().unwrap()),
            nal,
        }
    }
}

/// A connection that reads replies and interleaved frames.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

/// What a server sends.
#[derive(Clone, Debug)]
pub(crate) enum Incoming {
    Reply(Reply),
    Frame { channel: u8, data: Vec<u8> },
    Closed,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Client {
    pub(crate) fn connect(server: &Server) -> Self {
        Self::at(server.address)
    }

    pub(crate) fn at(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap())
    }

    /// Connects from another address of this machine: `127.0.0.2`.
    pub(crate) fn connect_from(address: SocketAddr, from: &str) -> Self {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(from.parse().unwrap(), 0).into()).unwrap();
        socket.connect(&address.into()).unwrap();
        Self::over(socket.into())
    }

    /// A connection that holds little: the server's socket is soon full once nobody reads.
    pub(crate) fn connect_narrow(server: &Server) -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        // The kernel sizes the sender's buffer by the segments that it sends.
        socket.set_tcp_mss(1000).unwrap();
        socket.connect(&server.address.into()).unwrap();
        Self::over(socket.into())
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// The socket, for what a well-behaved client does not do.
    pub(crate) fn socket(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        // A server that has closed already is seen at the next read.
        let _ = self.stream.get_mut().write_all(bytes);
    }

    /// The next thing that comes.
    pub(crate) fn next(&mut self) -> Incoming {
        let mut first = [0];
        match self.stream.read(&mut first) {
            Ok(0) => return Incoming::Closed,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Incoming::Closed,
            done => done.expect("something comes in time"),
        };
        if first[0] == b'$' {
            return self.frame().unwrap_or_else(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset => Incoming::Closed,
                _ => panic!("in a frame: {error}"),
            });
        }
        Incoming::Reply(self.reply(first[0]))
    }

    /// The next reply; frames before it are passed over.
    pub(crate) fn next_reply(&mut self) -> Option<Reply> {
        loop {
            match self.next() {
                Incoming::Reply(reply) => return Some(reply),
                Incoming::Frame { .. } => {}
                Incoming::Closed => return None,
            }
        }
    }

    /// The next frame on a channel.
    pub(crate) fn next_frame(&mut self, wanted: u8) -> Vec<u8> {
        loop {
            match self.next() {
                Incoming::Frame { channel, data } if channel == wanted => return data,
                Incoming::Frame { .. } | Incoming::Reply(_) => {}
                Incoming::Closed => panic!("closed"),
            }
        }
    }

    /// Sends a request of these lines; gives the reply.
    pub(crate) fn ask(&mut self, lines: &[&str]) -> Reply {
        let mut text = lines.join("\r\n");
        text.push_str("\r\nCSeq: 1\r\n\r\n");
        self.send(text.as_bytes());
        self.next_reply().expect("a reply")
    }

    /// SETUP, interleaved on channels 0 and 1, of a mount's first track: gives the session.
    pub(crate) fn set_up_tcp(&mut self, url: &str) -> String {
        let setup = format!("SETUP {url}/trackID=0 RTSP/1.0");
        let reply = self.ask(&[&setup, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"]);
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.header("session").unwrap().split(';').next().unwrap().to_owned()
    }

    /// SETUP by UDP: gives the ports that the server sends RTP and RTCP from.
    pub(crate) fn server_ports(&mut self, url: &str) -> (u16, u16) {
        let setup = format!("SETUP {url}/trackID=0 RTSP/1.0");
        let reply = self.ask(&[&setup, "Transport: RTP/AVP;unicast;client_port=9998-9999"]);
        let mut parameters = reply.header("transport").unwrap().split(';');
        let ports = parameters.find_map(|parameter| parameter.strip_prefix("server_port=")).unwrap();
        let (rtp, rtcp) = ports.split_once('-').unwrap();
        (rtp.parse().unwrap(), rtcp.parse().unwrap())
    }

    fn frame(&mut self) -> std::io::Result<Incoming> {
        let mut head = [0; 3];
        self.stream.read_exact(&mut head)?;
        let mut data = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
        self.stream.read_exact(&mut data)?;
        Ok(Incoming::Frame { channel: head[0], data })
    }

    /// SETUP by UDP, of a mount's first track: gives the session, and our RTP and RTCP sockets.
    pub(crate) fn set_up_udp(&mut self, url: &str) -> (String, UdpSocket, UdpSocket) {
        let (rtp, rtcp) = udp_pair_at(self.socket().local_addr().unwrap());
        let setup = format!("SETUP {url}/trackID=0 RTSP/1.0");
        let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
        let transport = format!("Transport: RTP/AVP;unicast;client_port={}-{}", port(&rtp), port(&rtcp));
        let reply = self.ask(&[&setup, &transport]);
        assert_eq!(reply.status, 200, "{reply:?}");
        self.hears_alone(&rtp, &reply);
        let session = reply.header("session").unwrap().split(';').next().unwrap().to_owned();
        (session, rtp, rtcp)
    }

    /// Has a socket for RTP take what comes from this server: its port may have been another test's, whose server sends yet.
    pub(crate) fn hears_alone(&self, rtp: &UdpSocket, set_up: &Reply) {
        let transport = set_up.header("transport").unwrap();
        let ports =
            transport.split(';').find_map(|parameter| parameter.strip_prefix("server_port=")).unwrap();
        let port: u16 = ports.split('-').next().unwrap().parse().unwrap();
        let mut from = self.socket().peer_addr().unwrap();
        from.set_port(port);
        rtp.connect(from).unwrap();
        // What came before that; of this session nothing can have come before PLAY.
        rtp.set_nonblocking(true).unwrap();
        while rtp.recv(&mut [0; 1]).is_ok() {}
        rtp.set_nonblocking(false).unwrap();
    }

    fn reply(&mut self, first: u8) -> Reply {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let line = format!("{}{line}", char::from(first));
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut reply = Reply { status, ..Reply::default() };
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            let Some((key, value)) = line.trim_end().split_once(':') else { break };
            reply.headers.push((key.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = reply.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        reply.body = String::from_utf8(body).unwrap();
        reply
    }
}

/// Sockets for RTP and RTCP: an even port that the kernel chose, and the one above it.
pub(crate) fn udp_pair(address: IpAddr) -> (UdpSocket, UdpSocket) {
    udp_pair_at(SocketAddr::new(address, 0))
}

/// The same on an address with its scope, whatever its port.
fn udp_pair_at(mut address: SocketAddr) -> (UdpSocket, UdpSocket) {
    let mut bind = |port| {
        address.set_port(port);
        let socket = UdpSocket::bind(address).ok()?;
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Some(socket)
    };
    let mut pair = || {
        let rtp = bind(0)?;
        let port = rtp.local_addr().unwrap().port();
        if port % 2 == 0 { Some((rtp, bind(port + 1)?)) } else { None }
    };
    (0..1000).find_map(|_| pair()).expect("a free pair of ports")
}
