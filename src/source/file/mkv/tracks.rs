//! What the tracks are: [RFC 9559](https://www.rfc-editor.org/rfc/rfc9559) section 5.1.4.

use super::ebml::{elements, find, unsigned};
use crate::media::aac;
use crate::source::file::elementary::Coding;

/// More tracks than these there are not.
const MOST_TRACKS: usize = 128;

/// Bytes of a codec's name that people are shown.
const NAME: usize = 64;

/// No two frames have more in common than this.
const MOST_STRIPPED: usize = 4096;

/// Nanoseconds: what is longer is no picture's duration and no decoder's delay.
const LONGEST: u64 = 100_000_000_000;

const TRACK_ENTRY: u32 = 0xae;
const TRACK_NUMBER: u32 = 0xd7;
const TRACK_TYPE: u32 = 0x83;
const DEFAULT_DURATION: u32 = 0x23_e383;
const CODEC_ID: u32 = 0x86;
const CODEC_PRIVATE: u32 = 0x63a2;
const CODEC_DELAY: u32 = 0x56aa;
const CONTENT_ENCODINGS: u32 = 0x6d80;
const CONTENT_ENCODING: u32 = 0x6240;
const CONTENT_ENCODING_SCOPE: u32 = 0x5032;
const CONTENT_ENCODING_TYPE: u32 = 0x5033;
const CONTENT_COMPRESSION: u32 = 0x5034;
const CONTENT_COMP_ALGO: u32 = 0x4254;
const CONTENT_COMP_SETTINGS: u32 = 0x4255;

/// `ContentEncodingScope`: the frames.
const FRAMES: u64 = 1;

/// `ContentCompAlgo`: header stripping.
const HEADER_STRIPPING: u64 = 3;

/// What a track is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Video,
    Audio,
    Other,
}

/// A `TrackEntry`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// By which its blocks name it.
    pub(super) number: u64,
    pub(super) kind: Kind,
    codec: String,
    /// Why it is not served although its codec is.
    unfit: Option<String>,
    /// How its frames are coded; `None` if it is not served.
    pub(super) coding: Option<Coding>,
    /// Nanoseconds that a frame lasts.
    pub(super) duration: Option<u64>,
    /// Nanoseconds that its frames are presented earlier than their blocks say.
    pub(super) delay: u64,
    /// What each frame begins with, beside what is in its block.
    pub(super) stripped: Vec<u8>,
}

impl Entry {
    /// What it is, for people: `V_VP9 video`.
    pub(super) fn what(&self) -> String {
        let kind = match self.kind {
            Kind::Video => "video",
            Kind::Audio => "audio",
            Kind::Other => "data",
        };
        let unfit = self.unfit.as_ref().map(|unfit| format!(", {unfit}")).unwrap_or_default();
        format!("{} {kind}{unfit}", self.codec)
    }

    fn read(entry: &[u8]) -> Option<Self> {
        let number = find(entry, TRACK_NUMBER).and_then(unsigned)?;
        let kind = match find(entry, TRACK_TYPE).and_then(unsigned)? {
            1 => Kind::Video,
            2 => Kind::Audio,
            _ => Kind::Other,
        };
        let codec = find(entry, CODEC_ID)?;
        let private = find(entry, CODEC_PRIVATE);
        let stripped = stripped(entry);
        let coding = coding(kind, codec, private);
        let (coding, unfit) = match (coding, &stripped) {
            (Ok(coding), Ok(_)) => (coding, None),
            (Err(unfit), _) => (None, Some(unfit)),
            (_, Err(unfit)) => (None, Some(unfit.clone())),
        };
        Some(Self {
            number,
            kind,
            codec: codec[..codec.len().min(NAME)].escape_ascii().to_string(),
            unfit,
            coding,
            duration: find(entry, DEFAULT_DURATION)
                .and_then(unsigned)
                .filter(|nanos| (1..LONGEST).contains(nanos)),
            delay: find(entry, CODEC_DELAY).and_then(unsigned).unwrap_or_default().min(LONGEST),
            stripped: stripped.unwrap_or_default(),
        })
    }
}

/// The entries of a `Tracks` element; what is no entry is left out.
pub(super) fn entries(tracks: &[u8]) -> Vec<Entry> {
    let entries = elements(tracks).filter(|found| found.id == TRACK_ENTRY).take(MOST_TRACKS);
    entries.filter_map(|entry| Entry::read(entry.content)).collect()
}

/// How a codec's frames are coded: the mappings that
/// [RFC 9559](https://www.rfc-editor.org/rfc/rfc9559) section 5.1.4.1.21 leaves to another document. `None` for one that is not served.
///
/// # Errors
/// Why not, although its codec is.
fn coding(kind: Kind, codec: &[u8], private: Option<&[u8]>) -> Result<Option<Coding>, String> {
    let known: fn(&[u8]) -> Option<Result<Coding, String>> = match (kind, codec) {
        (Kind::Video, b"V_MPEG4/ISO/AVC") => |private| Coding::avcc(&boxed(*b"avcC", private)).map(Ok),
        (Kind::Video, b"V_MPEGH/ISO/HEVC") => |private| Coding::hvcc(&boxed(*b"hvcC", private)).map(Ok),
        (Kind::Audio, b"A_AAC") => |private| {
            let config = aac::Config::parse(private);
            Some(config.map(Coding::Aac).map_err(|unfit| unfit.to_string()))
        },
        _ => return Ok(None),
    };
    let private = private.ok_or("without CodecPrivate")?;
    known(private).ok_or("with damaged CodecPrivate")?.map(Some)
}

/// A configuration record as the box that MP4 has it in.
fn boxed(kind: [u8; 4], record: &[u8]) -> Vec<u8> {
    let size = u32::try_from(record.len() + 8).unwrap_or(u32::MAX);
    [&size.to_be_bytes()[..], &kind, record].concat()
}

/// What was taken from the beginning of every frame (section 5.1.4.1.31.7).
///
/// # Errors
/// What else was done to the frames.
fn stripped(entry: &[u8]) -> Result<Vec<u8>, String> {
    let encodings = elements(find(entry, CONTENT_ENCODINGS).unwrap_or_default());
    let encodings = encodings.filter(|found| found.id == CONTENT_ENCODING).map(|found| found.content);
    let value = |encoding, id, default| find(encoding, id).and_then(unsigned).unwrap_or(default);
    let mut of_frames = encodings.filter(|encoding| value(encoding, CONTENT_ENCODING_SCOPE, 1) & FRAMES != 0);
    let Some(encoding) = of_frames.next() else { return Ok(Vec::new()) };
    if value(encoding, CONTENT_ENCODING_TYPE, 0) != 0 {
        return Err("encrypted".to_owned());
    }
    let compression = find(encoding, CONTENT_COMPRESSION).unwrap_or_default();
    if value(compression, CONTENT_COMP_ALGO, 0) != HEADER_STRIPPING || of_frames.next().is_some() {
        return Err("compressed".to_owned());
    }
    let settings = find(compression, CONTENT_COMP_SETTINGS).unwrap_or_default();
    if settings.len() > MOST_STRIPPED { Err("compressed".to_owned()) } else { Ok(settings.to_vec()) }
}
