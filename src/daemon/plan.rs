//! What another configuration means for the mounts that run: decided without doing it.

use std::collections::BTreeMap;

use crate::config::{Mount, MountSettings};
use crate::hub::{Coder, ControlValue};
use crate::source::{camera, pattern};

/// What becomes of a mount.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fate {
    Kept,
    /// While it runs.
    Changed(Vec<Live>),
    Restarted,
    Added,
    Removed,
}

/// What changes in the same stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Live {
    Bitrate(u32),
    Control(String, ControlValue),
}

/// Every mount's fate, by name.
pub(super) fn plan<'a>(
    old: impl Iterator<Item = (&'a str, &'a Mount)>,
    new: &BTreeMap<String, Mount>,
) -> BTreeMap<String, Fate> {
    let mut fates: BTreeMap<String, Fate> = new.keys().map(|name| (name.clone(), Fate::Added)).collect();
    for (name, before) in old {
        let fate = new.get(name).map_or(Fate::Removed, |after| fate(before, after));
        fates.insert(name.to_owned(), fate);
    }
    fates
}

/// The first bitrate that would change while a mount runs and that what codes it refuses, in a sentence.
pub(super) fn refusal(
    fates: &BTreeMap<String, Fate>,
    coder: impl Fn(&str) -> Option<Coder>,
) -> Result<(), String> {
    for (name, fate) in fates {
        let Fate::Changed(lives) = fate else { continue };
        for live in lives {
            if let Live::Bitrate(bitrate) = live
                && let Some(why) = coder(name).and_then(|coder| coder.refuses(*bitrate))
            {
                return Err(format!("mounts[{name:?}].bitrate: {why}"));
            }
        }
    }
    Ok(())
}

fn fate(before: &Mount, after: &Mount) -> Fate {
    if before == after {
        return Fate::Kept;
    }
    match (&before.source, &after.source) {
        // Its source notices nothing.
        (source, same) if source == same => Fate::Changed(Vec::new()),
        (MountSettings::Camera(before), MountSettings::Camera(after)) => {
            live(before, after).map_or(Fate::Restarted, Fate::Changed)
        }
        (MountSettings::Pattern(before), MountSettings::Pattern(after))
            if *before == (pattern::Settings { bitrate: before.bitrate, ..after.clone() }) =>
        {
            Fate::Changed(vec![Live::Bitrate(after.bitrate)])
        }
        _ => Fate::Restarted,
    }
}

/// What to change of a camera that runs, if that is all that differs.
fn live(before: &camera::Settings, after: &camera::Settings) -> Option<Vec<Live>> {
    let same = |settings: &camera::Settings| {
        let mut settings = settings.clone();
        (settings.wish.bitrate, settings.controls) = (None, Vec::new());
        settings
    };
    // What is written no more goes back to what the camera has of itself, which only a start finds out.
    let gone = before.controls.iter().any(|(name, _)| after.controls.iter().all(|(kept, _)| kept != name));
    if same(before) != same(after) || gone || before.wish.bitrate.is_some() && after.wish.bitrate.is_none() {
        return None;
    }
    let bitrate = after.wish.bitrate.filter(|_| before.wish.bitrate != after.wish.bitrate);
    let controls = after.controls.iter().filter(|control| !before.controls.contains(control));
    let controls = controls.map(|(name, value)| Live::Control(name.clone(), value.clone()));
    Some(bitrate.map(Live::Bitrate).into_iter().chain(controls).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::media::h264::Level;

    fn mounts(text: &str) -> BTreeMap<String, Mount> {
        Config::parse(&format!("(mounts: {{{text}}})")).unwrap().mounts
    }

    #[test]
    fn only_what_differs_restarts_and_a_cameras_bitrate_and_controls_change_while_it_runs() {
        let old = mounts(
            r#""a": Pattern(), "b": Pattern(), "c": Pattern(), "d": Camera(device: "/dev/video9", bitrate: 1000000, controls: {"focus": 1, "gain": 2}), "e": Camera(device: "x"), "f": Camera(device: "x", controls: {"focus": 1}), "g": Pattern(max_readers: 5), "h": Pattern(bitrate: 100000)"#,
        );
        let new = mounts(
            r#""a": Pattern(), "b": Pattern(fps: 10), "n": Pattern(), "d": Camera(device: "/dev/video9", bitrate: 2000000, controls: {"focus": 1, "gain": 3}), "e": Camera(device: "x", fps: 15), "f": Camera(device: "x"), "g": Pattern(label: "G", max_readers: 6), "h": Pattern(bitrate: 200000)"#,
        );
        let fates = plan(old.iter().map(|(name, settings)| (name.as_str(), settings)), &new);
        let live = vec![Live::Bitrate(2_000_000), Live::Control("gain".into(), ControlValue::Integer(3))];
        let expected = [
            ("a", Fate::Kept),
            ("b", Fate::Restarted),
            ("c", Fate::Removed),
            ("d", Fate::Changed(live)),
            ("e", Fate::Restarted),
            ("f", Fate::Restarted),
            ("g", Fate::Changed(Vec::new())),
            ("h", Fate::Changed(vec![Live::Bitrate(200_000)])),
            ("n", Fate::Added),
        ];
        assert_eq!(fates, expected.map(|(name, fate)| (name.to_owned(), fate)).into());
    }

    #[test]
    fn a_bitrate_that_what_codes_a_mount_refuses_is_told_with_the_mount_and_the_limit() {
        let fates =
            |bitrate| BTreeMap::from([("cam".to_owned(), Fate::Changed(vec![Live::Bitrate(bitrate)]))]);
        let coder = |level| Coder {
            name: "bcm2835-codec".to_owned(),
            bitrate: 1_000_000,
            bitrates: (25_000, 20_000_000),
            gop: 30,
            profile: "High".to_owned(),
            level,
        };
        let level = Level::from_number(3.0).map(|level| (level, 12_500_000));
        for (bitrate, level, why) in [
            (20_000_000, None, None),
            (12_500_000, level, None),
            (
                20_000_001,
                None,
                Some("bcm2835-codec codes at 25000 to 20000000 bits a second, and this is 20000001"),
            ),
            (
                12_500_001,
                level,
                Some("level 3.0 is configured, which allows 12500000 bits a second, and this is 12500001"),
            ),
        ] {
            let told = refusal(&fates(bitrate), |name| (name == "cam").then(|| coder(level))).err();
            assert_eq!(told, why.map(|why| format!("mounts[\"cam\"].bitrate: {why}")));
        }
        assert_eq!(refusal(&fates(20_000_001), |_| None), Ok(()), "what it is coded by is not known yet");
    }
}
