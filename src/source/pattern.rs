//! The test picture: colour bars, a moving box, a running clock and the picture's number.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::grid::Grid;
use super::{Error, Source, at_rest, rest, until_wanted, waker};
use crate::amount::amount;
use crate::clock;
use crate::encode::{self, draw};
use crate::hub::{Coder, Making, Outlet};
use crate::media::h264::{Assembler, Profile};
use crate::media::{AccessUnit, Codec, Encoder, Journey, Link, Picture, Track, TrackId};

/// The encoder is kept for this long after the last reader left.
const LINGER: Duration = Duration::from_secs(5);

/// What to draw, and how to code it.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Pixels a row; even.
    pub width: u32,
    /// Rows; even.
    pub height: u32,
    /// Pictures a second.
    pub fps: f64,
    /// Bits a second.
    pub bitrate: u32,
    /// Pictures from one keyframe to the next.
    pub gop: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { width: 1280, height: 720, fps: 30.0, bitrate: 2_000_000, gop: 60 }
    }
}

impl Settings {
    /// Holds the settings against what can be.
    ///
    /// # Errors
    /// The first field that cannot be, in a sentence that names it and what can.
    pub fn check(&self) -> Result<(), Error> {
        let Self { width, height, fps, bitrate, gop } = *self;
        let (near_width, near_height) = encode::nearest_size(width, height);
        let wrong = if (width, height) != (near_width, near_height) {
            format!(
                "width, height: the test picture cannot be {width}x{height}: both have to be even, at least 16 and \
                 at most 3840x2160 or 2160x3840; the nearest that can be is {near_width}x{near_height}"
            )
        } else if !(0.1..=240.0).contains(&fps) {
            format!("fps: {fps} is not between 0.1 and 240")
        } else if !(10_000..=100_000_000).contains(&bitrate) {
            format!("bitrate: {bitrate} is not between 10000 and 100000000 bits a second")
        } else if gop == 0 {
            "gop: 0 is not at least 1: pictures from one keyframe to the next".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::new(wrong))
    }
}

/// Draws and codes while somebody watches; rests else.
pub struct Pattern {
    settings: Settings,
    kept: Option<Kept>,
    number: u64,
}

/// What lasts while readers come and go: one stream, on one grid of times.
struct Kept {
    encoder: Box<dyn Encoder>,
    assembler: Assembler,
    grid: Grid,
    /// The next picture's place on the grid.
    next: u64,
    /// Bits a second that it codes at.
    bitrate: u32,
}

impl Kept {
    fn change_bitrate(&mut self, bitrate: u32, mount: &str) {
        match self.encoder.set_bitrate(bitrate) {
            Ok(()) => {
                self.bitrate = bitrate;
                tracing::info!(mount, "{} kbit/s from now on", bitrate / 1000);
            }
            Err(why) => tracing::warn!(mount, "the bitrate stays as it is: {why}"),
        }
    }

    fn change_gop(&mut self, pictures: u32, mount: &str) {
        match self.encoder.set_gop(pictures) {
            Ok(()) => tracing::info!(mount, "a keyframe every {} from now on", amount(pictures, "picture")),
            Err(why) => tracing::warn!(mount, "keyframes stay as they are: {why}"),
        }
    }
}

impl Pattern {
    /// A test picture.
    pub fn new(settings: Settings) -> Self {
        Self { settings, kept: None, number: 0 }
    }

    fn making(&self) -> Making {
        let Settings { width, height, fps, bitrate, gop } = self.settings;
        let (name, profile) = (encode::NAME.to_owned(), Profile::Baseline.to_string());
        let steps = vec![format!("test picture {width}x{height} at {fps}"), format!("{name} H.264")];
        Making {
            steps,
            encoder: Some(Coder { name, bitrate, bitrates: encode::BITRATES, gop, profile, level: None }),
            instead: None,
        }
    }

    fn settings(&self) -> encode::Settings {
        let Settings { bitrate, gop, fps, .. } = self.settings;
        encode::Settings { bitrate, gop, fps, level: None, full_range: false }
    }

