//! The cameras that only `rpicam-vid` can use, as `rpicam-hello --list-cameras` names them.

use std::fmt;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread::Builder;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Serialize;

use super::child::unfit;
use crate::clock;
use crate::source::sys;

/// The program's name, and that of the years before 2023.
const PROGRAMS: [&str; 2] = ["rpicam-hello", "libcamera-hello"];
/// It takes a second on the slowest board; one that takes longer is ended.
const LIMIT: Duration = Duration::from_secs(5);
/// More than the list of as many cameras as a board can have: what says more is no list.
const BYTES: usize = 64 << 10;
const CAMERAS: usize = 16;
const SIZES: usize = 64;
/// Characters of a name.
const NAME: usize = 120;

/// A camera at a ribbon cable.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Listed {
    /// Its number, which is `camera` of an `Rpicam` mount.
    pub camera: u32,
    /// Its sensor.
    pub name: String,
    /// Where it is attached, as the device tree says.
    pub path: String,
    /// The sizes in which its sensor is read; pictures of others are scaled.
    pub sizes: Vec<Size>,
}

/// A size in which a sensor is read.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Size {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Pictures a second at most, where that is told.
    pub fps: Option<f64>,
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { camera, name, path, sizes } = self;
        write!(f, "rpicam-vid {camera}  {name} ({path})\n    served by a mount: Rpicam(camera: {camera})")?;
        for Size { width, height, fps } in sizes {
            write!(f, "\n    {width}x{height}")?;
            if let Some(fps) = fps {
                write!(f, ", up to {fps} a second")?;
            }
        }
        Ok(())
    }
}

/// The cameras that the program names: none where it is not installed or does not answer in time.
pub fn listed() -> Vec<Listed> {
    let Some(program) = PROGRAMS.into_iter().find(|program| unfit(program).is_none()) else {
        return Vec::new();
    };
    let mut command = Command::new(program);
    command.arg("--list-cameras");
    match said(command, LIMIT) {
        Ok(said) => read(&said),
        Err(why) => {
            tracing::warn!("{program} --list-cameras: {why}: its cameras are not known");
            Vec::new()
        }
    }
}

/// What a program writes until it ends or the time is over, when it is ended with its children.
fn said(mut command: Command, limit: Duration) -> Result<String, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // One that hangs is not left behind where Lenslet is ended meanwhile.
    sys::die_with_us(&mut command);
    let mut child = command.process_group(0).spawn().map_err(|error| error.to_string())?;
    let group = Pid::from_raw(child.id().cast_signed());
    let bytes = child.stdout.take().map_or(Ok(Vec::new()), |output| all(output, limit));
    // What has closed its output has nothing more to say, and it is not waited for here: in the kernel it may hang for long.
    let _ = killpg(group, Signal::SIGKILL);
    let _ = Builder::new().name("rpicam-hello".to_owned()).spawn(move || child.wait());
    Ok(String::from_utf8_lossy(&bytes?).into_owned())
}

fn all(mut output: impl Read + AsFd, limit: Duration) -> Result<Vec<u8>, String> {
    let until = clock::now() + limit;
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let left = until.saturating_duration_since(clock::now());
        if left.is_zero() {
            return Err(format!("it does not end within {} s", limit.as_secs()));
        }
        let mut polled = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(left.max(Duration::from_millis(1))).unwrap_or(PollTimeout::MAX);
        match poll(&mut polled, timeout) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
        match output.read(&mut piece).map_err(|error| error.to_string())? {
            0 => break,
            read if bytes.len() + read > BYTES => return Err(format!("it says more than {BYTES} bytes")),
            read => bytes.extend_from_slice(&piece[..read]),
        }
    }
    Ok(bytes)
}

/// Reads the list, of any of the program's years; what is none is passed over.
fn read(text: &str) -> Vec<Listed> {
    let mut cameras: Vec<Listed> = Vec::new();
    // Behind a camera's sizes there may be its controls.
    let mut sizes = false;
    for line in text.lines() {
        if let Some(camera) = camera(line) {
            sizes = cameras.len() < CAMERAS && cameras.iter().all(|known| known.camera != camera.camera);
            if sizes {
                cameras.push(camera);
            }
        } else if line.trim_start().starts_with("Available ") {
            sizes = false;
        } else if sizes && let Some(camera) = cameras.last_mut() {
            add_sizes(camera, line);
        }
    }
    // The program's own list has no USB cameras in most of its versions; those are V4L2's.
    cameras.retain(|camera| !camera.path.contains("/usb"));
    cameras
}

/// `0 : imx708_wide [4608x2592 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx708@1a)`
fn camera(line: &str) -> Option<Listed> {
    let (number, rest) = line.split_once(" : ")?;
    let (name, rest) = rest.split_once(" [").or_else(|| rest.split_once(" ("))?;
    let path = rest.rsplit_once('(').map_or(rest, |(_, path)| path).trim_end();
    let camera = number.parse().ok().filter(|_| !name.trim().is_empty())?;
    let path = path.strip_suffix(')')?;
    Some(Listed { camera, name: plain(name), path: plain(path), sizes: Vec::new() })
}

