//! What the board has, as choices for a form: devices, formats, sizes, rates, controls.

use std::fmt::Write;

use serde_json::Value;

use super::schema::{Field, Kind};
use super::suggestion::Suggestion;
use super::{ribbon, usual};

/// Raw pictures that can be coded.
const RAW: [&str; 12] =
    ["YUYV", "UYVY", "YVYU", "VYUY", "NV12", "NM12", "NV21", "NM21", "YU12", "YM12", "YV12", "YM21"];

/// What `probe` found.
#[derive(Debug, Default)]
pub struct Probed(pub Option<Value>);

/// What is written beside the setting that is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    /// The kind of the mount.
    pub kind: Option<&'a str>,
    /// The camera's device.
    pub device: Option<&'a str>,
    /// Its number, of an `Rpicam` mount's.
    pub camera: Option<&'a str>,
    /// How its pictures are coded.
    pub format: Option<&'a str>,
    /// Their size, as it is written.
    pub size: Option<(&'a str, &'a str)>,
    /// What the setting itself is now.
    pub written: Option<&'a str>,
}

impl Probed {
    /// What fits a setting that is typed.
    pub fn suggestions(&self, field: &Field, beside: Beside<'_>) -> Vec<Suggestion> {
        match beside.kind {
            Some("Rpicam") => self.of_rpicam(&field.name, beside),
            Some("Pattern") => match field.name.as_str() {
                "width" | "height" => usual::sizes(),
                "fps" => usual::rates(),
                _ => Vec::new(),
            },
            Some("Camera") | None => self.of_v4l2(&field.name, beside),
            // What files and programs show nobody knows here.
            Some(_) => Vec::new(),
        }
    }

    /// A kind of mount with what has to be said of a new one: which camera, where there are several.
    pub fn asking(&self, kind: &Kind) -> Kind {
        let mut kind = kind.clone();
        if kind.name == "Rpicam" && ribbon::cameras(self.0.as_ref()).len() > 1 {
            kind.fields
                .iter_mut()
                .filter(|field| field.name == "camera")
                .for_each(|field| field.required = true);
        }
        kind
    }

    fn of_rpicam(&self, name: &str, beside: Beside<'_>) -> Vec<Suggestion> {
        let (found, camera) = (self.0.as_ref(), beside.camera.unwrap_or("0"));
        match name {
            "camera" => ribbon::cameras(found),
            "width" | "height" => ribbon::sizes(found, camera),
            "fps" => ribbon::rates(found, camera, beside.size),
            _ => Vec::new(),
        }
    }

    fn of_v4l2(&self, name: &str, beside: Beside<'_>) -> Vec<Suggestion> {
        match name {
            "device" => {
                self.cameras().map(|camera| Suggestion::new(name_of(camera), &words(camera))).collect()
            }
            "width" | "height" => self.sizes(beside),
            "fps" => self.rates(beside),
            "controls" => self.controls(beside),
            _ => Vec::new(),
        }
    }

    /// What this board has to say of one of a setting's choices.
    pub fn about(&self, field: &Field, choice: &str, beside: Beside<'_>) -> String {
        match (field.name.as_str(), choice) {
            ("format", _) => self.format(choice, beside),
            ("encode", "Hardware") => self.encoder(),
            _ => String::new(),
        }
    }

    fn cameras(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().filter_map(|found| found["cameras"].as_array()).flatten()
    }

    /// The camera that is meant, or all where none is.
    fn meant<'a>(&'a self, beside: Beside<'a>) -> impl Iterator<Item = &'a Value> {
        self.cameras().filter(move |camera| beside.device.is_none_or(|device| is_at(camera, device)))
    }

