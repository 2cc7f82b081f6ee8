//! How wide a pixel is for its height: in an SPS, and into one that does not say it.

use super::format;
use super::nal::{NalType, nal_units};

/// `sar_width` and `sar_height` (ITU-T H.264 section E.2.1); neither is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelAspect(u16, u16);

/// `aspect_ratio_idc` where both numbers follow: `Extended_SAR`.
const EXTENDED: u32 = 255;

impl PixelAspect {
    /// A pixel of this width for this height; `None` if one of them is 0.
    pub fn new(width: u16, height: u16) -> Option<Self> {
        (width > 0 && height > 0).then_some(Self(width, height))
    }

    /// What the SPS in an access unit of Annex B says; `None` if it says nothing.
    pub fn of(annex_b: &[u8]) -> Option<Self> {
        let sps = format::parse(nal_units(annex_b).find(|nal| is_sps(nal))?)?;
        let (width, height) = sps.vui_parameters?.aspect_ratio_info?.get()?;
        Some(Self(width, height))
    }

    /// The access unit whose SPS says so too. One that says something else, or has no VUI, stays as it is: no encoder of ours
    /// makes such.
    pub fn written_into(self, annex_b: &[u8]) -> Vec<u8> {
        let mut written = Vec::with_capacity(annex_b.len() + 8);
        for nal in nal_units(annex_b) {
            written.extend([0, 0, 0, 1]);
            match self.written_into_sps(nal) {
                Some(sps) => written.extend(sps),
                None => written.extend(nal),
            }
        }
        written
    }

    fn written_into_sps(self, nal: &[u8]) -> Option<Vec<u8>> {
        let (header, _) = nal.split_first().filter(|_| is_sps(nal))?;
        let payload = h264_reader::rbsp::decode_nal(nal).ok()?;
        let mut bits = Unread(payload.iter().flat_map(|byte| digits(u32::from(*byte), 8)).collect());
        // What follows the last one that is set fills the byte.
        bits.0.truncate(bits.0.iter().rposition(|bit| *bit)? + 1);
        let flag = bits.flag_of_aspect().filter(|flag| bits.0.get(*flag) == Some(&false))?;
        let said = digits(EXTENDED, 8).chain(digits(self.0.into(), 16)).chain(digits(self.1.into(), 16));
        bits.0.splice(flag..=flag, std::iter::once(true).chain(said));
        Some(escaped(*header, bits.0.chunks(8).map(byte)))
    }
}

fn is_sps(nal: &[u8]) -> bool {
    NalType::of(nal) == NalType::Sps
}

/// So many binary digits, the highest first.
fn digits(number: u32, count: u32) -> impl Iterator<Item = bool> {
    (0..count).rev().map(move |at| number >> at & 1 == 1)
}

fn byte(digits: &[bool]) -> u8 {
    digits.iter().enumerate().fold(0, |byte, (at, digit)| byte | u8::from(*digit) << (7 - at))
}

/// A NAL unit with what keeps its payload from looking like a start code (section 7.4.1).
fn escaped(header: u8, payload: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut nal = vec![header];
    for byte in payload {
        if byte <= 3 && nal.ends_with(&[0, 0]) {
            nal.push(3);
        }
        nal.push(byte);
    }
    nal
}

/// The bits of an SPS.
struct Unread(Vec<bool>);

