//! openh264, built from its bundled source.

use openh264::OpenH264API;
use openh264::encoder::{
    BitRate, ColorPrimaries, Complexity, EncoderConfig, FrameRate, IntraFramePeriod, Level as Coded,
    MatrixCoefficients, RateControlMode, TransferCharacteristics, UsageType, VuiConfig,
};
use openh264::formats::YUVSlices;

use super::Settings;
use crate::media::h264::Level;
use crate::media::{Encoder, EncoderError, Picture};

/// With this limit on a slice's bytes a picture has one slice all the same, but openh264 controls the bitrate
/// in another way. Measured on 300 pictures of the test picture at 30 fps, as parts of the bitrate asked for:
///
/// | asked for | with it | without | without, pictures may be left out |
/// |---|---|---|---|
/// | 320x240, 500 kbit/s | 0.995 | 1.000 | 0.998, 1 left out |
/// | 1280x720, 2 Mbit/s | 0.996, each second 0.99-1.00 | 2.707 | 1.026, 164 left out |
/// | 1920x1080, 4 Mbit/s | 0.997, each second 0.99-1.00 | 2.664 | 1.035, 180 left out |
///
/// Its PSNR then is 47, 43 and 46 dB; the largest keyframes are 5, 23 and 41 kB. The encoder's other modes
/// hold no bitrate without leaving pictures out: 1.5 to 3 times what was asked for (buffer-based),
/// 1.5 to 3.4 (quality) and 1 to 4 (by timestamps), the latter two on a picture with more snow.
const SLICE: u32 = 200_000;

pub(super) struct OpenH264 {
    encoder: openh264::encoder::Encoder,
    bitrate: u32,
    /// A bitrate to hold from the next picture on; there is no stream before the first.
    asked: Option<u32>,
    /// Pictures from one keyframe to the next, likewise.
    asked_gop: Option<u32>,
    begun: bool,
}

/// What JPEGs are (JFIF): full range, the matrix of BT.601. Players take what says nothing for video's range.
const JPEG: VuiConfig = VuiConfig::bt601()
    .color_primaries(ColorPrimaries::Unspecified)
    .transfer_characteristics(TransferCharacteristics::Unspecified)
    .matrix_coefficients(MatrixCoefficients::Bt470Bg)
    .full_range(true);

impl OpenH264 {
    pub(super) fn new(settings: Settings) -> Result<Self, EncoderError> {
        let mut config = EncoderConfig::new()
            .bitrate(BitRate::from_bps(settings.bitrate))
            .max_frame_rate(FrameRate::from_hz(settings.fps as f32))
            .rate_control_mode(RateControlMode::Bitrate)
            .usage_type(UsageType::CameraVideoRealTime)
            .complexity(Complexity::Low)
            .intra_frame_period(IntraFramePeriod::from_num_frames(settings.gop))
            // A dropped picture would be a gap on the grid of times that readers see as loss.
            .skip_frames(false)
            .max_slice_len(SLICE)
            // By default it takes every core.
            .num_threads(1);
        if let Some(level) = settings.level {
            config = config.level(coded(level).ok_or_else(|| EncoderError(format!("no level {level}")))?);
        }
        if settings.full_range {
            config = config.vui(JPEG);
        }
        let encoder = openh264::encoder::Encoder::with_api_config(OpenH264API::from_source(), config);
        let mut encoder = encoder.map_err(said)?;
        super::sys::quiet(&mut encoder);
        Ok(Self { encoder, bitrate: settings.bitrate, asked: None, asked_gop: None, begun: false })
    }
}

