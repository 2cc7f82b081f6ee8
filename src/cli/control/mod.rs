//! Commands that talk to the daemon that runs.

mod configuration;
mod place;
mod sessions;
mod snapshot;
mod table;
pub(super) mod words;

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use clap::Subcommand;

use super::Done;
use crate::amount::amount;
use crate::config::Places;
use crate::config::store::{Environment, Paths};
use crate::control::Usual;
use crate::control::client::{Blocking, Error};
use crate::control::protocol::{Act, Ask, Level, LogEvent, LogWish, Reply, Request, Value};

pub(super) use configuration::{ConfigCommand, config};
pub(super) use place::{PlaceArguments, is_here, status as status_of};
pub(super) use snapshot::{SnapshotArguments, snapshot};

/// Which daemon.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct DaemonArgument {
    /// The daemon's control socket; if not said, that of this user's daemon, else the system's.
    #[arg(long, value_name = "PATH")]
    control: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct StatusArguments {
    /// Again and again, until Ctrl-C.
    #[arg(long)]
    watch: bool,
    /// With --watch: every so many milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(100..))]
    every: u32,
    /// For scripts: one JSON object, with --watch one a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: DaemonArgument,
}

#[derive(Debug, clap::Args)]
pub(super) struct LogArguments {
    /// How many of the lines that are kept.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    last: u32,
    /// Those that come, too, until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
    /// Leave out lines that matter less: error, warn, info, debug, trace.
    #[arg(long, value_parser = level, default_value = "trace")]
    level: Level,
    /// Only what this part of the program says (server, source, ...); may be given again.
    #[arg(long, value_name = "ROOM")]
    room: Vec<String>,
    /// Change what is logged from now on, instead: info,server=debug
    #[arg(long, value_name = "LEVELS", conflicts_with_all = ["last", "follow", "level", "room"])]
    set: Option<String>,
    /// For scripts: one JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: DaemonArgument,
}

#[derive(Debug, clap::Args)]
pub(super) struct KickArguments {
    /// The session, as `lenslet status` names it.
    session: String,
    #[command(flatten)]
    daemon: DaemonArgument,
}

#[derive(Debug, clap::Args)]
pub(super) struct MountArgument {
    /// The mount's name.
    mount: String,
    #[command(flatten)]
    daemon: DaemonArgument,
}

#[derive(Debug, Subcommand)]
pub(super) enum MountCommand {
    /// Serve a mount again.
    Enable(MountArgument),
    /// End a mount's sessions and serve it no longer, until it is enabled or the daemon starts again.
    Disable(MountArgument),
}

#[derive(Debug, clap::Args)]
pub(super) struct SetArguments {
    /// The mount's name.
    mount: String,
    /// `bitrate`, `gop`, or a control of the camera as `v4l2-ctl -l` names it: brightness.
    what: String,
    /// Of the bitrate bits a second (2M, 500k); of the gop pictures from one keyframe to the next; of a control a number, true or false, or the name of a menu's entry.
    #[arg(allow_hyphen_values = true)]
    value: String,
    #[command(flatten)]
    daemon: DaemonArgument,
}