    /// Draws, codes and publishes pictures until nobody wants them.
    fn play(&mut self, outlet: &Outlet) -> Result<(), Error> {
        let failed = |error: crate::media::EncoderError| Error::new(error.to_string());
        let mut kept = match self.kept.take() {
            Some(kept) => kept,
            None => Kept {
                encoder: encode::h264(self.settings()).map_err(failed)?,
                assembler: Assembler::new(),
                grid: Grid::new(clock::media(), self.settings.fps),
                next: 0,
                bitrate: self.settings.bitrate,
            },
        };
        let still = still(self.settings.width as usize, self.settings.height as usize);
        let mut picture = still.clone();
        let mut keyframe = true;
        while outlet.wanted() && !outlet.stopped() {
            let due = kept.grid.time(kept.next);
            let now = clock::media();
            if now < due {
                rest(due.since(now));
                continue;
            }
            // What is late is left out, not made up for.
            let current = kept.grid.number(now).max(kept.next);
            self.number += current - kept.next;
            keyframe |= outlet.take_keyframe_request();
            if let Some(bitrate) = outlet.take_bitrate() {
                kept.change_bitrate(bitrate, outlet.name());
            }
            if let Some(pictures) = outlet.take_gop() {
                kept.change_gop(pictures, outlet.name());
            }
            picture.clone_from(&still);
            overlay(&mut picture, self.number, clock::wall());
            let captured = clock::media();
            let (assembler, mut unit) = (&mut kept.assembler, None);
            let take = &mut |pieces: &[&[u8]]| unit = assembler.assemble_pieces(pieces);
            kept.encoder.encode(&picture, keyframe, take).map_err(failed)?;
            if let Some((data, link)) = unit {
                keyframe = false;
                if let Some(sets) = kept.assembler.parameter_sets() {
                    let bitrate = Some(kept.bitrate);
                    outlet.describe(vec![Track { codec: Codec::H264(sets.clone()), bitrate }], true);
                }
                if link == Link::Start {
                    // What was asked for until now this picture answers, whether it came by itself or not.
                    outlet.take_keyframe_request();
                }
                let time = kept.grid.time(current);
                let journey = Some(Journey::new(time, captured, clock::media()));
                outlet.publish(AccessUnit { track: TrackId(0), time, link, journey, data });
            }
            kept.next = current + 1;
            self.number += 1;
        }
        self.kept = Some(kept);
        Ok(())
    }

    /// Keeps the encoder for a while: readers come and go.
    fn linger(&mut self, outlet: &Outlet) {
        let until = clock::now() + LINGER;
        while !outlet.wanted() && !outlet.stopped() {
            let left = until.saturating_duration_since(clock::now());
            if left.is_zero() {
                self.kept = None;
                at_rest(outlet);
                return;
            }
            rest(left);
        }
    }
}

impl Source for Pattern {
    fn run(&mut self, outlet: &Outlet) -> Result<(), Error> {
        self.settings.check()?;
        outlet.wake_by(waker());
        while until_wanted(outlet) {
            outlet.starting();
            outlet.made_by(self.making());
            self.play(outlet)?;
            outlet.idle();
            self.linger(outlet);
        }
        Ok(())
    }
}

/// Rounds down to where chroma can change too.
fn even(pixels: usize) -> usize {
    pixels & !1
}

/// What does not move: the bars.
fn still(width: usize, height: usize) -> Picture {
    let mut picture = Picture::black(width, height);
    let edge = |bar: usize| even(bar * width / draw::BARS.len());
    for (index, colour) in draw::BARS.into_iter().enumerate() {
        draw::fill(&mut picture, edge(index), 0, width - edge(index), height, colour);
    }
    picture
}

