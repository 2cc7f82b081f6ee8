//! The recorded stream, packetized once by Lenslet's own sender: every server sends the same pictures.

use std::io;
use std::path::Path;

use lenslet::media::h264::{Assembler, Splitter};
use lenslet::media::{AccessUnit, Codec, Link, MediaTime, TrackId};
use lenslet::rtp::Sender;

/// Bytes of an IP packet, as Lenslet's default is.
const MAX_PACKET: usize = 1420;

/// `$`, channel and length.
const PREFIX: usize = 4;

/// One picture as it goes out, by TCP and by UDP.
pub struct Picture {
    /// All packets with their `$` prefixes.
    pub interleaved: Vec<u8>,
    /// All packets without, back to back.
    pub datagrams: Vec<u8>,
    /// Each packet's place in `datagrams`.
    pub packets: Vec<(usize, usize)>,
    /// Places in `datagrams` that one segmented message takes, with the segments' size.
    pub runs: Vec<(usize, usize, u16)>,
    /// Whether it can be decoded alone.
    pub keyframe: bool,
}

/// Reads a raw H.264 file.
///
/// # Errors
/// The file cannot be read, or no picture is in it.
pub fn read(path: &Path) -> io::Result<(Codec, Vec<Picture>)> {
    let bytes = std::fs::read(path)?;
    let (mut splitter, mut units) = (Splitter::new(), Vec::new());
    splitter.push(&bytes, |unit| units.push(unit.to_vec())).map_err(|_| io::ErrorKind::InvalidData)?;
    splitter.finish(|unit| units.push(unit.to_vec()));
    let mut assembler = Assembler::new();
    let assembled: Vec<_> = units.iter().filter_map(|unit| assembler.assemble(unit)).collect();
    let sets = assembler.parameter_sets().ok_or(io::ErrorKind::InvalidData)?.clone();
    let codec = Codec::H264(sets);
    let mut sender = Sender::new(TrackId(0), &codec, 0x1e05, 0, 0, MAX_PACKET);
    let pictures = assembled.into_iter().filter_map(|(data, link)| {
        let unit = AccessUnit { track: TrackId(0), time: MediaTime::default(), link, journey: None, data };
        let image = sender.packetize(&unit)?;
        Some(picture(image.as_bytes().to_vec(), image.packets(), link == Link::Start))
    });
    Ok((codec.clone(), pictures.collect()))
}

fn picture<'a>(interleaved: Vec<u8>, images: impl Iterator<Item = &'a [u8]>, keyframe: bool) -> Picture {
    let (mut datagrams, mut packets) = (Vec::new(), Vec::new());
    for packet in images {
        packets.push((datagrams.len(), packet.len()));
        datagrams.extend_from_slice(packet);
    }
    let runs = runs(&packets);
    Picture { interleaved, datagrams, packets, runs, keyframe }
}

/// Equal packets one behind the other, and a shorter one at the end: at most 64, and an IP packet's bytes.
fn runs(packets: &[(usize, usize)]) -> Vec<(usize, usize, u16)> {
    let mut runs: Vec<(usize, usize, u16)> = Vec::new();
    let mut open = false;
    for &(start, length) in packets {
        match runs.last_mut() {
            Some((_, bytes, size))
                if open
                    && length <= usize::from(*size)
                    && *bytes / usize::from(*size) < 63
                    && *bytes + length <= 65_507 =>
            {
                *bytes += length;
                open = length == usize::from(*size);
            }
            _ => {
                runs.push((start, length, length as u16));
                open = true;
            }
        }
    }
    runs
}

impl Picture {
    /// Numbers and stamps its packets, for the next time that it goes out.
    pub fn stamp(&mut self, first_seq: u16, timestamp: u32) {
        let mut at = 0;
        for (index, &(start, length)) in self.packets.iter().enumerate() {
            let seq = first_seq.wrapping_add(index as u16).to_be_bytes();
            for head in [&mut self.interleaved[at + PREFIX..], &mut self.datagrams[start..]] {
                head[2..4].copy_from_slice(&seq);
                head[4..8].copy_from_slice(&timestamp.to_be_bytes());
            }
            at += PREFIX + length;
        }
    }
}
