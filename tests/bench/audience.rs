//! A server with readers, in lockstep: each picture is published when every reader has the one before.
//! Shared by the benchmark and by the test that counts allocations.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::thread::JoinHandle;
use std::time::Duration;

use lenslet::hub::{Outlet, mount};
use lenslet::media::h264::ParameterSets;
use lenslet::media::{AccessUnit, Codec, Link, MediaTime, Track, TrackId};
use lenslet::server::{Handle, Pacing, Server, Settings};

/// Nothing on loopback takes this long unless it is broken, under valgrind too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pictures from one keyframe to the next.
const GROUP: usize = 30;

/// From one picture to the next.
const INTERVAL: Duration = Duration::from_millis(33);

const URL: &str = "rtsp://127.0.0.1/cam";

/// How readers get their packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    /// On other interleaved channels than the usual.
    TcpElsewhere,
    Udp,
}

/// Everybody who plays one mount.
pub(crate) struct Audience {
    outlet: Option<Outlet>,
    handle: Handle,
    published: usize,
    time: MediaTime,
    readers: Vec<Reader>,
    stop: Option<smol::channel::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

impl Audience {
    /// Starts a server in a thread of its own, where `around` calls it, and lets readers play.
    pub(crate) fn new(
        transport: Transport,
        pacing: Pacing,
        readers: usize,
        around: impl FnOnce(&mut dyn FnMut()) + Send + 'static,
    ) -> Self {
        let listen = vec![([127, 0, 0, 1], 0).into()];
        let settings = Settings { listen, udp_ports: 0..=0, pacing, ..Settings::default() };
        let server = Server::bind(settings).unwrap();
        let (address, handle) = (server.addresses()[0], server.handle());
        let (outlet, mount) = mount("cam");
        let sets = ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68, 1]);
        outlet.describe(vec![Track { codec: Codec::H264(sets), bitrate: None }], false);
        let (stop, stopped) = smol::channel::bounded::<()>(1);
        let thread = std::thread::spawn(move || {
            let mut whole = Some((server, mount, stopped));
            around(&mut || {
                let Some((server, mount, stopped)) = whole.take() else { return };
                server.run(vec![mount], async move {
                    // It ends when the other end is dropped.
                    let _ = stopped.recv().await;
                });
            });
        });
        let mut audience = Self {
            outlet: Some(outlet),
            handle,
            published: 0,
            time: lenslet::clock::media(),
            readers: Vec::new(),
            stop: Some(stop),
            server: Some(thread),
        };
        audience.readers = (0..readers).map(|_| Reader::connect(transport, address)).collect();
        // Only now: a server that has not begun misses it.
        audience.publish(1000);
        audience.readers.iter_mut().for_each(Reader::play);
        audience
    }

    /// All pause, miss a picture and play on: from then on their packets have heads of their own.
    pub(crate) fn pause(&mut self) {
        self.readers.iter_mut().for_each(|reader| reader.ask("PAUSE", ""));
        for _ in 0..2 {
            self.published = 0;
            self.publish(1000);
        }
        self.readers.iter_mut().for_each(Reader::play);
    }

    /// Asks the server for the figures of a status: how many sessions it tells of.
    #[allow(dead_code, reason = "whoever counts allocations asks for none")]
    pub(crate) fn sessions(&self) -> usize {
        std::hint::black_box(self.handle.mounts());
        smol::block_on(self.handle.sessions()).len()
    }

    /// One picture of about so many bytes, to everybody; a keyframe has `more` times as many.
    pub(crate) fn picture_of(&mut self, bytes: usize, more: usize) {
        let start = self.published.is_multiple_of(GROUP);
        self.picture(if start { bytes * more } else { bytes });
    }

    /// One picture of about so many bytes, to everybody.
    pub(crate) fn picture(&mut self, bytes: usize) {
        self.publish(bytes);
        self.readers.iter_mut().for_each(Reader::picture);
    }

    fn publish(&mut self, bytes: usize) {
        let start = self.published.is_multiple_of(GROUP);
        self.published += 1;
        let mut data = if start {
            vec![0, 0, 0, 1, 0x67, 66, 0xc0, 30, 0, 0, 0, 1, 0x68, 1, 0, 0, 0, 1, 0x65]
        } else {
            vec![0, 0, 0, 1, 0x41]
        };
        data.resize(data.len() + bytes, 0xa5);
        let link = if start { Link::Start } else { Link::Follows };
        // Whatever time it takes: what is spread goes by the pictures' own.
        self.time = self.time + INTERVAL;
        let unit = AccessUnit { track: TrackId(0), time: self.time, link, journey: None, data: data.into() };
        self.outlet.as_ref().unwrap().publish(unit);
    }
}

