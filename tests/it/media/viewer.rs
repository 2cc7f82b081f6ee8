//! A reader that counts what it receives, by either transport.

use std::net::{SocketAddr, UdpSocket};

use crate::support::{Client, Incoming, PATIENCE, Receiver, Reply, Rtp, Server};

pub(super) struct Viewer {
    pub(super) client: Client,
    url: String,
    session: String,
    udp: Option<Udp>,
    pub(super) receiver: Receiver,
    /// All that was received so far.
    pub(super) packets: Vec<Rtp>,
    /// The packets themselves, of who keeps them.
    pub(super) kept: Option<Vec<Vec<u8>>>,
}

struct Udp {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    server_rtcp: SocketAddr,
}

impl Viewer {
    /// Plays the mount.
    pub(super) fn play(server: &Server, mount: &str, transport: &str) -> Self {
        let mut viewer = Self::set_up(server, mount, transport, Client::connect(server));
        viewer.request("PLAY");
        viewer
    }

    /// Plays the mount over a connection that holds little.
    pub(super) fn play_narrow(server: &Server, mount: &str) -> Self {
        let mut viewer = Self::set_up(server, mount, "tcp", Client::connect_narrow(server));
        viewer.request("PLAY");
        viewer
    }

    fn set_up(server: &Server, mount: &str, transport: &str, mut client: Client) -> Self {
        let url = server.url(mount);
        let setup = format!("SETUP {url}/trackID=0 RTSP/1.0");
        let sockets = (transport == "udp").then(pair);
        let transport = match &sockets {
            None => "Transport: RTP/AVP/TCP;unicast;interleaved=0-1".to_owned(),
            Some((rtp, rtcp)) => {
                let ports = [rtp, rtcp].map(|socket| socket.local_addr().unwrap().port());
                format!("Transport: RTP/AVP;unicast;client_port={}-{}", ports[0], ports[1])
            }
        };
        let reply = client.ask(&[&setup, &transport]);
        assert_eq!(reply.status, 200, "{reply:?}");
        let session = reply.header("session").unwrap().split(';').next().unwrap().to_owned();
        let udp = sockets.map(|(rtp, rtcp)| {
            let ports = reply.header("transport").unwrap().split(';');
            let ports = ports.filter_map(|part| part.strip_prefix("server_port=")).next().unwrap();
            let port = ports.split_once('-').unwrap().1.parse().unwrap();
            Udp { rtp, rtcp, server_rtcp: SocketAddr::new(server.address.ip(), port) }
        });
        Self { client, url, session, udp, receiver: Receiver::new(), packets: Vec::new(), kept: None }
    }

    /// Sends the request and reads on up to its reply.
    pub(super) fn request(&mut self, method: &str) -> Reply {
        let Self { url, session, .. } = self;
        let text = format!("{method} {url} RTSP/1.0\r\nCSeq: 1\r\nSession: {session}\r\n\r\n");
        self.send(text.as_bytes())
    }

    fn send(&mut self, request: &[u8]) -> Reply {
        self.client.send(request);
        self.next_reply()
    }

    fn next_reply(&mut self) -> Reply {
        loop {
            if let Some(reply) = self.step() {
                assert_eq!(reply.status, 200, "{reply:?}");
                return reply;
            }
        }
    }

    /// Takes what comes next on the connection.
    fn step(&mut self) -> Option<Reply> {
        match self.client.next() {
            Incoming::Reply(reply) => return Some(reply),
            Incoming::Frame { channel: 0, data } => self.take(&data),
            Incoming::Frame { data, .. } => self.receiver.handle_rtcp(&data),
            Incoming::Closed => panic!("closed"),
        }
        None
    }

    fn take(&mut self, packet: &[u8]) {
        if let Some(kept) = &mut self.kept {
            kept.push(packet.to_vec());
        }
        let packet = Rtp::parse(packet);
        self.receiver.handle_rtp(&packet);
        self.packets.push(packet);
    }

    /// Reads until it has as many packets more.
    fn more(&mut self) {
        let Some(udp) = &self.udp else {
            self.step();
            return;
        };
        let mut bytes = [0; 2048];
        let length = udp.rtp.recv(&mut bytes).expect("a datagram in time");
        self.take(&bytes[..length]);
    }

    /// Reads this many pictures; gives their packets.
    pub(super) fn pictures(&mut self, count: usize) -> &[Rtp] {
        let start = self.packets.len();
        while self.packets[start..].iter().filter(|packet| packet.marker).count() < count {
            self.more();
        }
        &self.packets[start..]
    }

    /// Reads until the media clock has gone on by `seconds`: other readers' clock.
    pub(super) fn for_seconds(&mut self, seconds: u32) {
        let start = self.packets.last().unwrap().timestamp;
        while self.packets.last().unwrap().timestamp.wrapping_sub(start) < seconds * 90_000 {
            self.more();
        }
    }

