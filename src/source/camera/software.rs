//! Pictures that this machine's processor codes: read into planar 4:2:0, then coded as H.264.

use std::sync::Arc;

use super::plan::Coded;
use super::stream::{Skipped, complete};
use super::thin;
use crate::encode::{self, Jpegs, Layout, Samples, Unreadable};
use crate::media::h264::{Assembler, Level, Load, Profile};
use crate::media::{Encoder, Link, Picture};
use crate::source::panics::may_panic;
use crate::v4l2::{Format, FourCc};

/// So many in a row that cannot be read, and nothing readable comes.
const BROKEN: u32 = 100;

/// What reads a camera's buffers.
#[derive(Debug)]
pub(super) enum Reader {
    Raw(Layout),
    Jpeg(Jpegs),
}

/// Codes a camera's pictures, each at once: there is no queue.
pub(super) struct Software {
    reader: Reader,
    /// The one picture that all are read into.
    picture: Picture,
    encoder: Box<dyn Encoder>,
    settings: encode::Settings,
    /// Whether their level is that and no other.
    level_configured: bool,
    assembler: Assembler,
    /// The next picture is to be a keyframe.
    keyframe: bool,
    /// Left out since the last whole one.
    broken: u32,
}

impl Software {
    /// For what the driver settled on.
    ///
    /// # Errors
    /// It cannot be read or coded: in a sentence.
    pub(super) fn new(
        format: &Format,
        settings: encode::Settings,
        level_configured: bool,
    ) -> Result<Self, String> {
        let reader = Reader::new(format)?;
        let picture = reader.picture();
        let size = (picture.width as u32, picture.height as u32);
        if encode::nearest_size(size.0, size.1) != size {
            return Err(format!("{} codes no pictures of {}x{}", encode::NAME, size.0, size.1));
        }
        let encoder = encode::h264(settings).map_err(|error| error.to_string())?;
        Ok(Self::with(reader, picture, encoder, (settings, level_configured)))
    }

    fn with(
        reader: Reader,
        picture: Picture,
        encoder: Box<dyn Encoder>,
        (settings, level_configured): (encode::Settings, bool),
    ) -> Self {
        let assembler = Assembler::new();
        Self { reader, picture, encoder, settings, level_configured, assembler, keyframe: true, broken: 0 }
    }

    /// By an encoder of a test's.
    #[cfg(test)]
    pub(super) fn by(format: &Format, encoder: Box<dyn Encoder>, settings: encode::Settings) -> Self {
        let reader = Reader::new(format).unwrap();
        let picture = reader.picture();
        Self::with(reader, picture, encoder, (settings, false))
    }

    /// The pixels of the picture that was coded last.
    pub(super) fn last(&self) -> Option<&Picture> {
        // What could not be read may be written over it in part.
        Some(&self.picture).filter(|_| self.broken == 0 && self.assembler.parameter_sets().is_some())
    }

    /// Makes the next picture a keyframe.
    pub(super) fn keyframe(&mut self) {
        self.keyframe = true;
    }

    /// Codes at another bitrate from the next picture on; where that needs a higher level than the stream says it has, in a
    /// new one.
    ///
    /// # Errors
    /// It cannot be held, or the level that is configured does not allow it: in a sentence.
    pub(super) fn set_bitrate(&mut self, bitrate: u32) -> Result<(), String> {
        let (least, greatest) = encode::BITRATES;
        if !(least..=greatest).contains(&bitrate) {
            return Err(format!("{bitrate} is not between {least} and {greatest} bits a second"));
        }
        let settings = encode::Settings { bitrate, ..self.settings };
        let size = (self.picture.width as u32, self.picture.height as u32);
        let load = Load { size, rate: settings.fps, bitrate, profile: Profile::Baseline };
        match settings.level.and_then(|level| Some((level, level.excess(&load)?))) {
            Some((level, excess)) if self.level_configured => {
                return Err(format!("level {level} is configured, which allows {excess}"));
            }
            Some(_) => {
                let settings = encode::Settings { level: Level::lowest_for(&load), ..settings };
                self.encoder = encode::h264(settings).map_err(|error| error.to_string())?;
                (self.settings, self.keyframe) = (settings, true);
            }
            None => {
                self.encoder.set_bitrate(bitrate).map_err(|error| error.to_string())?;
                self.settings = settings;
            }
        }
        Ok(())
    }

    /// Makes a keyframe every so many pictures from the next picture on.
    ///
    /// # Errors
    /// It cannot be: in a sentence.
    pub(super) fn set_gop(&mut self, pictures: u32) -> Result<(), String> {
        self.encoder.set_gop(pictures).map_err(|error| error.to_string())?;
        self.settings.gop = pictures;
        Ok(())
    }

