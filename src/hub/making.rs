//! How a mount's pictures come about, as its source says, which were lost on the way, and why it failed.

use std::sync::Arc;

use super::reasons::alike;
use crate::media::h264::Level;

/// How a mount's pictures come about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Making {
    /// In steps, from what takes them to what codes them.
    pub steps: Vec<String>,
    /// What codes them here; none: they come coded.
    pub encoder: Option<Coder>,
    /// Who else would, at another bitrate.
    pub instead: Option<Instead>,
}

/// Who codes a mount's pictures at another bitrate.
#[derive(Clone, Debug, PartialEq)]
pub struct Instead {
    /// The least and the greatest at which it does.
    pub bitrates: (u32, u32),
    /// Whether it goes before who codes them now, where both can.
    pub first: bool,
    /// That it does, and why, in a sentence.
    pub why: String,
}

impl Making {
    /// That another codes at so many bits a second, and why, in a sentence; none if it is the same.
    pub fn handed_over(&self, bitrate: u32) -> Option<&str> {
        let codes = |(least, greatest): (u32, u32)| (least..=greatest).contains(&bitrate);
        let now = self.encoder.as_ref().is_some_and(|coder| codes(coder.bitrates));
        let instead =
            self.instead.as_ref().filter(|instead| codes(instead.bitrates) && (instead.first || !now));
        instead.map(|instead| &*instead.why)
    }
}

/// What codes a mount's pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Coder {
    /// What its maker, or its library, calls it.
    pub name: String,
    /// The bitrate that it was begun with, in bits a second.
    pub bitrate: u32,
    /// The least and the greatest that it codes at.
    pub bitrates: (u32, u32),
    /// Pictures from one keyframe to the next that it was begun with.
    pub gop: u32,
    /// The profile that is asked for.
    pub profile: String,
    /// The level that is configured, and how many bits a second it allows.
    pub level: Option<(Level, u32)>,
}

impl Coder {
    /// Why it does not code at so many bits a second, in a sentence; none if it does.
    pub fn refuses(&self, bitrate: u32) -> Option<String> {
        let (name, (least, greatest)) = (&self.name, self.bitrates);
        if !(least..=greatest).contains(&bitrate) {
            return Some(format!(
                "{name} codes at {least} to {greatest} bits a second, and this is {bitrate}"
            ));
        }
        let (level, most) = self.level.filter(|(_, most)| bitrate > *most)?;
        Some(format!("level {level} is configured, which allows {most} bits a second, and this is {bitrate}"))
    }
}

/// Pictures that were lost before they were coded, by the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lost(Vec<(&'static str, u64)>);

impl Lost {
    /// There are a handful of reasons: they are looked for one by one.
    pub(super) fn add(&mut self, reason: &'static str, pictures: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += pictures,
            None => self.0.push((reason, pictures)),
        }
    }

    pub(super) fn all(&self) -> Vec<(&'static str, u64)> {
        self.0.clone()
    }
}

/// Why a source failed, and how often; of reasons that differ by their numbers the first one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Failures(Vec<(Arc<str>, u32)>);

impl Failures {
    /// So many different reasons are told apart; a source that finds more of them says always something new.
    const REASONS: usize = 8;
    const OTHERS: &str = "other reasons";

    pub(super) fn add(&mut self, reason: &str) {
        let (known, others) = (self.0.iter().any(|(known, _)| alike(known, reason)), Self::OTHERS);
        let reason = if known || self.0.len() < Self::REASONS { reason } else { others };
        match self.0.iter_mut().find(|(known, _)| alike(known, reason)) {
            Some((_, times)) => *times = times.saturating_add(1),
            None => self.0.push((reason.into(), 1)),
        }
    }

    pub(super) fn all(&self) -> Vec<(Arc<str>, u32)> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::{Coder, Instead, Level};
    use crate::hub::{Making, mount};
    use crate::media::h264::Profile;

    #[test]
    fn what_a_source_tells_of_itself_is_seen_and_lost_pictures_add_up() {
        let (outlet, mount) = mount("cam");
        assert_eq!((mount.making(), mount.lost()), (Making::default(), vec![]));
        let making = Making { steps: vec!["/dev/video0".to_owned()], ..Making::default() };
        outlet.made_by(making.clone());
        for (reason, pictures) in [("late", 2), ("broken", 1), ("late", 3), ("never", 0)] {
            outlet.lost(reason, pictures);
        }
        assert_eq!((mount.making(), mount.lost()), (making, vec![("late", 5), ("broken", 1)]));
    }

