//! One viewer: asks for a stream and counts what comes, never decodes.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crate::rtsp;
use crate::sys;

/// Asked of the kernel for each UDP socket: some keyframes.
const RECEIVE_BUFFER: i32 = 1 << 20;

/// Where a viewer is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Describe,
    Setup,
    Play,
    Playing,
}

/// What came since [`Counts::begin`].
#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub packets: u64,
    pub pictures: u64,
    pub lost: u64,
    pub largest_gap: Duration,
    last_picture: Option<Instant>,
}

pub struct Viewer {
    pub stream: TcpStream,
    pub rtp: Option<UdpSocket>,
    /// Held, so that the port is taken: nobody reads it.
    _rtcp: Option<UdpSocket>,
    pub stage: Stage,
    url: String,
    session: String,
    input: Vec<u8>,
    asked: Instant,
    /// From PLAY to the last packet of the first keyframe.
    pub first_keyframe: Option<Duration>,
    in_keyframe: bool,
    next_seq: Option<u16>,
    pub counts: Counts,
    /// Reads no more once it plays.
    pub stalled: bool,
}

impl Viewer {
    /// Connects and asks what there is.
    ///
    /// # Errors
    /// Nobody listens, or no port is free.
    pub fn connect(url: &str, udp: bool, stalled: bool, now: Instant) -> io::Result<Self> {
        let host = url.split('/').nth(2).ok_or(io::ErrorKind::InvalidInput)?;
        let mut stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        let (rtp, rtcp) = if udp { pair()?.into() } else { (None, None) };
        stream.write_all(
            format!("DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n").as_bytes(),
        )?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            rtp,
            _rtcp: rtcp,
            stage: Stage::Describe,
            url: url.to_owned(),
            session: String::new(),
            input: Vec::new(),
            asked: now,
            first_keyframe: None,
            in_keyframe: false,
            next_seq: None,
            counts: Counts::default(),
            stalled,
        })
    }

    /// Whether it shall be heard no more.
    pub fn ignores(&self) -> bool {
        self.stalled && self.stage == Stage::Playing
    }

    /// Reads what the connection has: replies and, interleaved, packets.
    ///
    /// # Errors
    /// The server closed, or refused.
    pub fn handle_stream(&mut self, buffer: &mut [u8], now: Instant) -> io::Result<()> {
        let kept = self.input.len();
        buffer[..kept].copy_from_slice(&self.input);
        self.input.clear();
        let length = match self.stream.read(&mut buffer[kept..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => kept + length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => kept,
            Err(error) => return Err(error),
        };
        let mut bytes = &buffer[..length];
        while let Some(used) = self.handle_message(bytes, now)? {
            bytes = &bytes[used..];
        }
        self.input.extend_from_slice(bytes);
        Ok(())
    }

    /// The first whole message's length, once it was dealt with.
    fn handle_message(&mut self, bytes: &[u8], now: Instant) -> io::Result<Option<usize>> {
        if let [b'$', channel, high, low, ..] = *bytes {
            let end = 4 + usize::from(u16::from_be_bytes([high, low]));
            let Some(frame) = bytes.get(4..end) else { return Ok(None) };
            if channel == 0 {
                self.handle_packet(frame, now);
            }
            return Ok(Some(end));
        }
        let Some((reply, length)) = rtsp::message(bytes) else { return Ok(None) };
        if !reply.starts_with("RTSP/1.0 200") {
            let line = reply.lines().next().unwrap_or_default();
            return Err(io::Error::other(format!("{:?}: {line}", self.stage)));
        }
        self.handle_reply(reply, now)?;
        Ok(Some(length))
    }

    fn handle_reply(&mut self, reply: &str, now: Instant) -> io::Result<()> {
        match self.stage {
            Stage::Describe => {
                let track = rtsp::control(reply, &self.url);
                if let Some(base) = rtsp::header(reply, "Content-Base") {
                    self.url = base.to_owned();
                }
                let transport = match &self.rtp {
                    Some(rtp) => {
                        let port = rtp.local_addr()?.port();
                        format!("RTP/AVP;unicast;client_port={port}-{}", port + 1)
                    }
                    None => "RTP/AVP/TCP;unicast;interleaved=0-1".to_owned(),
                };
                self.stage = Stage::Setup;
                self.ask("SETUP", &track, &format!("Transport: {transport}\r\n"))
            }
            Stage::Setup => {
                let session = rtsp::header(reply, "Session").unwrap_or_default();
                self.session = session.split(';').next().unwrap_or_default().to_owned();
                self.stage = Stage::Play;
                self.asked = now;
                let headers = format!("Session: {}\r\n", self.session);
                self.ask("PLAY", &self.url.clone(), &headers)
            }
            Stage::Play | Stage::Playing => {
                self.stage = Stage::Playing;
                Ok(())
            }
        }
    }

    fn ask(&mut self, method: &str, url: &str, headers: &str) -> io::Result<()> {
        self.stream.write_all(format!("{method} {url} RTSP/1.0\r\nCSeq: 2\r\n{headers}\r\n").as_bytes())
    }

    /// Says goodbye; the answer is not waited for.
    pub fn leave(&mut self) {
        let headers = format!("Session: {}\r\n", self.session);
        let _gone_anyway = self.ask("TEARDOWN", &self.url.clone(), &headers);
    }

    /// An RTP packet of H.264.
    pub fn handle_packet(&mut self, packet: &[u8], now: Instant) {
        let &[_, marker, high, low, _, _, _, _, _, _, _, _, nal, ref rest @ ..] = packet else { return };
        let seq = u16::from_be_bytes([high, low]);
        let missing = seq.wrapping_sub(self.next_seq.unwrap_or(seq));
        if missing < 1 << 15 {
            self.counts.lost += u64::from(missing);
            self.next_seq = Some(seq.wrapping_add(1));
        }
        self.counts.packets += 1;
        // A fragment says in its second byte of what (RFC 6184 section 5.8).
        let kind = if nal & 0x1f == 28 { rest.first().copied().unwrap_or(0) } else { nal } & 0x1f;
        self.in_keyframe |= kind == 5;
        if marker & 0x80 != 0 {
            if self.in_keyframe && self.first_keyframe.is_none() {
                self.first_keyframe = Some(now.saturating_duration_since(self.asked));
            }
            self.in_keyframe = false;
            self.counts.picture(now);
        }
    }
}

