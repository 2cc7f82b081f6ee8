//! The kinds of mounts and their settings.

use super::Default::{Required, Words, Written};
use super::Shape::{Choice, Either, Integer, List, Map, Number, Switch, Text};
use super::{Field, MountKind, Shape};

pub(super) static PACING: &[&str] = &["Auto", "On", "Off"];

/// What every mount has, whatever its kind.
pub(super) static EVERY: &[Field] = &[
    Field::new(
        "label",
        Text,
        Words("its path"),
        "\"Front door\"",
        "What people call it; players show it as the title.",
    ),
    Field::new("enabled", Switch, Written("true"), "false", "Whether it is served."),
    Field::new(
        "max_readers",
        Integer(1, 65_535),
        Words("as many as the server takes"),
        "5",
        "Sessions at once that it has.",
    ),
    Field::new(
        "pacing",
        Choice(PACING),
        Words("as the server's"),
        "On",
        "Whether its keyframes are spread over time to viewers by UDP.",
    ),
    Field::new(
        "allow",
        List(&Text),
        Words("every network that the server lets in"),
        "[\"192.168.1.0/24\"]",
        "Networks that it may be watched from.",
    ),
    Field::new(
        "deny",
        List(&Text),
        Written("[]"),
        "[\"192.168.1.66\"]",
        "Networks that it may not be watched from, whatever is allowed.",
    ),
];

pub(in crate::config) static KINDS: &[MountKind] = &[
    MountKind { name: "Pattern", help: "A moving test picture with a running clock.", fields: PATTERN },
    MountKind { name: "Camera", help: "A V4L2 camera.", fields: CAMERA },
    MountKind {
        name: "Rpicam",
        help: "The camera of a Raspberry Pi, by the program rpicam-vid.",
        fields: RPICAM,
    },
    MountKind { name: "File", help: "A file of pictures and sound, looped.", fields: FILE },
    MountKind { name: "Jpegs", help: "A folder or a file of JPEGs, looped.", fields: JPEGS },
    MountKind {
        name: "Command",
        help: "A program that writes pictures to its standard output.",
        fields: COMMAND,
    },
];

static PATTERN: &[Field] = &[
    width(Written("1280")),
    height(Written("720")),
    fps(Number(0.1, 240.0), Written("30")),
    bitrate(10_000, 100_000_000, Written("2000000")),
    gop(PICTURES, Written("60"), "60"),
];

static CAMERA: &[Field] = &[
    Field::new(
        "device",
        Text,
        Required,
        "\"/dev/video0\"",
        "The camera's device; a name under /dev/v4l/by-id or by-path stays the same when others are plugged in.",
    ),
    Field::new(
        "format",
        Choice(&["H264", "HEVC", "MJPEG", "Raw"]),
        Words("the best that the camera has"),
        "MJPEG",
        "How the camera's pictures are coded; H.264 that it has not is made here.",
    ),
    width(Words("as the rule for cameras says")),
    height(Words("as the rule for cameras says")),
    fps(Number(0.1, 1000.0), Words("as fast as the camera is")),
    Field::new(
        "encode",
        Choice(&["Auto", "Hardware", "Software", "Off"]),
        Written("Auto"),
        "Hardware",
        "Who codes pictures as H.264: Auto is the camera if it does, else the board's encoder, else the processor.",
    ),
    bitrate(10_000, 100_000_000, Words("by size and rate of the pictures")),
    gop(
        Either("pictures (60) or seconds (\"2 s\")", &[Integer(1, u32::MAX as i128), Text]),
        Words("2 seconds"),
        "\"2 s\"",
    ),
    Field::new(
        "profile",
        Choice(&["Baseline", "Main", "High"]),
        Words("the highest that the encoder has"),
        "Main",
        "The H.264 profile of what is coded here.",
    ),
    Field::new(
        "level",
        Number(1.0, 5.2),
        Words("the lowest that allows the pictures"),
        "4.1",
        "The H.264 level of what is coded here: 1, 1.1, ... 5.2.",
    ),
    Field::new(
        "controls",
        Map(&Either(
            "a number (140), true or false, or the name of a menu's entry (\"Manual Mode\")",
            &[Integer(i64::MIN as i128, i64::MAX as i128), Switch, Text],
        )),
        Written("{}"),
        "{\"brightness\": 140}",
        "The camera's own controls, by the names that `lenslet probe` shows.",
    ),
    linger("it stays open as its encoder needs"),
    always(),
    Field::new(
        "on_encoder_wedged",
        Choice(&["Tell", "Reboot"]),
        Written("Tell"),
        "Reboot",
        "What is done when the board's encoder works again only after a restart of the machine.",
    ),
];

