//! The command line.

mod access;
mod backup;
mod config_argument;
mod control;
mod media;
mod serving;
#[cfg(feature = "tui")]
mod started;
mod tui;
mod urls;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::logs::{Level, Levels, Logs};
use access::{BanCommand, UserCommand};
use backup::{BackupArguments, RestoreArguments};
use config_argument::ConfigArgument;
use control::{
    ConfigCommand, DaemonArgument, KickArguments, LogArguments, MountArgument, MountCommand, SetArguments,
    SnapshotArguments, StatusArguments,
};
use media::{LoadArguments, PlanArguments, ReceiveArguments};
use serving::ServeArguments;
use tui::TuiArguments;
use urls::UrlsArguments;

/// An RTSP server for small boards.
#[derive(Debug, Parser)]
#[command(name = "lenslet", version, long_version = LONG_VERSION, about)]
struct Arguments {
    /// Log more: -v requests and replies, -vv everything.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
    /// If not said: the screen of the daemon that runs, else of one that is started with it; without a terminal `serve`.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the configured mounts; without a configuration the test picture and every camera.
    Serve(ServeArguments),
    /// List the cameras and what each can be used for.
    Probe {
        /// For scripts: one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Print the URLs that `serve` would serve, at every address of this machine.
    Urls(UrlsArguments),
    /// Say whether the configuration is right.
    ///
    /// Exits with 1 if it is not, or can never be served by this board and what is attached; with 0, and a warning, where a
    /// camera, program or file is not there yet.
    Check(ConfigArgument),
    /// Play a URL without a screen and say how good the path to the server is.
    Receive(ReceiveArguments),
    /// Play a URL many times at once and say whether the server carries it.
    Load(LoadArguments),
    /// Say whether one board carries so many viewers, and what to do where it does not.
    Plan(PlanArguments),
    /// See and steer the daemon that runs, on the whole terminal; leaving does not end it.
    Tui(TuiArguments),
    /// Show what the daemon that runs does: mounts, sessions, alarms, the box.
    Status(StatusArguments),
    /// End a session.
    Kick(KickArguments),
    /// Have a mount make a keyframe as soon as it can.
    Keyframe(MountArgument),
    /// Serve a mount, or serve it no longer.
    #[command(subcommand)]
    Mount(MountCommand),
    /// Change a mount's bitrate or its camera's controls while it runs, until the daemon starts again.
    Set(SetArguments),
    /// Write one picture of a mount as a JPEG: of MJPEG as it is, of H.264 its next keyframe.
    Snapshot(SnapshotArguments),
    /// Have the daemon read its configuration again.
    Reload(DaemonArgument),
    /// Show what the daemon logs.
    Log(LogArguments),
    /// Say goodbye to all readers and end the daemon.
    Shutdown(DaemonArgument),
    /// Write the configuration, its versions and what goes with it into one file.
    Backup(BackupArguments),
    /// Put a backup in its place again; nothing is changed if not all of it can be.
    Restore(RestoreArguments),
    /// Read, check and change the daemon's configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Who may watch: with a password, once there is a user.
    #[command(subcommand)]
    User(UserCommand),
    /// Whose attempts to sign in are not looked at.
    #[command(subcommand)]
    Ban(BanCommand),
}

/// What `--version` says: what a report of a fault has to tell.
const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ntarget: ",
    env!("LENSLET_TARGET"),
    "\nfeatures: ",
    env!("LENSLET_FEATURES"),
    "\ncommit: ",
    env!("LENSLET_COMMIT"),
);

/// All commands and their options, for manual pages and completions.
pub fn command() -> clap::Command {
    <Arguments as clap::CommandFactory>::command()
}

/// Runs the command line; the answer is the process's exit code.
pub fn run() -> ExitCode {
    keep_out_of_core_dumps();
    if let Some(kept) = crate::source::command::keep() {
        return kept;
    }
    let arguments = Arguments::parse();
    let logs = start_log(arguments.verbose);
    let log = logs.clone();
    let done = match arguments.command {
        None => tui::alone(logs),
        Some(command) => carry_out(command, logs),
    };
    log.iter().for_each(Logs::end);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read has seen enough: `lenslet urls | head -1`.
        Err(error) if is_closed_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            // Where nobody hears it either, the exit code says so.
            let _unheard = writeln!(io::stderr().lock(), "lenslet: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What passes through this process of passwords (users', cameras', backups') is in no file that the kernel writes should it crash,
/// and no other program of its user may look into it.
fn keep_out_of_core_dumps() {
    if let Err(error) = nix::sys::prctl::set_dumpable(false) {
        let _unheard = writeln!(io::stderr().lock(), "lenslet: a core dump would hold passwords: {error}");
    }
}

fn carry_out(command: Command, logs: Option<Logs>) -> Done {
    match command {
        Command::Serve(arguments) => serving::serve(arguments, logs),
        Command::Probe { json } => serving::probe(json),
        Command::Urls(arguments) => urls::urls(&arguments),
        Command::Check(config) => serving::check(&config),
        Command::Receive(arguments) => media::receive(arguments),
        Command::Load(arguments) => media::load(arguments),
        Command::Plan(arguments) => media::plan(&arguments),
        Command::Tui(arguments) => tui::tui(&arguments),
        Command::Status(arguments) => control::status(&arguments),
        Command::Kick(arguments) => control::kick(arguments),
        Command::Keyframe(arguments) => control::keyframe(arguments),
        Command::Mount(command) => control::mount(command),
        Command::Set(arguments) => control::set(arguments),
        Command::Snapshot(arguments) => control::snapshot(arguments),
        Command::Reload(daemon) => control::reload(&daemon),
        Command::Log(arguments) => control::log(arguments),
        Command::Shutdown(daemon) => control::shutdown(&daemon),
        Command::Backup(arguments) => backup::backup(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::Config(command) => control::config(command),
        Command::User(command) => access::user(command),
        Command::Ban(command) => access::ban(command),
    }
}

type Done = Result<(), Box<dyn std::error::Error>>;

fn is_closed_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Starts the log; where there is one already, as in a test, that one goes on.
fn start_log(verbose: u8) -> Option<Logs> {
    let level = match verbose {
        0 => Level::Info,
        1 => Level::Debug,
        _ => Level::Trace,
    };
    Logs::start(&Levels::all(level)).ok()
}
