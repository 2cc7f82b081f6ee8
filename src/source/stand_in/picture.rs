//! The picture that is shown: the last one, or the last keyframe, darkened, with a line on it; or as it was.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::encode::{self, draw};
use crate::media::h264::{Assembler, PixelAspect};
use crate::media::{self, AccessUnit, EncoderError, Link, MediaTime};

/// A keyframe every second takes no more than this.
const BITRATE: u32 = 1_500_000;

/// Reading two clocks takes time, and a clock that is set right by and by is not another: what is written stays.
const SAME: Duration = Duration::from_secs(2);

/// What is shown, again and again.
pub(super) enum Picture {
    /// What was made of it, and needs neither pixels nor an encoder any more.
    Marked(Marked),
    /// What cannot be marked, or is not yet.
    AsItWas(AccessUnit),
}

/// A picture with a line on it.
#[derive(Clone)]
pub(super) struct Marked {
    /// The same twice, by turns: an IDR picture is told from the one before it by its number
    /// (`idr_pic_id`, ITU-T H.264 section 7.4.3).
    units: [AccessUnit; 2],
    /// It is what the source left, and no keyframe.
    left: bool,
    /// What is written on it.
    since: SystemTime,
}

/// What a marked picture is made of.
pub(super) enum Unmarked {
    /// The last keyframe, whose pixels the source may have `left` later ones than.
    Last { last: AccessUnit, left: Option<media::Picture> },
    /// What has a line on it already that is not true any more.
    Again(Marked),
}

impl Unmarked {
    /// Draws the line. It takes about [`bytes`] while it lasts, and of the processor as much as some pictures.
    ///
    /// # Errors
    /// It cannot be decoded or coded here.
    pub(super) fn mark(self, since: SystemTime) -> Result<Marked, EncoderError> {
        let (last, left, mut picture) = match self {
            Self::Last { last, left: Some(mut picture) } => {
                darken(&mut picture);
                (last, true, picture)
            }
            Self::Last { last, left: None } => {
                let mut picture = encode::decode_h264(&last.data)?;
                darken(&mut picture);
                (last, false, picture)
            }
            Self::Again(Marked { units: [unit, _], left, .. }) => {
                let picture = encode::decode_h264(&unit.data)?;
                (unit, left, picture)
            }
        };
        write(&mut picture, &line(since));
        let aspect = PixelAspect::of(&last.data);
        let settings =
            encode::Settings { bitrate: BITRATE, gop: 1, fps: 1.0, level: None, full_range: false };
        let mut encoder = encode::h264(settings)?;
        let mut assembler = Assembler::new();
        let mut code = || {
            let mut unit = None;
            encoder.encode(&picture, true, &mut |pieces| unit = assembler.assemble_pieces(pieces))?;
            let (data, link) = unit
                .filter(|(_, link)| *link == Link::Start)
                .ok_or_else(|| EncoderError("it made no keyframe".to_owned()))?;
            // The encoder has no way to say it.
            let data = aspect.map_or(data.clone(), |aspect| aspect.written_into(&data).into());
            Ok(AccessUnit { track: last.track, time: last.time, link, journey: None, data })
        };
        Ok(Marked { units: [code()?, code()?], left, since })
    }
}

/// What it takes to mark a picture of that size, while it lasts: by measurement, with openh264 on both ways.
pub(super) fn bytes((width, height): (u32, u32)) -> u64 {
    u64::from(width) * u64::from(height) * 18 + (1 << 20)
}

impl Picture {
    /// The access unit to show `now`.
    pub(super) fn next(&mut self, now: MediaTime) -> AccessUnit {
        let unit = match self {
            Self::AsItWas(last) => last,
            Self::Marked(marked) => {
                marked.units.swap(0, 1);
                &marked.units[0]
            }
        };
        AccessUnit { time: now, journey: None, ..unit.clone() }
    }

    /// Whether it has another line on it than `instant`, which the wall clock says by now of when the signal went.
    pub(super) fn is_outdated(&self, instant: SystemTime) -> bool {
        matches!(self, Self::Marked(marked) if apart(instant, marked.since) > SAME)
    }

    /// What it is, in words.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Marked(Marked { left: true, .. }) => "the last picture, with a line that says since when",
            Self::Marked(_) => "the last keyframe, with a line that says since when",
            Self::AsItWas(_) => "the last keyframe, as it was",
        }
    }
}

/// Since when, in the hours of UTC: a board may know no other.
fn line(since: SystemTime) -> String {
    let minutes = since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 60;
    format!("NO SIGNAL SINCE {:02}:{:02} UTC", minutes / 60 % 24, minutes % 60)
}

fn apart(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|backwards| backwards.duration())
}

fn darken(picture: &mut media::Picture) {
    for luma in &mut picture.luma {
        *luma = 16 + luma.saturating_sub(16) / 2;
    }
}

/// Writes a line into the picture's middle, as wide as fits, over one of the same length that may be there.
fn write(picture: &mut media::Picture, line: &str) {
    let (cell_width, cell_height) = draw::CELL;
    let scale = (picture.width / ((line.len() + 2) * cell_width)).max(1);
    let (width, height) = (line.len() * cell_width * scale, cell_height * scale);
    let left = picture.width.saturating_sub(width) / 2;
    let top = picture.height.saturating_sub(height) / 2;
    let band = top.saturating_sub(height / 2) & !1;
    draw::fill(picture, 0, band, picture.width, height * 2, draw::BLACK);
    draw::text(picture, left, top, scale, line, draw::WHITE);
}

