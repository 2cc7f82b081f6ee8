//! ADTS: a header before every access unit (ISO/IEC 14496-3 section 1.A.2.2).

use super::{Config, Unfit};

/// An ADTS header:
///
/// ```text
/// |   syncword 0xfff      |i|layer|p|pr |  rate |x|chan |....| frame length (13) | fullness (11) |bl |
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it says of the sound.
    pub config: Config,
    /// Its own bytes: 7, or 9 with a checksum.
    pub length: usize,
    /// Bytes of the frame, the header among them.
    pub frame: usize,
}

impl Header {
    /// Reads the header that a frame begins with.
    ///
    /// # Errors
    /// See [`Unfit`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Unfit> {
        let &[sync, flags, b2, b3, b4, b5, b6, ..] = bytes else { return Err(Unfit::Truncated) };
        if sync != 0xff || flags & 0xf6 != 0xf0 {
            return Err(Unfit::NoAdts);
        }
        let length = if flags & 1 == 1 { 7 } else { 9 };
        let frame = usize::from(b3 & 3) << 11 | usize::from(b4) << 3 | usize::from(b5 >> 5);
        if frame < length {
            return Err(Unfit::NoAdts);
        }
        if b6 & 3 != 0 {
            return Err(Unfit::Blocks);
        }
        let config = Config::of_adts((b2 >> 6) + 1, b2 >> 2 & 15, (b2 & 1) << 2 | b3 >> 6)?;
        Ok(Self { config, length, frame })
    }
}

impl Config {
    /// The header before a raw access unit of so many bytes, without a checksum; `None` where ADTS cannot
    /// say what this says: a rate that is none of the table, channels one by one, 960 samples, a unit that
    /// is too long. Of SBR it says nothing: decoders find it.
    pub fn adts_header(&self, length: usize) -> Option<[u8; 7]> {
        let [object_type, rate, channels] = self.adts_fields()?;
        let frame = u16::try_from(length + 7).ok().filter(|frame| *frame < 1 << 13)?;
        Some([
            0xff,
            0xf1,
            (object_type - 1) << 6 | rate << 2 | channels >> 2,
            (channels & 3) << 6 | (frame >> 11) as u8,
            (frame >> 3) as u8,
            // The fullness of a variable bitrate: 0x7ff.
            (frame << 5) as u8 | 0x1f,
            0xfc,
        ])
    }
}

/// The raw access units of whole ADTS frames, each with its header, up to the first that is none.
pub fn frames(mut adts: &[u8]) -> impl Iterator<Item = Result<(Header, &[u8]), Unfit>> {
    std::iter::from_fn(move || {
        if adts.is_empty() {
            return None;
        }
        let frame = Header::parse(adts).and_then(|header| {
            let (frame, rest) = adts.split_at_checked(header.frame).ok_or(Unfit::Truncated)?;
            let raw = frame.get(header.length..).ok_or(Unfit::Truncated)?;
            adts = rest;
            Ok((header, raw))
        });
        if frame.is_err() {
            adts = &[];
        }
        Some(frame)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// LC, 44.1 kHz, stereo, three bytes of sound.
    const FRAME: [u8; 10] = [0xff, 0xf1, 0x50, 0x80, 0x01, 0x5f, 0xfc, 1, 2, 3];

    #[test]
    fn headers_are_taken_off() {
        let with_checksum = [0xff, 0xf0, 0x50, 0x80, 0x01, 0x9f, 0xfc, 9, 9, 1, 2, 3];
        let stream = [&FRAME[..], &with_checksum].concat();
        let found: Vec<_> = frames(&stream).collect::<Result<_, _>>().unwrap();
        assert_eq!(found.len(), 2);
        for (header, raw) in found {
            assert_eq!((raw, header.config.as_bytes()), (&[1, 2, 3][..], &[0x12, 0x10][..]));
        }
    }

    #[test]
    fn headers_are_written_as_they_are_read() {
        let config = Config::parse(&[0x12, 0x10]).unwrap();
        assert_eq!(config.adts_header(3).unwrap(), FRAME[..7]);
        for (bytes, length) in
            [(&[0x11, 0x88][..], 8184), (&[0x16, 0x38], 1), (&[0x13, 0x10, 0x56, 0xe5, 0x98], 300)]
        {
            let header = Config::parse(bytes).unwrap().adts_header(length).unwrap();
            let read = Header::parse(&header).unwrap();
            assert_eq!((read.length, read.frame), (7, 7 + length));
            assert_eq!(read.config.as_bytes(), &bytes[..2]);
        }
        // SBR told first: the core is what the header says.
        let header = Config::parse(&[0x2b, 0x11, 0x88, 0x00]).unwrap().adts_header(9).unwrap();
        assert_eq!(Header::parse(&header).unwrap().config.sample_rate(), 24_000);
        for (why, bytes, length) in [
            ("too long", &[0x12, 0x10][..], 8185),
            ("44 100 Hz as a number is in the table, 44 000 is not", &[0x17, 0x80, 0x55, 0xf0, 0x10], 3),
            ("960 samples", &[0x11, 0x8c], 3),
        ] {
            assert_eq!(Config::parse(bytes).unwrap().adts_header(length), None, "{why}");
        }
    }

    #[test]
    fn what_is_no_frame_says_why() {
        let changed = |at: usize, byte: u8| {
            let mut frame = FRAME;
            frame[at] = byte;
            frame
        };
        for (bytes, why) in [
            (&FRAME[..6], Unfit::Truncated),
            (&FRAME[..9], Unfit::Truncated),
            (&changed(0, 0xfe), Unfit::NoAdts),
            (&changed(1, 0xf3), Unfit::NoAdts),
            (&changed(4, 0), Unfit::NoAdts),
            (&changed(6, 0xfd), Unfit::Blocks),
            (&changed(3, 0), Unfit::Channels(0)),
            (&changed(2, 0x7c), Unfit::SampleRate(0)),
        ] {
            let found: Vec<_> = frames(bytes).collect();
            assert!(matches!(found[..], [Err(told)] if told == why), "{bytes:x?}: {found:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), at in 0..10_usize) {
            prop_assert!(frames(&bytes).count() <= 100);
            let _ = frames(&[&FRAME[..at], &bytes].concat()).count();
        }
    }
}
