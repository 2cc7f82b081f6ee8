//! What an encoder is told before it starts.

use super::Settings;
use crate::media::h264::{Level, Load, Profile};
use crate::source::camera::board::EncoderNode;
use crate::v4l2::{Device, controls};

/// Below it no decoder is spared anything.
const LEAST_LEVEL: u8 = 31;
/// Above it `bcm2835-codec` changes the stream's header alone and becomes slower
/// ([userland issue 678](https://github.com/raspberrypi/userland/issues/678)).
const GREATEST_LEVEL: u8 = 42;

/// Sets the controls of an encoder that has no buffers yet. One that it lacks is left as it is: what the
/// stream says of itself is believed, not what was asked for.
pub(super) fn configure(device: &Device, settings: &Settings, load: &Load) {
    set(device, controls::BITRATE_MODE, controls::VBR.into());
    set(device, controls::BITRATE, load.bitrate.into());
    if let Some(profile) = profile(&settings.encoder, load.profile) {
        set(device, controls::H264_PROFILE, profile.into());
    }
    if let Some(level) = level(&settings.encoder, settings.level, load) {
        set(device, controls::H264_LEVEL, level.into());
    }
    set_gop(device, settings.gop);
    if !set(device, controls::REPEAT_SEQ_HEADER, 1) {
        set(device, controls::PREPEND_SPSPPS_TO_IDR, 1);
    }
    set(device, controls::HEADER_MODE, controls::JOINED_WITH_1ST_FRAME.into());
    // Pictures out of order wait for others.
    set(device, controls::B_FRAMES, 0);
}

/// Sets another bitrate while it streams; says whether the driver took it.
pub(super) fn set_bitrate(device: &Device, bitrate: u32) -> bool {
    set(device, controls::BITRATE, bitrate.into())
}

/// Sets another distance of keyframes, while it streams too; says whether the driver took it.
pub(super) fn set_gop(device: &Device, pictures: u32) -> bool {
    // The same by two names; older kernels of the Raspberry Pi have the second alone.
    set(device, controls::GOP_SIZE, pictures.into()) || set(device, controls::H264_I_PERIOD, pictures.into())
}

/// Sets a control to the value next to the one asked for; says whether the driver took it.
fn set(device: &Device, id: u32, value: i64) -> bool {
    let Some(control) = device.control(id) else { return false };
    let value = i32::try_from(control.nearest(value)).unwrap_or(i32::MAX);
    let done = device.set_control(id, value);
    if let Err(error) = &done {
        tracing::debug!("{error} (control {id:#x} to {value})");
    }
    done.is_ok()
}

/// The entry of the driver's menu for a profile, or for the next that is poorer.
fn profile(encoder: &EncoderNode, asked: Profile) -> Option<u32> {
    // The kernel's `enum v4l2_mpeg_video_h264_profile`; Constrained Baseline before Baseline.
    let entries: &[u32] = match asked {
        Profile::High => &[4, 2, 1, 0],
        Profile::Main => &[2, 1, 0],
        Profile::Baseline => &[1, 0],
    };
    entries.iter().copied().find(|entry| encoder.profiles.iter().any(|(number, _)| number == entry))
}

/// The entry of the driver's menu for the level asked for, or for the lowest that fits.
fn level(encoder: &EncoderNode, asked: Option<Level>, load: &Load) -> Option<u32> {
    let lowest = Level::lowest_for(load).map_or(u8::MAX, Level::idc).max(LEAST_LEVEL);
    let most = if encoder.driver == EncoderNode::BCM2835 { GREATEST_LEVEL } else { u8::MAX };
    let idc = asked.map_or(lowest.min(most), Level::idc);
    let has = |entry: &u32| encoder.levels.iter().any(|(number, _)| number == entry);
    let mut entries = LEVELS.iter().filter_map(|(entry, level)| has(entry).then_some((*entry, *level)));
    let fits = entries.clone().find(|(_, level)| *level >= idc);
    fits.or(entries.next_back()).map(|(entry, _)| entry)
}

/// The kernel's `enum v4l2_mpeg_video_h264_level`, by `level_idc`; 1b, which is 9, is left out.
const LEVELS: [(u32, u8); 16] = [
    (0, 10),
    (2, 11),
    (3, 12),
    (4, 13),
    (5, 20),
    (6, 21),
    (7, 22),
    (8, 30),
    (9, 31),
    (10, 32),
    (11, 40),
    (12, 41),
    (13, 42),
    (14, 50),
    (15, 51),
    (16, 52),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn encoder(driver: &str) -> EncoderNode {
        let menu = |entries: &[u32]| entries.iter().map(|entry| (*entry, String::new())).collect();
        let levels = menu(&[0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        EncoderNode { driver: driver.to_owned(), profiles: menu(&[0, 1, 2, 4]), levels, ..Default::default() }
    }

    fn load(width: u32, height: u32, rate: f64) -> Load {
        Load { size: (width, height), rate, bitrate: 4_000_000, profile: Profile::High }
    }

    #[test]
    fn a_level_fits_the_pictures_and_the_encoder() {
        let pi = encoder(EncoderNode::BCM2835);
        assert_eq!(level(&pi, None, &load(320, 240, 15.0)), Some(9), "never below 3.1");
        assert_eq!(level(&pi, None, &load(1920, 1080, 30.0)), Some(11));
        assert_eq!(level(&pi, None, &load(1920, 1920, 30.0)), Some(13), "never above 4.2");
        assert_eq!(level(&pi, Level::from_number(4.1), &load(320, 240, 15.0)), Some(12));
        assert_eq!(level(&encoder("venus"), None, &load(1920, 1920, 30.0)), Some(14));
        assert_eq!(level(&encoder("venus"), None, &load(16_000, 16_000, 1.0)), Some(15), "the most there is");
        assert_eq!(level(&EncoderNode::default(), None, &load(320, 240, 15.0)), None);
    }

    #[test]
    fn a_profile_that_is_lacking_becomes_a_poorer_one() {
        let mut encoder = encoder("venus");
        assert_eq!(profile(&encoder, Profile::High), Some(4));
        assert_eq!(profile(&encoder, Profile::Baseline), Some(1));
        encoder.profiles.truncate(1);
        assert_eq!(profile(&encoder, Profile::High), Some(0));
        assert_eq!(profile(&EncoderNode::default(), Profile::High), None);
    }
}
