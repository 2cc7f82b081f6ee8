//! Descriptions read as cameras write them: what is needed is taken, what is odd is passed over
//! ([RFC 8866](https://www.rfc-editor.org/rfc/rfc8866)).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use crate::media::h264::ParameterSets;
use crate::media::h265;

/// Media sections that are read; no camera has so many.
const MOST_MEDIA: usize = 64;

/// What a server offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presentation {
    /// The control attribute of the whole.
    pub control: Option<String>,
    /// Its media sections, in order.
    pub media: Vec<MediaSection>,
}

/// One media section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaSection {
    /// `video`, `audio`, `application`.
    pub kind: String,
    /// The first payload type; absent where the line names none that is a number.
    pub payload_type: Option<u8>,
    /// The encoding's name in upper case: `H264`. Empty if unknown.
    pub encoding: String,
    /// Ticks a second; 0 if unknown.
    pub clock_rate: u32,
    /// The format's parameters, keys in lower case.
    pub parameters: Vec<(String, String)>,
    /// Its control attribute.
    pub control: Option<String>,
}

impl Presentation {
    /// Reads a description; where it has no media section, none is found.
    pub fn parse(text: &str) -> Self {
        let lines = || text.split(['\n', '\r']).map(str::trim).filter_map(|line| line.split_once('='));
        let mut found = Self::default();
        for (key, value) in lines() {
            if key.trim() == "m" {
                if found.media.len() == MOST_MEDIA {
                    break;
                }
                found.media.push(MediaSection::new(value));
                continue;
            }
            match (key.trim(), found.media.last_mut()) {
                ("a", Some(media)) => media.attribute(value),
                ("a", None) => {
                    if let Some(control) = attribute(value, "control") {
                        found.control = Some(control.to_owned());
                    }
                }
                _ => {}
            }
        }
        // Some cameras write a track's fmtp below another track.
        for media in found.media.iter_mut().filter(|media| media.parameters.is_empty()) {
            let formats =
                lines().filter(|(key, _)| *key == "a").filter_map(|(_, value)| attribute(value, "fmtp"));
            formats.for_each(|format| media.format(format));
        }
        found
    }
}

impl MediaSection {
    /// Of `video 0 RTP/AVP 96`. Known static types ([RFC 3551 section 6](https://www.rfc-editor.org/rfc/rfc3551#section-6))
    /// need no rtpmap.
    fn new(line: &str) -> Self {
        let mut words = line.split_ascii_whitespace();
        let kind = words.next().unwrap_or_default().to_ascii_lowercase();
        let payload_type: Option<u8> = words.nth(2).and_then(|word| word.parse().ok());
        let (encoding, clock_rate) = match payload_type {
            Some(0) => ("PCMU", 8_000),
            Some(8) => ("PCMA", 8_000),
            Some(9) => ("G722", 8_000),
            Some(10 | 11) => ("L16", 44_100),
            Some(14) => ("MPA", 90_000),
            Some(26) => ("JPEG", 90_000),
            Some(33) => ("MP2T", 90_000),
            _ => ("", 0),
        };
        Self { kind, payload_type, encoding: encoding.to_owned(), clock_rate, ..Self::default() }
    }

    fn attribute(&mut self, value: &str) {
        if let Some(control) = attribute(value, "control") {
            self.control = Some(control.to_owned());
        } else if let Some(map) = attribute(value, "rtpmap") {
            self.map(map);
        } else if let Some(format) = attribute(value, "fmtp") {
            self.format(format);
        }
    }

    /// `96 H264/90000`
    fn map(&mut self, map: &str) {
        let Some((number, encoding)) = map.split_once(char::is_whitespace) else { return };
        if number.parse().ok() != self.payload_type || self.payload_type.is_none() {
            return;
        }
        let mut parts = encoding.trim().split('/');
        self.encoding = parts.next().unwrap_or_default().trim().to_ascii_uppercase();
        if let Some(rate) = parts.next().and_then(|rate| rate.trim().parse().ok()) {
            self.clock_rate = rate;
        }
    }