impl Counts {
    /// Counts anew from now on.
    pub fn begin(&mut self, now: Instant) {
        *self = Self { last_picture: Some(now), ..Self::default() };
    }

    fn picture(&mut self, now: Instant) {
        self.pictures += 1;
        if let Some(last) = self.last_picture.replace(now) {
            self.largest_gap = self.largest_gap.max(now.saturating_duration_since(last));
        }
    }

    /// The time since the last picture is a gap as well.
    pub fn end(&mut self, now: Instant) {
        self.picture(now);
        self.pictures -= 1;
    }
}

struct Pair(UdpSocket, UdpSocket);

impl From<Pair> for (Option<UdpSocket>, Option<UdpSocket>) {
    fn from(Pair(rtp, rtcp): Pair) -> Self {
        (Some(rtp), Some(rtcp))
    }
}

/// Sockets at an even port and the one above it.
fn pair() -> io::Result<Pair> {
    loop {
        let rtp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let SocketAddr::V4(address) = rtp.local_addr()? else { continue };
        if address.port() % 2 == 0
            && let Ok(rtcp) = UdpSocket::bind((Ipv4Addr::LOCALHOST, address.port() + 1))
        {
            sys::set_buffer(&rtp, libc::SO_RCVBUF, RECEIVE_BUFFER);
            return Ok(Pair(rtp, rtcp));
        }
    }
}
