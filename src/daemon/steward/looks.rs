//! What has to be looked for.

use std::future::poll_fn;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use smol::Timer;
use smol::future::FutureExt;

use super::{Steward, kind};
use crate::clock;
use crate::config::MountSettings;
use crate::control::Answer;
use crate::control::protocol::{Control, ControlKind, Look, Refusal, Reply, Snapshot};
use crate::daemon::listing::Listed;
use crate::encode::still;
use crate::hub::{Mount, Slot, State};
use crate::media::{AccessUnit, Codec, Kind, Link, Track, TrackId, jpeg};
use crate::source::{camera, found};

/// A source that has given no keyframe by then will not.
const PATIENCE: Duration = Duration::from_secs(10);

/// A picture is not made narrower, and no stream is wider.
const WIDTHS: RangeInclusive<u32> = 16..=16_384;

impl Steward {
    pub(super) async fn look(&self, look: Look) -> Answer {
        match look {
            Look::Probe {} => {
                let found = smol::unblock(found::everything).await;
                let told = serde_json::to_value(found).map_err(|error| {
                    Refusal::new("panic", format!("an error in Lenslet itself: {error}"), "report it")
                })?;
                Ok(Reply::Probe(told))
            }
            Look::Controls { mount } => self.controls(&mount).await,
            Look::Snapshot { mount, max_width } => self.snapshot(&mount, max_width).await,
        }
    }

    async fn controls(&self, name: &str) -> Answer {
        let Listed { mount, settings } = self.find(name)?;
        let device = is_camera(&mount, &settings)?.to_owned();
        let found = smol::unblock(move || {
            let real = |path: &Path| path.canonicalize().ok();
            camera::probe().into_iter().find(|camera| real(camera.device()) == real(&device))
        });
        let camera = found.await.ok_or_else(|| {
            let why = format!("the camera of {name} is not there");
            Refusal::new("no-camera", why, "plug it in; `lenslet probe` shows what is there")
        })?;
        Ok(Reply::Controls(camera.controls.iter().filter_map(control).collect()))
    }

    async fn snapshot(&self, name: &str, max_width: Option<u32>) -> Answer {
        if let Some(width) = max_width.filter(|width| !WIDTHS.contains(width)) {
            let (least, most) = WIDTHS.into_inner();
            let why = format!("max_width: {width} is not between {least} and {most} pixels");
            return Err(Refusal::new("out-of-range", why, "leave it out for the picture as wide as it is"));
        }
        let mount = self.find(name)?.mount;
        let late = async {
            Timer::after(PATIENCE).await;
            let mut why = format!("{} gave no keyframe within {} s", mount.name(), PATIENCE.as_secs());
            if let State::Failed(reason) | State::StandIn(reason) = mount.state() {
                why += &format!(": {reason}");
            }
            Err(Refusal::new("no-picture", why, "see its state in `lenslet status`"))
        };
        let unit = keyframe(&mount).or(late).await?;
        let age = clock::media().since(unit.time);
        let codec = mount.tracks().and_then(|tracks| Some(tracks.get(unit.track.index())?.codec.clone()));
        let width = max_width.map(|width| width as usize);
        let made = smol::unblock(move || match codec {
            Some(Codec::H264(_)) => still::of_h264(&unit.data, width).map_err(|error| error.0),
            Some(Codec::Jpeg) => still::of_jpeg(&unit.data, width).map_err(|error| error.0),
            other => {
                let codec = other.map_or("this stream", |codec| codec.name());
                Err(format!("there is no decoder for {codec} here"))
            }
        });
        let bytes = made
            .await
            .map_err(|why| Refusal::new("no-picture", why, "play the mount with a player to see it"))?;
        let size = jpeg::Image::parse(&bytes).map(|image| (image.width, image.height)).unwrap_or_default();
        let jpeg = base64::engine::general_purpose::STANDARD.encode(&bytes);
        let age_ms = Some(age.as_millis() as u64);
        Ok(Reply::Snapshot(Snapshot { width: size.0.into(), height: size.1.into(), age_ms, jpeg }))
    }
}

/// The device of a mount that is a camera.
pub(super) fn is_camera<'a>(mount: &Mount, settings: &'a MountSettings) -> Result<&'a Path, Refusal> {
    let (kind, device) = kind(settings);
    device.ok_or_else(|| {
        let why = format!("{} is no camera but a {kind}", mount.name());
        Refusal::new("no-camera", why, "only cameras have controls")
    })
}

