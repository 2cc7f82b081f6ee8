//! Where a file's rounds, one after the other, lie on the media clock: arithmetic alone.

use std::cmp::Ordering;
use std::num::NonZeroU32;

use crate::media::MediaTime;
use crate::source::Error;

/// Times of this many ticks and more are nobody's: 104 days of nanoseconds.
const FURTHEST: i64 = i64::MAX / 1024;

/// A shorter round would be opened and read without end.
const SHORTEST: i128 = 10_000_000;

/// What one track has begun again while another has not ended is due late by so much, at most: sound that begins
/// before its picture by what its coder primes itself with.
const OVERLAP: i128 = 64_000_000;

/// Access units that a round may have beside one a millisecond.
const AT_ONCE: u64 = 1000;

const NANOSECONDS: NonZeroU32 = NonZeroU32::new(1_000_000_000).unwrap();

/// A length of time in ticks of a track's own clock: exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticks {
    count: i64,
    scale: NonZeroU32,
}

/// When an access unit is decoded and shown, and how long, in ticks of its track's clock; counted from
/// where the file's presentation begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) decoded: i64,
    pub(super) shown: i64,
    pub(super) duration: i64,
    /// Ticks a second.
    pub(super) scale: NonZeroU32,
}

/// What one round had of a track.
#[derive(Clone, Copy, Debug)]
struct Span {
    scale: NonZeroU32,
    first: i64,
    first_shown: i64,
    end: i64,
    end_shown: i64,
}

/// The rounds of a file. Rounds of one length make an era, whose every round begins at a multiple of that
/// length: nothing accumulates.
#[derive(Debug)]
pub(super) struct Rounds {
    /// Nanoseconds at which the presentation of the era's first round begins; its decoding may begin before.
    era: i128,
    /// Rounds of this era before this one.
    number: u64,
    /// Of the era's rounds, once one has ended.
    length: Option<Ticks>,
    spans: Vec<Option<Span>>,
    first: (usize, Times),
    units: u64,
    due: i128,
}

impl Ticks {
    fn nanos(self) -> i128 {
        times(self, 1)
    }
}

/// A multiple of a length, in nanoseconds.
fn times(ticks: Ticks, factor: u64) -> i128 {
    (i128::from(ticks.count) * i128::from(factor) * 1_000_000_000).div_euclid(i128::from(ticks.scale.get()))
}

impl PartialOrd for Ticks {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let product = |one: &Self, two: &Self| i128::from(one.count) * i128::from(two.scale.get());
        Some(product(self, other).cmp(&product(other, self)))
    }
}

impl Times {
    /// When it is decoded.
    pub(super) fn decoding(&self) -> Ticks {
        Ticks { count: self.decoded, scale: self.scale }
    }

    fn showing(&self) -> Ticks {
        Ticks { count: self.shown, scale: self.scale }
    }

    fn sound(&self) -> bool {
        [self.decoded, self.shown, self.duration].iter().all(|count| (-FURTHEST..FURTHEST).contains(count))
    }
}

impl Span {
    fn of(times: &Times) -> Self {
        let Times { decoded, shown, scale, .. } = *times;
        Self { scale, first: decoded, first_shown: shown, end: decoded, end_shown: shown }
    }

    fn take(&mut self, times: &Times) {
        self.first_shown = self.first_shown.min(times.shown);
        self.end = self.end.max(times.decoded + times.duration);
        self.end_shown = self.end_shown.max(times.shown + times.duration);
    }

    fn length(&self) -> Ticks {
        let count = (self.end - self.first).max(self.end_shown - self.first_shown);
        Ticks { count, scale: self.scale }
    }

    fn end(&self) -> Ticks {
        Ticks { count: self.end.max(self.end_shown), scale: self.scale }
    }

    /// When it is shown: from and to, in nanoseconds.
    fn showing(&self) -> (i128, i128) {
        let nanos = |count| Ticks { count, scale: self.scale }.nanos();
        (nanos(self.first_shown), nanos(self.end_shown))
    }
}

/// How long a round of these tracks is: as long as the longest of them, so that it has no seam; but from the first
/// beginning to the last end where they begin apart, since what is read behind that would be due long before.
fn round<'a>(spans: impl Iterator<Item = &'a Span> + Clone) -> Option<Ticks> {
    let longest = spans.clone().map(Span::length).reduce(longer)?;
    let (first, end) = spans.map(Span::showing).reduce(|one, two| (one.0.min(two.0), one.1.max(two.1)))?;
    let apart = end - first > longest.nanos() + OVERLAP;
    let whole = i64::try_from(end - first).ok().filter(|_| apart);
    Some(whole.map_or(longest, |count| Ticks { count, scale: NANOSECONDS }))
}