    pub(super) fn assembler(&self) -> &Assembler {
        &self.assembler
    }

    /// Codes the picture in a buffer's planes.
    pub(super) fn take(&mut self, planes: &[&[u8]]) -> Result<(Arc<[u8]>, Link), Skipped> {
        if let Err(Unreadable(reason)) = self.reader.read(planes, &mut self.picture) {
            self.broken += 1;
            return Err(match self.broken {
                BROKEN.. => Skipped::Unfit(format!("the last {BROKEN} pictures were all {reason}")),
                _ => Skipped::Broken(reason),
            });
        }
        self.broken = 0;
        may_panic("encoder");
        let (assembler, mut unit) = (&mut self.assembler, None);
        let take = &mut |pieces: &[&[u8]]| unit = assembler.assemble_pieces(pieces);
        let coded = self.encoder.encode(&self.picture, self.keyframe, take);
        coded.map_err(|error| Skipped::Unfit(error.to_string()))?;
        let unit = unit.ok_or(Skipped::Early)?;
        self.keyframe = false;
        Ok(unit)
    }
}

impl Reader {
    pub(super) fn new(format: &Format) -> Result<Self, String> {
        let Format { fourcc, width, height, .. } = *format;
        if matches!(fourcc, FourCc::MJPG | FourCc::JPEG) {
            return Ok(Self::Jpeg(Jpegs::new(width, height)));
        }
        let samples = Samples::from_fourcc(fourcc.0).ok_or_else(|| format!("{fourcc} cannot be read"))?;
        let strides: Vec<u32> = format.planes.iter().map(|plane| plane.bytesperline).collect();
        Layout::new(samples, (width, height), &strides).map(Self::Raw)
    }

    /// A picture to read into.
    pub(super) fn picture(&self) -> Picture {
        match self {
            Self::Raw(layout) => layout.picture(),
            Self::Jpeg(jpegs) => jpegs.picture(),
        }
    }

    /// Reads the picture in a buffer's planes.
    pub(super) fn read(&mut self, planes: &[&[u8]], to: &mut Picture) -> Result<(), Unreadable> {
        match self {
            Self::Raw(layout) => layout.read(planes, to),
            Self::Jpeg(jpegs) => {
                let bytes = planes.first().copied().unwrap_or_default();
                jpegs.read(complete(bytes).map_err(Unreadable)?, to)
            }
        }
    }
}

