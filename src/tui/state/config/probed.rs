//! What the board has, as choices for a form: devices, sizes, rates.

use serde_json::Value;

use super::schema::Field;

/// What `probe` found.
#[derive(Debug, Default)]
pub struct Probed(pub Option<Value>);

impl Probed {
    /// What fits a setting, each with a few words; `device` is the one that is chosen beside it.
    pub fn suggestions(&self, field: &Field, device: Option<&str>) -> Vec<(String, String)> {
        match field.name.as_str() {
            "device" => self.cameras().map(|camera| (name(camera), words(camera))).collect(),
            "width" | "height" => self.sizes(device),
            "fps" => self.rates(device),
            _ => Vec::new(),
        }
    }

    fn cameras(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().filter_map(|found| found["cameras"].as_array()).flatten()
    }

    /// The formats of the camera that is meant; of all where none is.
    fn formats<'a>(&'a self, device: Option<&'a str>) -> impl Iterator<Item = &'a Value> {
        let meant = move |camera: &&Value| {
            device.is_none_or(|device| camera["path"] == device || camera["id"] == device)
        };
        self.cameras().filter(meant).filter_map(|camera| camera["formats"].as_array()).flatten()
    }

    /// As the form takes both sides at once.
    fn sizes(&self, device: Option<&str>) -> Vec<(String, String)> {
        let mut sizes = Vec::new();
        for format in self.formats(device) {
            for size in format["sizes"].as_array().into_iter().flatten() {
                let (Some(width), Some(height)) = (size["width"].as_u64(), size["height"].as_u64()) else {
                    continue;
                };
                let it = (format!("{width}x{height}"), String::new());
                if !sizes.contains(&it) {
                    sizes.push(it);
                }
            }
        }
        sizes
    }

    fn rates(&self, device: Option<&str>) -> Vec<(String, String)> {
        let mut rates = Vec::new();
        for format in self.formats(device) {
            for size in format["sizes"].as_array().into_iter().flatten() {
                for rate in size["rates"].as_array().into_iter().flatten() {
                    let it = (rate.to_string(), "pictures a second".to_owned());
                    if !rates.contains(&it) {
                        rates.push(it);
                    }
                }
            }
        }
        rates
    }
}

/// The name that stays when others are plugged in, where there is one.
fn name(camera: &Value) -> String {
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

    #[test]
    fn what_the_board_has_is_offered() {
        let probed = Probed(Some(serde_json::json!({"cameras": [
            {"path": "/dev/video0", "id": "/dev/v4l/by-id/a", "card": "Cam", "verdict": "serves", "formats": [
                {"sizes": [{"width": 640, "height": 480, "rates": [30.0, 15.0]}]},
                {"sizes": [{"width": 640, "height": 480, "rates": [30.0]}]}]},
            {"path": "/dev/video2", "id": null, "card": "Other", "verdict": "", "formats": []}]})));
        let schema = Schema::read(crate::config::schema()).unwrap();
        let camera = schema.kind("Camera").unwrap();
        let offered = |name: &str, device| {
            let field = camera.fields.iter().find(|field| field.name == name).unwrap();
            probed.suggestions(field, device).into_iter().map(|(value, _)| value).collect::<Vec<_>>()
        };
        assert_eq!(offered("device", None), ["/dev/v4l/by-id/a", "/dev/video2"]);
        assert_eq!(offered("width", Some("/dev/video0")), ["640x480"]);
        assert_eq!(offered("fps", Some("/dev/v4l/by-id/a")), ["30.0", "15.0"]);
        assert!(offered("fps", Some("/dev/video2")).is_empty() && offered("label", None).is_empty());
        assert!(Probed(None).suggestions(&camera.fields[0], None).is_empty());
    }
}
