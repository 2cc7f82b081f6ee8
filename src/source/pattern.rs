//! The test picture: colour bars, a moving box, a running clock and the picture's number.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::grid::Grid;
use super::{Error, Source, rest, until_wanted, waker};
use crate::clock;
use crate::encode::{self, draw};
use crate::hub::Outlet;
use crate::media::h264::Assembler;
use crate::media::{AccessUnit, Codec, Encoder, Picture, Track, TrackId};

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
}

impl Pattern {
    /// A test picture.
    pub fn new(settings: Settings) -> Self {
        Self { settings, kept: None, number: 0 }
    }

    fn check(&self) -> Result<(), Error> {
        let Settings { width, height, fps, bitrate, gop } = self.settings;
        let size = |pixels: u32| (16..=4096).contains(&pixels) && pixels.is_multiple_of(2);
        if !size(width) || !size(height) {
            return Err(Error::new(format!(
                "the test picture cannot be {width}x{height}: both have to be even and within 16-4096"
            )));
        }
        if !(0.1..=240.0).contains(&fps) || !(10_000..=100_000_000).contains(&bitrate) || gop == 0 {
            return Err(Error::new(format!(
                "the test picture cannot have fps {fps}, bitrate {bitrate}, gop {gop}: \
                 fps is 0.1-240, bitrate 10000-100000000, gop at least 1"
            )));
        }
        Ok(())
    }

    fn settings(&self) -> encode::Settings {
        let Settings { bitrate, gop, fps, .. } = self.settings;
        encode::Settings { bitrate, gop, fps }
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
            picture.clone_from(&still);
            overlay(&mut picture, self.number, clock::wall());
            let coded = kept.encoder.encode(&picture, keyframe).map_err(failed)?;
            if let Some((data, link)) = kept.assembler.assemble(&coded) {
                keyframe = false;
                if let Some(sets) = kept.assembler.parameter_sets() {
                    let bitrate = Some(self.settings.bitrate);
                    outlet.describe(vec![Track { codec: Codec::H264(sets.clone()), bitrate }], true);
                }
                outlet.publish(AccessUnit { track: TrackId(0), time: kept.grid.time(current), link, data });
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
                return;
            }
            rest(left);
        }
    }
}

impl Source for Pattern {
    fn run(&mut self, outlet: &Outlet) -> Result<(), Error> {
        self.check()?;
        outlet.wake_by(waker());
        while until_wanted(outlet) {
            outlet.starting();
            self.play(outlet)?;
            outlet.idle();
            self.linger(outlet);
        }
        Ok(())
    }
}

/// What does not move: the bars.
fn still(width: usize, height: usize) -> Picture {
    let mut picture = Picture::black(width, height);
    let bar = width.div_ceil(draw::BARS.len());
    for (index, colour) in draw::BARS.into_iter().enumerate() {
        draw::fill(&mut picture, index * bar, 0, bar, height, colour);
    }
    picture
}

/// What moves: a box, the clock (UTC) and the picture's number.
fn overlay(picture: &mut Picture, number: u64, wall: SystemTime) {
    let (width, height) = (picture.width, picture.height);
    let side = (height / 8).max(2);
    let way = (width - side.min(width)).max(1);
    // There and back again.
    let step = number as usize * (width / 160).max(1) % (2 * way);
    let left = if step < way { step } else { 2 * way - step };
    draw::fill(picture, left & !1, height * 3 / 4, side, side, draw::WHITE);
    let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs();
    let time = format!(
        "{:02}:{:02}:{:02}.{:03}",
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        since.subsec_millis()
    );
    let scale = (width / (time.len() + 2) / draw::CELL.0).max(1);
    let line = draw::CELL.1 * scale;
    let strip = 2 * line + scale;
    draw::fill(picture, scale, height / 8, (time.len() + 1) * draw::CELL.0 * scale, strip, draw::BLACK);
    draw::text(picture, 2 * scale, height / 8 + scale, scale, &time, draw::WHITE);
    draw::text(picture, 2 * scale, height / 8 + scale + line, scale, &format!("#{number}"), draw::WHITE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_cannot_be_are_refused_with_the_size() {
        let pattern = Pattern::new(Settings { width: 321, ..Settings::default() });
        assert!(pattern.check().unwrap_err().to_string().contains("321x720"));
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
