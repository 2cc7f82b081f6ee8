//! All cameras of this machine: V4L2's, and those that only `rpicam-vid` can use.

use serde::Serialize;

use super::camera::{self, Board};
use super::command::{Listed, listed};

/// What this machine has.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Everything {
    /// V4L2's cameras, and the encoders.
    #[serde(flatten)]
    pub board: Board,
    /// Cameras of a Raspberry Pi's ribbon cables, for `Rpicam` mounts.
    pub rpicam: Vec<Listed>,
}

/// The cameras and encoders of this machine. It takes a second, and some where a driver or a program does not answer.
pub fn everything() -> Everything {
    Everything { board: camera::found(), rpicam: listed() }
}
