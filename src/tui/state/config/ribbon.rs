//! The cameras that only `rpicam-vid` can use, as choices for an `Rpicam` mount's form.

use serde_json::Value;

use super::suggestion::Suggestion;
use super::usual;

/// What such a mount's width and height may be.
const SIDE: std::ops::RangeInclusive<u64> = 64..=4096;

/// The greatest side and the most macroblocks (16x16 pixels) of a picture that boards' encoders code.
const CODED: (u64, u64) = (1920, 8192);

/// What such a mount's rate may be at most.
const RATE: f64 = 240.0;

/// What is offered where the sensor's rates are not told.
const UNTOLD: f64 = 30.0;

/// A size in which a sensor is read, and how often at most.
type Mode = (u64, u64, Option<f64>);

/// Their numbers.
pub(super) fn cameras(found: Option<&Value>) -> Vec<Suggestion> {
    let offered = |camera: &Value| {
        let sensor = camera["name"].as_str().unwrap_or_default();
        Some(Suggestion::new(camera["camera"].as_u64()?.to_string(), sensor))
    };
    all(found).filter_map(offered).collect()
}

/// The sizes in which the sensor is read and the usual ones that are no larger, to which pictures are scaled: of those what
/// boards' encoders code, the largest first.
pub(super) fn sizes(found: Option<&Value>, number: &str) -> Vec<Suggestion> {
    let modes: Vec<Mode> = of(found, number).collect();
    let scaled = |size: &&(u64, u64)| modes.iter().any(|mode| holds(mode, **size));
    let usual = usual::SIZES.iter().filter(scaled).copied();
    let read = modes.iter().map(|(width, height, _)| (*width, *height));
    let mut sizes: Vec<(u64, u64)> = read.chain(usual).filter(|size| is_coded(*size)).collect();
    sizes.sort_unstable_by_key(|(width, height)| std::cmp::Reverse((width * height, *width)));
    sizes.dedup();
    let offered = sizes.into_iter().map(|size| {
        let scaled = !modes.iter().any(|(width, height, _)| (*width, *height) == size);
        let rate = most(&modes, Some(size)).map(|rate| format!("up to {rate} pictures a second"));
        let about: Vec<String> = scaled.then(|| "scaled".to_owned()).into_iter().chain(rate).collect();
        Suggestion::new(format!("{}x{}", size.0, size.1), &about.join(", "))
    });
    offered.collect()
}

/// The highest rate at the size that is written, and the usual ones below it.
pub(super) fn rates(found: Option<&Value>, number: &str, size: Option<(&str, &str)>) -> Vec<Suggestion> {
    let modes: Vec<Mode> = of(found, number).collect();
    if modes.is_empty() {
        return Vec::new();
    }
    let written = size.and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    let told = most(&modes, written).map(|rate| rate.floor().min(RATE)).filter(|rate| *rate >= 1.0);
    let limit = told.unwrap_or(UNTOLD);
    let usual = usual::RATES.iter().filter(|rate| f64::from(**rate) <= limit).map(u32::to_string);
    let mut rates: Vec<Suggestion> = usual.map(|rate| Suggestion::new(rate, "pictures a second")).collect();
    if let Some(most) = told.map(|most| most.to_string()) {
        rates.retain(|rate| rate.value != most);
        rates.insert(0, Suggestion::new(most, "pictures a second at most"));
    }
    rates
}

/// Whether a picture of this size is made of what is read.
fn holds((width, height, _): &Mode, size: (u64, u64)) -> bool {
    *width >= size.0 && *height >= size.1
}

/// The highest rate at which a picture of this size comes, where that is told; of a size that no mode holds the highest of all.
fn most(modes: &[Mode], size: Option<(u64, u64)>) -> Option<f64> {
    let fits = |mode: &&Mode| size.is_none_or(|size| holds(mode, size));
    let rates = |(_, _, rate): &Mode| *rate;
    let of_size = modes.iter().filter(fits).filter_map(rates).max_by(f64::total_cmp);
    of_size.or_else(|| modes.iter().filter_map(rates).max_by(f64::total_cmp))
}

