//! The bare loop: sends a recorded stream to whoever asks by RTSP, with the fewest calls there are, and does
//! nothing else. No server can cost less; how near one comes is what `run` tells.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use lenslet_fan_out::clip::{self, Picture};
use lenslet_fan_out::options::Options;
use lenslet_fan_out::rtsp;
use lenslet_fan_out::sys::{self, Batch, Epoll, Message};

const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 30);

/// Ticks of the RTP clock from one picture to the next.
const TICKS: u32 = 3000;

/// With which calls it sends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// One `send` a picture and viewer.
    TcpSend,
    /// A `sendmmsg` a viewer, a message a packet.
    UdpSendmmsg,
    /// A `sendmmsg` a viewer, a message a run of segments.
    UdpGso,
    /// One `sendmmsg` for all viewers, a message a run of segments.
    UdpGsoAll,
}

impl FromStr for Mode {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "tcp-send" => Ok(Self::TcpSend),
            "udp-sendmmsg" => Ok(Self::UdpSendmmsg),
            "udp-gso" => Ok(Self::UdpGso),
            "udp-gso-all" => Ok(Self::UdpGsoAll),
            _ => Err(()),
        }
    }
}

fn main() -> io::Result<()> {
    let mut options = Options::read();
    let (mode, clip) = (options.need("--mode"), options.need::<PathBuf>("--clip"));
    options.end();
    let (_, pictures) = clip::read(&clip)?;
    let mut server = Server::new(mode)?;
    println!("rtsp://{}/clip", server.listener.local_addr()?);
    server.run(pictures)
}

/// Somebody who connected.
struct Guest {
    stream: TcpStream,
    input: Vec<u8>,
    to: Option<SocketAddrV4>,
    playing: bool,
}

struct Server {
    mode: Mode,
    epoll: Epoll,
    listener: TcpListener,
    socket: UdpSocket,
    guests: HashMap<u64, Guest>,
    next: u64,
    batch: Batch,
    sent: Sent,
}

/// What went out.
#[derive(Default)]
struct Sent {
    pictures: u64,
    packets: u64,
    calls: u64,
    waits: u64,
    cpu: Duration,
}

const LISTENER: u64 = 0;

impl Server {
    fn new(mode: Mode) -> io::Result<Self> {
        let (epoll, listener) = (Epoll::new()?, TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?);
        listener.set_nonblocking(true)?;
        epoll.add(&listener, LISTENER)?;
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        sys::set_buffer(&socket, libc::SO_SNDBUF, 8 << 20);
        let (guests, batch, sent) = (HashMap::new(), Batch::default(), Sent::default());
        Ok(Self { mode, epoll, listener, socket, guests, next: 1, batch, sent })
    }

    /// Sends 30 pictures a second until all who played have left.
    fn run(&mut self, mut pictures: Vec<Picture>) -> io::Result<()> {
        let (mut seq, mut timestamp, mut due) = (0u16, 0u32, Instant::now());
        for index in (0..pictures.len()).cycle() {
            self.serve_until(due)?;
            due += FRAME;
            let picture = &mut pictures[index];
            picture.stamp(seq, timestamp);
            seq = seq.wrapping_add(picture.packets.len() as u16);
            timestamp = timestamp.wrapping_add(TICKS);
            self.send(picture)?;
            if self.guests.is_empty() && self.sent.packets > 0 {
                break;
            }
        }
        let Sent { pictures, packets, calls, waits, cpu } = self.sent;
        let each = cpu.as_nanos() as f64 / 1000.0 / packets as f64;
        println!(
            "{{\"pictures\": {pictures}, \"packets\": {packets}, \"calls\": {calls}, \"waits\": {waits}, \
             \"us_per_packet\": {each:.3}}}"
        );
        Ok(())
    }

