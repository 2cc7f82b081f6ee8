//! Boards as data, and what is planned for them.

use serde::Deserialize;

use super::*;

/// A board as it was seen or as its driver's source has it, with what is to come of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Board {
    /// What it is, and where its lists are from.
    #[expect(dead_code, reason = "for people")]
    board: String,
    node: Node,
    /// The board's encoders.
    #[serde(default)]
    encoders: Vec<EncoderNode>,
    /// Why nodes cannot be looked at that may be encoders.
    #[serde(default)]
    unopened: Vec<String>,
    /// Whether the software encoder is built in.
    #[serde(default = "yes")]
    software: bool,
    /// Wishes, and the plan or refusal, as text.
    plans: Vec<(Wish, String)>,
}

impl Board {
    fn encoders(&self) -> Encoders {
        Encoders { found: self.encoders.clone(), unopened: self.unopened.clone() }
    }
}

fn yes() -> bool {
    true
}

#[test]
fn what_no_encoder_of_the_board_does_is_refused_without_a_camera() {
    use crate::source::camera::Range;
    let pi = EncoderNode {
        card: "bcm2835-codec-encode".to_owned(),
        driver: EncoderNode::BCM2835.to_owned(),
        range: Some(Range { least: (32, 32), greatest: (1920, 1920), step: (2, 2) }),
        bitrate: Some((25_000, 25_000_000, 25_000)),
        levels: vec![(11, "4".to_owned()), (12, "4.1".to_owned())],
        ..EncoderNode::default()
    };
    let hardware = Wish { encode: Encode::Hardware, ..Wish::default() };
    for (wish, why) in [
        (Wish { bitrate: Some(20_000_000), ..hardware.clone() }, None),
        (
            Wish { bitrate: Some(21_000_000), ..hardware.clone() },
            Some(
                "codes at 25000 to 20000000 bits a second, and 21000000 are configured; with more it does not start",
            ),
        ),
        (
            Wish { width: Some(1920), height: Some(1200), ..hardware.clone() },
            Some(
                "1920x1200 is configured, and bcm2835-codec-encode codes pictures from 32x32 to 1920x1920 in steps of 2x2 and of up to 8192 macroblocks",
            ),
        ),
        (
            Wish { level: Level::from_number(5.0), ..hardware.clone() },
            Some("has levels 4, 4.1, and 5.0 is configured"),
        ),
        (Wish { bitrate: Some(21_000_000), ..Wish::default() }, None),
    ] {
        let told = beyond_hardware(std::slice::from_ref(&pi), &wish);
        assert_eq!(told.is_some(), why.is_some(), "{told:?}");
        assert!(told.unwrap_or_default().contains(why.unwrap_or_default()), "{why:?}");
        assert_eq!(beyond_hardware(&[], &wish), None, "there is no board to ask");
        assert_eq!(beyond_hardware(&[pi.clone(), EncoderNode::default()], &wish), None, "another does it");
    }
}

#[test]
fn every_board_gets_its_plans() {
    let options = ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
    let (mut boards, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir("tests/fixtures/boards").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "ron") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let mut board: Board =
            options.from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if let Some(signal) = board.node.hdmi {
            signal.fill(&mut board.node.formats);
        }
        assert!(!board.plans.is_empty(), "{}", path.display());
        for (wish, expected) in board.plans.clone() {
            let plan = plan(&board.node, &board.encoders(), board.software, &wish);
            let text = match plan {
                Ok(plan) => [vec![plan.to_string()], plan.departures, plan.limits, plan.doubts, plan.reasons]
                    .concat()
                    .join("; "),
                Err(refusal) => refusal.to_string(),
            };
            if text != expected {
                wrong.push(format!("{}\n  is:  {text}\n  not: {expected}", path.display()));
            }
        }
        boards += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(boards >= 8, "{boards}");
}

#[test]
fn what_is_otherwise_than_configured_is_told_as_that() {
    let text = std::fs::read_to_string("tests/fixtures/boards/pi-4.ron").unwrap();
    let options = ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
    let board: Board = options.from_str(&text).unwrap();
    let limit = "the processor codes it: bcm2835-codec-encode codes at 25000 to 20000000 bits a second, and 30000000 are configured; with more it does not start";
    for (wish, expected) in [
        (Wish::default(), vec![]),
        (Wish { bitrate: Some(20_000_000), ..Wish::default() }, vec![]),
        (Wish { bitrate: Some(30_000_000), ..Wish::default() }, vec![limit]),
        (
            Wish { fps: Some(200.0), ..Wish::default() },
            vec!["the camera has no 200 pictures a second at this size: 60 are asked for"],
        ),
        (
            Wish { width: Some(640), height: Some(480), ..Wish::default() },
            vec!["the camera has no 640x480: 960x600 is asked for"],
        ),
    ] {
        let plan = plan(&board.node, &board.encoders(), board.software, &wish).unwrap();
        assert_eq!(plan.otherwise().collect::<Vec<_>>(), expected, "{wish:?}");
    }
}

#[test]
fn who_codes_at_another_bitrate_is_who_would_if_that_were_configured() {
    let text = std::fs::read_to_string("tests/fixtures/boards/pi-4.ron").unwrap();
    let options = ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
    let board: Board = options.from_str(&text).unwrap();
    let limits = "bcm2835-codec-encode codes at 25000 to 20000000 bits a second";
    let (processor, encoder) =
        (format!("{limits}: openh264 is to code it"), format!("{limits}: it is to code it"));
    let auto = Wish::default();
    let large = Wish { width: Some(1920), height: Some(1200), ..Wish::default() };
    for (wish, software, bitrate, expected) in [
        (&auto, true, 20_000_000, None),
        (&auto, true, 20_000_001, Some(&processor)),
        (&auto, true, 100_000_001, None),
        (&auto, false, 20_000_001, None),
        (&Wish { bitrate: Some(30_000_000), ..Wish::default() }, true, 40_000_000, None),
        (&Wish { bitrate: Some(30_000_000), ..Wish::default() }, true, 20_000_000, Some(&encoder)),
        (&Wish { encode: Encode::Hardware, ..Wish::default() }, true, 30_000_000, None),
        (&Wish { encode: Encode::Software, ..Wish::default() }, true, 1_000_000, None),
        (&Wish { bitrate: Some(30_000_000), ..large.clone() }, true, 1_000_000, None),
    ] {
        let made = plan(&board.node, &board.encoders(), software, wish).unwrap();
        let making = made.making(std::path::Path::new("/dev/video0"));
        assert_eq!(making.handed_over(bitrate), expected.map(|why| &**why), "{wish:?} {bitrate}");
        // Nobody is told to begin anew for what comes to the same.
        let configured = Wish { bitrate: Some(bitrate), ..wish.clone() };
        if let Ok(other) = plan(&board.node, &board.encoders(), software, &configured) {
            let (before, after) = (made.way.name(), other.way.name());
            assert_eq!(before != after, expected.is_some(), "{wish:?} {bitrate}: {before}, {after}");
        }
    }
}

impl Way {
    fn name(&self) -> &str {
        match self {
            Self::Passthrough => "as it comes",
            Self::Hardware(hardware) => &hardware.encoder.card,
            Self::Software(_) => encode::NAME,
        }
    }
}