/// The track that has pictures which can be decoded here.
fn pictures(mount: &Mount, tracks: &[Track]) -> Result<TrackId, Refusal> {
    let is_known = |track: &Track| matches!(track.codec, Codec::H264(_) | Codec::Jpeg);
    if let Some(index) = tracks.iter().position(is_known) {
        return Ok(TrackId(index as u8));
    }
    let pictures = tracks.iter().find(|track| track.codec.kind() == Kind::Video);
    let (why, what_to_do) = match pictures {
        Some(track) => (
            format!("there is no decoder for {} here", track.codec.name()),
            "play the mount with a player to see it",
        ),
        None => {
            let codecs: Vec<&str> = tracks.iter().map(|track| track.codec.name()).collect();
            (format!("{} has no pictures: it is sound alone ({})", mount.name(), codecs.join(", ")), "")
        }
    };
    Err(Refusal::new("no-picture", why, what_to_do))
}

/// A keyframe of a codec that can be decoded here: one that is made for this; where the source cannot be asked for one the newest
/// that is kept, or else the next.
async fn keyframe(mount: &Mount) -> Result<AccessUnit, Refusal> {
    let _demand = mount.want();
    let mut cursor = mount.units().end();
    mount.request_keyframe();
    let mut seen = 0;
    let tracks = loop {
        if let Some(tracks) = mount.tracks() {
            break tracks;
        }
        let first = seen == 0;
        seen = poll_fn(|context| mount.poll_changed(seen, context)).await;
        // The first is what it was before anybody wanted it.
        if let (State::Failed(why), false) = (mount.state(), first) {
            let why = format!("{} cannot run: {why}", mount.name());
            return Err(Refusal::new("no-picture", why, "it is tried again by itself"));
        }
    };
    let track = pictures(mount, &tracks)?;
    let starts = |unit: &AccessUnit| unit.track == track && unit.link == Link::Start;
    let newest = mount.last_keyframe().filter(starts);
    if mount.state() == State::Live
        && !mount.forces_keyframes()
        && let Some(unit) = newest
    {
        return Ok(unit);
    }
    loop {
        match poll_fn(|context| mount.units().poll_next(cursor, context)).await {
            Some(Slot::Here(unit)) if starts(&unit) => return Ok(unit),
            Some(Slot::Here(_) | Slot::Ahead) => cursor = cursor.next(),
            Some(Slot::Gone(oldest)) => cursor = oldest,
            None => {
                let why = format!("{} has ended", mount.name());
                return Err(Refusal::new("no-picture", why, "see `lenslet status`"));
            }
        }
    }
}

/// None for what cannot be set.
fn control(control: &camera::Control) -> Option<Control> {
    let (least, greatest, step) = control.range;
    Some(Control {
        name: control.name.clone(),
        kind: match &control.kind {
            camera::Kind::Integer => ControlKind::Number { least, greatest, step },
            camera::Kind::Boolean => ControlKind::Switch,
            camera::Kind::Menu(entries) => ControlKind::Menu(entries.clone()),
            camera::Kind::Button => ControlKind::Button,
            camera::Kind::Other => return None,
        },
        value: control.current,
        default: control.default,
        read_only: control.read_only,
        inactive: control.inactive,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{aac, h264, h265};

    #[test]
    fn pictures_are_taken_of_the_track_that_can_be_decoded_and_of_no_other() {
        let (_, mount) = crate::hub::mount("cam");
        let sound = || Codec::Aac(aac::Config::parse(&[0x12, 0x10]).unwrap());
        let told = |codecs: Vec<Codec>| {
            let tracks: Vec<Track> = codecs.into_iter().map(|codec| Track { codec, bitrate: None }).collect();
            pictures(&mount, &tracks).map(|track| track.index()).map_err(|refusal| refusal.why)
        };
        assert_eq!(told(vec![Codec::Jpeg, sound()]), Ok(0));
        assert_eq!(told(vec![sound(), Codec::Jpeg]), Ok(1));
        assert_eq!(told(vec![sound(), Codec::H264(h264::ParameterSets::new(&[], &[]))]), Ok(1));
        let h265 = || Codec::H265(h265::ParameterSets::new(&[], &[], &[]));
        assert_eq!(told(vec![sound(), h265()]), Err("there is no decoder for H.265 here".to_owned()));
        assert_eq!(told(vec![sound()]), Err("cam has no pictures: it is sound alone (AAC)".to_owned()));
    }
}
