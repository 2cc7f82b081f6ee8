//! The one list of what has to be true of what a client saw.

use std::collections::BTreeSet;

use super::clients::{Heard, Looks, Seen, Times};
use super::source::{Content, Expected, OFF, Source};

/// Pictures that every client receives at least.
pub(super) const PICTURES: usize = 100;

/// Sound frames that come with them at least: 3 s at 16 kHz, three rounds of the file.
pub(super) const FRAMES: usize = 47;

/// Holds what a client saw against its source.
pub(super) fn judge(seen: &Seen, source: &Source) -> Result<(), String> {
    if !seen.complaints.is_empty() {
        return Err(format!("it said: {}", seen.complaints.join("\n")));
    }
    if seen.pictures < PICTURES {
        return Err(format!("{} pictures", seen.pictures));
    }
    match (&source.content, &seen.times) {
        (Content::Grid(rate) | Content::Loop { rate, .. }, Some(times)) => {
            on_the_grid(times.seconds(), *rate)?
        }
        (Content::File(file), Some(Times::Decoding(times))) => follows(times, &file.times, file.period)?,
        (Content::File(file), Some(Times::Shown(times))) => {
            let mut shown = file.times.clone();
            shown.sort_by(f64::total_cmp);
            follows(times, &shown, file.period)?;
        }
        (_, None) => {}
    }
    if let (Some(got), Some(sent)) = (&seen.stream, source.content.stream()) {
        let (sent, got) = (source.coding.pieces(sent)?, source.coding.pieces(got)?);
        repeats(&got, &sent, PICTURES).map_err(|error| format!("{}: {error}", source.coding.compared()))?;
    }
    if let (Some(looks), Some(sent)) = (&seen.looks, source.content.stream()) {
        let count = source.coding.pieces(sent)?.len();
        looks_alike(looks, count).map_err(|error| format!("looks: {error}"))?;
    }
    match (&source.content, &seen.sound) {
        (Content::File(file), Some(heard)) => sounds(heard, file).map_err(|error| format!("sound: {error}")),
        _ => Ok(()),
    }
}

/// A kind of evidence, where the source has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    Times,
    /// NAL units, or how JPEGs look.
    Pictures,
    Sound,
    SoundTimes,
    SoundFrames,
}

/// What a client did not tell of a source.
pub(super) fn missing(seen: &Seen, source: &Source) -> Vec<Evidence> {
    let heard = seen.sound.as_ref();
    let told = [
        (Evidence::Times, seen.times.is_some()),
        (Evidence::Pictures, seen.stream.is_some() || seen.looks.is_some()),
        (Evidence::Sound, !source.sound || heard.is_some()),
        (Evidence::SoundTimes, heard.is_none_or(|heard| heard.times.is_some())),
        (Evidence::SoundFrames, heard.is_none_or(|heard| heard.frames.is_some())),
    ];
    told.into_iter().filter(|(_, told)| !told).map(|(evidence, _)| evidence).collect()
}

fn sounds(heard: &Heard, file: &Expected) -> Result<(), String> {
    let Some(sound) = &file.sound else { return Ok(()) };
    if heard.count < FRAMES {
        return Err(format!("{} frames", heard.count));
    }
    if let Some(times) = &heard.times {
        follows(times, &sound.times, file.period)?;
    }
    heard.frames.as_ref().map_or(Ok(()), |frames| repeats(frames, &sound.frames, FRAMES))
}

/// What was shown is what the same decoder makes of the file, of which no two pictures look alike.
fn looks_alike(looks: &Looks, count: usize) -> Result<(), String> {
    let told = looks.of_the_file.iter().collect::<BTreeSet<_>>().len();
    if told != count || looks.of_the_file.len() != count {
        return Err(format!("{told} of the file's {count}"));
    }
    repeats(&looks.shown, &looks.of_the_file, PICTURES)
}