impl Encoder for OpenH264 {
    fn encode(
        &mut self,
        picture: &Picture,
        keyframe: bool,
        take: &mut dyn FnMut(&[&[u8]]),
    ) -> Result<(), EncoderError> {
        if let Some(bitrate) = self.asked.take_if(|_| self.begun) {
            super::sys::set_bitrate(&mut self.encoder, self.bitrate, bitrate)?;
            self.bitrate = bitrate;
        }
        if let Some(pictures) = self.asked_gop.take_if(|_| self.begun) {
            super::sys::set_gop(&mut self.encoder, pictures)?;
        }
        if keyframe {
            self.encoder.force_intra_frame();
        }
        let half = picture.width / 2;
        let planes = YUVSlices::new(
            (&picture.luma, &picture.blue, &picture.red),
            (picture.width, picture.height),
            (picture.width, half, half),
        );
        let coded = self.encoder.encode(&planes).map_err(said)?;
        self.begun = true;
        // Where they are until the next picture: of keyframes the parameter sets in a layer of their own.
        let layers: Vec<_> = (0..coded.num_layers()).filter_map(|layer| coded.layer(layer)).collect();
        let mut pieces: Vec<&[u8]> = Vec::new();
        for layer in &layers {
            pieces.extend((0..layer.nal_count()).filter_map(|nal| layer.nal_unit(nal)));
        }
        take(&pieces);
        Ok(())
    }

    fn set_bitrate(&mut self, bitrate: u32) -> Result<(), EncoderError> {
        self.asked = Some(bitrate);
        Ok(())
    }

    fn set_gop(&mut self, pictures: u32) -> Result<(), EncoderError> {
        self.asked_gop = Some(pictures);
        Ok(())
    }
}

fn coded(level: Level) -> Option<Coded> {
    Some(match level.idc() {
        10 => Coded::Level_1_0,
        11 => Coded::Level_1_1,
        12 => Coded::Level_1_2,
        13 => Coded::Level_1_3,
        20 => Coded::Level_2_0,
        21 => Coded::Level_2_1,
        22 => Coded::Level_2_2,
        30 => Coded::Level_3_0,
        31 => Coded::Level_3_1,
        32 => Coded::Level_3_2,
        40 => Coded::Level_4_0,
        41 => Coded::Level_4_1,
        42 => Coded::Level_4_2,
        50 => Coded::Level_5_0,
        51 => Coded::Level_5_1,
        52 => Coded::Level_5_2,
        _ => return None,
    })
}

