//! What one board carries, reckoned from what was measured (docs/capacity.md).

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::rtsp::client::Transport;

/// A stream of less is none.
const LEAST: f64 = 1_000.0;

/// CPU microseconds that a packet to one reader costs, on the machine of docs/capacity.md.
const TCP_MICROS: f64 = 1.15;
const UDP_MICROS: f64 = 0.9;

/// Payload bytes in a packet that is full, at `max_packet: 1420`.
const PAYLOAD: f64 = 1378.0;

/// Bytes of a full TCP segment.
const SEGMENT: f64 = 1448.0;

/// Ethernet's own: preamble, header, check sequence, gap.
const ETHERNET: f64 = 38.0;
const IP_UDP_RTP: f64 = 40.0;
/// With time stamps, as Linux sends it.
const IP_TCP: f64 = 52.0;
/// `$`, channel, length, and RTP's header.
const INTERLEAVED: f64 = 16.0;

/// Of a link so much can be planned with: keyframes are bursts, and others use it too.
const LINK_SHARE: f64 = 0.8;

/// Of a core so much: the rest is for the source, the system, and a bad moment.
const CORE_SHARE: f64 = 0.7;

/// A kind of machine, by its cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Board {
    /// A current x86-64 core: what was measured on.
    X86,
    /// Raspberry Pi 5, RK3588.
    A76,
    /// Raspberry Pi 4.
    A72,
    /// Raspberry Pi 3 and Zero 2 W, most H.264 camera boards.
    A53,
    /// Raspberry Pi 1 and Zero.
    Arm11,
}

impl Board {
    /// From the fastest to the slowest.
    pub const ALL: [Self; 5] = [Self::X86, Self::A76, Self::A72, Self::A53, Self::Arm11];

    /// Times the CPU that the measured machine takes. All but the first are estimates from what these cores do in
    /// general, not measurements of this program.
    fn factor(self) -> f64 {
        match self {
            Self::X86 => 1.0,
            Self::A76 => 2.0,
            Self::A72 => 4.0,
            Self::A53 => 8.0,
            Self::Arm11 => 30.0,
        }
    }

    /// How people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86 => "x86-64 (measured)",
            Self::A76 => "Cortex-A76: Raspberry Pi 5 (estimated)",
            Self::A72 => "Cortex-A72: Raspberry Pi 4 (estimated)",
            Self::A53 => "Cortex-A53: Raspberry Pi 3, Zero 2 W (estimated)",
            Self::Arm11 => "ARM11: Raspberry Pi 1, Zero (estimated)",
        }
    }
}

/// Bits a second, above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bitrate(pub f64);

impl FromStr for Bitrate {
    type Err = String;

    /// Reads `4M`, `500k`, `1.5G`, `4000000`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text}: bits a second from 1k to 1T are needed, as 4M, 500k or 4000000");
        let number = text.trim_end_matches(['k', 'K', 'm', 'M', 'g', 'G', 't', 'T']);
        let factor = match text[number.len()..].to_ascii_lowercase().as_str() {
            "" => 1.0,
            "k" => 1e3,
            "m" => 1e6,
            "g" => 1e9,
            "t" => 1e12,
            _ => return Err(wrong()),
        };
        let rate = number.parse::<f64>().map_err(|_| wrong())? * factor;
        if (LEAST..=1e12).contains(&rate) { Ok(Self(rate)) } else { Err(wrong()) }
    }
}

impl fmt::Display for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            rate if rate < 1e6 => write!(f, "{:.0} kbit/s", rate / 1e3),
            rate => write!(f, "{:.2} Mbit/s", rate / 1e6),
        }
    }
}

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Of one stream.
    pub bitrate: Bitrate,
    /// Pictures a second.
    pub fps: f64,
    /// How many watch.
    pub readers: u32,
    /// How they are sent it.
    pub transport: Transport,
    /// The board's link.
    pub link: Bitrate,
    /// Cores that serve.
    pub cores: u32,
    /// The board.
    pub board: Board,
    /// As many sessions and connections are let in by a configuration that says nothing of it.
    pub let_in: LetIn,
}

/// How many a server lets in.
#[derive(Clone, Copy, Debug)]
pub struct LetIn {
    /// `max_sessions`.
    pub sessions: usize,
    /// `max_connections`.
    pub connections: usize,
}

/// What it comes to.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Plan {
    /// Packets a second to one reader.
    pub packets_per_second: f64,
    /// Bits a second on the wire to one reader, everything included.
    pub wire_bitrate: f64,
    /// Part of the link, in percent.
    pub link_percent: f64,
    /// Of one core, in percent.
    pub core_percent: f64,
    /// Readers that the link carries.
    pub link_readers: u32,
    /// Readers that the cores carry.
    pub core_readers: u32,
    /// The highest bitrate of the stream, up to that which is wanted, at which link and cores carry all readers; 0 if
    /// there is none.
    pub fitting_bitrate: u64,
    /// It fits.
    pub fits: bool,
}