/// Each time is on the grid and after the one before.
fn on_the_grid(times: &[f64], rate: f64) -> Result<(), String> {
    let place = |time: &f64| {
        let place = (time - times[0]) * rate;
        let off = (place - place.round()).abs() / rate;
        if off <= OFF { Ok(place.round() as i64) } else { Err(format!("{time} s is off the source's grid")) }
    };
    let places = times.iter().map(place).collect::<Result<Vec<i64>, String>>()?;
    match places.windows(2).find(|pair| pair[1] <= pair[0]) {
        Some(pair) => Err(format!("picture {} of the grid comes after {}", pair[1], pair[0])),
        None => Ok(()),
    }
}

/// The times are the expected ones, from some place on, round after round.
fn follows(times: &[f64], expected: &[f64], period: f64) -> Result<(), String> {
    let at = |place: usize| expected[place % expected.len()] + period * (place / expected.len()) as f64;
    let wrong_from = |start: usize| {
        let off = |index: usize| times[index] - times[0] - (at(start + index) - at(start));
        let wrong = (0..times.len()).find(|index| off(*index).abs() > OFF)?;
        Some((wrong, off(wrong)))
    };
    let mut starts = Vec::new();
    for start in 0..expected.len() {
        match wrong_from(start) {
            Some(wrong) => starts.push(wrong),
            None => return Ok(()),
        }
    }
    let (index, off) = starts.into_iter().max_by_key(|(index, _)| *index).ok_or("no times are expected")?;
    Err(format!("time {index} is {off:.4} s off"))
}