#[cfg(feature = "soft-h264")]
#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::media::TrackId;

    fn keyframe() -> AccessUnit {
        let mut picture = media::Picture::black(320, 240);
        draw::fill(&mut picture, 0, 0, 320, 240, draw::BARS[0]);
        let settings =
            encode::Settings { bitrate: BITRATE, gop: 1, fps: 1.0, level: None, full_range: false };
        let coded = encode::h264(settings).unwrap().coded(&picture, true).unwrap();
        AccessUnit {
            track: TrackId(0),
            time: MediaTime::default(),
            link: Link::Start,
            journey: None,
            data: coded.into(),
        }
    }

    fn last(left: Option<media::Picture>) -> Unmarked {
        Unmarked::Last { last: keyframe(), left }
    }

    #[test]
    fn the_last_keyframe_is_darkened_and_says_since_when() {
        let since = UNIX_EPOCH + Duration::from_secs(14 * 3600 + 2 * 60);
        let mut shown = Picture::Marked(last(None).mark(since).unwrap());
        let units = [7, 8, 9, 10].map(|time| shown.next(MediaTime::from_nanos(time)));
        assert_eq!((units[0].time, units[0].link), (MediaTime::from_nanos(7), Link::Start));
        assert!(expected("NO SIGNAL SINCE 14:02 UTC").luma.contains(&235), "something is written");
        for unit in &units {
            let off = off(unit, "NO SIGNAL SINCE 14:02 UTC");
            assert!(off < 3.0, "three levels of 220 a pixel for the coding: {off}");
        }
        for pair in units.windows(2) {
            assert_ne!(pair[0].data, pair[1].data, "two IDR pictures in a row have different numbers");
        }
    }

    #[test]
    fn pixels_are_as_wide_as_those_of_the_source() {
        let aspect = PixelAspect::new(484, 483).unwrap();
        let keyframe = keyframe();
        assert_eq!(PixelAspect::of(&keyframe.data), None);
        let data: Arc<[u8]> = aspect.written_into(&keyframe.data).into();
        for left in [None, Some(media::Picture::black(320, 240))] {
            let last = AccessUnit { data: data.clone(), ..keyframe.clone() };
            let marked = Unmarked::Last { last, left }.mark(UNIX_EPOCH).unwrap();
            let again = Unmarked::Again(marked.clone()).mark(UNIX_EPOCH + SAME).unwrap();
            for unit in marked.units.iter().chain(&again.units) {
                assert_eq!(PixelAspect::of(&unit.data), Some(aspect));
            }
        }
    }

    #[test]
    fn a_picture_that_the_source_left_is_shown_instead_of_an_older_keyframe() {
        let since = UNIX_EPOCH + Duration::from_secs(14 * 3600 + 2 * 60);
        let mut left = media::Picture::black(320, 240);
        draw::fill(&mut left, 0, 0, 160, 240, draw::BARS[0]);
        let mut shown = Picture::Marked(last(Some(left.clone())).mark(since).unwrap());
        assert_eq!(shown.name(), "the last picture, with a line that says since when");
        let unit = shown.next(MediaTime::from_nanos(7));
        let line = "NO SIGNAL SINCE 14:02 UTC";
        assert!(apart_from(&unit, &marked(left, line)) < 3.0);
        assert!(off(&unit, line) > 20.0, "it is not the keyframe");
    }

    fn expected(line: &str) -> media::Picture {
        let mut expected = media::Picture::black(320, 240);
        draw::fill(&mut expected, 0, 0, 320, 240, draw::BARS[0]);
        marked(expected, line)
    }

    fn marked(mut expected: media::Picture, line: &str) -> media::Picture {
        darken(&mut expected);
        write(&mut expected, line);
        expected
    }

    /// How far what is seen is from the keyframe with a line on it: levels of luma a pixel.
    fn off(unit: &AccessUnit, line: &str) -> f64 {
        apart_from(unit, &expected(line))
    }

    fn apart_from(unit: &AccessUnit, expected: &media::Picture) -> f64 {
        let seen = encode::decode_h264(&unit.data).unwrap();
        let off =
            seen.luma.iter().zip(&expected.luma).map(|(seen, expected)| f64::from(seen.abs_diff(*expected)));
        off.sum::<f64>() / (320.0 * 240.0)
    }

    #[test]
    fn a_clock_that_steps_is_told_the_time_anew() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        // Since two minutes after 1970 began, as long as the board knows no better.
        let mut shown = Picture::Marked(last(None).mark(at(120)).unwrap());
        let lines = ["00:02", "14:05", "13:05", "14:04"].map(|time| format!("NO SIGNAL SINCE {time} UTC"));
        for (since, steps, line) in [
            (121, false, 0),
            (1_795_615_500, true, 1),
            (1_795_615_499, false, 1),
            (1_795_611_900, true, 2),
            (1_795_615_440, true, 3),
        ] {
            assert_eq!(shown.is_outdated(at(since)), steps, "{since}");
            if let Picture::Marked(marked) = &shown
                && steps
            {
                shown = Picture::Marked(Unmarked::Again(marked.clone()).mark(at(since)).unwrap());
            }
            let unit = shown.next(MediaTime::default());
            let nearest = lines.iter().min_by(|one, other| off(&unit, one).total_cmp(&off(&unit, other)));
            assert_eq!(nearest, Some(&lines[line]), "{since}");
            assert!(off(&unit, &lines[line]) < 5.0, "it is coded once more each time");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_shown_as_it_was() {
        let broken = AccessUnit { data: [0, 0, 0, 1, 0x65, 1, 2, 3][..].into(), ..keyframe() };
        assert!(Unmarked::Last { last: broken.clone(), left: None }.mark(UNIX_EPOCH).is_err());
        let mut shown = Picture::AsItWas(broken.clone());
        assert_eq!(shown.next(MediaTime::from_nanos(7)).data, broken.data);
        assert!(!shown.is_outdated(UNIX_EPOCH));
    }
}
