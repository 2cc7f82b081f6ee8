//! `rpicam-vid` for the camera of a Raspberry Pi: which arguments, on which board.
//!
//! libcamera has no interface that a static program could be built against, so that its own program is run.

use std::path::Path;

use crate::source::{Error, check_fps};

/// The program's name, and that of the years before 2023.
const PROGRAMS: [&str; 2] = ["rpicam-vid", "libcamera-vid"];

/// What a camera is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Rpicam {
    /// Which of several cameras, from 0.
    pub camera: u32,
    /// Pixels a row; even.
    pub width: u32,
    /// Rows; even.
    pub height: u32,
    /// Pictures a second.
    pub fps: f64,
    /// Bits a second.
    pub bitrate: u32,
    /// Pictures from one keyframe to the next. They cannot be forced, so that readers wait for the next one.
    pub gop: u32,
    /// Degrees: 0 or 180.
    pub rotation: u32,
    /// More of its arguments.
    pub more: Vec<String>,
}

impl Default for Rpicam {
    fn default() -> Self {
        Self {
            camera: 0,
            width: 1280,
            height: 720,
            fps: 30.0,
            bitrate: 4_000_000,
            gop: 30,
            rotation: 0,
            more: Vec::new(),
        }
    }
}

impl Rpicam {
    /// Holds the settings against what can be.
    ///
    /// # Errors
    /// The first field that cannot be, in a sentence that names it and what can.
    pub(super) fn check(&self) -> Result<(), Error> {
        let Self { width, height, bitrate, gop, rotation, .. } = *self;
        let even = |size: u32| (64..=4096).contains(&size) && size.is_multiple_of(2);
        let wrong = if !even(width) || !even(height) {
            format!("width, height: {width}x{height} is not even and between 64 and 4096")
        } else if !(25_000..=20_000_000).contains(&bitrate) {
            // More is refused by the firmware of boards with an encoder when it begins to stream.
            format!("bitrate: {bitrate} is not between 25000 and 20000000 bits a second")
        } else if gop == 0 {
            "gop: 0 is not at least 1: pictures from one keyframe to the next".to_owned()
        } else if !matches!(rotation, 0 | 180) {
            format!("rotation: {rotation} is not 0 or 180 degrees, which is what the sensor can do")
        } else {
            return check_fps(Some(self.fps));
        };
        Err(Error::new(wrong))
    }

    /// The command, for a board of this model.
    pub(super) fn words(&self, model: &str, program: &str) -> Vec<String> {
        let Self { camera, width, height, fps, bitrate, gop, rotation, more } = self;
        let mut line = format!(
            "{program} -t 0 -n --camera {camera} --width {width} --height {height} --framerate {fps} \
             --codec h264 --bitrate {bitrate} --intra {gop} --inline --flush"
        );
        if *rotation != 0 {
            line += &format!(" --rotation {rotation}");
        }
        // Without one the program codes by libav, which has B-pictures and a delay unless it is told.
        line += if has_encoder(model) {
            " --profile high --level 4.2"
        } else {
            " --libav-format h264 --low-latency"
        };
        let given = line.split(' ').map(str::to_owned).chain(more.iter().cloned());
        given.chain(["-o", "-"].map(str::to_owned)).collect()
    }
}

/// Whether the board codes H.264 by itself: the models 5 do not.
fn has_encoder(model: &str) -> bool {
    !["Raspberry Pi 5", "Raspberry Pi 500", "Compute Module 5"].iter().any(|without| model.contains(without))
}

/// The board's model, as the device tree names it; empty where there is none.
pub(super) fn model() -> String {
    let text = std::fs::read_to_string("/proc/device-tree/model").unwrap_or_default();
    text.trim_end_matches('\0').to_owned()
}

/// The program that is installed.
///
/// # Errors
/// None is.
pub(super) fn program() -> Result<&'static str, Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let there = |name: &&&str| folders.iter().any(|folder| Path::new(folder).join(name).is_file());
    PROGRAMS.iter().find(there).copied().ok_or_else(|| {
        Error::new("there is no rpicam-vid here: install the package rpicam-apps (Raspberry Pi OS: rpicam-apps-lite)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_board_gets_its_arguments() {
        let rpicam =
            Rpicam { rotation: 180, more: vec!["--awb".into(), "indoor light".into()], ..Rpicam::default() };
        let common = "rpicam-vid -t 0 -n --camera 0 --width 1280 --height 720 --framerate 30 --codec h264 \
                      --bitrate 4000000 --intra 30 --inline --flush --rotation 180";
        for (model, ending) in [
            ("Raspberry Pi Zero 2 W Rev 1.0", "--profile high --level 4.2"),
            ("Raspberry Pi 4 Model B Rev 1.5", "--profile high --level 4.2"),
            ("Raspberry Pi 5 Model B Rev 1.0", "--libav-format h264 --low-latency"),
            ("Raspberry Pi Compute Module 5 Rev 1.0", "--libav-format h264 --low-latency"),
        ] {
            let words = rpicam.words(model, "rpicam-vid");
            let expected = format!("{common} {ending} --awb");
            let expected = expected.split(' ').chain(["indoor light", "-o", "-"]);
            assert_eq!(words, expected.collect::<Vec<_>>(), "{model}");
        }
    }

    #[test]
    fn what_cannot_be_is_told() {
        let base = Rpicam::default();
        for (wrong, field) in [
            (Rpicam { width: 641, ..base.clone() }, "width"),
            (Rpicam { bitrate: 25_000_000, ..base.clone() }, "bitrate"),
            (Rpicam { gop: 0, ..base.clone() }, "gop"),
            (Rpicam { rotation: 90, ..base.clone() }, "rotation"),
            (Rpicam { fps: 0.0, ..base.clone() }, "fps"),
        ] {
            assert!(wrong.check().unwrap_err().to_string().starts_with(field), "{wrong:?}");
        }
        base.check().unwrap();
    }
}
