//! An encoder that runs, for one arrangement of pictures.

use std::os::fd::{AsFd, OwnedFd};

use arrayvec::ArrayVec;

use super::converter::Converter;
use super::counts::Counts;
use super::layout::{self, Layout, copy};
use super::pairs::Pairs;
use super::{Settings, controls};
use crate::encode::Unreadable;
use crate::media::h264::{Assembler, Level, Load};
use crate::source::panics::may_panic;
use crate::v4l2::{
    Capture, Device, Encoder, EncoderWish, Error, Filled, Format, FourCc, Interval, Lines, MAX_PLANES,
    Memory, PreparedEncoder, Queues, SharedPlane,
};

/// Bytes for the largest coded picture: keyframes of text are larger than half a megabyte
/// ([ustreamer issue 169](https://github.com/pikvm/ustreamer/issues/169)).
const CODED: u32 = 1_536 << 10;
/// Buffers of coded pictures.
const CODED_BUFFERS: u32 = 4;
/// Buffers of pictures where they are copied: two with the driver, one being filled.
const COPIED_BUFFERS: u32 = 3;

/// What an encoder was set up for; another needs it opened anew.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Arrangement {
    pub(super) settings: Settings,
    /// The camera's pictures.
    pub(super) camera: Format,
    /// What is given of them, as they are or converted.
    pub(super) format: Format,
    /// The time between pictures that are coded.
    pub(super) interval: Option<Interval>,
    /// The time between the camera's pictures, of which not all may be coded.
    pub(super) given: Option<Interval>,
    pub(super) load: Load,
}

/// An encoder that is set up and does not run yet.
pub(super) struct Ready {
    prepared: PreparedEncoder,
    arrangement: Arrangement,
    source: Layout,
    target: Layout,
    converter: Option<Converter>,
}

/// An encoder that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) encoder: Encoder,
    pub(super) arrangement: Arrangement,
    pub(super) pairs: Pairs,
    pub(super) assembler: Assembler,
    source: Layout,
    target: Layout,
    converter: Option<Converter>,
}

/// A camera's buffer as the encoder is given it: a descriptor a plane.
pub(super) type Exported = ArrayVec<OwnedFd, MAX_PLANES>;

fn open(settings: &Settings) -> Result<(Device, Queues), Error> {
    let path = &settings.encoder.path;
    let device = Device::open(path)?;
    let queues = device.capability()?.memory_to_memory();
    let unfit = || Error::Unfit(path.clone(), "is no encoder any more".to_owned());
    Ok((device, queues.ok_or_else(unfit)?))
}

fn wish(settings: &Settings, format: &Format, interval: Option<Interval>) -> EncoderWish {
    let mut lines = format.lines();
    if settings.input != format.fourcc {
        // The same samples in other planes of memory: the first has luma in both.
        lines.truncate(1);
    }
    EncoderWish {
        input: settings.input,
        size: (format.width, format.height),
        lines,
        colour: format.colour,
        coded: FourCc::H264,
        coded_size: CODED.max(format.width.saturating_mul(format.height) / 2),
        interval,
    }
}

impl Arrangement {
    /// The same at another bitrate, and of a higher level if that needs one; none if it has that.
    ///
    /// # Errors
    /// The encoder cannot, or the level that is configured does not allow it: in a sentence.
    pub(super) fn at(&self, bitrate: u32) -> Result<Option<Self>, String> {
        if self.load.bitrate == bitrate {
            return Ok(None);
        }
        let mut other = self.clone();
        (other.settings.bitrate, other.load.bitrate) = (bitrate, bitrate);
        if let Some(why) = self.settings.encoder.unfit(&other.load) {
            return Err(why);
        }
        if let Some((level, excess)) =
            self.settings.level.and_then(|level| Some((level, level.excess(&other.load)?)))
        {
            if self.settings.level_configured {
                return Err(format!("level {level} is configured, which allows {excess}"));
            }
            other.settings.level = Level::lowest_for(&other.load);
        }
        Ok(Some(other))
    }