fn is_coded((width, height): (u64, u64)) -> bool {
    let (side, blocks) = CODED;
    let may = [width, height].iter().all(|it| SIDE.contains(it) && *it % 2 == 0 && *it <= side);
    may && width.div_ceil(16) * height.div_ceil(16) <= blocks
}

fn all(found: Option<&Value>) -> impl Iterator<Item = &Value> {
    // A daemon of an older version says nothing of them.
    found.and_then(|found| found["rpicam"].as_array()).into_iter().flatten()
}

/// Width, height and rate of the camera of this number, as it is written.
fn of(found: Option<&Value>, number: &str) -> impl Iterator<Item = Mode> {
    let number: Option<u64> = number.parse().ok();
    let camera = all(found).find(move |camera| number.is_some() && camera["camera"].as_u64() == number);
    let sizes = camera.and_then(|camera| camera["sizes"].as_array()).into_iter().flatten();
    sizes.filter_map(|size| Some((size["width"].as_u64()?, size["height"].as_u64()?, size["fps"].as_f64())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(of: Vec<Suggestion>) -> Vec<String> {
        of.into_iter().map(|it| it.value).collect()
    }

    #[test]
    fn an_rpicam_mount_is_offered_the_cameras_of_rpicam_and_their_sizes() {
        let size = |width, height, fps: Option<f64>| serde_json::json!({"width": width, "height": height, "fps": fps});
        let found = serde_json::json!({"cameras": [], "rpicam": [
            {"camera": 0, "name": "imx708", "sizes": [
                size(1536, 864, Some(120.13)), size(2304, 1296, Some(56.03)), size(4608, 2592, Some(14.35)),
                size(641, 480, Some(300.0))]},
            {"camera": 1, "name": "imx477", "sizes": [size(2028, 1080, None)]},
            {"camera": 2, "name": "small", "sizes": [size(640, 480, Some(60.0))]}]});
        let found = Some(&found);
        assert_eq!(cameras(found)[0].shown, "0 imx708");
        assert_eq!(values(cameras(found)), ["0", "1", "2"]);
        let all =
            ["1920x1080", "1536x864", "1280x960", "1280x720", "800x600", "640x480", "640x360", "320x240"];
        assert_eq!(values(sizes(found, "0")), all, "neither too large for an encoder nor odd");
        let shown = |number, place: usize| sizes(found, number)[place].shown.clone();
        assert_eq!(shown("0", 0), "1920x1080 scaled, up to 56.03 pictures a second");
        assert_eq!(shown("0", 1), "1536x864 up to 120.13 pictures a second");
        assert_eq!(shown("1", 0), "1920x1080 scaled", "its rates are not told");
        assert_eq!(
            values(sizes(found, "2")),
            ["640x480", "640x360", "320x240"],
            "what is read is not made larger"
        );
        let written = Some(("1920", "1080"));
        assert_eq!(values(rates(found, "0", written)), ["56", "50", "30", "25", "20", "15", "10", "5"]);
        assert_eq!(rates(found, "0", written)[0].shown, "56 pictures a second at most");
        assert_eq!(values(rates(found, "0", Some(("1280", "720"))))[..3], ["120", "60", "50"]);
        assert_eq!(values(rates(found, "0", None))[..2], ["240", "120"], "whatever the size is to be");
        assert_eq!(values(rates(found, "1", written)), ["30", "25", "20", "15", "10", "5"]);
        for number in ["3", "-1", "x", ""] {
            assert!(sizes(found, number).is_empty() && rates(found, number, None).is_empty(), "{number}");
        }
        for odd in [serde_json::json!({"cameras": []}), serde_json::json!({"rpicam": {"camera": 0}})] {
            assert!(cameras(Some(&odd)).is_empty() && sizes(Some(&odd), "0").is_empty());
        }
        assert!(cameras(None).is_empty());
    }
}
