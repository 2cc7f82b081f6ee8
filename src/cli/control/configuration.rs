//! The configuration, by the daemon that serves it.

use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{DaemonArgument, Done, PlaceArguments, print, words};
use crate::amount::amount;
use crate::clock;
use crate::config::store;
use crate::control::protocol::{
    Base, Change, Checked, ConfigRequest, ConfigText, Edit, Plan, Reply, VersionEntry,
};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ConfigCommand {
    /// Print every field: help, default, range (JSON).
    Schema {
        #[command(flatten)]
        daemon: DaemonArgument,
    },
    /// Print the file, or what stands at a path of it: mounts["cam"].fps
    Get {
        /// The path.
        path: Option<String>,
        #[command(flatten)]
        daemon: DaemonArgument,
    },
    /// Write a value into the file, or several at once, leaving all else as it is, and do what is different.
    Set {
        /// The path: mounts["cam"].fps
        path: String,
        /// The value, as it is written in the file.
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// More paths, each with its value behind it: of settings that go together, as width and height do.
        #[arg(value_name = "PATH VALUE", allow_negative_numbers = true)]
        more: Vec<String>,
        #[command(flatten)]
        base: BaseArgument,
        #[command(flatten)]
        daemon: DaemonArgument,
    },
    /// Say what is wrong with a file; the daemon's own if none is named.
    Check {
        /// The file; - is what is typed or piped in.
        file: Option<PathBuf>,
        #[command(flatten)]
        daemon: DaemonArgument,
    },
    /// Say what a file would change, what would start anew and whom that would interrupt.
    Preview {
        /// The file; - is what is typed or piped in. If none is named, the daemon's own as it is now.
        file: Option<PathBuf>,
        /// Not a file, but going back to this version.
        #[arg(long, value_name = "VERSION", conflicts_with = "file")]
        to: Option<u64>,
        #[command(flatten)]
        daemon: DaemonArgument,
    },
    /// Make a file's text the daemon's configuration.
    Apply {
        /// The file; - is what is typed or piped in.
        file: PathBuf,
        #[command(flatten)]
        base: BaseArgument,
        #[command(flatten)]
        daemon: DaemonArgument,
    },
    /// List the versions that are kept, the newest first.
    History {
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Show what is different from one version to another, or to what the file says now.
    Diff {
        /// From this version; if not said, from the newest.
        from: Option<u64>,
        /// To this one; if not said, to the file.
        to: Option<u64>,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Write a version that is kept into the file again, as the newest.
    Rollback {
        /// The version's number.
        to: u64,
        #[command(flatten)]
        base: BaseArgument,
        #[command(flatten)]
        place: PlaceArguments,
    },
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct BaseArgument {
    /// Only if this is still the newest version, and the file says it.
    #[arg(long, value_name = "VERSION")]
    base: Option<u64>,
}

/// `lenslet config`.
pub(in crate::cli) fn config(command: ConfigCommand) -> Done {
    let (daemon, request) = match command {
        ConfigCommand::Schema { daemon } => (daemon, ConfigRequest::Schema {}),
        ConfigCommand::Get { path, daemon } => (daemon, ConfigRequest::Get { path }),
        ConfigCommand::Set { path, value, more, base, daemon } if more.is_empty() => {
            (daemon, ConfigRequest::Set { path, value, base: base.base.map(Base::Version) })
        }
        ConfigCommand::Set { path, value, more, base, daemon } => {
            let request = together(&daemon, [path, value].into_iter().chain(more), base.base)?;
            (daemon, request)
        }
        ConfigCommand::Check { file, daemon } => {
            (daemon, ConfigRequest::Check { text: text(file.as_deref())? })
        }
        ConfigCommand::Preview { file, to, daemon } => {
            (daemon, ConfigRequest::Preview { text: text(file.as_deref())?, to })
        }
        ConfigCommand::Apply { file, base, daemon } => {
            let text = text(Some(&file))?.unwrap_or_default();
            let base = base.base.map_or_else(|| now(&daemon), |version| Ok(Base::Version(version)))?;
            (daemon, ConfigRequest::Apply { text, base })
        }
        ConfigCommand::History { place } => return history(&place),
        ConfigCommand::Diff { from, to, place } => return diff(&place, from, to),
        ConfigCommand::Rollback { to, base, place } => return rollback(&place, to, base.base),
    };
    match daemon.connect()?.ask(request)? {
        Reply::Config(config) => Ok(print(config.text)?),
        Reply::Plan(plan) => Ok(print(self::plan(&plan))?),
        Reply::Schema(schema) => Ok(print(serde_json::to_string_pretty(&schema)?)?),
        Reply::Checked(checked) => told(&checked),
        other => Ok(print(serde_json::to_string_pretty(&other)?)?),
    }
}

/// The file with several values at once: alone none of them may be right.
fn together(
    daemon: &DaemonArgument,
    mut words: impl Iterator<Item = String>,
    base: Option<u64>,
) -> Result<ConfigRequest, Box<dyn std::error::Error>> {
    let mut edits = Vec::new();
    while let Some(path) = words.next() {
        let value =
            words.next().ok_or_else(|| format!("{path} has no value: each path has one behind it"))?;
        edits.push(Edit::Set { path, value });
    }
    let base = base.map_or_else(|| now(daemon), |version| Ok(Base::Version(version)))?;
    match daemon.connect()?.ask(ConfigRequest::Edit { text: None, edits })? {
        Reply::Config(ConfigText { text, .. }) => Ok(ConfigRequest::Apply { text, base }),
        _ => Err("the daemon answers something else".into()),
    }
}

fn history(place: &PlaceArguments) -> Done {
    let versions = match place.daemon()? {
        Some(mut daemon) => match daemon.ask(ConfigRequest::History {})? {
            Reply::History(versions) => versions,
            _ => return Err("the daemon answers something else".into()),
        },
        None => place.file().store().history()?.into_iter().rev().map(entry).collect(),
    };
    if versions.is_empty() {
        return Ok(print(format!(
            "No versions are kept of {}: the daemon keeps one when it serves the file.",
            place.file().store().path().display()
        ))?);
    }
    let line = |version: &VersionEntry| {
        let VersionEntry { version, at, author, bytes, trouble } = version;
        match trouble {
            None => format!("{version:<4} {at}  {bytes:>6} bytes  {}", words::plain(author)),
            Some(trouble) => format!("{version:<4} {:<20}  {}", words::plain(at), words::plain(trouble)),
        }
    };
    Ok(print(versions.iter().map(line).collect::<Vec<_>>().join("\n"))?)
}

fn diff(place: &PlaceArguments, from: Option<u64>, to: Option<u64>) -> Done {
    let diff = match place.daemon()? {
        Some(mut daemon) => match daemon.ask(ConfigRequest::Diff { from, to })? {
            Reply::Diff(diff) => diff,
            _ => return Err("the daemon answers something else".into()),
        },
        None => place.file().store().difference(from, to)?,
    };
    let lines: Vec<String> = diff.lines().map(|line| words::plain(&line.replace('\t', "    "))).collect();
    Ok(if lines.is_empty() { print("There is no difference.".to_owned()) } else { print(lines.join("\n")) }?)
}

fn rollback(place: &PlaceArguments, to: u64, base: Option<u64>) -> Done {
    if let Some(mut daemon) = place.daemon()? {
        return match daemon.ask(ConfigRequest::Rollback { to, base: base.map(Base::Version) })? {
            Reply::Plan(plan) => Ok(print(self::plan(&plan))?),
            _ => Err("the daemon answers something else".into()),
        };
    }
    let store = place.file().store();
    if base.is_some() && base != store.newest() {
        return Err(store::Error::Changed { newest: store.newest() }.into());
    }
    let (newest, was_there) = (store.newest(), store.path().exists());
    let author = store::author(nix::unistd::getuid().as_raw());
    let version = match store.rollback(to, &author, clock::wall()) {
        Err(error @ store::Error::NotKept(_)) => {
            print("No daemon runs that would serve the file.".to_owned())?;
            return Ok(writeln!(std::io::stderr().lock(), "lenslet: {error}")?);
        }
        version => version?,
    };
    let what = match (newest != Some(version), was_there) {
        (true, _) => "This is",
        (false, true) => "The file says that already: it is",
        (false, false) => "The file is there again: it is",
    };
    Ok(print(format!("{what} version {version}; no daemon runs that would serve it."))?)
}

/// The file as it is: who names no version means this one.
fn now(daemon: &DaemonArgument) -> Result<Base, Box<dyn std::error::Error>> {
    match daemon.connect()?.ask(ConfigRequest::Get { path: None })? {
        Reply::Config(ConfigText { hash: Some(hash), .. }) => Ok(Base::Hash(hash)),
        _ => Err("the daemon answers something else".into()),
    }
}

fn entry(version: store::Version) -> VersionEntry {
    let store::Version { number, at, author, bytes, damage } = version;
    let trouble = damage.map(|damage| damage.to_string());
    VersionEntry { version: number, at, author, bytes, trouble }
}

fn text(file: Option<&Path>) -> Result<Option<String>, String> {
    let Some(file) = file else { return Ok(None) };
    let read = |input: &mut dyn Read| {
        let mut text = String::new();
        input.take(LARGEST + 1).read_to_string(&mut text).map(|_| text)
    };
    let text = if file == Path::new("-") {
        read(&mut std::io::stdin().lock())
    } else {
        std::fs::File::open(file).and_then(|mut file| read(&mut file))
    };
    match text {
        Ok(text) if text.len() as u64 > LARGEST => {
            Err(format!("{} is larger than the {LARGEST} bytes that a daemon is sent", file.display()))
        }
        Ok(text) => Ok(Some(text)),
        Err(error) => Err(format!("{} cannot be read: {error}", file.display())),
    }
}

/// A request is a line of a mebibyte at most (docs/control.md).
const LARGEST: u64 = 1 << 20;

fn told(checked: &Checked) -> Done {
    for sentence in &checked.warnings {
        print(words::plain(sentence))?;
    }
    if checked.errors.is_empty() {
        return Ok(print("The configuration is right.".to_owned())?);
    }
    let all: Vec<&str> = checked.errors.iter().map(|problem| problem.said.as_str()).collect();
    Err(all.join("\nlenslet: ").into())
}

/// What changes, for people.
pub(super) fn plan(plan: &Plan) -> String {
    let mut lines: Vec<String> = plan.diff.lines().map(|line| line.replace('\t', "    ")).collect();
    for mount in plan.mounts.iter().filter(|mount| mount.change != Change::Kept) {
        let what = match mount.change {
            Change::Kept => "is kept",
            Change::Changed => "changes while it runs",
            Change::Restarted => "starts anew",
            Change::Added => "comes",
            Change::Removed => "goes",
            Change::Refused => "is refused",
        };
        let mut line = format!("{} {what}", mount.mount);
        if let Some(why) = &mount.why {
            line += &format!(": {why}");
        }
        if !mount.interrupts.is_empty() {
            line += &format!(" (interrupts {})", amount(mount.interrupts.len(), "session"));
        }
        lines.push(line);
    }
    lines.extend(plan.changed.iter().map(|field| format!("{field} holds at once")));
    lines
        .extend(plan.after_restart.iter().map(|field| format!("{field} holds when the daemon starts again")));
    if let Some(why) = &plan.unkept {
        lines.push(format!("! {why}"));
    }
    match (plan.version, lines.is_empty()) {
        (None, true) => lines.push("Nothing changes.".to_owned()),
        (None, false) => {}
        (Some(version), true) => lines.push(format!("Nothing changes: that is version {version} already.")),
        (Some(version), false) => lines.push(format!("This is version {version}.")),
    }
    lines.iter().map(|line| words::plain(line)).collect::<Vec<_>>().join("\n")
}
