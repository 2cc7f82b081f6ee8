//! The instants at which pictures are due.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Error;
use crate::media::MediaTime;

/// Pictures a second that a grid can have.
const RATES: RangeInclusive<f64> = 0.1..=1000.0;

/// Holds a rate that was asked for against what can be.
///
/// # Errors
/// It cannot be: in a sentence.
pub(crate) fn check_fps(fps: Option<f64>) -> Result<(), Error> {
    match fps {
        Some(fps) if !RATES.contains(&fps) => {
            Err(Error::new(format!("fps: {fps} is not between {} and {}", RATES.start(), RATES.end())))
        }
        _ => Ok(()),
    }
}

/// Instants of one rate from a start on. Each is computed from its number: nothing accumulates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    start: MediaTime,
    /// Pictures in 1 000 s.
    rate: u64,
}

impl Grid {
    /// A grid of `fps` pictures a second; rates are held to 0.001 and to 0.1..=1000.
    pub(super) fn new(start: MediaTime, fps: f64) -> Self {
        Self { start, rate: (fps.clamp(*RATES.start(), *RATES.end()) * 1000.0).round() as u64 }
    }

    /// When picture `number` is due.
    pub(super) fn time(&self, number: u64) -> MediaTime {
        let nanos = u128::from(number) * 1_000_000_000_000 / u128::from(self.rate);
        self.start + Duration::from_nanos(nanos as u64)
    }

    /// The number of the last picture due at `now`.
    pub(super) fn number(&self, now: MediaTime) -> u64 {
        (now.since(self.start).as_nanos() * u128::from(self.rate) / 1_000_000_000_000) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_ntsc_pictures_does_not_drift() {
        let grid = Grid::new(MediaTime::from_nanos(7), 29.97);
        let day = 86_400;
        let pictures = 2997 * day / 100;
        assert_eq!(grid.time(pictures).since(MediaTime::from_nanos(7)), Duration::from_secs(day));
        assert_eq!(grid.number(grid.time(pictures) + Duration::from_nanos(1)), pictures);
    }
}
