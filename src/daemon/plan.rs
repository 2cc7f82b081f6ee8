//! What another configuration means for the mounts that run: decided without doing it.

use std::collections::BTreeMap;

use crate::config::{Mount, MountSettings};
use crate::hub::{ControlValue, Making};
use crate::source::{camera, pattern};

/// What becomes of a mount.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fate {
    Kept,
    /// While it runs.
    Changed(Vec<Live>),
    /// With the reason, where that is not what is different.
    Restarted(Option<String>),
    Added,
    Removed,
}

/// What changes in the same stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Live {
    Bitrate(u32),
    Control(String, ControlValue),
}

/// Every mount's fate, by name; of those that run with how their pictures come about.
pub(super) fn plan<'a>(
    old: impl Iterator<Item = (&'a str, &'a Mount, Making)>,
    new: &BTreeMap<String, Mount>,
) -> BTreeMap<String, Fate> {
    let mut fates: BTreeMap<String, Fate> = new.keys().map(|name| (name.clone(), Fate::Added)).collect();
    for (name, before, making) in old {
        let fate = new.get(name).map_or(Fate::Removed, |after| coded_by(fate(before, after), &making));
        fates.insert(name.to_owned(), fate);
    }
    fates
}

/// Each mount whose bitrate would change while it runs to one that what codes it refuses: its name, and why in a sentence.
pub(super) fn refusals(
    fates: &BTreeMap<String, Fate>,
    making: impl Fn(&str) -> Option<Making>,
) -> BTreeMap<String, String> {
    let refused = |(name, fate): (&String, &Fate)| {
        let coder = making(name)?.encoder?;
        let why = coder.refuses(bitrate(fate)?)?;
        Some((name.clone(), format!("mounts[{name:?}].bitrate: {why}")))
    };
    fates.iter().filter_map(refused).collect()
}

/// The bitrate that changes while a mount runs.
fn bitrate(fate: &Fate) -> Option<u32> {
    let Fate::Changed(lives) = fate else { return None };
    lives.iter().find_map(|live| match live {
        Live::Bitrate(bitrate) => Some(*bitrate),
        Live::Control(..) => None,
    })
}

/// Where another codes at the new bitrate, the source begins anew: as it would if it began now.
fn coded_by(fate: Fate, making: &Making) -> Fate {
    match bitrate(&fate).and_then(|bitrate| making.handed_over(bitrate)) {
        Some(why) => Fate::Restarted(Some(why.to_owned())),
        None => fate,
    }
}

fn fate(before: &Mount, after: &Mount) -> Fate {
    if before == after {
        return Fate::Kept;
    }
    match (&before.source, &after.source) {
        // Its source notices nothing.
        (source, same) if source == same => Fate::Changed(Vec::new()),
        (MountSettings::Camera(before), MountSettings::Camera(after)) => {
            live(before, after).map_or(Fate::Restarted(None), Fate::Changed)
        }
        (MountSettings::Pattern(before), MountSettings::Pattern(after))
            if *before == (pattern::Settings { bitrate: before.bitrate, ..after.clone() }) =>
        {
            Fate::Changed(vec![Live::Bitrate(after.bitrate)])
        }
        _ => Fate::Restarted(None),
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
    use crate::hub::{Coder, Instead};
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
        let old = old.iter().map(|(name, settings)| (name.as_str(), settings, Making::default()));
        let fates = plan(old, &new);
        let live = vec![Live::Bitrate(2_000_000), Live::Control("gain".into(), ControlValue::Integer(3))];
        let expected = [
            ("a", Fate::Kept),
            ("b", Fate::Restarted(None)),
            ("c", Fate::Removed),
            ("d", Fate::Changed(live)),
            ("e", Fate::Restarted(None)),
            ("f", Fate::Restarted(None)),
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
            let making = || Making { encoder: Some(coder(level)), ..Making::default() };
            let mut told = refusals(&fates(bitrate), |name| (name == "cam").then(making));
            assert_eq!(told.remove("cam"), why.map(|why| format!("mounts[\"cam\"].bitrate: {why}")));
        }
        let unknown = refusals(&fates(20_000_001), |_| Some(Making::default()));
        assert!(unknown.is_empty(), "what it is coded by is not known yet");
    }

    #[test]
    fn a_source_begins_anew_where_another_codes_at_the_new_bitrate() {
        let coder = |bitrates| Coder {
            name: "it".to_owned(),
            bitrate: 1_000_000,
            bitrates,
            gop: 30,
            profile: "High".to_owned(),
            level: None,
        };
        let making = |bitrates, other, first| Making {
            encoder: Some(coder(bitrates)),
            instead: Some(Instead { bitrates: other, first, why: "another".to_owned() }),
            ..Making::default()
        };
        let (board, processor) = ((25_000, 20_000_000), (10_000, 100_000_000));
        let camera = |bitrate| mounts(&format!(r#""a": Camera(device: "x", bitrate: {bitrate})"#));
        let another = || Fate::Restarted(Some("another".to_owned()));
        for (making, bitrate, expected) in [
            (making(board, processor, false), 20_000_000, Fate::Changed(vec![Live::Bitrate(20_000_000)])),
            (making(board, processor, false), 30_000_000, another()),
            (making(processor, board, true), 40_000_000, Fate::Changed(vec![Live::Bitrate(40_000_000)])),
            (making(processor, board, true), 2_000_000, another()),
        ] {
            let (old, new) = (camera(1_500_000), camera(bitrate));
            let fates = plan(old.iter().map(|(name, mount)| (&**name, mount, making.clone())), &new);
            assert_eq!(fates["a"], expected, "{bitrate}");
        }
    }
}