    /// Reads until the server closes or a picture newer than `timestamp` comes; whether it closed.
    pub(super) fn closed_before(&mut self, timestamp: u32) -> bool {
        loop {
            match self.client.next() {
                Incoming::Closed => return true,
                Incoming::Frame { channel: 0, data } => self.take(&data),
                Incoming::Frame { .. } | Incoming::Reply(_) => {}
            }
            let newest = self.packets.last().unwrap().timestamp;
            if newest.wrapping_sub(timestamp) < u32::MAX / 2 {
                return false;
            }
        }
    }

    /// Pauses; what was on its way is read.
    pub(super) fn pause(&mut self) {
        self.request("PAUSE");
        let Some(udp) = self.udp.take() else { return };
        udp.rtp.set_nonblocking(true).unwrap();
        let mut bytes = [0; 2048];
        while let Ok(length) = udp.rtp.recv(&mut bytes) {
            self.take(&bytes[..length]);
        }
        udp.rtp.set_nonblocking(false).unwrap();
        self.udp = Some(udp);
    }

    /// Reports what it received, and that the server knows it: `packets_received` and `jitter`.
    pub(super) fn reports_and_is_understood(&mut self) {
        let wanted = [self.receiver.received(), self.receiver.jitter()];
        let report = self.receiver.report();
        match &self.udp {
            Some(udp) => drop(udp.rtcp.send_to(&report, udp.server_rtcp).unwrap()),
            None => {
                let frame = [&[b'$', 1, 0, report.len() as u8][..], &report].concat();
                self.client.send(&frame);
            }
        }
        let mut got = self.quality();
        // A datagram may be read after the request that was sent behind it: then a picture later.
        for _ in 0..30 {
            if got == wanted {
                return;
            }
            self.pictures(1);
            got = self.quality();
        }
        assert_eq!(got, wanted, "packets_received, jitter");
    }

    fn quality(&mut self) -> [u32; 2] {
        self.parameters(["packets_received", "jitter"])
    }

    /// Plays, and asks in the same breath; gives what the second reply says.
    pub(super) fn play_and_ask(server: &Server, mount: &str, transport: &str, name: &str) -> (Self, u32) {
        let mut viewer = Self::set_up(server, mount, transport, Client::connect(server));
        let Self { url, session, .. } = &viewer;
        let play = format!("PLAY {url} RTSP/1.0\r\nCSeq: 1\r\nSession: {session}\r\n\r\n");
        let both = play + &viewer.asking(&[name]);
        viewer.send(both.as_bytes());
        let reply = viewer.next_reply();
        (viewer, parameter(&reply, name))
    }

    /// The session, as logs tell it.
    pub(super) fn shown(&self) -> &str {
        &self.session[..8]
    }

    /// Asks for a keyframe by RTCP (RFC 4585 section 6.3.1), interleaved.
    pub(super) fn asks_for_a_keyframe(&mut self) {
        let ssrc = self.packets.last().unwrap().ssrc.to_be_bytes();
        self.client.send(&[&[b'$', 1, 0, 12, 0x81, 206, 0, 2, 0x12, 0x34, 0x56, 0x78], &ssrc[..]].concat());
    }

    /// Asks for the values of parameters.
    pub(super) fn parameters<const N: usize>(&mut self, names: [&str; N]) -> [u32; N] {
        let reply = self.send(self.asking(&names).as_bytes());
        names.map(|name| parameter(&reply, name))
    }

    fn asking(&self, names: &[&str]) -> String {
        let Self { url, session, .. } = self;
        let body: String = names.iter().map(|name| format!("{name}\r\n")).collect();
        format!(
            "GET_PARAMETER {url} RTSP/1.0\r\nCSeq: 1\r\nSession: {session}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// Every packet it received follows the one before, in number and in time, and none is lost by its
    /// own count.
    pub(super) fn has_no_gap(&self) {
        super::continuous(&self.packets);
        for pair in self.packets.windows(2) {
            let ticks = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
            assert!(ticks < u32::MAX / 2, "time ran back: {pair:?}");
            assert_eq!(ticks > 0, pair[0].marker, "{pair:?}");
        }
        assert_eq!(self.receiver.lost(), 0);
    }
}

fn parameter(reply: &Reply, name: &str) -> u32 {
    let line = reply.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("{name} in {reply:?}")).trim().parse().unwrap()
}

/// Two sockets, on an even port and on the one above.
fn pair() -> (UdpSocket, UdpSocket) {
    let bind = |port: u16| UdpSocket::bind(("127.0.0.1", port));
    for _ in 0..64 {
        let Ok(rtp) = bind(0) else { continue };
        let port = rtp.local_addr().unwrap().port();
        if port % 2 == 0
            && let Ok(rtcp) = bind(port + 1)
        {
            rtp.set_read_timeout(Some(PATIENCE)).unwrap();
            return (rtp, rtcp);
        }
    }
    panic!("no pair of UDP ports is free");
}