    /// Answers requests until the next picture is due.
    fn serve_until(&mut self, due: Instant) -> io::Result<()> {
        let mut tokens = Vec::new();
        loop {
            let left = due.saturating_duration_since(Instant::now());
            self.epoll.wait(left, &mut tokens)?;
            for token in &tokens {
                if *token == LISTENER { self.accept()? } else { self.hear(*token)? }
            }
            if tokens.is_empty() && Instant::now() >= due {
                return Ok(());
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            self.epoll.add(&stream, self.next)?;
            self.guests.insert(self.next, Guest { stream, input: Vec::new(), to: None, playing: false });
            self.next += 1;
        }
        Ok(())
    }

    fn hear(&mut self, token: u64) -> io::Result<()> {
        let Some(guest) = self.guests.get_mut(&token) else { return Ok(()) };
        let mut bytes = [0; 4096];
        match guest.stream.read(&mut bytes) {
            Ok(0) | Err(_) => {
                self.guests.remove(&token);
            }
            Ok(length) => guest.input.extend_from_slice(&bytes[..length]),
        }
        let port = self.socket.local_addr()?.port();
        let Some(guest) = self.guests.get_mut(&token) else { return Ok(()) };
        while let Some((request, length)) = rtsp::message(&guest.input) {
            let reply = answer(request, token, port);
            if let Some((rtp, _)) =
                rtsp::header(request, "Transport").and_then(|it| rtsp::pair(it, "client_port"))
                && let SocketAddr::V4(peer) = guest.stream.peer_addr()?
            {
                guest.to = Some(SocketAddrV4::new(*peer.ip(), rtp));
            }
            guest.playing |= request.starts_with("PLAY");
            let gone = request.starts_with("TEARDOWN");
            guest.input.drain(..length);
            if guest.stream.write_all(reply.as_bytes()).is_err() || gone {
                self.guests.remove(&token);
                break;
            }
        }
        Ok(())
    }

    fn send(&mut self, picture: &Picture) -> io::Result<()> {
        let before = sys::cpu_time();
        let playing = self.guests.values().filter(|guest| guest.playing).count() as u64;
        if playing == 0 {
            return Ok(());
        }
        if self.mode == Mode::TcpSend {
            self.send_streams(picture)
        } else {
            self.send_datagrams(picture)?
        }
        self.sent.pictures += 1;
        self.sent.packets += playing * picture.packets.len() as u64;
        self.sent.cpu += sys::cpu_time().saturating_sub(before);
        Ok(())
    }

    fn send_streams(&mut self, picture: &Picture) {
        let sent = &mut self.sent;
        self.guests.retain(|_, guest| {
            !guest.playing || send_stream(&mut guest.stream, &picture.interleaved, sent).is_ok()
        });
    }

    fn send_datagrams(&mut self, picture: &Picture) -> io::Result<()> {
        let Self { mode, socket, guests, batch, sent, .. } = self;
        let to = guests.values().filter(|guest| guest.playing).filter_map(|guest| guest.to);
        let segments = |to| {
            picture.runs.iter().map(move |&(start, length, size)| {
                let segment = (length > usize::from(size)).then_some(size);
                Message { bytes: &picture.datagrams[start..start + length], to, segment }
            })
        };
        let packets = |to| {
            picture.packets.iter().map(move |&(start, length)| Message {
                bytes: &picture.datagrams[start..start + length],
                to,
                segment: None,
            })
        };
        match mode {
            Mode::UdpGsoAll => sent.calls += batch.send(socket, to.flat_map(segments))?,
            Mode::UdpGso => {
                for to in to {
                    sent.calls += batch.send(socket, segments(to))?;
                }
            }
            Mode::UdpSendmmsg | Mode::TcpSend => {
                for to in to {
                    sent.calls += batch.send(socket, packets(to))?;
                }
            }
        }
        Ok(())
    }
}

/// All of it: a stream that was cut in a packet's middle would be none any more.
fn send_stream(stream: &mut TcpStream, mut bytes: &[u8], sent: &mut Sent) -> io::Result<()> {
    while !bytes.is_empty() {
        sent.calls += 1;
        match stream.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                sent.waits += 1;
                sys::wait_writable(&stream.as_raw_fd())?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn answer(request: &str, token: u64, port: u16) -> String {
    let cseq = rtsp::header(request, "CSeq").unwrap_or("0");
    let head = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: {token}\r\n");
    if request.starts_with("DESCRIBE") {
        let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=clip\r\nt=0 0\r\nc=IN IP4 0.0.0.0\r\n\
            m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track1\r\n";
        let length = sdp.len();
        return format!("{head}Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{sdp}");
    }
    match rtsp::header(request, "Transport") {
        Some(transport) if transport.contains("TCP") => {
            format!("{head}Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n")
        }
        Some(transport) => format!("{head}Transport: {transport};server_port={port}-{}\r\n\r\n", port + 1),
        None => format!("{head}Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n"),
    }
}
