//! A house with its workers for tests, and clients that see each packet.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use super::house::House;
use super::{Closing, Settings, listener, thread};
use crate::clock;
use crate::hub::{Outlet, mount};
use crate::media::h264::ParameterSets;
use crate::media::{AccessUnit, Codec, Link, Track, TrackId};

pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A connection with a session by UDP, and its sockets.
pub(super) struct Client {
    pub(super) address: SocketAddr,
    pub(super) stream: TcpStream,
    mount: String,
    session: String,
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
}

/// What it says, and what is answered.
pub(super) fn ask(stream: &mut TcpStream, request: &str) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = [0; 4096];
    let length = stream.read(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

impl Client {
    pub(super) fn set_up(address: SocketAddr, mount: &str) -> Self {
        let socket = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket
        };
        let (rtp, rtcp) = (socket(), socket());
        let ports = [&rtp, &rtcp].map(|socket| socket.local_addr().unwrap().port());
        let mut stream = TcpStream::connect(address).unwrap();
        let request = format!(
            "SETUP rtsp://h/{mount}/trackID=0 RTSP/1.0\r\nCSeq: 1\r\n\
             Transport: RTP/AVP;unicast;client_port={}-{}\r\n\r\n",
            ports[0], ports[1]
        );
        let reply = ask(&mut stream, &request);
        let session = reply.split("Session: ").nth(1).unwrap().split(';').next().unwrap().to_owned();
        Self { address, stream, mount: mount.to_owned(), session, rtp, rtcp }
    }

    pub(super) fn play(&mut self) -> String {
        self.ask("PLAY")
    }

    pub(super) fn ask(&mut self, method: &str) -> String {
        let (mount, session) = (&self.mount, &self.session);
        let request = format!("{method} rtsp://h/{mount} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n");
        ask(&mut self.stream, &request)
    }

    /// The next packet's sequence number and timestamp.
    pub(super) fn packet(&self) -> (u16, u32) {
        let mut bytes = [0; 2048];
        self.rtp.recv(&mut bytes).unwrap();
        (u16::from_be_bytes([bytes[2], bytes[3]]), u32::from_be_bytes(bytes[4..8].try_into().unwrap()))
    }

    /// Whether no packet is there.
    pub(super) fn has_read_all(&self) -> bool {
        self.rtp.set_nonblocking(true).unwrap();
        let none = self.rtp.recv(&mut [0; 2048]).is_err();
        self.rtp.set_nonblocking(false).unwrap();
        none
    }
}

pub(super) fn publish(outlet: &Outlet) {
    let data = [0, 0, 0, 1, 0x65, 1, 2, 3][..].into();
    let time = clock::media();
    outlet.publish(AccessUnit { track: TrackId(0), time, link: Link::Start, journey: None, data });
}

pub(super) fn says_goodbye(rtcp: &UdpSocket) -> bool {
    let mut bytes = [0; 2048];
    (0..10).any(|_| {
        let length = rtcp.recv(&mut bytes).unwrap();
        bytes[..length].windows(4).any(|head| head == [0x81, 203, 0, 1])
    })
}

/// Serves mounts of these names by so many workers while `test` goes on; each worker's thread begins with `begin`.
pub(super) fn serve(
    mounts: &[&str],
    workers: usize,
    begin: impl Fn() + Sync,
    test: impl FnOnce(&Arc<House>, SocketAddr, &[Outlet]),
) {
    let (outlets, mounts): (Vec<_>, Vec<_>) = mounts.iter().map(|name| mount(*name)).unzip();
    let codec = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68]));
    for outlet in &outlets {
        outlet.describe(vec![Track { codec: codec.clone(), bitrate: None }], false);
    }
    let settings = Settings { workers, udp_ports: 0..=0, ..Settings::default() };
    let house = Arc::new(House::new(settings, mounts));
    house.listen(listener::adopt(&[([127, 0, 0, 1], 0).into()], Vec::new()).unwrap());
    let address = house.addresses()[0];
    std::thread::scope(|threads| {
        let _closing = Closing(&house);
        for index in 0..workers {
            let (house, begin) = (&house, &begin);
            threads.spawn(move || {
                begin();
                thread::run(house, index, std::future::pending());
            });
        }
        test(&house, address, &outlets);
    });
}
