//! Packets into access units, whatever the format.

use super::{aac, h264, h265, jpeg};

/// An access unit longer than this is none that anybody sends.
pub(super) const MOST: usize = 8 << 20;

/// An access unit as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepacketizedUnit {
    /// The RTP timestamp.
    pub timestamp: u32,
    /// H.264 and H.265: its whole NAL units as Annex B, each with a start code of four bytes. AAC: raw. JPEG: a
    /// whole one. Of the last two what stands before the first byte that is missing. Never empty.
    pub data: Vec<u8>,
    /// Decoding can start here: H.264's IDR pictures, H.265's IRAP pictures, and
    /// whatever comes of formats that do not build on what was before.
    pub keyframe: bool,
    /// Packets of it are or may be missing; or those of units before it of which nothing is given out,
    /// if it is no keyframe. Decoding goes on at the next keyframe that is not damaged.
    pub damaged: bool,
}

/// What was thrown away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Payloads, or parts of them: malformed, of a kind that was not agreed to, or fragments of which
    /// others are missing.
    pub payloads: u64,
    /// Access units above 8 MB.
    pub units: u64,
}

/// Puts a track's access units together from payloads in sequence order. A unit ends at the marker, or
/// where the timestamp changes. Poll it after every packet.
#[derive(Debug)]
pub struct Depacketizer(Format);

#[derive(Debug)]
enum Format {
    H264(h264::Depacketizer),
    H265(h265::Depacketizer),
    Aac(aac::Depacketizer),
    Jpeg(jpeg::Depacketizer),
}

/// A format's parameters, keys in lower case.
pub(super) struct Parameters<'a>(pub(super) &'a [(String, String)]);

impl Parameters<'_> {
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.trim())
    }

    pub(super) fn number(&self, key: &str) -> Option<u32> {
        self.text(key)?.parse().ok()
    }
}

impl Depacketizer {
    /// A track of which nothing came yet: its encoding's name in upper case and the format's parameters,
    /// keys in lower case, as SDP has them. `None` if the format is not known here, or sent in a way
    /// that is not (interleaved).
    pub fn new(encoding: &str, parameters: &[(String, String)]) -> Option<Self> {
        let parameters = Parameters(parameters);
        let format = match encoding {
            "H264" => Format::H264(h264::Depacketizer::new()),
            // With a decoding order number in each payload (RFC 7798 section 4.4.1).
            "H265" if parameters.number("sprop-max-don-diff").is_some_and(|most| most > 0) => return None,
            "H265" => Format::H265(h265::Depacketizer::new()),
            "MPEG4-GENERIC" => Format::Aac(aac::Depacketizer::new(&parameters)?),
            "JPEG" => Format::Jpeg(jpeg::Depacketizer::new()),
            _ => return None,
        };
        Some(Self(format))
    }

    /// The next packet: `lost` packets are missing right before it.
    pub fn handle_packet(&mut self, timestamp: u32, marker: bool, lost: u16, payload: &[u8]) {
        match &mut self.0 {
            Format::H264(format) => format.handle_packet(timestamp, marker, lost, payload),
            Format::H265(format) => format.handle_packet(timestamp, marker, lost, payload),
            Format::Aac(format) => format.handle_packet(timestamp, marker, lost, payload),
            Format::Jpeg(format) => format.handle_packet(timestamp, marker, lost, payload),
        }
    }

    /// The next unit that has ended.
    pub fn poll_unit(&mut self) -> Option<DepacketizedUnit> {
        match &mut self.0 {
            Format::H264(format) => format.poll_unit(),
            Format::H265(format) => format.poll_unit(),
            Format::Aac(format) => format.poll_unit(),
            Format::Jpeg(format) => format.poll_unit(),
        }
    }

    /// Width and height of the last picture in pixels, where packets say it.
    pub fn picture_size(&self) -> Option<(u32, u32)> {
        match &self.0 {
            Format::Jpeg(format) => format.picture_size(),
            Format::H264(_) | Format::H265(_) | Format::Aac(_) => None,
        }
    }

    /// The ADTS header that belongs before a raw access unit of AAC of so many bytes; `None` if the
    /// description does not say enough for it, the unit is too long, or this is no AAC.
    pub fn adts_header(&self, length: usize) -> Option<[u8; 7]> {
        match &self.0 {
            Format::Aac(format) => format.config()?.adts_header(length),
            Format::H264(_) | Format::H265(_) | Format::Jpeg(_) => None,
        }
    }

    /// What was thrown away so far.
    pub fn dropped(&self) -> Dropped {
        match &self.0 {
            Format::H264(format) => format.dropped(),
            Format::H265(format) => format.dropped(),
            Format::Aac(format) => format.dropped(),
            Format::Jpeg(format) => format.dropped(),
        }
    }
}
