//! The wire image: an access unit as it goes out, to every reader alike.

use std::ops::Range;
use std::sync::Arc;

use super::spare::Spare;
use crate::hub::Weigh;
use crate::media::{Journey, Link, MediaTime, TrackId};

/// `$`, channel and length before each packet
/// ([RFC 2326 section 10.12](https://www.rfc-editor.org/rfc/rfc2326#section-10.12)).
pub(super) const PREFIX: usize = 4;

/// The fixed RTP header.
pub(super) const HEADER: usize = 12;

/// Packets of one run: `UDP_MAX_SEGMENTS` of the oldest kernels that cut messages apart.
pub(super) const RUN_PACKETS: usize = 64;

/// Bytes of one run: the payload of IPv4's largest datagram.
pub(super) const RUN_BYTES: usize = 65_507;

/// All packets of one access unit, back to back in one block of memory, each as an interleaved frame:
///
/// ```text
///  '$' | channel 2*track | length (16 bit) | RTP header (12 bytes) | payload
/// ```
#[derive(Clone, Debug)]
pub struct WireImage {
    /// Whose packets these are.
    pub track: TrackId,
    /// What the access unit depends on.
    pub link: Link,
    /// When it was captured.
    pub time: MediaTime,
    /// The RTP timestamp of every packet.
    pub timestamp: u32,
    /// The first packet's sequence number; the others follow.
    pub first_seq: u16,
    /// How many packets there are.
    pub packets: u16,
    /// Payload bytes, headers and prefixes not counted.
    pub octets: u32,
    /// How the access unit got here.
    pub journey: Option<Journey>,
    /// As long as its packets, or longer.
    pub(super) data: Arc<[u8]>,
}

impl WireImage {
    /// The whole image as it goes out interleaved.
    pub fn as_bytes(&self) -> &[u8] {
        let length = usize::from(self.packets) * (PREFIX + HEADER) + self.octets as usize;
        self.data.get(..length).unwrap_or_default()
    }

    /// Whether its frames are those of a channel.
    pub fn is_on(&self, channel: u8) -> bool {
        u16::from(channel) == u16::from(self.track.0) * 2
    }

    /// It is over: its memory is for images to come, if so many bytes have room for it.
    pub fn give_to(self, spare: &mut Spare, room: usize) {
        spare.give(self.data, room);
    }

    /// The same packets on another interleaved channel.
    #[must_use]
    pub fn on_channel(&self, channel: u8, spare: &mut Spare) -> Self {
        let bytes = self.as_bytes();
        let mut data = spare.take(bytes.len());
        if let Some(copy) = Arc::get_mut(&mut data) {
            copy[..bytes.len()].copy_from_slice(bytes);
            let mut at = 0;
            for frame in self.frames() {
                copy[at + 1] = channel;
                at += frame.len();
            }
        }
        Self { data, ..self.clone() }
    }

    /// The SSRC of the stream that it is of.
    pub fn ssrc(&self) -> Option<u32> {
        let packet = self.packets().next()?;
        packet.get(8..12)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// Each packet with its prefix.
    pub fn frames(&self) -> impl Iterator<Item = &[u8]> {
        Frames(self.as_bytes())
    }

    /// Each RTP packet.
    pub fn packets(&self) -> impl Iterator<Item = &[u8]> {
        self.frames().map(|frame| &frame[PREFIX..])
    }

    /// The packets `which` as messages that the kernel can cut apart
    /// ([udp(7)](https://man7.org/linux/man-pages/man7/udp.7.html), `UDP_SEGMENT`), in their order.
    /// Fragments have one size but for the last of each NAL unit, so that runs are few and long.
    pub fn runs(&self, which: Range<usize>) -> impl Iterator<Item = Run> {
        let packets = self.packets().skip(which.start).take(which.len());
        let mut sizes = packets.map(<[u8]>::len).peekable();
        std::iter::from_fn(move || {
            let segment = sizes.next()?;
            let (mut packets, mut bytes) = (1, segment);
            while packets < RUN_PACKETS {
                let fits = |size: &usize| *size <= segment && bytes + size <= RUN_BYTES;
                let Some(size) = sizes.next_if(fits) else { break };
                packets += 1;
                bytes += size;
                if size < segment {
                    break;
                }
            }
            Some(Run { packets, segment })
        })
    }
}

/// Packets that go out as one message: all but the last have one size, and that one is no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// How many packets.
    pub packets: usize,
    /// Bytes of each but the last.
    pub segment: usize,
}

struct Frames<'a>(&'a [u8]);

impl<'a> Iterator for Frames<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let &[_, _, high, low, ..] = self.0 else { return None };
        let (frame, rest) = self.0.split_at_checked(PREFIX + usize::from(u16::from_be_bytes([high, low])))?;
        self.0 = rest;
        Some(frame)
    }
}

impl Weigh for WireImage {
    fn bytes(&self) -> usize {
        self.data.len()
    }

    fn time(&self) -> MediaTime {
        self.time
    }

    fn starts(&self) -> bool {
        self.link == Link::Start
    }
}