static RPICAM: &[Field] = &[
    Field::new(
        "camera",
        Integer(0, 255),
        Written("0"),
        "1",
        "Which of the board's cameras, as rpicam-hello lists them.",
    ),
    width(Written("1280")),
    height(Written("720")),
    fps(Number(0.1, 240.0), Written("30")),
    bitrate(25_000, 20_000_000, Written("4000000")),
    gop(PICTURES, Written("30"), "60"),
    Field::new("rotation", Integer(0, 180), Written("0"), "180", "How the picture is turned: 0 or 180.")
        .in_unit("degrees"),
    Field::new(
        "more",
        List(&Text),
        Written("[]"),
        "[\"--awb\", \"indoor\"]",
        "More arguments for rpicam-vid, as they are.",
    ),
    silence(),
    linger("10 seconds"),
    always(),
];

static FILE: &[Field] = &[
    Field::new(
        "path",
        Text,
        Required,
        "\"/srv/clip.mp4\"",
        "An MP4, MOV or MKV file, or raw H.264 or H.265 (.h264, .h265).",
    ),
    fps(Number(0.1, 1000.0), Words("as the file says, else 25")),
];

static JPEGS: &[Field] = &[
    Field::new(
        "path",
        Text,
        Required,
        "\"/srv/pictures\"",
        "A folder, whose .jpg files are shown in the order of their names, or a file of JPEGs one behind the other.",
    ),
    fps(Number(0.1, 1000.0), Words("5")),
];

static COMMAND: &[Field] = &[
    Field::new(
        "command",
        Text,
        Required,
        "\"ffmpeg -i in -f h264 -\"",
        "The program and its arguments; no shell is run: write sh -c '...' for one.",
    ),
    Field::new(
        "format",
        Choice(&["H264", "HEVC", "MJPEG"]),
        Written("H264"),
        "HEVC",
        "What the program writes: H.264 or H.265 (Annex B), or JPEGs one behind the other.",
    ),
    fps(Number(0.1, 1000.0), Words("as the pictures say or come")),
    silence(),
    linger("10 seconds"),
    always(),
];

const PICTURES: Shape = Integer(1, u32::MAX as i128);

const fn width(default: super::Default) -> Field {
    Field::new("width", Integer(1, 16_384), default, "640", "The pictures' width; height goes with it.")
        .in_unit("pixels")
}

const fn height(default: super::Default) -> Field {
    Field::new("height", Integer(1, 16_384), default, "480", "The pictures' height; width goes with it.")
        .in_unit("pixels")
}

const fn fps(shape: Shape, default: super::Default) -> Field {
    Field::new("fps", shape, default, "25", "Pictures a second.").in_unit("1/s")
}

const fn bitrate(least: i128, most: i128, default: super::Default) -> Field {
    Field::new("bitrate", Integer(least, most), default, "2000000", "What the encoder aims at.")
        .in_unit("bit/s")
}

const fn gop(shape: Shape, default: super::Default, example: &'static str) -> Field {
    Field::new("gop", shape, default, example, "From one keyframe to the next.").in_unit("pictures")
}

const fn linger(default: &'static str) -> Field {
    Field::new(
        "linger",
        Number(1.0, 86_400.0),
        Words(default),
        "30",
        "For how long it runs on after its last reader.",
    )
    .in_unit("s")
}

const fn silence() -> Field {
    Field::new(
        "silence",
        Number(1.0, 86_400.0),
        Words("three times as long as from a picture to the next, 10 seconds at least"),
        "3600",
        "It is started anew when it gave no picture for so long.",
    )
    .in_unit("s")
}

const fn always() -> Field {
    Field::new("always", Switch, Written("false"), "true", "Whether it runs though nobody watches.")
}