    /// Whether an encoder that was set up for this codes what is `asked` for now. What was set while it ran (`live`: bitrate,
    /// distance of keyframes) it still has, or is told in the stream.
    pub(super) fn serves(&self, asked: &Self, live: (Option<u32>, Option<u32>)) -> bool {
        let mut asked = asked.clone();
        if live.0.is_some() {
            (asked.settings.bitrate, asked.load.bitrate) = (self.settings.bitrate, self.load.bitrate);
            asked.settings.level = self.settings.level;
        }
        if live.1.is_some() {
            asked.settings.gop = self.settings.gop;
        }
        *self == asked
    }
}

impl Ready {
    /// Opens the encoder and sets it up.
    pub(super) fn new(arrangement: Arrangement) -> Result<Self, Error> {
        let Arrangement { settings, format, interval, load, .. } = &arrangement;
        let (device, queues) = open(settings)?;
        may_panic("opening");
        controls::configure(&device, settings, load);
        let prepared = PreparedEncoder::new(device, queues, &wish(settings, format, *interval))?;
        let size = (format.width, format.height);
        let unfit = |why| Error::Unfit(settings.encoder.path.clone(), why);
        let source = layout::layout(format, size).map_err(unfit)?;
        let target = layout::layout(prepared.input(), size)
            .map_err(|why| unfit(format!("as the encoder takes it, {why}")))?;
        let converter = settings.converted.then(|| Converter::new(&arrangement.camera)).transpose();
        let converter = converter.map_err(unfit)?;
        Ok(Self { prepared, arrangement, source, target, converter })
    }

    /// Its name for people.
    pub(super) fn name(&self) -> String {
        name(&self.arrangement.settings)
    }

    /// Whether a camera's buffer is one that the encoder can read as it is.
    pub(super) fn can_share(&self) -> bool {
        let (camera, encoder) = (&self.arrangement.format, self.prepared.input());
        let large =
            camera.planes.iter().zip(&encoder.planes).all(|(has, wants)| has.sizeimage >= wants.sizeimage);
        self.arrangement.settings.dmabuf
            && camera.fourcc == encoder.fourcc
            && camera.planes.len() == encoder.planes.len()
            && self.source == self.target
            && large
    }

    /// The bytes from line to line that the encoder has.
    pub(super) fn lines(&self) -> Lines {
        self.prepared.input().lines()
    }

    /// Starts it, to read a camera's buffers of which there are so many, or copies if there are none.
    pub(super) fn start(self, shared: Option<u32>) -> Result<Running, Error> {
        let Self { prepared, arrangement, source, target, converter } = self;
        let (memory, buffers) = match shared {
            Some(buffers) => (Memory::DmaBuf, buffers),
            None => (Memory::Mmap, COPIED_BUFFERS),
        };
        let encoder = prepared.start(memory, buffers, CODED_BUFFERS)?;
        let (pairs, assembler) = (Pairs::default(), Assembler::new());
        Ok(Running { encoder, arrangement, pairs, assembler, source, target, converter })
    }
}

impl Running {
    /// Whether it reads the camera's own buffers.
    pub(super) fn shares(&self) -> bool {
        self.encoder.memory() == Memory::DmaBuf
    }

    /// Whether a camera that was started again has as many buffers as it knows.
    pub(super) fn fits(&self, capture: &Capture) -> bool {
        !self.shares() || self.encoder.pictures() == capture.buffers()
    }

    /// Gives it a picture in the camera's own buffer, which it keeps until it is taken back.
    pub(super) fn share(
        &mut self,
        filled: &Filled,
        exported: &Exported,
        micros: u64,
        counts: &mut Counts,
    ) -> Result<(), Error> {
        let mut planes: ArrayVec<SharedPlane<'_>, MAX_PLANES> = ArrayVec::new();
        for (number, memory) in exported.iter().enumerate() {
            let Some((range, length)) = filled.extent(number) else { break };
            planes.push(SharedPlane { memory: memory.as_fd(), length, start: range.start, end: range.end });
        }
        self.encoder.give_shared(filled.index(), micros, &planes)?;
        counts.shared += 1;
        Ok(())
    }