/// What moves: a box, snow along the lower edge, the clock (UTC) and the picture's number.
fn overlay(picture: &mut Picture, number: u64, wall: SystemTime) {
    let (width, height) = (picture.width, picture.height);
    let side = even(height.min(width) / 8).max(2);
    let way = (width - side.min(width)).max(1);
    // There and back again.
    let step = (number % (2 * way as u64)) as usize * (width / 160).max(1) % (2 * way);
    let left = if step < way { step } else { 2 * way - step };
    let (left, top, edge) = (even(left), even(height * 3 / 4), even(side / 8));
    draw::fill(picture, left, top, side, side, draw::BLACK);
    draw::fill(picture, left + edge, top + edge, side - 2 * edge, side - 2 * edge, draw::WHITE);
    // Without it the picture is so easy that no encoder needs the bitrate it was given.
    let snow = even(height / SNOW).max(2);
    draw::snow(picture, height - snow, snow, number);
    write(picture, number, wall);
}

/// The part of the picture's height that is snow: one in so many.
const SNOW: usize = 32;

/// The clock and under it the number: as large as a picture's width or half its height allow, in fewer
/// figures where it is too small for all.
fn write(picture: &mut Picture, number: u64, wall: SystemTime) {
    let (width, height) = (picture.width, picture.height);
    let scale = (width / (14 * draw::CELL.0)).min(height / (4 * draw::CELL.1)).max(1);
    let (cell, line) = (draw::CELL.0 * scale, draw::CELL.1 * scale);
    let room = (width - 2 * scale) / cell;
    let rows = if height < 2 * line + 4 { 1 } else { 2 };
    let time = clock_face(wall, room);
    let figures = 10_u64.saturating_pow(room.saturating_sub(1).min(19) as u32);
    let count = format!("#{}", number % figures);
    let top = (height / 8).min(height.saturating_sub(rows * line + scale) / 2);
    let top = even(top);
    let columns = time.len().max(if rows == 2 { count.len() } else { 0 });
    let left = if width < 64 { 0 } else { even(scale) };
    draw::fill(picture, left, top, even((columns + 1) * cell), even(rows * line + scale + 1), draw::BLACK);
    draw::text(picture, left + scale, top + scale, scale, &time, draw::WHITE);
    if rows == 2 {
        draw::text(picture, left + scale, top + scale + line, scale, &count, draw::WHITE);
    }
}