/// `lenslet status`.
pub(super) fn status(arguments: &StatusArguments) -> Done {
    let StatusArguments { watch, every, json, daemon } = arguments;
    let mut failed = Ok(());
    let every_ms = watch.then_some(*every);
    let clears = *watch && !json && io::stdout().is_terminal();
    daemon.connect()?.watch(Ask::Status { every_ms }, |reply| {
        failed = match &reply {
            Reply::Status(status) if *json => {
                serde_json::to_string(status).map_err(io::Error::from).and_then(print)
            }
            Reply::Status(status) if clears => print(format!("\x1b[H\x1b[2J{}", table::status(status))),
            Reply::Status(status) => print(table::status(status)),
            _ => Ok(()),
        };
        if failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(failed?)
}

/// `lenslet log`.
pub(super) fn log(arguments: LogArguments) -> Done {
    let LogArguments { last, follow, level, room: rooms, set, json, daemon } = arguments;
    if let Some(levels) = set {
        return daemon.act(Act::LogLevels { levels });
    }
    let mut failed = Ok(());
    daemon.connect()?.watch(Ask::Log(LogWish { level, rooms, last, follow }), |reply| {
        failed = match &reply {
            Reply::Log(event) if json => {
                serde_json::to_string(event).map_err(io::Error::from).and_then(print)
            }
            Reply::Log(LogEvent::Line(line)) => {
                let level = format!("{:?}", line.level).to_uppercase();
                print(format!("{} {level:>5} {}: {}", line.at, line.room, words::plain(&line.text)))
            }
            Reply::Log(LogEvent::Missed(lines)) => {
                let are = if *lines == 1 { "is" } else { "are" };
                print(format!("({} {are} no longer kept)", amount(lines, "line")))
            }
            _ => Ok(()),
        };
        if failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(failed?)
}

/// `lenslet kick`.
pub(super) fn kick(arguments: KickArguments) -> Done {
    arguments.daemon.act(Act::Kick { session: arguments.session })
}

/// `lenslet keyframe`.
pub(super) fn keyframe(arguments: MountArgument) -> Done {
    arguments.daemon.act(Act::Keyframe { mount: arguments.mount })
}

/// `lenslet mount`.
pub(super) fn mount(command: MountCommand) -> Done {
    match command {
        MountCommand::Enable(MountArgument { mount, daemon }) => daemon.act(Act::MountEnable { mount }),
        MountCommand::Disable(MountArgument { mount, daemon }) => daemon.act(Act::MountDisable { mount }),
    }
}

/// `lenslet set`.
pub(super) fn set(arguments: SetArguments) -> Done {
    let SetArguments { mount, what, value, daemon } = arguments;
    daemon.act(setting(mount, what, &value)?)
}

/// `lenslet reload`.
pub(super) fn reload(daemon: &DaemonArgument) -> Done {
    daemon.act(Act::Reload {})
}

/// `lenslet shutdown`.
pub(super) fn shutdown(daemon: &DaemonArgument) -> Done {
    daemon.act(Act::Shutdown {})
}

impl DaemonArgument {
    /// Connects to the daemon.
    pub(super) fn connect(&self) -> Result<Blocking, Error> {
        match &self.control {
            Some(path) => Blocking::connect(path),
            None => Blocking::connect_first(&places()),
        }
    }

    #[cfg(feature = "tui")]
    /// The socket of the daemon that answers; one that was named need not answer yet.
    pub(super) fn path(&self) -> Result<PathBuf, Error> {
        if let Some(path) = &self.control {
            return Ok(path.clone());
        }
        let paths = places();
        let answers = paths.iter().find(|path| Blocking::connect(path).is_ok());
        answers.cloned().map_or_else(|| Blocking::connect_first(&paths).map(|_| paths[0].clone()), Ok)
    }

    fn act(&self, act: Act) -> Done {
        self.ask_and_print(act)
    }

    /// Asks, and prints the answer for people.
    fn ask_and_print(&self, request: impl Into<Request>) -> Done {
        let reply = self.connect()?.ask(request)?;
        Ok(print(match &reply {
            Reply::Done { said } => words::plain(said),
            Reply::Plan(plan) => configuration::plan(plan),
            other => serde_json::to_string_pretty(other)?,
        })?)
    }
}

/// Where a daemon may listen: where the configurations in the usual places say, then the usual places, then where `lenslet`
/// alone has one listen that may not write there.
fn places() -> Vec<PathBuf> {
    let files = [Paths::of(&Environment::read()).config, Paths::of(&Environment::default()).config];
    let written = files.iter().filter_map(|file| Places::of_file(file).control_socket);
    let (folder, ours) = own_folder();
    written.chain(Usual::read().paths()).chain(ours.then(|| folder.join("control.sock"))).collect()
}

/// A folder of this user among those of all (`/tmp/lenslet-1000`), and whether it is there and nobody else's.
pub(super) fn own_folder() -> (PathBuf, bool) {
    let user = nix::unistd::geteuid();
    let folder = std::env::temp_dir().join(format!("lenslet-{user}"));
    let ours = std::fs::symlink_metadata(&folder)
        .is_ok_and(|it| it.is_dir() && it.uid() == user.as_raw() && it.mode() & 0o077 == 0);
    (folder, ours)
}

fn setting(mount: String, what: String, value: &str) -> Result<Act, String> {
    if what == "bitrate" {
        let bitrate_bps = bitrate(value)?;
        return Ok(Act::SetBitrate { mount, bitrate_bps });
    }
    if what == "gop" {
        let pictures = value.parse().map_err(|_| format!("{value:?} is no number of pictures"))?;
        return Ok(Act::SetGop { mount, pictures });
    }
    let value = match (value, value.parse()) {
        (_, Ok(number)) => Value::Number(number),
        ("true" | "on", _) => Value::Switch(true),
        ("false" | "off", _) => Value::Switch(false),
        _ => Value::Entry(value.to_owned()),
    };
    Ok(Act::SetControl { mount, control: what, value })
}

fn bitrate(text: &str) -> Result<u32, String> {
    let (number, unit) = match text.strip_suffix(['k', 'K']) {
        Some(number) => (number, 1e3),
        None => text.strip_suffix(['m', 'M']).map_or((text, 1.0), |number| (number, 1e6)),
    };
    let number = number.parse().ok().filter(|number: &f64| number.is_finite());
    let bits = number.map(|number| number * unit);
    match bits {
        Some(bits) if (1e4..=1e8).contains(&bits) => Ok(bits as u32),
        Some(_) => Err(format!("{text} is not between 10k and 100M bits a second")),
        None => Err(format!("{text:?} is no bitrate: write bits a second, as 2M or 500k")),
    }
}

fn level(text: &str) -> Result<Level, String> {
    serde_json::from_value(serde_json::Value::from(text.to_lowercase()))
        .map_err(|_| "error, warn, info, debug or trace".to_owned())
}

pub(super) fn print(text: String) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", text.trim_end_matches('\n'))?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_people_write_them() {
        for (text, bits) in [
            ("2M", 2_000_000),
            ("1.5m", 1_500_000),
            ("500k", 500_000),
            ("10000", 10_000),
            ("100M", 100_000_000),
        ] {
            assert_eq!(bitrate(text), Ok(bits));
        }
        for text in ["", "M", "NaN", "inf", "5G"] {
            assert!(bitrate(text).unwrap_err().contains("is no bitrate"), "{text}");
        }
        for text in ["-1", "0", "9k", "9999M", "99999M", "100.1M"] {
            assert_eq!(bitrate(text), Err(format!("{text} is not between 10k and 100M bits a second")));
        }
        for (text, expected) in [
            ("-3", Value::Number(-3)),
            ("true", Value::Switch(true)),
            ("off", Value::Switch(false)),
            ("Manual Mode", Value::Entry("Manual Mode".into())),
        ] {
            let Ok(Act::SetControl { value, .. }) = setting("cam".into(), "x".into(), text) else { panic!() };
            assert_eq!(value, expected);
        }
        assert!(setting("cam".into(), "bitrate".into(), "fast").is_err());
        assert_eq!(
            setting("cam".into(), "gop".into(), "25"),
            Ok(Act::SetGop { mount: "cam".into(), pictures: 25 })
        );
        assert!(setting("cam".into(), "gop".into(), "2 s").is_err());
        assert_eq!((level("WARN"), level("loud").is_err()), (Ok(Level::Warn), true));
    }
}