impl Rounds {
    /// Rounds of a file that begins with the access unit `first` of its track number `track`, and of which
    /// the one decoded at `start` is due `now`.
    pub(super) fn new(now: MediaTime, (track, first): (usize, Times), start: Times) -> Self {
        let now = i128::from(now.as_nanos());
        let era = now - start.decoding().nanos();
        Self { era, number: 0, length: None, spans: Vec::new(), first: (track, first), units: 0, due: now }
    }

    /// The next access unit of this round is left out, and takes its time all the same.
    ///
    /// # Errors
    /// As [`Rounds::place`].
    pub(super) fn pass(&mut self, track: usize, times: &Times) -> Result<(), Error> {
        if !times.sound() {
            return Err(Error::new("its times are absurd; is it damaged?"));
        }
        let since = times.decoding().nanos() - self.first.1.decoding().nanos();
        self.units += 1;
        if i128::from(self.units.saturating_sub(AT_ONCE)) > since / 1_000_000 {
            return Err(Error::new("it has more than 1000 access units a second; are its times wrong?"));
        }
        if self.spans.len() <= track {
            self.spans.resize(track + 1, None);
        }
        self.spans[track].get_or_insert_with(|| Span::of(times)).take(times);
        Ok(())
    }

    /// When the next access unit of this round is due, never before the last one, and the time at which it
    /// is shown.
    ///
    /// # Errors
    /// The file's times are absurd, or so many access units are due at once that they are no stream.
    pub(super) fn place(&mut self, track: usize, times: &Times) -> Result<(MediaTime, MediaTime), Error> {
        self.pass(track, times)?;
        let origin = self.origin();
        self.due = self.due.max(origin + times.decoding().nanos());
        Ok((instant(self.due), instant(origin + times.showing().nanos())))
    }

    /// The round is over; the next one begins with this access unit of track number `track`. It follows
    /// without a gap in the longest track where the file is the same and its tracks begin together, else when all of
    /// it has been shown.
    ///
    /// # Errors
    /// The round had no length.
    pub(super) fn again(&mut self, track: usize, first: Times) -> Result<(), Error> {
        let spans = self.spans.iter().flatten();
        let length = round(spans.clone());
        let end = spans.map(Span::end).reduce(longer);
        let length = length.filter(|length| length.nanos() >= SHORTEST);
        let (Some(length), Some(end)) = (length, end) else {
            return Err(Error::new("it is shorter than 10 ms; a longer file is needed"));
        };
        if (track, first) != self.first {
            self.era = self.origin() + end.nanos() - first.showing().nanos();
            (self.number, self.length) = (0, None);
        } else if self.length.is_none_or(|known| known == length) {
            self.length = Some(length);
            self.number += 1;
        } else {
            self.era = self.origin() + length.nanos();
            (self.number, self.length) = (0, None);
        }
        self.spans.clear();
        self.first = (track, first);
        self.units = 0;
        Ok(())
    }

    /// When the presentation of this round begins.
    fn origin(&self) -> i128 {
        self.era + self.length.map_or(0, |length| times(length, self.number))
    }
}

fn longer(one: Ticks, two: Ticks) -> Ticks {
    if two > one { two } else { one }
}

