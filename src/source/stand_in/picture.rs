//! The picture that is shown: the last one, or the last keyframe, darkened, with a line on it; or as it was.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::encode::{self, draw};
use crate::media::h264::Assembler;
use crate::media::{self, AccessUnit, Codec, Encoder, Link, MediaTime};

/// A keyframe every second takes no more than this.
const BITRATE: u32 = 1_500_000;

/// Reading two clocks takes time, and a clock that is set right by and by is not another: what is written stays.
const SAME: Duration = Duration::from_secs(2);

/// What is shown, again and again.
pub(super) enum Picture {
    /// Coded anew each time: an IDR picture is told from the one before it by its number
    /// (`idr_pic_id`, ITU-T H.264 section 7.4.3).
    Marked {
        last: AccessUnit,
        picture: media::Picture,
        /// It is what the source left, and no keyframe.
        left: bool,
        /// What is written on it.
        since: SystemTime,
        encoder: Box<dyn Encoder>,
        assembler: Box<Assembler>,
    },
    /// What cannot be decoded here.
    AsItWas(AccessUnit),
}

impl Picture {
    /// The last keyframe of a source that has given nothing since, or the last picture if it `left` that.
    pub(super) fn new(
        last: AccessUnit,
        codec: &Codec,
        left: Option<media::Picture>,
        since: SystemTime,
    ) -> Self {
        let Codec::H264(_) = codec else { return Self::AsItWas(last) };
        let is_left = left.is_some();
        let made = left.map_or_else(|| encode::decode_h264(&last.data), Ok).and_then(|mut picture| {
            darken(&mut picture);
            write(&mut picture, &line(since));
            let settings =
                encode::Settings { bitrate: BITRATE, gop: 1, fps: 1.0, level: None, full_range: false };
            Ok((picture, encode::h264(settings)?))
        });
        match made {
            Ok((picture, encoder)) => {
                Self::Marked { last, picture, left: is_left, since, encoder, assembler: Box::default() }
            }
            Err(error) => {
                tracing::debug!(%error, "the last keyframe is shown unmarked");
                Self::AsItWas(last)
            }
        }
    }

    /// The access unit to show `now`; `instant` is what the wall clock says, by now, of when the signal went.
    pub(super) fn next(&mut self, now: MediaTime, instant: SystemTime) -> Option<AccessUnit> {
        match self {
            Self::AsItWas(last) => Some(AccessUnit { time: now, journey: None, ..last.clone() }),
            Self::Marked { last, picture, since, encoder, assembler, .. } => {
                if apart(instant, *since) > SAME {
                    *since = instant;
                    write(picture, &line(instant));
                }
                let mut unit = None;
                encoder.encode(picture, true, &mut |pieces| unit = assembler.assemble_pieces(pieces)).ok()?;
                let (data, link) = unit?;
                (link == Link::Start).then_some(AccessUnit {
                    track: last.track,
                    time: now,
                    link,
                    journey: None,
                    data,
                })
            }
        }
    }
}

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Marked { left: true, .. } => "the last picture, with a line that says since when",
            Self::Marked { .. } => "the last keyframe, with a line that says since when",
            Self::AsItWas(_) => "the last keyframe, as it was",
        })
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
    use std::time::Duration;

    use super::*;
    use crate::media::TrackId;
    use crate::media::h264::ParameterSets;

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

    #[test]
    fn the_last_keyframe_is_darkened_and_says_since_when() {
        let codec = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68]));
        let since = UNIX_EPOCH + Duration::from_secs(14 * 3600 + 2 * 60);
        let mut shown = Picture::new(keyframe(), &codec, None, since);
        let unit = shown.next(MediaTime::from_nanos(7), since).unwrap();
        assert_eq!((unit.time, unit.link), (MediaTime::from_nanos(7), Link::Start));
        assert!(off(&unit, "NO SIGNAL SINCE 14:02 UTC") < 3.0, "three levels of 220 a pixel for the coding");
        assert!(expected("NO SIGNAL SINCE 14:02 UTC").luma.contains(&235), "something is written");
        let (first, second) = (unit.data, shown.next(MediaTime::from_nanos(8), since).unwrap().data);
        assert_ne!(first, second, "two IDR pictures in a row have different numbers");
    }

    #[test]
    fn a_picture_that_the_source_left_is_shown_instead_of_an_older_keyframe() {
        let codec = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68]));
        let since = UNIX_EPOCH + Duration::from_secs(14 * 3600 + 2 * 60);
        let mut left = media::Picture::black(320, 240);
        draw::fill(&mut left, 0, 0, 160, 240, draw::BARS[0]);
        let mut shown = Picture::new(keyframe(), &codec, Some(left.clone()), since);
        assert!(shown.to_string().starts_with("the last picture,"), "{shown}");
        let unit = shown.next(MediaTime::from_nanos(7), since).unwrap();
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
        let codec = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68]));
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        // Since two minutes after 1970 began, as long as the board knows no better.
        let mut shown = Picture::new(keyframe(), &codec, None, at(120));
        let lines = ["00:02", "14:05", "13:05", "14:04"].map(|time| format!("NO SIGNAL SINCE {time} UTC"));
        for (number, since, line) in [
            (0, 121, 0),
            (1, 1_795_615_500, 1),
            (2, 1_795_615_499, 1),
            (3, 1_795_611_900, 2),
            (4, 1_795_615_440, 3),
        ] {
            let unit = shown.next(MediaTime::from_nanos(number), at(since)).unwrap();
            let nearest = lines.iter().min_by(|one, other| off(&unit, one).total_cmp(&off(&unit, other)));
            assert_eq!(nearest, Some(&lines[line]), "{since}");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_shown_as_it_was() {
        let broken = AccessUnit { data: [0, 0, 0, 1, 0x65, 1, 2, 3][..].into(), ..keyframe() };
        let codec = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68]));
        for (unit, codec) in [(broken, codec), (keyframe(), Codec::Jpeg)] {
            let mut shown = Picture::new(unit.clone(), &codec, None, UNIX_EPOCH);
            assert_eq!(shown.next(MediaTime::from_nanos(7), UNIX_EPOCH).unwrap().data, unit.data);
        }
    }
}