/// The time of day, UTC, in at most `room` characters: hours, then minutes, then milliseconds are left out.
fn clock_face(wall: SystemTime, room: usize) -> String {
    let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs();
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let whole = format!("{hour:02}:{minute:02}:{second:02}.{:03}", since.subsec_millis());
    let parts = [&whole[..], &whole[3..], &whole[6..], &whole[6..8]];
    parts.into_iter().find(|part| part.len() <= room).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::hub::{self, Mount};
    use crate::media::EncoderError;

    #[test]
    fn sizes_that_cannot_be_are_refused_with_the_nearest_that_can() {
        for (asked, near) in [
            ((321, 240), "320x240"),
            ((1280, 721), "1280x720"),
            ((8, 9), "16x16"),
            ((4096, 2160), "3840x2160"),
            ((2161, 5000), "2160x3840"),
            ((0, u32::MAX), "16x3840"),
        ] {
            let (width, height) = asked;
            let error = Settings { width, height, ..Settings::default() }.check().unwrap_err();
            let error = error.to_string();
            assert!(error.contains(&format!("{width}x{height}:")), "{error}");
            assert!(error.ends_with(&format!("is {near}")), "{error}");
        }
        for (width, height) in [(16, 16), (3840, 2160), (2160, 3840), (1280, 720)] {
            assert!(Settings { width, height, ..Settings::default() }.check().is_ok());
        }
    }

    /// Pictures of a size, as they are drawn at 30 a second.
    #[cfg(feature = "soft-h264")]
    fn drawn(width: usize, height: usize, count: u64) -> impl Iterator<Item = Picture> {
        let still = still(width, height);
        (0..count).map(move |number| {
            let mut picture = still.clone();
            overlay(&mut picture, number, UNIX_EPOCH + Duration::from_millis(number * 1000 / 30));
            picture
        })
    }

    #[cfg(feature = "soft-h264")]
    #[test]
    fn the_bitrate_is_the_one_asked_for_and_no_picture_is_left_out() {
        for (width, height, bitrate) in [(320, 240, 500_000), (1280, 720, 2_000_000)] {
            let mut encoder = encode::h264(encode::Settings {
                bitrate,
                gop: 30,
                fps: 30.0,
                level: None,
                full_range: false,
            })
            .unwrap();
            let mut seconds = [0.0; 4];
            for (number, picture) in drawn(width, height, 120).enumerate() {
                let coded = encoder.coded(&picture, false).unwrap();
                assert!(!coded.is_empty(), "picture {number}");
                seconds[number / 30] += coded.len() as f64 * 8.0 / f64::from(bitrate);
            }
            assert!(
                seconds.iter().all(|second| (0.9..1.1).contains(second)),
                "{width}x{height}: {seconds:?}"
            );
        }
    }

    /// An encoder during whose first picture somebody asks for a keyframe.
    struct Interrupted {
        mount: Mount,
        asked: mpsc::Sender<bool>,
        first: bool,
    }

    impl Encoder for Interrupted {
        fn encode(
            &mut self,
            _: &Picture,
            keyframe: bool,
            take: &mut dyn FnMut(&[&[u8]]),
        ) -> Result<(), EncoderError> {
            if std::mem::take(&mut self.first) {
                self.mount.request_keyframe();
            }
            self.asked.send(keyframe).map_err(|error| EncoderError(error.to_string()))?;
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

    #[test]
    fn a_request_that_a_keyframe_answers_already_makes_no_second() {
        let (outlet, mount) = hub::mount("test");
        let (asked, answers) = mpsc::channel();
        let settings = Settings { width: 64, height: 48, fps: 100.0, ..Settings::default() };
        let mut pattern = Pattern::new(settings);
        pattern.kept = Some(Kept {
            encoder: Box::new(Interrupted { mount: mount.clone(), asked, first: true }),
            assembler: Assembler::new(),
            grid: Grid::new(clock::media(), 100.0),
            next: 0,
            bitrate: 2_000_000,
        });
        let running = crate::source::spawn("test", Box::new(pattern), outlet).unwrap();
        let demand = mount.want();
        let pictures = [(); 4].map(|()| answers.recv().unwrap());
        assert_eq!(pictures, [true, false, false, false]);
        mount.request_keyframe();
        assert!(answers.iter().take(10).any(|keyframe| keyframe), "a later one is granted");
        mount.stop();
        drop(demand);
        drop(answers);
        running.join();
    }

    #[test]
    fn what_is_written_fits_into_the_picture() {
        let noon = UNIX_EPOCH + Duration::from_millis(47_109_876);
        for (room, face) in [
            (100, "13:05:09.876"),
            (12, "13:05:09.876"),
            (11, "05:09.876"),
            (8, "09.876"),
            (5, "09"),
            (1, ""),
        ] {
            assert_eq!(clock_face(noon, room), face);
        }
        for (width, height) in [(16, 16), (64, 48), (16, 2160), (320, 240), (3840, 16), (3840, 2160)] {
            let mut picture = Picture::black(width, height);
            write(&mut picture, 1_234_567_890, noon);
            let white = |at: usize| picture.luma[at] == draw::WHITE.0;
            assert!((0..width * height).any(white), "{width}x{height}: nothing is written");
            let edge = (0..height).any(|row| white(row * width + width - 1));
            assert!(
                !edge && !(0..width).any(|column| white((height - 1) * width + column)),
                "{width}x{height}"
            );
        }
    }

    #[test]
    fn the_box_moves_and_the_number_changes_the_picture() {
        let mut first = still(320, 240);
        let mut second = first.clone();
        overlay(&mut first, 1, UNIX_EPOCH);
        overlay(&mut second, 2, UNIX_EPOCH);
        assert_ne!(first, second);
    }
}