    /// `96 packetization-mode=1;sprop-parameter-sets=...`
    fn format(&mut self, format: &str) {
        let Some((number, parameters)) = format.split_once(char::is_whitespace) else { return };
        if number.parse().ok() != self.payload_type || self.payload_type.is_none() {
            return;
        }
        let parameters = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
        self.parameters = parameters
            .map(|(key, value)| (key.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
    }

    /// One of the format's parameters.
    pub fn parameter(&self, key: &str) -> Option<&str> {
        self.parameters.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// H.264's `sprop-parameter-sets` ([RFC 6184 section 8.1](https://www.rfc-editor.org/rfc/rfc6184#section-8.1)),
    /// if both sets are there.
    pub fn parameter_sets(&self) -> Option<ParameterSets> {
        let text = self.parameter("sprop-parameter-sets").filter(|_| self.encoding == "H264")?;
        let sets: Vec<Vec<u8>> = text.split(',').filter_map(|set| decode(set.trim())).collect();
        let of_type =
            |kind: u8| sets.iter().find(|set| set.first().is_some_and(|header| header & 0x1f == kind));
        Some(ParameterSets::new(of_type(7)?, of_type(8)?))
    }

    /// H.265's parameter sets ([RFC 7798 section 7.1](https://www.rfc-editor.org/rfc/rfc7798#section-7.1)), the
    /// first of each, if all three are there.
    pub fn h265_parameter_sets(&self) -> Option<h265::ParameterSets> {
        let set = |key| {
            let text = self.parameter(key).filter(|_| self.encoding == "H265")?;
            decode(text.split(',').next()?.trim())
        };
        Some(h265::ParameterSets::new(&set("sprop-vps")?, &set("sprop-sps")?, &set("sprop-pps")?))
    }

    /// Width and height in pixels, if the parameter sets are there.
    pub fn picture_size(&self) -> Option<(u32, u32)> {
        let h264 = || self.parameter_sets()?.picture().map(|picture| (picture.width, picture.height));
        let h265 = || self.h265_parameter_sets()?.picture().map(|picture| (picture.width, picture.height));
        h264().or_else(h265)
    }
}

/// The value of `name:value`, blanks around the colon allowed.
fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (key, value) = text.split_once(':')?;
    key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text.trim_end_matches('='))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(text: &str) -> Vec<(String, Option<u8>, u32, Option<String>)> {
        let found = Presentation::parse(text);
        let of = |media: MediaSection| (media.encoding, media.payload_type, media.clock_rate, media.control);
        found.media.into_iter().map(of).collect()
    }

    #[test]
    fn what_is_needed_is_taken() {
        let text = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nt=0 0\r\na=control:*\r\n\
            m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
            a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHgE=,aAI=\r\na=control:trackID=0\r\n\
            m=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\n";
        let found = Presentation::parse(text);
        assert_eq!(found.control.as_deref(), Some("*"));
        assert_eq!(
            summary(text),
            [
                ("H264".into(), Some(96), 90_000, Some("trackID=0".into())),
                ("PCMU".into(), Some(0), 8_000, Some("trackID=1".into()))
            ]
        );
        let sets = found.media[0].parameter_sets().unwrap();
        assert_eq!((sets.sps(), sets.pps()), (&[0x67, 0x42, 0xc0, 0x1e, 1][..], &[0x68, 2][..]));
    }

    #[test]
    fn what_cameras_write_is_read_all_the_same() {
        let h264 = |control: &str| ("H264".to_owned(), Some(96), 90_000, Some(control.to_owned()));
        for (odd, text) in [
            ("bare line feeds, no last one", "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=control:x"),
            (
                "no origin, two names, a bad address",
                "s=a\ns=b\nc=IN\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=control:x\n",
            ),
            ("blanks", "m=video 0  RTP/AVP  96 \r\na=rtpmap : 96  h264/90000 \r\na=control: x \r\n"),
            (
                "ports and lists",
                "m=video 49170/2 RTP/AVP 96 97\r\na=rtpmap:97 VP8/90000\r\na=rtpmap:96 H264/90000\r\na=control:x\r\n",
            ),
            ("a lone carriage return", "m=video 0 RTP/AVP 96\ra=rtpmap:96 H264/90000\r\r\na=control:x\r\n"),
        ] {
            assert_eq!(summary(text), [h264("x")], "{odd}");
        }
        let tplink = "m=application/TP-LINK 0 RTP/AVP smart/1/90000\na=control:y\n";
        assert_eq!(summary(tplink), [(String::new(), None, 0, Some("y".into()))]);
    }

    #[test]
    fn a_format_below_another_track_is_found() {
        let text = "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\nm=audio 0 RTP/AVP 8\n\
            a=fmtp:96 profile-level-id=42C01E;sprop-parameter-sets=Z0LAHgE,aAI=\n";
        assert!(Presentation::parse(text).media[0].parameter_sets().is_some());
    }

    #[test]
    fn garbage_gives_nothing() {
        for text in
            ["", "m", "m=", "a=rtpmap:96 H264/90000", "m=video\na=rtpmap:\na=fmtp:96\na=control", "=\n=="]
        {
            let found = Presentation::parse(text);
            assert!(found.media.iter().all(|media| media.clock_rate == 0), "{text}");
        }
        assert_eq!(Presentation::parse(&"m=video 0 RTP/AVP 96\n".repeat(1000)).media.len(), MOST_MEDIA);
    }
}
