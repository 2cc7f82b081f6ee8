//! `lenslet tui`.

use std::path::PathBuf;

use super::Done;
use super::control::DaemonArgument;

/// The screen.
#[derive(Debug, clap::Args)]
pub(super) struct TuiArguments {
    #[command(flatten)]
    daemon: DaemonArgument,
    /// For terminals that show lines and blocks as other signs: only what a typewriter has.
    #[arg(long)]
    ascii: bool,
    /// Dark text on light.
    #[arg(long)]
    light: bool,
}

/// `lenslet tui`: leaves with the daemon going on.
pub(super) fn tui(arguments: &TuiArguments) -> Done {
    let path = arguments.daemon.path()?;
    show(path, arguments.ascii, arguments.light, false)
}

#[cfg(feature = "tui")]
fn show(path: PathBuf, ascii: bool, light: bool, ours: bool) -> Done {
    use crate::control::client::Daemon;
    use crate::tui::theme::{Glyphs, Ground, Theme};

    let mut theme = Theme::of(|name| std::env::var(name).ok());
    if ascii {
        theme.glyphs = Glyphs::Ascii;
    }
    if light {
        theme.ground = Ground::Light;
    }
    Ok(crate::tui::run(Daemon::At(path), theme, ours)?)
}

#[cfg(not(feature = "tui"))]
fn show(_: PathBuf, _: bool, _: bool, _: bool) -> Done {
    Err("this Lenslet was built without its screen (feature `tui`): `lenslet status --watch` shows the figures".into())
}
