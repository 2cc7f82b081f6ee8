//! Choosing what to ask a camera for, from what it offers.

use super::{Found, Offered, Settings, Size};
use crate::v4l2::{FourCc, Interval, Wish};

/// The greatest picture taken unasked, in pixels: 1080p.
const PIXELS: u64 = 1920 * 1080;
/// The highest rate taken unasked, in pictures a second, with room for 30.0003.
const RATE: f64 = 30.5;

/// What to ask for, if the camera gives H.264; the driver rounds it.
pub(super) fn wish(offers: &[Offered], settings: &Settings) -> Option<Wish> {
    let offer = offers.iter().find(|offer| offer.is_h264())?;
    let size = match (settings.width, settings.height) {
        (Some(width), Some(height)) => Some((width, height)),
        _ => best(&offer.sizes).map(|size| (size.width, size.height)),
    };
    let rate = settings.fps.or_else(|| {
        let rates = &offer.sizes.iter().find(|one| Some((one.width, one.height)) == size)?.rates;
        rates.iter().copied().filter(|&rate| rate <= RATE).max_by(f64::total_cmp)
    });
    Some(Wish { fourcc: FourCc::H264, size, interval: rate.and_then(Interval::from_rate) })
}

fn best(sizes: &[Size]) -> Option<&Size> {
    let pixels = |size: &Size| u64::from(size.width) * u64::from(size.height);
    sizes.iter().filter(|&size| pixels(size) <= PIXELS).max_by_key(|&size| pixels(size))
}

/// What a camera that offers this can do here, in a sentence.
pub(super) fn verdict(found: &Found, number: usize) -> String {
    if found.formats.iter().any(Offered::is_h264) {
        return format!("gives H.264: served as /camera{number}");
    }
    let names: Vec<&str> = found.formats.iter().map(|offer| offer.fourcc.as_str()).collect();
    if names.is_empty() {
        return "offers no pixel format".to_owned();
    }
    let names = names.join(", ");
    if found.formats.iter().all(|offer| offer.bayer) {
        return format!(
            "raw Bayer: gives {names}, a bare sensor's samples, which need libcamera to become pictures"
        );
    }
    format!("gives {names}, but no H.264: hardware/software encoding comes later")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(fourcc: [u8; 4], sizes: &[(u32, u32, f64)]) -> Offered {
        let size = |&(width, height, rate)| Size { width, height, rates: vec![rate] };
        Offered::new(FourCc(fourcc), String::new(), sizes.iter().map(size).collect())
    }

    #[test]
    fn the_best_picture_up_to_1080p_is_asked_for() {
        let offers = [offer(*b"H264", &[(640, 480, 60.0), (1920, 1080, 30.0), (3840, 2160, 30.0)])];
        let wish = wish(&offers, &Settings::default()).unwrap();
        assert_eq!(wish.size, Some((1920, 1080)));
        assert_eq!(wish.interval.map(Interval::rate), Some(30.0));
    }

    #[test]
    fn a_camera_without_h264_is_told_so() {
        let mut found = Found { formats: vec![offer(*b"YUYV", &[])], ..Found::default() };
        assert_eq!(wish(&found.formats, &Settings::default()), None);
        assert!(verdict(&found, 0).starts_with("gives YUYV, but no H.264"));
        found.formats = vec![offer(*b"RG10", &[])];
        assert!(verdict(&found, 0).starts_with("raw Bayer"));
    }
}
