//! Whether a camera's mount can be served, as the board is now: for `lenslet check`.

use std::path::Path;

use super::board::Encoders;
use super::controls::apply;
use super::{Settings, open_camera, plan, probe, streaming};
use crate::{encode, v4l2};

/// Why a camera's mount cannot be served, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unserved {
    /// Not now; it may be later.
    Now(String),
    /// Not as it is configured, by this board and this camera.
    AsConfigured(String),
}

impl Settings {
    /// Looks at the camera and at the board's encoders: says what will be otherwise than it is configured, a sentence each.
    /// Nobody who uses them now is disturbed.
    ///
    /// # Errors
    /// The camera is not there, or it or the board cannot do what is configured.
    pub fn look(&self) -> Result<Vec<String>, Unserved> {
        let encoders = if self.wish.may_encode() { probe::encoders() } else { Encoders::default() };
        let named = |why: String| format!("{}: {why}", self.device.display());
        let (device, queue, capability) = match open_camera(&self.device) {
            Ok(opened) => opened,
            Err(error @ v4l2::Error::NoVideo(..)) => return Err(Unserved::AsConfigured(error.to_string())),
            // What no encoder of this board does is wrong whatever the camera is.
            Err(error) => {
                return Err(match plan::beyond_hardware(&encoders.found, &self.wish) {
                    Some(why) => Unserved::AsConfigured(named(why)),
                    None => Unserved::Now(for_now(&error)),
                });
            }
        };
        let node = probe::node(&device, queue, &capability);
        let plan = match plan::plan(&node, &encoders, encode::SOFTWARE, &self.wish) {
            Err(refusal) if refusal.is_for_now() => return Err(Unserved::Now(named(refusal.to_string()))),
            Err(refusal) => return Err(Unserved::AsConfigured(named(refusal.to_string()))),
            Ok(plan) => plan,
        };
        apply::check(&device, &self.controls)
            .map_err(|why| Unserved::AsConfigured(named(format!("controls: {why}"))))?;
        // A loopback has readers without number, and begins its buffers anew whenever one asks.
        let free = if capability.is_loopback() { Ok(()) } else { device.free(queue) };
        match free {
            Err(error) if !is_ours(&self.device, &error) => return Err(Unserved::Now(for_now(&error))),
            _ => {}
        }
        Ok(plan.otherwise().map(named).collect())
    }
}

/// Whether a camera is busy since it is served: by this process or, as far as can be seen, by another that runs this program.
fn is_ours(device: &Path, error: &v4l2::Error) -> bool {
    let v4l2::Error::Busy(_, holder) = error else { return false };
    streaming::mount(device).is_some() || v4l2::Holder::may_be_this_program(holder.as_ref())
}

/// Why it is not served now, and when it will be.
fn for_now(error: &v4l2::Error) -> String {
    match error {
        v4l2::Error::Missing(device) => format!(
            "{}: there is no such camera now: it is served once it is plugged in (`lenslet probe` lists those that are there)",
            device.display()
        ),
        v4l2::Error::Busy(..) => format!("{error}: it is served once that lets go of it"),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::camera::Wish;

    #[test]
    fn what_comes_later_is_told_from_what_never_will() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (device, expected) in [
            ("/nowhere/video0", Ok("there is no such camera now: it is served once it is plugged in")),
            ("/dev/null", Err("it is a device, and no camera")),
            ("/", Err("it is a folder, and no camera")),
            (file.path().to_str().unwrap(), Err("a `File` mount plays files")),
        ] {
            let settings = Settings { device: device.into(), wish: Wish::default(), ..Settings::default() };
            match (settings.look().unwrap_err(), expected) {
                (Unserved::Now(told), Ok(part)) | (Unserved::AsConfigured(told), Err(part)) => {
                    assert!(told.starts_with(device) && told.contains(part), "{told}");
                }
                (told, _) => panic!("{device}: {told:?}"),
            }
        }
        let busy = v4l2::Error::Busy("/dev/video0".into(), None);
        assert_eq!(
            for_now(&busy),
            "/dev/video0: in use by another program (`sudo fuser -v /dev/video0` says which): it is served once that lets go of it"
        );
    }
}
