//! The screen: `lenslet tui`, and `lenslet` alone.

use super::Done;
use super::control::DaemonArgument;
use super::serving::{self, ServeArguments};
use crate::logs::Logs;

/// The screen.
#[derive(Debug, clap::Args)]
#[cfg_attr(not(feature = "tui"), allow(dead_code, reason = "nothing reads them where there is no screen"))]
pub(super) struct TuiArguments {
    #[command(flatten)]
    daemon: DaemonArgument,
    /// For terminals that show lines and blocks as other signs: only what a typewriter has.
    #[arg(long)]
    ascii: bool,
    /// Dark text on light.
    #[arg(long)]
    light: bool,
    /// How the terminal takes pictures; it is asked unless this is said.
    #[arg(long, value_enum)]
    pictures: Option<PicturesArgument>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum PicturesArgument {
    /// As half blocks, in any terminal.
    Blocks,
    /// Whole, as kitty and Ghostty do.
    Kitty,
    /// Whole, as foot, mlterm and others do.
    Sixel,
}

#[cfg(not(feature = "tui"))]
const WITHOUT: &str = "this Lenslet was built without its screen (feature `tui`): `lenslet serve` serves, \
                       `lenslet status --watch` shows what a daemon does";

#[cfg(not(feature = "tui"))]
pub(super) fn tui(_: &TuiArguments) -> Done {
    Err(WITHOUT.into())
}

/// Who sits at a terminal expects a screen; else it serves, as with it.
#[cfg(not(feature = "tui"))]
pub(super) fn alone(logs: Option<Logs>) -> Done {
    use std::io::IsTerminal;

    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return Err(WITHOUT.into());
    }
    serving::serve(ServeArguments::default(), logs)
}

#[cfg(feature = "tui")]
pub(super) use screen::{alone, tui};

#[cfg(feature = "tui")]
mod screen {
    use std::io::{self, Write};

    use super::super::started::{self, Server};
    use super::{DaemonArgument, Done, Logs, PicturesArgument, ServeArguments, TuiArguments, serving};
    use crate::control::client::{Daemon, Error};
    use crate::tui::theme::{Glyphs, Ground, Pictures, Theme};
    use crate::tui::{Left, terminal};

    /// `lenslet tui`: leaves with the daemon going on.
    pub(in crate::cli) fn tui(arguments: &TuiArguments) -> Done {
        let mut theme = theme();
        if arguments.ascii {
            theme.glyphs = Glyphs::Ascii;
        }
        if arguments.light {
            theme.ground = Ground::Light;
        }
        if let Some(pictures) = arguments.pictures {
            theme.said = true;
            theme.pictures = match pictures {
                PicturesArgument::Blocks => Pictures::Signs,
                PicturesArgument::Kitty => Pictures::Kitty,
                PicturesArgument::Sixel => Pictures::Sixel,
            };
        }
        terminal::check()?;
        crate::tui::run(Daemon::At(arguments.daemon.path()?), theme, false)?;
        Ok(())
    }

    /// `lenslet`: the screen of the daemon that answers, else of one that is started with it; without a terminal it serves.
    pub(in crate::cli) fn alone(logs: Option<Logs>) -> Done {
        if !terminal::is_there() {
            return serving::serve(ServeArguments::default(), logs);
        }
        terminal::check()?;
        match DaemonArgument::default().path() {
            Ok(path) => {
                crate::tui::run(Daemon::At(path), theme(), false)?;
                Ok(())
            }
            Err(Error::Absent(_)) => together(),
            Err(error) => Err(error.into()),
        }
    }

    fn theme() -> Theme {
        Theme::of(|name| std::env::var(name).ok())
    }

    /// A daemon and its screen. The daemon ends where that was asked for, and goes on however else the screen ends.
    fn together() -> Done {
        let socket = started::place()?;
        let mut server = Server::start(&socket)?;
        let left = crate::tui::run(Daemon::At(socket), theme(), true);
        if let Some(said) = server.ended_by_itself() {
            return Err(format!("the server ended by itself:\n{said}").into());
        }
        if matches!(left, Ok(Left::Ending)) {
            server.end();
            return Ok(());
        }
        // Whose line is cut does not read it.
        let _ =
            writeln!(io::stdout(), "Lenslet goes on: `lenslet` shows it again, `lenslet shutdown` ends it.");
        left.map(drop).map_err(Into::into)
    }
}
