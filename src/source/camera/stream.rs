//! What comes out of a camera's buffers, coding by coding.

use std::sync::Arc;

use memchr::memmem;

use super::plan::Coding;
use crate::media::h264::SliceHeader;
use crate::media::jpeg::{Image, Unfit};
use crate::media::{Codec, Link, h264, h265};

/// No picture is a smaller JPEG: its tables alone are more.
const JPEG_LEAST: usize = 125;
/// A damaged table looks like one that RTP cannot carry; so many in a row are the camera's way.
const UNFIT: u32 = 5;
const STRAY: &str = "without coded data in them";
/// So many in a row, and nothing whole comes.
const BROKEN: u32 = 100;

/// A camera's buffers, one after the other.
#[derive(Debug)]
pub(in crate::source) enum Stream {
    H264(h264::Assembler, Strays),
    H265(h265::Assembler, Strays),
    Jpeg(Jpegs),
}

/// Why a buffer is no access unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source) enum Skipped {
    /// A stream begins with a keyframe, and this is before it.
    Early,
    /// Left out, by this reason.
    Broken(&'static str),
    /// What this camera gives cannot be served, in a sentence.
    Unfit(String),
}

/// JPEGs of a camera: each is whole by itself, or left out.
#[derive(Debug, Default)]
pub(in crate::source) struct Jpegs {
    last: Option<Arc<[u8]>>,
    /// Left out since the last whole one: for good reasons, and for any.
    unfit: u32,
    broken: u32,
}

impl Stream {
    pub(in crate::source) fn new(coding: Coding) -> Self {
        match coding {
            Coding::H264 => Self::H264(h264::Assembler::new(), Strays::default()),
            Coding::Hevc => Self::H265(h265::Assembler::new(), Strays::default()),
            Coding::Mjpeg => Self::Jpeg(Jpegs::default()),
        }
    }

    /// A buffer's access unit. `again` says that the driver gave the instant of the last one once more.
    pub(in crate::source) fn take(
        &mut self,
        buffer: &[u8],
        again: bool,
    ) -> Result<(Arc<[u8]>, Link), Skipped> {
        match self {
            Self::H264(assembler, strays) => strays.judge(buffer, assembler.assemble(buffer)),
            Self::H265(assembler, strays) => strays.judge(buffer, assembler.assemble(buffer)),
            Self::Jpeg(jpegs) => jpegs.take(buffer, again).map(|jpeg| (jpeg, Link::Start)),
        }
    }

    /// What the track carries, once a picture came.
    pub(in crate::source) fn codec(&self) -> Option<Codec> {
        match self {
            Self::H264(assembler, _) => assembler.parameter_sets().cloned().map(Codec::H264),
            Self::H265(assembler, _) => assembler.parameter_sets().cloned().map(Codec::H265),
            Self::Jpeg(jpegs) => jpegs.last.is_some().then_some(Codec::Jpeg),
        }
    }

    /// Where the last picture stands in the order of display.
    pub(in crate::source) fn slice(&self) -> Option<&SliceHeader> {
        match self {
            Self::H264(assembler, _) => assembler.slice(),
            Self::H265(assembler, _) => assembler.slice(),
            Self::Jpeg(_) => None,
        }
    }
}

/// Buffers in a row in which there is nothing of a coded picture at all.
#[derive(Debug, Default)]
pub(in crate::source) struct Strays(u32);

impl Strays {
    fn judge(
        &mut self,
        buffer: &[u8],
        unit: Option<(Arc<[u8]>, Link)>,
    ) -> Result<(Arc<[u8]>, Link), Skipped> {
        // Where NAL units begin is the same in H.265.
        let stray = unit.is_none() && h264::nal_units(buffer).next().is_none();
        self.0 = if stray { self.0 + 1 } else { 0 };
        match (unit, self.0) {
            (Some(unit), _) => Ok(unit),
            (None, 0) => Err(Skipped::Early),
            (None, BROKEN..) => Err(Skipped::Unfit(format!("the last {BROKEN} pictures were all {STRAY}"))),
            (None, _) => Err(Skipped::Broken(STRAY)),
        }
    }
}

impl Jpegs {
    fn take(&mut self, buffer: &[u8], again: bool) -> Result<Arc<[u8]>, Skipped> {
        let skipped = match whole(buffer) {
            Ok(jpeg) => {
                (self.unfit, self.broken) = (0, 0);
                if again && self.last.as_deref() == Some(jpeg) {
                    return Err(Skipped::Broken("sent twice"));
                }
                let jpeg: Arc<[u8]> = jpeg.into();
                self.last = Some(jpeg.clone());
                return Ok(jpeg);
            }
            Err(skipped) => skipped,
        };
        self.broken += 1;
        match skipped {
            Skipped::Unfit(why) => {
                self.unfit += 1;
                if self.unfit >= UNFIT {
                    Err(Skipped::Unfit(why))
                } else {
                    Err(Skipped::Broken("unfit for RTP"))
                }
            }
            Skipped::Broken(reason) if self.broken >= BROKEN => {
                Err(Skipped::Unfit(format!("the last {BROKEN} JPEGs were all {reason}")))
            }
            other => Err(other),
        }
    }
}