/// What was got is what was sent, from some place on, round after round.
fn repeats<One: PartialEq<Other>, Other>(got: &[One], sent: &[Other], least: usize) -> Result<(), String> {
    if got.len() < least {
        return Err(format!("{} came", got.len()));
    }
    // The same one may stand at several places.
    let wrong_from =
        |start: usize| got.iter().zip(sent.iter().cycle().skip(start)).position(|(one, other)| one != other);
    let wrong = (0..sent.len()).map(wrong_from).collect::<Option<Vec<usize>>>();
    match wrong.map(|wrong| wrong.into_iter().max().unwrap_or_default()) {
        None => Ok(()),
        Some(0) => Err("the first is none of the file's".to_owned()),
        Some(index) => Err(format!("number {index} is not the file's")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::{Coding, ExpectedSound, jpegs};
    use super::*;

    const RATE: f64 = 30.0;

    fn source(content: Content) -> Source {
        Source { mount: "clip", coding: Coding::H264, sound: false, content }
    }

    fn seen(times: Vec<f64>, stream: &[u8]) -> Seen {
        Seen {
            pictures: times.len(),
            times: Some(Times::Decoding(times)),
            stream: Some(stream.to_vec()),
            looks: None,
            sound: None,
            complaints: Vec::new(),
        }
    }

    #[test]
    fn the_judge_bites() {
        let clip = std::fs::read("tests/fixtures/bitstreams/clip.h264").unwrap();
        let times = (0..60).map(|picture| f64::from(picture) / RATE).collect();
        let file = Expected { stream: clip.clone(), times, sound: None, period: 2.0 };
        let (file, grid) = (source(Content::File(file)), source(Content::Grid(RATE)));
        let good: Vec<f64> = (0..120).map(|picture| 7.0 + f64::from(picture) / RATE).collect();
        let twice = clip.repeat(2);
        assert_eq!(judge(&seen(good.clone(), &twice), &file), Ok(()));
        let mut late = good.clone();
        late[50] += 0.0015;
        assert!(judge(&seen(late.clone(), &twice), &grid).unwrap_err().contains("off the source's grid"));
        assert!(judge(&seen(late, &twice), &file).unwrap_err().contains("time 50 is 0.0015"));
        let mut missing = good.clone();
        missing.remove(50);
        assert!(judge(&seen(missing.clone(), &twice), &file).unwrap_err().contains("time 50 is"));
        assert_eq!(judge(&seen(missing, &twice), &grid), Ok(()));
        let mut damaged = twice.clone();
        damaged[60_000] ^= 1;
        assert!(judge(&seen(good.clone(), &damaged), &file).unwrap_err().contains("not the file's"));
        assert!(judge(&seen(good[..99].to_vec(), &twice), &grid).unwrap_err().contains("99 pictures"));
    }

    #[test]
    fn the_judge_of_jpegs_bites() {
        if !super::super::has("ffmpeg", &["-version"]) {
            return;
        }
        let stream = jpegs("tests/fixtures/bitstreams/loop.mjpeg");
        let content = Content::Loop { stream: stream.clone(), rate: 25.0 };
        let source = Source { coding: Coding::Jpeg, ..source(content) };
        let times: Vec<f64> = (0..100).map(|picture| f64::from(picture) / 25.0).collect();
        assert_eq!(judge(&seen(times.clone(), &stream.repeat(10)), &source), Ok(()));
        let damaged_at = |at: usize| {
            let mut damaged = stream.repeat(10);
            damaged[5 * stream.len() + at] ^= 1;
            judge(&seen(times.clone(), &damaged), &source).unwrap_err()
        };
        let (table, scan) = (0x19, 1000);
        let said = damaged_at(table);
        assert!(said.starts_with("looks: number 5"), "{said}");
        // Another look, or none at all, depending on the bit.
        damaged_at(scan);
        let files: Vec<String> = (0..10).map(|number| number.to_string()).collect();
        let looking = |shown: Vec<String>, of_the_file: Vec<String>| Seen {
            stream: None,
            looks: Some(Looks { shown, of_the_file }),
            ..seen(times.clone(), &[])
        };
        let shown: Vec<String> = files.iter().cycle().take(100).cloned().collect();
        assert_eq!(judge(&looking(shown.clone(), files.clone()), &source), Ok(()));
        let twice = shown[..20].to_vec();
        assert!(judge(&looking(shown.clone(), twice), &source).unwrap_err().contains("10 of the file's 10"));
        let mut swapped = shown;
        swapped.swap(50, 51);
        assert!(judge(&looking(swapped, files), &source).unwrap_err().contains("number 50"));
    }

    #[test]
    fn the_judge_of_sound_and_of_pictures_out_of_order_bites() {
        let times = vec![0.0, 0.12, 0.04, 0.08];
        let sounds: Vec<Vec<u8>> = (0..5).map(|number| vec![number; 3]).collect();
        let sound =
            ExpectedSound { frames: sounds.clone(), times: (0..5).map(|n| f64::from(n) * 0.032).collect() };
        let file = Expected { stream: Vec::new(), times: times.clone(), sound: Some(sound), period: 0.16 };
        let source = Source { sound: true, ..source(Content::File(file)) };
        let good = |count: usize| Seen {
            pictures: 100,
            times: Some(Times::Decoding((0..100).map(|n| times[n % 4] + 0.16 * (n / 4) as f64).collect())),
            stream: None,
            looks: None,
            sound: Some(Heard {
                count,
                times: Some((0..count).map(|n| n as f64 * 0.032).collect()),
                frames: Some((2..count + 2).map(|n| sounds[n % 5].clone()).collect()),
            }),
            complaints: Vec::new(),
        };
        assert_eq!(judge(&good(50), &source), Ok(()));
        assert!(judge(&good(46), &source).unwrap_err().contains("sound: 46 frames"));
        let Some(Times::Decoding(decoding)) = good(50).times else { panic!("in order of decoding") };
        let shown = Seen { times: Some(Times::Shown(decoding.clone())), ..good(50) };
        assert!(judge(&shown, &source).unwrap_err().contains("time 1 is"));
        let sorted = {
            let mut sorted = decoding;
            sorted.sort_by(f64::total_cmp);
            sorted
        };
        assert_eq!(judge(&Seen { times: Some(Times::Shown(sorted)), ..good(50) }, &source), Ok(()));
        let mut heard = good(50);
        heard.sound.as_mut().unwrap().frames.as_mut().unwrap().remove(20);
        assert!(judge(&heard, &source).unwrap_err().contains("number 20 is not the file's"));
        let mut heard = good(50);
        heard.sound.as_mut().unwrap().times.as_mut().unwrap()[30] += 0.0011;
        assert!(judge(&heard, &source).unwrap_err().contains("sound: time 30 is 0.0011"));
    }
}