impl Unread {
    /// Where `aspect_ratio_info_present_flag` is, in an SPS of Baseline, Main or Extended profile with a VUI
    /// (sections 7.3.2.1.1 and E.1.1).
    fn flag_of_aspect(&self) -> Option<usize> {
        if !matches!(byte(self.0.get(..8)?), 66 | 77 | 88) {
            return None;
        }
        // Profile, constraints and level.
        let mut at = 24;
        let _id = self.unsigned(&mut at)?;
        let _frame_num = self.unsigned(&mut at)?;
        match self.unsigned(&mut at)? {
            0 => _ = self.unsigned(&mut at)?,
            2 => {}
            _ => return None,
        }
        let _references = self.unsigned(&mut at)?;
        let _gaps = self.flag(&mut at)?;
        let _width = self.unsigned(&mut at)?;
        let _height = self.unsigned(&mut at)?;
        let frames_alone = self.flag(&mut at)?;
        if !frames_alone {
            self.flag(&mut at)?;
        }
        let _direct = self.flag(&mut at)?;
        if self.flag(&mut at)? {
            for _side in 0..4 {
                self.unsigned(&mut at)?;
            }
        }
        let has_vui = self.flag(&mut at)?;
        has_vui.then_some(at)
    }

    fn flag(&self, at: &mut usize) -> Option<bool> {
        *at += 1;
        self.0.get(*at - 1).copied()
    }

    /// `ue(v)`.
    fn unsigned(&self, at: &mut usize) -> Option<u32> {
        let zeros = self.0.get(*at..)?.iter().take(32).position(|bit| *bit)?;
        let digits = self.0.get(*at + zeros..=*at + 2 * zeros)?;
        *at += 2 * zeros + 1;
        Some(digits.iter().fold(0_u32, |value, digit| value << 1 | u32::from(*digit)) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // 64x48, Constrained Baseline, of openh264: a VUI that says nothing of pixels.
    const SPS: [u8; 11] = [0x67, 0x42, 0xc0, 0x1f, 0x8c, 0x8d, 0x48, 0xc8, 0xf0, 0x02, 0x80];

    fn unit(sps: &[u8]) -> Vec<u8> {
        [&[0, 0, 0, 1][..], sps, &[0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80, 0, 0, 0, 1, 0x65, 1, 2]].concat()
    }

    #[test]
    fn what_is_cut_short_or_is_no_sps_of_ours_stays_as_it_is() {
        for length in 0..SPS.len() {
            let cut = unit(&SPS[..length]);
            let _ = PixelAspect(4, 3).written_into(&cut);
        }
        let high = [0x67, 100, 0, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10];
        assert_eq!(PixelAspect(4, 3).written_into(&unit(&high)), unit(&high));
    }

    #[cfg(feature = "soft-h264")]
    #[test]
    fn it_is_read_back_from_every_size_that_is_coded_and_all_else_stays() {
        use crate::encode;
        use crate::media::Picture;
        for (width, height) in [(16, 16), (322, 242), (640, 480), (720, 576), (1920, 1080)] {
            for full_range in [false, true] {
                let settings =
                    encode::Settings { bitrate: 100_000, gop: 1, fps: 1.0, level: None, full_range };
                let mut encoder = encode::h264(settings).unwrap();
                let coded = encoder.coded(&Picture::black(width, height), true).unwrap();
                assert_eq!(PixelAspect::of(&coded), None);
                // Its zeros must not look like a start code.
                for aspect in
                    [PixelAspect(484, 483), PixelAspect(1, 1), PixelAspect(256, 1), PixelAspect(4, 3)]
                {
                    let written = aspect.written_into(&coded);
                    assert_eq!(PixelAspect::of(&written), Some(aspect), "{width}x{height}");
                    let picture = encode::decode_h264(&written).unwrap();
                    assert_eq!((picture.width, picture.height), (width, height));
                    let read = |unit: &[u8]| {
                        let sps = format::parse(nal_units(unit).next().unwrap()).unwrap();
                        let mut vui = sps.vui_parameters.clone().unwrap();
                        vui.aspect_ratio_info = None;
                        (format!("{vui:?}"), sps.pixel_dimensions().unwrap(), sps.level_idc)
                    };
                    assert_eq!(read(&written), read(&coded));
                    assert_eq!(
                        nal_units(&written).skip(1).collect::<Vec<_>>(),
                        nal_units(&coded).skip(1).collect::<Vec<_>>()
                    );
                    assert_eq!(PixelAspect(5, 7).written_into(&written), written, "it says another one");
                }
            }
        }
    }
}