/// A JPEG that is to be decoded: of any kind that there is, if it is whole.
pub(super) fn complete(buffer: &[u8]) -> Result<&[u8], &'static str> {
    match whole(buffer) {
        Ok(jpeg) => Ok(jpeg),
        Err(Skipped::Broken(reason)) => Err(reason),
        Err(Skipped::Early | Skipped::Unfit(_)) => {
            // RTP does not carry it, and it was not read to its end.
            let scan = memmem::find(buffer, &[0xff, 0xda]).unwrap_or_default();
            let ended = memmem::rfind(buffer, &[0xff, 0xd9]).is_some_and(|end| end > scan);
            if ended || buffer.ends_with(&[0, 0]) { Ok(trimmed(buffer)) } else { Err("cut short") }
        }
    }
}

/// The JPEG in a buffer, without what some cameras put before it and behind it.
fn whole(buffer: &[u8]) -> Result<&[u8], Skipped> {
    if buffer.len() < JPEG_LEAST {
        return Err(Skipped::Broken("too short"));
    }
    match Image::parse(buffer) {
        Ok(_) => Ok(trimmed(buffer)),
        Err(Unfit::NoJpeg) => Err(Skipped::Broken("without a beginning")),
        Err(Unfit::Truncated) => Err(Skipped::Broken("cut short")),
        Err(Unfit::Malformed(_)) => Err(Skipped::Broken("damaged")),
        Err(why) => Err(Skipped::Unfit(why.to_string())),
    }
}

/// Padding is not kept for as long as the picture is; a little of it stands for an end that is missing.
fn trimmed(buffer: &[u8]) -> &[u8] {
    let end = buffer.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &buffer[..buffer.len().min(end + 3)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture() -> Vec<u8> {
        std::fs::read("tests/fixtures/bitstreams/420.jpg").unwrap()
    }

    fn unfit() -> Vec<u8> {
        let mut jpeg = fixture();
        let at = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
        jpeg[at + 11] = 0x11; // 4:4:4
        jpeg
    }

    #[test]
    fn broken_jpegs_are_left_out_and_whole_ones_pass() {
        let jpeg = fixture();
        let mut stream = Stream::new(Coding::Mjpeg);
        assert_eq!(stream.codec(), None, "nothing is known before a picture");
        for (buffer, reason) in [
            (&jpeg[..124], "too short"),
            (&jpeg[..jpeg.len() - 2], "cut short"),
            (&jpeg[2..], "without a beginning"),
            (&[0; 4096], "without a beginning"),
            (&[&jpeg[..20], &[0; 400]].concat(), "damaged"),
        ] {
            assert_eq!(stream.take(buffer, false), Err(Skipped::Broken(reason)));
        }
        let padded = [&jpeg[..], &[0; 70_000]].concat();
        let unended = [&jpeg[..jpeg.len() - 2], &[0; 70_000]].concat();
        for buffer in [&jpeg, &padded, &unended, &[&jpeg[..], b"garbage"].concat()] {
            let (data, link) = stream.take(buffer, false).unwrap();
            assert_eq!(link, Link::Start);
            assert_eq!(Image::parse(&data), Image::parse(&jpeg));
            assert!(data.len() < jpeg.len() + 8, "{}", data.len());
        }
        assert_eq!(stream.codec(), Some(Codec::Jpeg));
    }

    #[test]
    fn buffers_without_coded_data_are_told_and_a_stream_that_has_not_begun_is_waited_for() {
        let film = std::fs::read("tests/fixtures/bitstreams/clip.h264").unwrap();
        for coding in [Coding::H264, Coding::Hevc] {
            let mut stream = Stream::new(coding);
            let stray = Err(Skipped::Broken("without coded data in them"));
            for buffer in [&[][..], &[0; 4096], &[0xff; 4096], b"\0\0\0\x01"] {
                assert_eq!(stream.take(buffer, false), stray, "{coding:?}");
            }
            assert_eq!(stream.take(b"\0\0\0\x01\x41\x9a\x81", false), Err(Skipped::Early), "{coding:?}");
            for _ in 1..BROKEN {
                assert_eq!(stream.take(&[0xff; 99], false), stray, "{coding:?}");
            }
            let told = "the last 100 pictures were all without coded data in them".to_owned();
            assert_eq!(stream.take(&[0xff; 99], false), Err(Skipped::Unfit(told)), "{coding:?}");
        }
        let mut stream = Stream::new(Coding::H264);
        let keyframe = &film[..2000];
        assert!(stream.take(keyframe, false).is_ok());
        assert!(stream.take(&[0xff; 99], false).is_err());
        assert!(stream.take(keyframe, false).is_ok(), "right again");
    }

    #[test]
    fn a_picture_sent_twice_is_left_out_and_a_still_scene_is_not() {
        let jpeg = fixture();
        let mut stream = Stream::new(Coding::Mjpeg);
        stream.take(&jpeg, false).unwrap();
        assert_eq!(stream.take(&jpeg, true), Err(Skipped::Broken("sent twice")));
        assert!(stream.take(&jpeg, false).is_ok());
    }

    #[test]
    fn what_rtp_cannot_carry_is_told_unless_it_was_an_accident() {
        let mut stream = Stream::new(Coding::Mjpeg);
        for _ in 0..2 {
            for _ in 1..UNFIT {
                assert_eq!(stream.take(&unfit(), false), Err(Skipped::Broken("unfit for RTP")));
            }
            stream.take(&fixture(), false).unwrap();
        }
        let last = (0..UNFIT).map(|_| stream.take(&unfit(), false)).last().unwrap();
        assert!(matches!(&last, Err(Skipped::Unfit(why)) if why.contains("4:2:0")), "{last:?}");
        let last = (0..BROKEN).map(|_| stream.take(&[0; 200], false)).last().unwrap();
        let told = "the last 100 JPEGs were all without a beginning".to_owned();
        assert_eq!(last, Err(Skipped::Unfit(told)));
    }
}