fn instant(nanos: i128) -> MediaTime {
    MediaTime::from_nanos(nanos.clamp(0, i128::from(u64::MAX)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: MediaTime = MediaTime::from_nanos(5_000_000_000);
    const FRAME: i64 = 1001;

    fn scale(scale: u32) -> NonZeroU32 {
        NonZeroU32::new(scale).unwrap()
    }

    /// The pictures of one round at 29.97 a second, one B-picture between two others, and 48 kHz audio.
    fn file(pictures: i64, packets: i64) -> Vec<(usize, Times)> {
        let picture = |number: i64| {
            let place = if number == 0 { 0 } else { (number - 1) / 2 * 2 + 1 + number % 2 };
            let decoded = (number - 1) * FRAME;
            Times { decoded, shown: place.min(pictures - 1) * FRAME, duration: FRAME, scale: scale(30_000) }
        };
        let packet = |number| {
            let at = number * 1024;
            Times { decoded: at, shown: at, duration: 1024, scale: scale(48_000) }
        };
        let video = (0..pictures).map(|number| (0, picture(number)));
        let mut all: Vec<_> = video.chain((0..packets).map(|number| (1, packet(number)))).collect();
        all.sort_by(|one, two| one.1.decoding().partial_cmp(&two.1.decoding()).unwrap());
        all
    }

    fn play(rounds: &mut Rounds, file: &[(usize, Times)]) -> Vec<(usize, MediaTime, MediaTime)> {
        file.iter()
            .map(|(track, times)| {
                let (due, time) = rounds.place(*track, times).unwrap();
                (*track, due, time)
            })
            .collect()
    }

    #[test]
    fn an_hour_of_rounds_keeps_rtp_time_and_the_tracks_together() {
        // 10.01 s of video, 10.005 s of audio.
        let file = file(300, 469);
        let (track, first) = file[0];
        let mut rounds = Rounds::new(NOW, (track, first), first);
        let mut last = MediaTime::default();
        let start = 5_000_000_000_f64 + 1001.0 / 30_000.0 * 1e9;
        for round in 0..360 {
            for ((track, times), (_, due, time)) in file.iter().zip(play(&mut rounds, &file)) {
                assert!(due >= last, "round {round}");
                last = due;
                let scale = f64::from(times.scale.get());
                let exact = start + f64::from(round) * 10.01e9 + times.shown as f64 / scale * 1e9;
                let rate = if *track == 0 { 90_000 } else { 48_000 };
                let off = time.ticks(rate) as f64 / f64::from(rate) - exact / 1e9;
                assert!(off.abs() < 0.000_02, "round {round}, track {track}: {off} s");
            }
            rounds.again(track, first).unwrap();
        }
    }

    #[test]
    fn the_longest_track_follows_itself_without_a_gap() {
        for (pictures, packets, longest, step) in
            [(30, 20, 0, 1001.0 / 30_000.0), (10, 47, 1, 1024.0 / 48_000.0)]
        {
            let file = file(pictures, packets);
            let mut rounds = Rounds::new(NOW, file[0], file[0].1);
            let mut shown = play(&mut rounds, &file);
            rounds.again(file[0].0, file[0].1).unwrap();
            shown.extend(play(&mut rounds, &file));
            let mut times: Vec<_> =
                shown.iter().filter(|unit| unit.0 == longest).map(|unit| unit.2.as_nanos() as f64).collect();
            times.sort_by(f64::total_cmp);
            for pair in times.windows(2) {
                assert!((pair[1] - pair[0] - step * 1e9).abs() < 4.0, "{pair:?}");
            }
        }
    }

    #[test]
    fn tracks_that_begin_apart_are_whole_in_every_round() {
        for (late, other) in [(0, 1), (1, 0)] {
            // 3 s of one before 3 s of the other begin: more than half of what a round has.
            let mut file = file(90, 141);
            for (track, times) in &mut file {
                let by = if *track == late { 3 * i64::from(times.scale.get()) } else { 0 };
                (times.decoded, times.shown) = (times.decoded + by, times.shown + by);
            }
            file.sort_by(|one, two| one.1.decoding().partial_cmp(&two.1.decoding()).unwrap());
            let mut rounds = Rounds::new(NOW, file[0], file[0].1);
            let mut last = MediaTime::default();
            for round in 0..20 {
                for (track, due, shown) in play(&mut rounds, &file) {
                    assert!(due >= last, "round {round}");
                    last = due;
                    // A B-picture is shown before one that is decoded before it.
                    let behind = due.since(shown).as_millis();
                    assert!(
                        behind <= 70,
                        "round {round}: {behind} ms late in track {track} of {late} {other}"
                    );
                }
                rounds.again(file[0].0, file[0].1).unwrap();
            }
            assert!(last.since(NOW).as_secs() >= 20 * 6 - 1);
        }
    }

    #[test]
    fn another_file_begins_when_the_last_was_shown() {
        let (one, mut other) = (file(30, 0), file(9, 20));
        other.iter_mut().for_each(|(_, times)| {
            times.decoded += 1;
            times.shown += 1;
        });
        let mut rounds = Rounds::new(NOW, one[0], one[0].1);
        let before = play(&mut rounds, &one).into_iter().map(|unit| unit.2).max().unwrap();
        rounds.again(other[0].0, other[0].1).unwrap();
        let after = play(&mut rounds, &other);
        assert!(after[0].2 > before && after[0].2.since(before).as_millis() < 40);
        rounds.again(other[0].0, other[0].1).unwrap();
        assert!(play(&mut rounds, &other)[0].1 >= after.last().unwrap().1);
    }

    #[test]
    fn times_that_lead_nowhere_are_refused() {
        let still = Times { decoded: 0, shown: 0, duration: 0, scale: scale(1) };
        let mut rounds = Rounds::new(NOW, (0, still), still);
        let refused = (0..2000).find_map(|_| rounds.place(0, &still).err()).unwrap();
        assert!(refused.to_string().contains("more than 1000"), "{refused}");
        let mut rounds = Rounds::new(NOW, (0, still), still);
        rounds.place(0, &still).unwrap();
        assert!(rounds.again(0, still).unwrap_err().to_string().contains("shorter"));
        for far in [i64::MAX, i64::MIN] {
            let absurd = Times { shown: far, ..still };
            assert!(rounds.place(0, &absurd).unwrap_err().to_string().contains("absurd"));
        }
    }
}