/// What the encoder is asked for, now that the driver has said what comes.
pub(super) fn settings(
    format: &Format,
    coded: &Coded,
    planned: Option<(u32, u32)>,
    rate: Option<f64>,
) -> encode::Settings {
    encode::Settings {
        bitrate: coded.bitrate,
        gop: coded.gop,
        // A camera that is faster is thinned out.
        fps: rate.filter(|rate| *rate > 0.0).map_or(coded.fps, |rate| thin::left(coded.fps, rate)),
        // The level was found for what was asked for.
        level: coded.level.filter(|_| planned == Some((format.width, format.height))),
        full_range: matches!(format.fourcc, FourCc::MJPG | FourCc::JPEG),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::media::EncoderError;
    use crate::v4l2::{Colour, Plane};

    /// An encoder that keeps what it was given.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<(Picture, bool)>>>);

    impl Encoder for Kept {
        fn encode(
            &mut self,
            picture: &Picture,
            keyframe: bool,
            take: &mut dyn FnMut(&[&[u8]]),
        ) -> Result<(), EncoderError> {
            self.0.lock().unwrap().push((picture.clone(), keyframe));
            let [sps, pps] = [0b1010_0000, 0b1100_0001];
            let head = [0, 0, 1, 0x67, 66, 0xc0, 30, sps, 0, 0, 1, 0x68, pps, 0, 0, 1, 0x65, 0x88, 0x81];
            take(&[if keyframe { &head } else { &[0, 0, 1, 0x41, 0x9a, 0x81] }]);
            Ok(())
        }

        fn set_gop(&mut self, _: u32) -> Result<(), EncoderError> {
            Ok(())
        }

        fn set_bitrate(&mut self, _: u32) -> Result<(), EncoderError> {
            Ok(())
        }
    }

    fn format(fourcc: &[u8; 4], width: u32, height: u32, strides: &[u32]) -> Format {
        let planes = strides.iter().map(|stride| Plane { bytesperline: *stride, sizeimage: 0 }).collect();
        Format { fourcc: FourCc(*fourcc), width, height, field: 1, planes, colour: Colour::default() }
    }

    fn kept(format: &Format) -> (Software, Kept) {
        let encoder = Kept::default();
        (Software::by(format, Box::new(encoder.clone()), SETTINGS), encoder)
    }

    const SETTINGS: encode::Settings =
        encode::Settings { bitrate: 100_000, gop: 30, fps: 30.0, level: None, full_range: false };

    /// `level_idc` of the stream's SPS.
    fn level(software: &Software) -> u8 {
        software.assembler().parameter_sets().unwrap().sps()[3]
    }

    #[cfg(feature = "soft-h264")]
    #[test]
    fn a_bitrate_beyond_the_level_is_refused_or_the_stream_has_a_higher_one() {
        let (format, buffer) = (format(b"NV12", 176, 144, &[176]), [100; 176 * 216]);
        let settings = encode::Settings { fps: 15.0, level: Level::from_number(1.0), ..SETTINGS };
        let mut software =
            Software::new(&format, encode::Settings { bitrate: 64_000, ..settings }, true).unwrap();
        assert_eq!(software.take(&[&buffer]).unwrap().1, Link::Start);
        let why = "level 1.0 is configured, which allows 64000 bits a second, and this is 200000";
        assert_eq!(software.set_bitrate(200_000), Err(why.to_owned()));
        assert_eq!(software.set_bitrate(50_000), Ok(()));
        assert_eq!((software.take(&[&buffer]).unwrap().1, level(&software)), (Link::Follows, 10));

        let mut software = Software::new(&format, settings, false).unwrap();
        software.take(&[&buffer]).unwrap();
        assert_eq!((software.set_gop(5), software.set_bitrate(200_000)), (Ok(()), Ok(())));
        let links: Vec<Link> = (0..6).map(|_| software.take(&[&buffer]).unwrap().1).collect();
        let [start, follows] = [Link::Start, Link::Follows];
        assert_eq!(
            links,
            [start, follows, follows, follows, follows, start],
            "the keyframes' distance stays"
        );
        assert_eq!(level(&software), 12);
    }

    #[test]
    fn the_first_picture_and_those_asked_for_are_keyframes() {
        let (mut software, kept) = kept(&format(b"YUYV", 32, 16, &[64]));
        let buffer = [128; 64 * 16];
        for number in 0..5 {
            if number == 3 {
                software.keyframe();
            }
            software.take(&[&buffer]).unwrap();
        }
        let asked: Vec<bool> = kept.0.lock().unwrap().iter().map(|(_, keyframe)| *keyframe).collect();
        assert_eq!(asked, [true, false, false, true, false]);
    }

    #[test]
    fn a_broken_picture_is_left_out_and_nothing_but_broken_ones_is_told() {
        let (mut software, kept) = kept(&format(b"NV12", 32, 16, &[32]));
        let (whole, short) = (vec![100; 32 * 24], vec![100; 32 * 20]);
        for _ in 1..BROKEN {
            assert_eq!(software.take(&[&short]), Err(Skipped::Broken("shorter than its format")));
        }
        assert!(software.take(&[&whole]).is_ok());
        let last = (0..BROKEN).map(|_| software.take(&[&short])).last().unwrap();
        let told = "the last 100 pictures were all shorter than its format".to_owned();
        assert_eq!(last, Err(Skipped::Unfit(told)));
        assert_eq!(kept.0.lock().unwrap().len(), 1, "nothing broken reaches the encoder");
    }

    #[test]
    fn jpegs_are_decoded_before_they_are_coded() {
        let jpeg = std::fs::read("tests/fixtures/bitstreams/444.jpg").unwrap();
        let (mut software, kept) = kept(&format(b"MJPG", 160, 104, &[0]));
        software.take(&[&[&jpeg[..], &[0; 5000]].concat()]).unwrap();
        for (buffer, reason) in [
            (&jpeg[..124], "too short"),
            (&jpeg[..jpeg.len() - 900], "cut short"),
            (&jpeg[3..], "without a beginning"),
        ] {
            assert_eq!(software.take(&[buffer]), Err(Skipped::Broken(reason)));
        }
        let pictures = kept.0.lock().unwrap();
        assert_eq!(pictures.len(), 1);
        assert!(pictures[0].0.luma.iter().any(|luma| *luma != pictures[0].0.luma[0]));
    }

    #[test]
    fn what_no_driver_should_say_is_refused() {
        for (format, why) in [
            (format(b"RGB3", 32, 16, &[96]), "RGB3 cannot be read"),
            (format(b"YUYV", 32, 16, &[63]), "cannot be 63"),
            (format(b"NV12", 32, 16, &[32, 32, 32]), "comes in 3 planes"),
            (format(b"YU12", 8, 8, &[8]), "codes no pictures of 8x8"),
            (format(b"YU12", 4000, 64, &[4000]), "codes no pictures of 4000x64"),
        ] {
            let refused = Software::new(&format, SETTINGS, false).err().unwrap();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