impl Wish {
    /// Reckons.
    pub fn plan(&self) -> Plan {
        let packets = self.packets();
        let wire = self.wire(packets);
        let micros = self.micros(packets);
        let readers = f64::from(self.readers);
        let (link_readers, core_readers) = self.carried();
        Plan {
            packets_per_second: packets,
            wire_bitrate: wire,
            link_percent: wire * readers / self.link.0 * 100.0,
            core_percent: micros * readers / 1e4,
            link_readers,
            core_readers,
            fitting_bitrate: self.fitting_bitrate(),
            fits: self.fits(),
        }
    }

    fn fits(&self) -> bool {
        let (link, cores) = self.carried();
        self.readers <= link.min(cores)
    }

    /// Readers that the link carries, and the cores.
    fn carried(&self) -> (u32, u32) {
        let packets = self.packets();
        let (link, cores) = (self.link.0 * LINK_SHARE, f64::from(self.cores) * CORE_SHARE * 1e6);
        ((link / self.wire(packets)) as u32, (cores / self.micros(packets)) as u32)
    }

    /// Headers weigh more the lower the bitrate is: it is looked for by halves.
    fn fitting_bitrate(&self) -> u64 {
        let fits = |rate: u64| Self { bitrate: Bitrate(rate as f64), ..*self }.fits();
        let (mut fitting, mut beyond) = (0, self.bitrate.0 as u64 + 1);
        while fitting + 1 < beyond {
            let middle = fitting.midpoint(beyond);
            if fits(middle) { fitting = middle } else { beyond = middle }
        }
        if fitting < LEAST as u64 { 0 } else { fitting }
    }

    /// A picture ends with a packet that is half full.
    fn packets(&self) -> f64 {
        let picture = self.bitrate.0 / 8.0 / self.fps;
        self.fps * (picture / PAYLOAD + 0.5).max(1.0)
    }

    fn wire(&self, packets: f64) -> f64 {
        let media = self.bitrate.0 / 8.0;
        let bytes = match self.transport {
            Transport::Udp => media + packets * (IP_UDP_RTP + ETHERNET),
            Transport::Tcp => {
                let stream = media + packets * INTERLEAVED;
                stream + (stream / SEGMENT + self.fps * 0.5) * (IP_TCP + ETHERNET)
            }
        };
        bytes * 8.0
    }

    fn micros(&self, packets: f64) -> f64 {
        let each = match self.transport {
            Transport::Udp => UDP_MICROS,
            Transport::Tcp => TCP_MICROS,
        };
        packets * each * self.board.factor()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish() -> Wish {
        let (bitrate, link) = (Bitrate(4e6), Bitrate(100e6));
        let let_in = LetIn { sessions: 1000, connections: 1024 };
        let (transport, board) = (Transport::Udp, Board::A72);
        Wish { bitrate, link, fps: 30.0, readers: 10, transport, cores: 1, board, let_in }
    }

    #[test]
    fn bitrates_are_read_as_people_write_them() {
        for (text, expected) in
            [("4M", 4e6), ("500k", 5e5), ("1.5g", 1.5e9), ("1T", 1e12), ("64000", 64_000.0), ("2.5m", 2.5e6)]
        {
            assert_eq!(text.parse(), Ok(Bitrate(expected)), "{text}");
        }
        for text in ["", "M", "4 M", "-4M", "4MM", "4Mbit", "0", "NaN", "inf", "1e40", "2T", "999"] {
            assert!(text.parse::<Bitrate>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_wire_carries_more_than_the_media_and_not_much_more() {
        for transport in [Transport::Udp, Transport::Tcp] {
            let plan = Wish { transport, ..wish() }.plan();
            let over = plan.wire_bitrate / 4e6;
            assert!((1.05..1.12).contains(&over), "{transport:?}: {over}");
        }
        let packets = wish().plan().packets_per_second;
        assert!((370.0..390.0).contains(&packets), "{packets}");
    }

    #[test]
    fn what_fits_and_what_would() {
        let plan = wish().plan();
        assert!(plan.fits && plan.fitting_bitrate == 4_000_000, "{plan:?}");
        let many = Wish { readers: 50, ..wish() };
        let plan = many.plan();
        assert!(!plan.fits && plan.link_readers < 20, "{plan:?}");
        let at = |bitrate: u64| Wish { bitrate: Bitrate(bitrate as f64), ..many }.plan().fits;
        assert!(at(plan.fitting_bitrate) && !at(plan.fitting_bitrate + 1), "{plan:?}");
        let crowd = Wish { readers: 1_000_000, ..many }.plan();
        assert_eq!((crowd.fits, crowd.fitting_bitrate), (false, 0));
        let slow = Wish { board: Board::Arm11, link: Bitrate(1e9), readers: 100, ..wish() };
        assert!(!slow.plan().fits && slow.plan().core_readers < 100);
        assert!(Wish { cores: 4, ..slow }.plan().core_readers >= 4 * slow.plan().core_readers);
    }
}
