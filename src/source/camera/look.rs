//! Whether a camera's mount can be served, as the board is now: for `lenslet check`.

use super::controls::apply;
use super::{Settings, open_camera, plan, probe};
use crate::encode;

/// Why a camera's mount cannot be served, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unserved {
    /// Not now; it may be later.
    Now(String),
    /// Not as it is configured, by this board and this camera.
    AsConfigured(String),
}

impl Settings {
    /// Looks at the camera and at the board's encoders. Nobody who uses them now is disturbed.
    ///
    /// # Errors
    /// The camera is not there, or it or the board cannot do what is configured.
    pub fn look(&self) -> Result<(), Unserved> {
        let encoders = if self.wish.may_encode() { probe::encoders() } else { Vec::new() };
        let named = |why: String| format!("{}: {why}", self.device.display());
        let (device, queue, capability) = match open_camera(&self.device) {
            Ok(opened) => opened,
            // What no encoder of this board does is wrong whatever the camera is.
            Err(error) => {
                return Err(match plan::beyond_hardware(&encoders, &self.wish) {
                    Some(why) => Unserved::AsConfigured(named(why)),
                    None => Unserved::Now(error.to_string()),
                });
            }
        };
        let node = probe::node(&device, queue, &capability);
        match plan::plan(&node, &encoders, encode::SOFTWARE, &self.wish) {
            Err(refusal @ plan::Refusal::NoSignal) => return Err(Unserved::Now(named(refusal.to_string()))),
            Err(refusal) => return Err(Unserved::AsConfigured(named(refusal.to_string()))),
            Ok(_) => {}
        }
        apply::check(&device, &self.controls)
            .map_err(|why| Unserved::AsConfigured(named(format!("controls: {why}"))))
    }
}