/// Ports are used again: a server of somebody else's may still report to who had this one before.
fn hear_only(socket: &UdpSocket, server: SocketAddr) {
    socket.connect(server).unwrap();
    socket.set_nonblocking(true).unwrap();
    while socket.recv(&mut [0; 2048]).is_ok() {}
    socket.set_nonblocking(false).unwrap();
}

impl Drop for Audience {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(server) = self.server.take() {
            let ended = server.join();
            assert!(std::thread::panicking() || ended.is_ok(), "the server ended well");
        }
        self.outlet.take();
    }
}

struct Reader {
    stream: BufReader<TcpStream>,
    session: String,
    udp: Option<(UdpSocket, UdpSocket)>,
    last_seq: Option<u16>,
    packet: Vec<u8>,
}

impl Reader {
    fn connect(transport: Transport, address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let udp = (transport == Transport::Udp).then(|| {
            let socket = || UdpSocket::bind("127.0.0.1:0").unwrap();
            let (rtp, rtcp) = (socket(), socket());
            rtp.set_read_timeout(Some(PATIENCE)).unwrap();
            (rtp, rtcp)
        });
        let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
        let header = match &udp {
            Some((rtp, rtcp)) => {
                format!("Transport: RTP/AVP;unicast;client_port={}-{}\r\n", port(rtp), port(rtcp))
            }
            None => {
                let first = if transport == Transport::TcpElsewhere { 6 } else { 0 };
                format!("Transport: RTP/AVP/TCP;unicast;interleaved={first}-{}\r\n", first + 1)
            }
        };
        let stream = BufReader::with_capacity(1 << 16, stream);
        let packet = vec![0; 1 << 16];
        let mut reader = Self { stream, session: String::new(), udp, last_seq: None, packet };
        reader.ask("SETUP", &header);
        reader
    }

    /// Plays, up to the first picture's end.
    fn play(&mut self) {
        self.ask("PLAY", "");
        self.picture();
    }

    fn ask(&mut self, method: &str, headers: &str) {
        let session =
            if self.session.is_empty() { String::new() } else { format!("Session: {}\r\n", self.session) };
        let request = format!("{method} {URL} RTSP/1.0\r\nCSeq: 1\r\n{headers}{session}\r\n");
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        while self.stream.fill_buf().unwrap().first() == Some(&b'$') {
            self.frame();
        }
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        assert!(line.starts_with("RTSP/1.0 200"), "{method}: {line}");
        while line.trim() != "" {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            if let (Some((rtp, _)), Some(ports)) = (&self.udp, line.split("server_port=").nth(1)) {
                let port = ports.split('-').next().and_then(|port| port.parse().ok()).unwrap();
                hear_only(rtp, SocketAddr::new(self.stream.get_ref().peer_addr().unwrap().ip(), port));
            }
            if let Some(session) = line.strip_prefix("Session: ") {
                self.session = session.trim().split(';').next().unwrap().to_owned();
            }
        }
    }

    /// Reads a picture to its last packet; none is missing.
    fn picture(&mut self) {
        loop {
            let length = self.next_packet();
            let packet = &self.packet[..length];
            let seq = u16::from_be_bytes([packet[2], packet[3]]);
            assert_eq!(seq, self.last_seq.map_or(seq, |last| last.wrapping_add(1)));
            self.last_seq = Some(seq);
            if packet[1] & 0x80 != 0 {
                return;
            }
        }
    }

    fn next_packet(&mut self) -> usize {
        if let Some((rtp, _)) = &self.udp {
            return rtp.recv(&mut self.packet).unwrap();
        }
        loop {
            // The other channel, an odd one, has reports.
            let (channel, length) = self.frame();
            if channel % 2 == 0 {
                return length;
            }
        }
    }

    /// The next interleaved frame: its channel and length.
    fn frame(&mut self) -> (u8, usize) {
        let mut head = [0; 4];
        self.stream.read_exact(&mut head).unwrap();
        assert_eq!(head[0], b'$');
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        self.stream.read_exact(&mut self.packet[..length]).unwrap();
        (head[1], length)
    }
}
