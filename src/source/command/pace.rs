//! When pictures were taken, from when they came: a pipe carries no times.

use std::time::Duration;

use crate::media::MediaTime;

/// What is so far from its place is not jitter: there was a pause, or another rate.
const LOST: f64 = 1.0;

/// Of a picture's distance from its place, so much is taken into its time, and so much into the interval: a
/// second-order loop, critically damped.
const TIME: f64 = 1.0 / 8.0;
const INTERVAL: f64 = TIME * TIME / 4.0;

/// Until so many pictures came in a row, their mean rate is the interval.
const LEARNED: u32 = 16;

/// Intervals that can be: 240 pictures a second, a picture in a minute.
const SHORTEST: f64 = 1.0 / 240.0;
const LONGEST: f64 = 60.0;

/// Makes steady times of arrivals: encoding and scheduling shift those by milliseconds.
#[derive(Debug)]
pub(super) struct Pace {
    /// Seconds from a picture to the next, where it was configured.
    fixed: Option<f64>,
    run: Option<Run>,
}

/// Pictures that came without a pause.
#[derive(Clone, Copy, Debug)]
struct Run {
    began: MediaTime,
    /// Pictures so far.
    count: u32,
    last: MediaTime,
    interval: f64,
}

impl Pace {
    /// For pictures at `fps` a second, or at a rate to be found out.
    pub(super) fn new(fps: Option<f64>) -> Self {
        Self { fixed: fps.map(|fps| (1.0 / fps).clamp(SHORTEST, LONGEST)), run: None }
    }

    /// The time of the picture that began to come at `arrival`; times rise.
    pub(super) fn next(&mut self, arrival: MediaTime) -> MediaTime {
        let Some(run) = &mut self.run else { return self.begin(arrival) };
        let learning = self.fixed.is_none() && run.count < LEARNED;
        let expected = run.last.as_nanos() as f64 / 1e9 + run.interval;
        let off = arrival.as_nanos() as f64 / 1e9 - expected;
        if !learning && off.abs() > LOST.max(run.interval) {
            let last = run.last;
            return self.begin(arrival.max(last + Duration::from_millis(1)));
        }
        let time = if learning {
            let mean = arrival.since(run.began).as_secs_f64() / f64::from(run.count);
            run.interval = mean.clamp(SHORTEST, LONGEST);
            // As they came: what the rate is not known of cannot be smoothed.
            arrival.max(run.last + Duration::from_millis(1))
        } else {
            if self.fixed.is_none() {
                run.interval = (run.interval + off * INTERVAL).clamp(SHORTEST, LONGEST);
            }
            run.last
                + Duration::from_secs_f64(
                    (expected + off * TIME - run.last.as_nanos() as f64 / 1e9).max(1e-3),
                )
        };
        run.count = run.count.saturating_add(1);
        run.last = time;
        time
    }

    /// How far the last picture's time is ahead of the clock.
    pub(super) fn ahead(&self, now: MediaTime) -> Duration {
        self.run.as_ref().map_or(Duration::ZERO, |run| run.last.since(now))
    }

    fn begin(&mut self, arrival: MediaTime) -> MediaTime {
        let interval = self.fixed.or(self.run.map(|run| run.interval)).unwrap_or(SHORTEST);
        self.run = Some(Run { began: arrival, count: 1, last: arrival, interval });
        arrival
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: f64) -> MediaTime {
        MediaTime::from_duration(Duration::from_secs_f64((10_000.0 + millis) / 1e3))
    }

    /// Arrivals 40 ms apart, each late by up to `jitter` ms; the steps of the times that they get, in ms.
    fn steps(pace: &mut Pace, count: u32, jitter: f64) -> Vec<f64> {
        let mut random = 1_u64;
        let mut late = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 40) as f64 / (1_u64 << 24) as f64 * jitter
        };
        let times: Vec<_> =
            (0..count).map(|number| pace.next(at(f64::from(number) * 40.0 + late()))).collect();
        times.windows(2).map(|two| two[1].since(two[0]).as_secs_f64() * 1e3).collect()
    }

    #[test]
    fn jitter_is_taken_out_and_the_rate_is_kept() {
        for fps in [Some(25.0), None] {
            let mut pace = Pace::new(fps);
            let steps = steps(&mut pace, 1000, 20.0);
            let worst = steps[200..].iter().map(|step| (step - 40.0).abs()).fold(0.0, f64::max);
            assert!(worst < 3.0, "{fps:?}: {worst} ms of 20 are left");
            let mean = steps[200..].iter().sum::<f64>() / 799.0;
            assert!((mean - 40.0).abs() < 0.1, "{fps:?}: {mean}");
        }
    }

    #[test]
    fn a_rate_that_is_configured_wrong_does_not_run_away() {
        let mut pace = Pace::new(Some(30.0));
        let mut last = MediaTime::default();
        for number in 0..1000 {
            let arrival = at(f64::from(number) * 40.0);
            let time = pace.next(arrival);
            assert!(time > last && arrival.since(time).max(time.since(arrival)) < Duration::from_millis(60));
            last = time;
        }
    }

    #[test]
    fn after_a_pause_times_are_true_at_once_and_rise_whatever_comes() {
        let mut pace = Pace::new(None);
        for number in 0..100 {
            pace.next(at(f64::from(number) * 40.0));
        }
        assert_eq!(pace.next(at(60_000.0)), at(60_000.0));
        let burst = pace.next(at(60_000.0));
        assert!(burst > at(60_000.0), "two at once are not of one instant");
        assert!(pace.next(at(0.0)) > burst, "a clock that goes back");
    }

    #[test]
    fn a_picture_a_minute_is_on_time() {
        let mut pace = Pace::new(None);
        for number in 0..40 {
            let arrival = at(f64::from(number) * 59_000.0);
            assert!(arrival.since(pace.next(arrival)) < Duration::from_millis(100));
        }
    }
}