    /// Copies a picture into a buffer of the encoder's and gives it that; or says why the picture is left out.
    pub(super) fn copy(
        &mut self,
        filled: &Filled,
        index: u32,
        micros: u64,
        counts: &mut Counts,
    ) -> Result<Result<(), Unreadable>, Error> {
        if let Some(Err(unreadable)) = self.converter.as_mut().map(|converter| converter.read(filled)) {
            return Ok(Err(unreadable));
        }
        let converter = self.converter.as_ref();
        let plane =
            |number| converter.map_or_else(|| filled.plane(number), |converter| converter.plane(number));
        let mut planes = self.encoder.planes_mut(index);
        let Some(bytes) = copy(&self.source, plane, &self.target, &mut planes) else {
            return Ok(Err(Unreadable("cut short")));
        };
        drop(planes);
        self.encoder.give(index, micros)?;
        counts.copied += 1;
        counts.copied_bytes += bytes as u64;
        Ok(Ok(()))
    }

    /// Whether a picture is as long as its format says.
    pub(super) fn is_whole(&self, filled: &Filled) -> bool {
        // Of those that are converted it is seen when they are read.
        self.converter.is_some() || layout::fits(&self.source, |plane| filled.plane(plane).len())
    }
}

/// The encoder's name for people.
pub(super) fn name(settings: &Settings) -> String {
    format!("{} ({})", settings.encoder.driver, settings.encoder.path.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::h264::Profile;
    use crate::source::camera::board::EncoderNode;
    use crate::v4l2::{Colour, Wish};

    fn arrangement(bitrate: u32, gop: u32) -> Arrangement {
        let (fourcc, size) = (FourCc(*b"YU12"), (64, 48));
        let (width, height) = size;
        let format =
            Format { fourcc, width, height, field: 1, planes: ArrayVec::new(), colour: Colour::default() };
        let settings = Settings {
            capture: Wish { fourcc, size: Some(size), interval: None },
            encoder: EncoderNode::default(),
            input: fourcc,
            dmabuf: false,
            converted: false,
            bitrate,
            gop,
            fps: 30.0,
            profile: Profile::High,
            level: None,
            level_configured: false,
        };
        let load = Load { size, rate: 30.0, bitrate, profile: Profile::High };
        Arrangement { settings, camera: format.clone(), format, interval: None, given: None, load }
    }

    #[test]
    fn another_bitrate_is_what_an_encoder_that_is_opened_anew_has_too() {
        let mut runs = arrangement(1_000_000, 60);
        runs.settings.encoder.bitrate = Some((25_000, 20_000_000, 25_000));
        assert_eq!(runs.at(1_000_000), Ok(None));
        let other = runs.at(2_000_000).unwrap().unwrap();
        assert_eq!((other.settings.bitrate, other.load.bitrate), (2_000_000, 2_000_000));
        assert!(runs.serves(&other, (Some(2_000_000), None)), "and nothing else differs");
        runs.settings.level = Level::from_number(3.0);
        assert_eq!(runs.at(12_500_000).unwrap().unwrap().settings.level, runs.settings.level);
        let higher = runs.at(12_500_001).unwrap().unwrap();
        assert_eq!(higher.settings.level, Level::from_number(3.1), "more than level 3.0 allows");
        assert!(higher.serves(&runs, (Some(12_500_001), None)), "the encoder is kept for the next reader");
        runs.settings.level_configured = true;
        let why = runs.at(12_500_001).unwrap_err();
        assert_eq!(why, "level 3.0 is configured, which allows 12500000 bits a second, and this is 12500001");
        let why = runs.at(30_000_000).unwrap_err();
        assert!(why.ends_with("codes at 25000 to 20000000 bits a second, and this is 30000000"), "{why}");
    }

    #[test]
    fn an_encoder_whose_bitrate_was_changed_while_it_ran_is_kept_for_the_next_reader() {
        let (configured, runs) = (arrangement(1_000_000, 60), arrangement(2_000_000, 30));
        assert!(configured.serves(&configured, (None, None)));
        assert!(runs.serves(&configured, (Some(2_000_000), Some(30))));
        // It rested while that was asked for: it is told in the stream.
        assert!(configured.serves(&configured, (Some(2_000_000), None)));
        assert!(!runs.serves(&configured, (None, Some(30))), "nobody asked for that bitrate");
        assert!(!runs.serves(&configured, (Some(2_000_000), None)), "nor for those keyframes");
        let other =
            Arrangement { interval: Some(Interval { numerator: 1, denominator: 5 }), ..configured.clone() };
        assert!(!configured.serves(&other, (Some(2_000_000), Some(30))));
    }
}