    #[test]
    fn a_bitrate_beyond_the_encoder_is_refused_with_its_limits() {
        let coder = Coder {
            name: "bcm2835-codec-encode".to_owned(),
            bitrate: 4_000_000,
            bitrates: (25_000, 20_000_000),
            gop: 60,
            profile: "High".to_owned(),
            level: None,
        };
        assert_eq!((coder.refuses(25_000), coder.refuses(20_000_000)), (None, None));
        let why = "bcm2835-codec-encode codes at 25000 to 20000000 bits a second, and this is 30000000";
        assert_eq!(coder.refuses(30_000_000).as_deref(), Some(why));
        let level = Level::from_number(3.0).unwrap();
        let coder = Coder { level: Some((level, level.bitrate(Profile::High))), ..coder };
        assert_eq!(coder.refuses(12_500_000), None);
        let why = "level 3.0 is configured, which allows 12500000 bits a second, and this is 12500001";
        assert_eq!(coder.refuses(12_500_001).as_deref(), Some(why));
    }

    #[test]
    fn at_another_bitrate_another_codes_if_there_is_one() {
        let coder = |bitrates| Coder {
            name: "openh264".to_owned(),
            bitrate: 1,
            bitrates,
            gop: 60,
            profile: "High".to_owned(),
            level: None,
        };
        let instead = |bitrates, first| Instead { bitrates, first, why: "so".to_owned() };
        for (now, other, bitrate, handed) in [
            (Some((10, 20)), Some(instead((1, 100), false)), 20, false),
            (Some((10, 20)), Some(instead((1, 100), false)), 21, true),
            (Some((10, 20)), Some(instead((1, 100), false)), 101, false),
            (Some((10, 20)), None, 21, false),
            (Some((1, 100)), Some(instead((10, 20), true)), 20, true),
            (Some((1, 100)), Some(instead((10, 20), true)), 21, false),
            (None, Some(instead((10, 20), true)), 20, true),
        ] {
            let making = Making { encoder: now.map(coder), instead: other, ..Making::default() };
            assert_eq!(making.handed_over(bitrate), handed.then_some("so"), "{making:?} {bitrate}");
        }
    }

    #[test]
    fn what_cannot_be_set_is_not_asked_for_again() {
        let (outlet, mount) = mount("cam");
        mount.set_bitrate(30_000_000);
        assert_eq!((outlet.take_bitrate(), outlet.asked()), (Some(30_000_000), (Some(30_000_000), None)));
        outlet.refuse_bitrate();
        outlet.starting();
        assert_eq!((outlet.take_bitrate(), outlet.asked(), mount.bitrate()), (None, (None, None), None));
    }

    #[test]
    fn failures_are_counted_by_their_reason_and_there_is_an_end_of_reasons() {
        let (outlet, mount) = mount("cam");
        for reason in ["unplugged", "busy", "unplugged"] {
            outlet.fail(reason);
        }
        let told = |mount: &crate::hub::Mount| -> Vec<(String, u32)> {
            mount.failures().into_iter().map(|(why, times)| (why.to_string(), times)).collect()
        };
        assert_eq!(told(&mount), [("unplugged".to_owned(), 2), ("busy".to_owned(), 1)]);
        for millis in 0..6 {
            outlet.fail(&format!("busy for {millis} ms"));
        }
        assert_eq!(told(&mount)[2..], [("busy for 0 ms".to_owned(), 6)], "numbers make no other reason");
        (0..100).for_each(|number| outlet.fail(&format!("always another: a{number}")));
        let all = told(&mount);
        assert_eq!((all.len(), all.last()), (9, Some(&("other reasons".to_owned(), 95))));
        assert_eq!(all.iter().map(|(_, times)| times).sum::<u32>(), mount.flow().failures);
    }

    #[test]
    fn what_was_set_is_asked_for_again_when_the_source_begins_anew() {
        let (outlet, mount) = mount("cam");
        outlet.starting();
        assert_eq!(outlet.take_bitrate(), None);
        mount.set_bitrate(800_000);
        mount.set_gop(15);
        assert_eq!((outlet.take_bitrate(), outlet.take_gop()), (Some(800_000), Some(15)));
        assert_eq!((outlet.take_bitrate(), outlet.take_gop()), (None, None), "it runs with them");
        outlet.fail("it was unplugged");
        outlet.starting();
        let asked = (outlet.take_bitrate(), outlet.take_gop());
        assert_eq!(asked, (Some(800_000), Some(15)), "it begins anew by itself");
        assert_eq!((mount.bitrate(), mount.gop()), (Some(800_000), Some(15)));
        // Another source has those of its own configuration.
        outlet.renew();
        outlet.starting();
        assert_eq!((outlet.take_bitrate(), mount.bitrate()), (None, None));
        assert_eq!((outlet.take_gop(), mount.gop()), (None, None));
    }
}