/// Sizes of a line, each with its rate behind it: `1536x864 [120.13 fps - (768, 432)/3072x1728 crop]`, `1332x990 (120.00 fps)`,
/// or without.
fn add_sizes(camera: &mut Listed, line: &str) {
    let mut words = line.split_whitespace().map(|word| word.trim_end_matches(',')).peekable();
    while let Some(word) = words.next() {
        let Some((width, height)) = size(word) else { continue };
        let rate = words.peek().and_then(|word| word.strip_prefix(['[', '('])?.parse().ok());
        let fps = rate.filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
        let known = camera.sizes.iter().position(|size| (size.width, size.height) == (width, height));
        match known {
            // Once more, with more bits a sample and more slowly, or the other way round.
            Some(place) if camera.sizes[place].fps < fps => camera.sizes[place].fps = fps,
            Some(_) => {}
            None if camera.sizes.len() < SIZES => camera.sizes.push(Size { width, height, fps }),
            None => return,
        }
    }
}

fn size(word: &str) -> Option<(u32, u32)> {
    let (width, height) = word.split_once('x')?;
    let side = |text: &str| text.parse().ok().filter(|side| (1..=32_768).contains(side));
    Some((side(width)?, side(height)?))
}

/// For terminals.
fn plain(text: &str) -> String {
    text.trim()
        .chars()
        .filter(|character| character.is_ascii_graphic() || *character == ' ')
        .take(NAME)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn fixture(name: &str) -> Vec<Listed> {
        read(&fs::read_to_string(Path::new("tests/fixtures/rpicam").join(name)).unwrap())
    }

    fn sizes(camera: &Listed) -> Vec<(u32, u32, Option<f64>)> {
        camera.sizes.iter().map(|size| (size.width, size.height, size.fps)).collect()
    }

    #[test]
    fn cameras_are_read_as_each_version_lists_them() {
        let cameras = fixture("two.txt");
        let [first, second] = &cameras[..] else { panic!("{cameras:?}") };
        assert_eq!((first.camera, &*first.name), (0, "imx708_wide"));
        assert_eq!(first.path, "/base/axi/pcie@120000/rp1/i2c@88000/imx708@1a");
        let fast = [(1536, 864, Some(120.13)), (2304, 1296, Some(56.03)), (4608, 2592, Some(14.35))];
        assert_eq!(sizes(first), fast);
        assert_eq!((second.camera, &*second.name), (1, "imx585"));
        assert_eq!(sizes(second), [(1928, 1090, Some(87.6)), (3856, 2180, Some(43.8))], "the faster of two");
        let cameras = fixture("2022.txt");
        let slower = [
            (1332, 990, Some(120.0)),
            (2028, 1080, Some(50.0)),
            (2028, 1520, Some(40.0)),
            (4056, 3040, Some(10.0)),
        ];
        assert_eq!((cameras.len(), sizes(&cameras[0])), (1, slower.to_vec()));
        let cameras = fixture("2021.txt");
        assert_eq!(sizes(&cameras[0]), slower.map(|(width, height, _)| (width, height, None)));
        assert_eq!(cameras[0].path, "/base/soc/i2c0mux/i2c@1/imx477@1a");
    }

    #[test]
    fn what_is_no_list_is_passed_over() {
        let long = format!("0 : {} [1x1] (/base/a)\n", "x".repeat(9999));
        for (text, cameras) in [
            ("", 0),
            ("No cameras available!\n", 0),
            ("ERROR: *** no cameras available ***", 0),
            ("0 : \n-1 : a [1x1] (/b)\n99999999999 : a [1x1] (/b)\nx : y [z] (w)\n : \n0 : a [", 0),
            ("0 : cam [640x480] (\\_SB_.PCI0/usb1-1)\n", 0),
            ("0 : a [1x1] (/b)\n0 : b [1x1] (/c)\n   9x9\n", 1),
            (&long[..], 1),
        ] {
            assert_eq!(read(text).len(), cameras, "{text:.80}");
        }
        let hostile =
            read("0 : a\u{1b}[31mb\u{202e} [1x1] (/c\u{7})\n  0x9 99999999x1 5x5 [nan fps 7x7 [-1 fps\n");
        assert_eq!((&*hostile[0].name, &*hostile[0].path), ("a[31mb", "/c"));
        assert_eq!(sizes(&hostile[0]), [(5, 5, None), (7, 7, None)]);
        assert_eq!(read(&long)[0].name.len(), NAME);
        let many: String = (0..99).map(|number| format!("{number} : a [1x1] (/b)\n")).collect();
        assert_eq!(read(&many).len(), CAMERAS);
    }

    /// What a shell that runs these lines writes.
    fn shell(lines: &str, limit: Duration) -> Result<String, String> {
        let mut command = Command::new("sh");
        command.args(["-c", lines]);
        said(command, limit)
    }

    #[test]
    fn a_program_that_hangs_or_floods_is_ended() {
        let hangs = shell("echo '0 : a [1x1] (/b)'; sleep 1000 & wait", Duration::from_millis(300));
        assert_eq!(hangs, Err("it does not end within 0 s".to_owned()));
        let floods = shell("echo '0 : a [1x1] (/b)'; exec yes", LIMIT);
        assert_eq!(floods, Err("it says more than 65536 bytes".to_owned()), "it is not read for cameras");
        let most = shell(&format!("head -c {BYTES} /dev/zero"), LIMIT).unwrap();
        assert_eq!(most.len(), BYTES);
        assert_eq!(shell("echo said; echo not said >&2", LIMIT).unwrap(), "said\n");
        assert!(said(Command::new("/nowhere/rpicam-hello"), LIMIT).is_err());
    }
}