fn said(error: openh264::Error) -> EncoderError {
    EncoderError(format!("openh264: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::h264::nal_units;

    fn settings(bitrate: u32, gop: u32) -> Settings {
        Settings { bitrate, gop, fps: 30.0, level: None, full_range: false }
    }

    fn kinds(coded: &[u8]) -> Vec<u8> {
        nal_units(coded).map(|nal| nal[0] & 0x1f).collect()
    }

    #[test]
    fn a_keyframe_asked_for_is_an_idr_picture_with_its_parameter_sets() {
        let mut encoder = OpenH264::new(settings(200_000, 10)).unwrap();
        let picture = Picture::black(64, 48);
        let asked = [3, 4, 10, 17];
        for number in 0..40 {
            let coded = kinds(&encoder.coded(&picture, asked.contains(&number)).unwrap());
            // From the last one on, asked for or not, they come on their own.
            let expected = asked.contains(&number) || [0, 27, 37].contains(&number);
            assert_eq!(coded, if expected { &[7, 8, 5][..] } else { &[1] }, "{number}");
        }
    }

    #[test]
    fn sizes_up_to_the_largest_can_be_coded() {
        for (width, height) in [(16, 16), (18, 16), (16, 2160), (3840, 2160), (2160, 3840)] {
            let mut encoder = OpenH264::new(settings(200_000, 10)).unwrap();
            let coded = encoder.coded(&Picture::black(width, height), true).unwrap();
            assert_eq!(kinds(&coded)[..3], [7, 8, 5], "{width}x{height}");
        }
    }

    /// A third of it is noise, which no encoder finds easy, another for every `seed`; more would be another scene.
    fn noise(seed: u64) -> Picture {
        let mut picture = Picture::black(320, 240);
        crate::encode::draw::snow(&mut picture, 160, 80, seed);
        picture
    }

    #[test]
    fn another_bitrate_is_held_from_the_next_picture_on_without_a_keyframe() {
        for (first, then) in [(1_000_000, 3_000_000), (3_000_000, 600_000)] {
            let mut encoder = OpenH264::new(settings(first, 1000)).unwrap();
            let mut seconds = [0_u32; 8];
            for number in 0..240 {
                if number == 120 {
                    encoder.set_bitrate(then).unwrap();
                }
                let coded = encoder.coded(&noise(number), false).unwrap();
                assert_eq!(kinds(&coded).contains(&5), number == 0, "{number}");
                seconds[number as usize / 30] += coded.len() as u32 * 8;
            }
            for (seconds, asked) in [(&seconds[2..4], first), (&seconds[5..8], then)] {
                let held = |bits: &u32| (0.85..1.15).contains(&(f64::from(*bits) / f64::from(asked)));
                assert!(seconds.iter().all(held), "{asked}: {seconds:?}");
            }
        }
    }

    #[test]
    fn another_distance_of_keyframes_is_kept_from_the_next_picture_on() {
        let mut encoder = OpenH264::new(settings(200_000, 10)).unwrap();
        let picture = Picture::black(64, 48);
        let mut keyframes = Vec::new();
        for number in 0..100 {
            match number {
                34 => encoder.set_gop(25).unwrap(),
                // The last keyframe is longer ago than that: the next picture is one.
                70 => encoder.set_gop(7).unwrap(),
                _ => {}
            }
            if kinds(&encoder.coded(&picture, false).unwrap()).contains(&5) {
                keyframes.push(number);
            }
        }
        assert_eq!(keyframes, [0, 10, 20, 30, 55, 70, 77, 84, 91, 98]);
    }

    #[test]
    fn a_bitrate_that_is_set_before_the_first_picture_is_held_too() {
        let mut encoder = OpenH264::new(settings(3_000_000, 1000)).unwrap();
        encoder.set_bitrate(600_000).unwrap();
        let bits: Vec<u32> =
            (0..120).map(|number| encoder.coded(&noise(number), false).unwrap().len() as u32 * 8).collect();
        let last: u32 = bits[60..].iter().sum();
        assert!((1_000_000..1_400_000).contains(&last), "{last} in two seconds");
    }

    #[test]
    fn the_level_and_the_range_asked_for_are_in_the_stream() {
        use crate::media::h264::Assembler;
        for (level, full_range) in [(None, false), (Some(4.1), true), (Some(3.0), false)] {
            let level = level.and_then(Level::from_number);
            let mut encoder = OpenH264::new(Settings { level, full_range, ..settings(200_000, 10) }).unwrap();
            let coded = encoder.coded(&Picture::black(320, 240), true).unwrap();
            let mut assembler = Assembler::new();
            assembler.assemble(&coded).unwrap();
            let sps = nal_units(&coded).find(|nal| nal[0] & 0x1f == 7).unwrap();
            let rbsp = h264_reader::rbsp::decode_nal(sps).unwrap();
            let bits = h264_reader::rbsp::BitReader::new(&*rbsp);
            let sps = h264_reader::nal::sps::SeqParameterSet::from_bits(bits).unwrap();
            if let Some(level) = level {
                assert_eq!(sps.level_idc, level.idc());
            }
            assert_eq!(u8::from(sps.profile_idc), 66, "Baseline");
            let signal = sps.vui_parameters.and_then(|vui| vui.video_signal_type);
            let range = signal.is_some_and(|signal| signal.video_full_range_flag);
            assert_eq!(range, full_range);
        }
    }

    /// Without its assembly, on x86-64, openh264 is a third as fast: it is left out in silence where nasm is not
    /// found at build. A busy machine makes all of it slower, so that the two are held against each other.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_encoder_was_built_with_its_assembly() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let assembly = memchr::memmem::find(&program, b"WelsSampleSad16x16_avx2").is_some()
            || memchr::memmem::find(&program, b"WelsSampleSad16x16_sse2").is_some();
        assert!(assembly, "install nasm, then `cargo clean -p openh264-sys2`");
    }
}