    /// The sizes of the camera that is meant, each with the format that has it.
    fn of_formats<'a>(&'a self, beside: Beside<'a>) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let formats = self.meant(beside).filter_map(|camera| camera["formats"].as_array()).flatten();
        let formats = formats.map(|format| (format["fourcc"].as_str().unwrap_or_default(), format));
        let wanted = formats.filter(move |(fourcc, _)| beside.format.is_none_or(|it| pictures(fourcc) == it));
        wanted.flat_map(|(fourcc, format)| {
            format["sizes"].as_array().into_iter().flatten().map(move |size| (fourcc, size))
        })
    }

    /// As the form takes both sides at once.
    fn sizes(&self, beside: Beside<'_>) -> Vec<Suggestion> {
        let mut sizes: Vec<(String, Vec<&str>)> = Vec::new();
        for (fourcc, size) in self.of_formats(beside) {
            let Some(size) = sides(size) else { continue };
            match sizes.iter_mut().find(|(known, _)| *known == size) {
                Some((_, formats)) if formats.contains(&fourcc) => {}
                Some((_, formats)) => formats.push(fourcc),
                None => sizes.push((size, vec![fourcc])),
            }
        }
        sizes.into_iter().map(|(size, formats)| Suggestion::new(size, &formats.join(" "))).collect()
    }

    /// Of the size that is written, or of any.
    fn rates(&self, beside: Beside<'_>) -> Vec<Suggestion> {
        let wanted = beside.size.map(|(width, height)| format!("{width}x{height}"));
        let mut rates = Vec::new();
        for (_, size) in self.of_formats(beside) {
            if wanted.is_some() && sides(size) != wanted {
                continue;
            }
            for rate in size["rates"].as_array().into_iter().flatten() {
                let it = Suggestion::new(rate.to_string(), "pictures a second");
                if !rates.contains(&it) {
                    rates.push(it);
                }
            }
        }
        rates
    }

    /// Whether the camera gives a format, and how large.
    fn format(&self, choice: &str, beside: Beside<'_>) -> String {
        let Some(camera) = beside.device.and_then(|device| self.cameras().find(|it| is_at(it, device)))
        else {
            return String::new();
        };
        let formats = camera["formats"].as_array().into_iter().flatten();
        let mut of_it =
            formats.filter(|it| it["fourcc"].as_str().is_some_and(|it| pictures(it) == choice)).peekable();
        if of_it.peek().is_none() {
            let made = if choice == "H264" { ": it is coded here" } else { "" };
            return format!("this camera has none{made}");
        }
        let sizes = of_it.flat_map(|format| format["sizes"].as_array().into_iter().flatten());
        let pixels =
            |size: &&Value| size["width"].as_u64().unwrap_or(0) * size["height"].as_u64().unwrap_or(0);
        let greatest = sizes.max_by_key(pixels).and_then(sides);
        greatest.map_or_else(
            || "this camera has it".to_owned(),
            |size| format!("this camera has it, up to {size}"),
        )
    }

    fn encoder(&self) -> String {
        let encoders = self.0.as_ref().and_then(|found| found["encoders"].as_array());
        match encoders.map(|them| them.first()) {
            None => String::new(),
            Some(None) => "this board has no encoder".to_owned(),
            Some(Some(encoder)) => encoder["card"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// Each control of the camera that is not written yet, put behind those that are, as it is now.
    fn controls(&self, beside: Beside<'_>) -> Vec<Suggestion> {
        let Some(written) = entries(beside.written.unwrap_or("{}")) else { return Vec::new() };
        let Some(device) = beside.device else { return Vec::new() };
        let camera = self.cameras().find(|camera| is_at(camera, device));
        let controls = camera.and_then(|camera| camera["controls"].as_array()).into_iter().flatten();
        let mut suggestions = Vec::new();
        for control in controls.filter(|control| control["read_only"] != true) {
            let (Some(name), Some(value)) = (control["name"].as_str(), now(control)) else { continue };
            if written.contains(&format!("\"{name}\"")) {
                continue;
            }
            let before = if written.is_empty() { String::new() } else { format!("{written}, ") };
            let value = format!("\"{name}\": {value}");
            let shown = format!("{value}  {}", takes(control));
            suggestions.push(Suggestion { value: format!("{{{before}{value}}}"), shown });
        }
        suggestions
    }
}

fn is_at(camera: &Value, device: &str) -> bool {
    camera["path"] == device || camera["id"] == device
}

/// How the configuration calls the pictures of a format.
fn pictures(fourcc: &str) -> &'static str {
    match fourcc {
        "H264" => "H264",
        "HEVC" => "HEVC",
        "MJPG" | "JPEG" => "MJPEG",
        raw if RAW.contains(&raw) => "Raw",
        _ => "",
    }
}

fn sides(size: &Value) -> Option<String> {
    Some(format!("{}x{}", size["width"].as_u64()?, size["height"].as_u64()?))
}

/// What stands between the braces; none where that is more than a line can be put behind.
fn entries(written: &str) -> Option<&str> {
    let inside = written.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    let simple = !inside.contains(['\n', '\r']) && !inside.contains("//") && !inside.contains("/*");
    simple.then(|| inside.trim_end_matches(',').trim_end())
}

/// The value that a control has, as it is written; none of a button, which has none.
fn now(control: &Value) -> Option<String> {
    let value = control["current"].as_i64().or_else(|| control["default"].as_i64())?;
    match &control["kind"] {
        Value::String(kind) if kind == "Button" => None,
        Value::String(kind) if kind == "Boolean" => Some((value != 0).to_string()),
        Value::String(_) => Some(value.to_string()),
        menu => {
            let entry = menu_of(menu).find(|(number, _)| *number == value);
            Some(entry.map_or_else(|| value.to_string(), |(_, name)| super::draft::quoted(name)))
        }
    }
}

/// What a control takes, in words.
fn takes(control: &Value) -> String {
    let range = |place: usize| control["range"][place].as_i64().unwrap_or_default();
    let mut said = match &control["kind"] {
        Value::String(kind) if kind == "Boolean" => "true or false".to_owned(),
        Value::String(_) => format!("{} to {}", range(0), range(1)),
        menu => menu_of(menu).map(|(_, name)| super::draft::quoted(name)).collect::<Vec<_>>().join(", "),
    };
    if control["inactive"] == true {
        let _ = write!(said, " (another control sets it)");
    }
    said
}

fn menu_of(kind: &Value) -> impl Iterator<Item = (i64, &str)> {
    let entries = kind["Menu"].as_array().into_iter().flatten();
    entries.filter_map(|entry| Some((entry[0].as_i64()?, entry[1].as_str()?)))
}

/// The name that stays when others are plugged in, where there is one.
fn name_of(camera: &Value) -> String {
    let name = camera["id"].as_str().or_else(|| camera["path"].as_str());
    name.unwrap_or_default().to_owned()
}

fn words(camera: &Value) -> String {
    let text = |name: &str| camera[name].as_str().unwrap_or_default();
    format!("{} {}", text("card"), text("verdict"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::state::config::schema::Schema;

    fn probed() -> Probed {
        let size = |width, height, rates: &[f64]| serde_json::json!({"width": width, "height": height, "rates": rates});
        Probed(Some(serde_json::json!({"encoders": [], "cameras": [
            {"path": "/dev/video0", "id": "/dev/v4l/by-id/a", "card": "Cam", "verdict": "serves", "formats": [
                {"fourcc": "YUYV", "sizes": [size(640, 480, &[30.0, 15.0])]},
                {"fourcc": "MJPG", "sizes": [size(640, 480, &[30.0]), size(1920, 1080, &[5.0])]},
                {"fourcc": "BGGR", "sizes": [size(10, 10, &[1.0])]}],
             "controls": [
                {"name": "brightness", "kind": "Integer", "range": [-64, 64, 1], "default": 0, "current": 10},
                {"name": "flip", "kind": "Boolean", "range": [0, 1, 1], "default": 1, "current": null},
                {"name": "exposure", "kind": {"Menu": [[1, "Manual Mode"], [3, "Auto"]]}, "default": 3, "current": 1},
                {"name": "gain", "kind": "Integer", "range": [0, 9, 1], "default": 0, "current": 7, "inactive": true},
                {"name": "serial", "kind": "Integer", "range": [0, 9, 1], "default": 0, "read_only": true},
                {"name": "press", "kind": "Button", "default": 0}]},
            {"path": "/dev/video2", "id": null, "card": "Other", "verdict": "", "formats": []}]})))
    }

    fn field(name: &str) -> Field {
        let schema = Schema::read(crate::config::schema()).unwrap();
        schema.kind("Camera").unwrap().fields.iter().find(|field| field.name == name).unwrap().clone()
    }

    fn offered(name: &str, beside: Beside<'_>) -> Vec<String> {
        probed().suggestions(&field(name), beside).into_iter().map(|it| it.value).collect()
    }

    #[test]
    fn what_the_board_has_is_offered() {
        let at = |device| Beside { device: Some(device), ..Beside::default() };
        assert_eq!(offered("device", Beside::default()), ["/dev/v4l/by-id/a", "/dev/video2"]);
        assert_eq!(offered("width", at("/dev/video0")), ["640x480", "1920x1080", "10x10"]);
        assert_eq!(offered("fps", at("/dev/v4l/by-id/a")), ["30.0", "15.0", "5.0", "1.0"]);
        assert!(
            offered("fps", at("/dev/video2")).is_empty() && offered("label", at("/dev/video0")).is_empty()
        );
        assert!(Probed(None).suggestions(&field("device"), Beside::default()).is_empty());
        // What is written beside it narrows it.
        let mjpeg = Beside { format: Some("MJPEG"), ..at("/dev/video0") };
        assert_eq!(offered("width", mjpeg), ["640x480", "1920x1080"]);
        assert_eq!(offered("fps", Beside { size: Some(("1920", "1080")), ..mjpeg }), ["5.0"]);
        let sizes = probed().suggestions(&field("width"), at("/dev/video0"));
        assert_eq!(sizes[0].shown, "640x480 YUYV MJPG");
    }

    #[test]
    fn who_draws_or_plays_is_offered_no_cameras_sizes() {
        let of = |kind| Beside { kind: Some(kind), device: Some("/dev/video0"), ..Beside::default() };
        assert_eq!(offered("width", of("Camera")), ["640x480", "1920x1080", "10x10"]);
        for (kind, name) in [("File", "fps"), ("Command", "fps"), ("Jpegs", "width"), ("Pattern", "device")] {
            assert!(offered(name, of(kind)).is_empty(), "{kind} {name}");
        }
        let (sizes, rates) = (offered("height", of("Pattern")), offered("fps", of("Pattern")));
        assert!(
            sizes.len() > 4 && rates.len() > 4 && !sizes.contains(&"10x10".to_owned()),
            "{sizes:?} {rates:?}"
        );
        for (size, rate) in sizes.iter().flat_map(|size| rates.iter().map(move |rate| (size, rate))) {
            let (width, height) = size.split_once('x').unwrap();
            let mount = format!("Pattern(width: {width}, height: {height}, fps: {rate})");
            crate::config::Config::parse(&format!("(mounts: {{\"a\": {mount}}})")).unwrap();
        }
    }

    #[test]
    fn which_of_several_cameras_is_asked_of_a_new_mount() {
        let schema = Schema::read(crate::config::schema()).unwrap();
        let camera = |number: u32| serde_json::json!({"camera": number, "name": "imx708", "sizes": []});
        let asked = |cameras: Vec<Value>, kind: &str| {
            let probed = Probed(Some(serde_json::json!({"cameras": [], "rpicam": cameras})));
            let kind = probed.asking(schema.kind(kind).unwrap());
            let asked = kind.fields.into_iter().filter(|field| field.required);
            asked.map(|field| field.name).collect::<Vec<_>>()
        };
        assert_eq!(asked(vec![camera(0), camera(1)], "Rpicam"), ["camera"]);
        assert!(asked(vec![camera(0)], "Rpicam").is_empty(), "there is nothing to choose");
        assert_eq!(asked(vec![camera(0), camera(1)], "Camera"), ["device"]);
    }

    #[test]
    fn choices_say_what_this_camera_and_board_have() {
        let about = |name: &str, choice: &str, device: &str| {
            let beside = Beside { device: Some(device), ..Beside::default() };
            probed().about(&field(name), choice, beside)
        };
        for (choice, said) in [
            ("H264", "this camera has none: it is coded here"),
            ("HEVC", "this camera has none"),
            ("MJPEG", "this camera has it, up to 1920x1080"),
            ("Raw", "this camera has it, up to 640x480"),
        ] {
            assert_eq!(about("format", choice, "/dev/video0"), said);
        }
        assert_eq!(about("format", "Raw", "/dev/video9"), "", "who is not there is not told of");
        assert_eq!(about("encode", "Hardware", "/dev/video0"), "this board has no encoder");
        assert_eq!(about("encode", "Software", "/dev/video0"), "");
    }

    #[test]
    fn controls_come_behind_those_that_are_written() {
        let beside = |written| Beside { device: Some("/dev/video0"), written, ..Beside::default() };
        let all =
            ["{\"brightness\": 10}", "{\"flip\": true}", "{\"exposure\": \"Manual Mode\"}", "{\"gain\": 7}"];
        assert_eq!(offered("controls", beside(None)), all);
        let more = offered("controls", beside(Some("{ \"flip\": false, }")));
        assert_eq!(more[0], "{\"flip\": false, \"brightness\": 10}");
        assert_eq!(more.len(), all.len() - 1);
        let shown: Vec<_> = probed().suggestions(&field("controls"), beside(None));
        assert_eq!(shown[0].shown, "\"brightness\": 10  -64 to 64");
        assert_eq!(shown[2].shown, "\"exposure\": \"Manual Mode\"  \"Manual Mode\", \"Auto\"");
        assert!(shown[3].shown.ends_with("0 to 9 (another control sets it)"));
        for odd in ["{\"flip\": true,\n \"gain\": 1}", "{/* mine */}", "5"] {
            assert!(offered("controls", beside(Some(odd))).is_empty(), "{odd}");
        }
        assert!(offered("controls", Beside::default()).is_empty());
    }
}
