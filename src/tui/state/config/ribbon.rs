//! The cameras that only `rpicam-vid` can use, as choices for an `Rpicam` mount's form.

use serde_json::Value;

use super::suggestion::Suggestion;

/// What such a mount's width and height may be.
const SIDE: std::ops::RangeInclusive<u64> = 64..=4096;

/// What such a mount's rate may be at most.
const RATE: f64 = 240.0;

/// Their numbers.
pub(super) fn cameras(found: Option<&Value>) -> Vec<Suggestion> {
    let offered = |camera: &Value| {
        let sensor = camera["name"].as_str().unwrap_or_default();
        Some(Suggestion::new(camera["camera"].as_u64()?.to_string(), sensor))
    };
    all(found).filter_map(offered).collect()
}

/// The sizes in which the sensor is read, of those that can be coded; pictures of others are scaled.
pub(super) fn sizes(found: Option<&Value>, number: &str) -> Vec<Suggestion> {
    of(found, number)
        .filter(|(width, height, _)| [width, height].iter().all(|it| SIDE.contains(it) && *it % 2 == 0))
        .map(|(width, height, rate)| {
            let about = rate.map(|rate| format!("up to {rate} pictures a second")).unwrap_or_default();
            Suggestion::new(format!("{width}x{height}"), &about)
        })
        .collect()
}

/// The highest rate of each size in which the sensor is read, of the one that is written if it is one of those.
pub(super) fn rates(found: Option<&Value>, number: &str, size: Option<(&str, &str)>) -> Vec<Suggestion> {
    let written = size.and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    let read = |size: (u64, u64)| of(found, number).any(|(width, height, _)| (width, height) == size);
    let wanted: Option<(u64, u64)> = written.filter(|size| read(*size));
    let mut rates: Vec<Suggestion> = Vec::new();
    for (width, height, rate) in of(found, number) {
        let other = wanted.is_some_and(|size| size != (width, height));
        let Some(rate) = rate.map(|rate| rate.floor().min(RATE)).filter(|rate| *rate >= 1.0 && !other) else {
            continue;
        };
        let it = Suggestion::new(rate.to_string(), &format!("pictures a second at most of {width}x{height}"));
        if rates.iter().all(|known| known.value != it.value) {
            rates.push(it);
        }
    }
    rates
}

fn all(found: Option<&Value>) -> impl Iterator<Item = &Value> {
    // A daemon of an older version says nothing of them.
    found.and_then(|found| found["rpicam"].as_array()).into_iter().flatten()
}

/// Width, height and rate of the camera of this number, as it is written.
fn of(found: Option<&Value>, number: &str) -> impl Iterator<Item = (u64, u64, Option<f64>)> {
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
                size(1536, 864, Some(120.13)), size(4608, 2592, Some(14.35)), size(641, 480, Some(300.0))]},
            {"camera": 1, "name": "imx477", "sizes": [size(2028, 1080, None)]}]});
        let found = Some(&found);
        assert_eq!(cameras(found)[0].shown, "0 imx708");
        assert_eq!(values(cameras(found)), ["0", "1"]);
        assert_eq!(values(sizes(found, "0")), ["1536x864"], "neither too large nor odd");
        assert_eq!(sizes(found, "0")[0].shown, "1536x864 up to 120.13 pictures a second");
        assert_eq!(values(sizes(found, "1")), ["2028x1080"]);
        assert_eq!(values(rates(found, "0", None)), ["120", "14", "240"]);
        assert_eq!(values(rates(found, "0", Some(("1536", "864")))), ["120"]);
        assert_eq!(values(rates(found, "0", Some(("1280", "720")))), ["120", "14", "240"], "it is scaled");
        for number in ["2", "-1", "x", ""] {
            assert!(sizes(found, number).is_empty() && rates(found, number, None).is_empty(), "{number}");
        }
        for odd in [serde_json::json!({"cameras": []}), serde_json::json!({"rpicam": {"camera": 0}})] {
            assert!(cameras(Some(&odd)).is_empty() && sizes(Some(&odd), "0").is_empty());
        }
        assert!(cameras(None).is_empty());
    }
}
