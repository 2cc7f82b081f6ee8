//! `lenslet snapshot`.

use std::io::Write;
use std::path::PathBuf;

use base64::Engine;

use super::{DaemonArgument, Done};
use crate::control::protocol::{Look, Reply};

/// One picture of a mount, as a JPEG.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct SnapshotArguments {
    /// The mount.
    mount: String,
    /// The file to write; - is standard output.
    #[arg(short, long, value_name = "FILE.jpg")]
    output: PathBuf,
    /// Not wider than this, in pixels: 16 to 16384.
    #[arg(long, value_name = "PIXELS")]
    max_width: Option<u32>,
    #[command(flatten)]
    daemon: DaemonArgument,
}

/// `lenslet snapshot`.
pub(in crate::cli) fn snapshot(arguments: SnapshotArguments) -> Done {
    let SnapshotArguments { mount, output, max_width, daemon } = arguments;
    let reply = daemon.connect()?.ask(Look::Snapshot { mount, max_width })?;
    let Reply::Snapshot(picture) = reply else { return Err("the daemon answers something else".into()) };
    let bytes = base64::engine::general_purpose::STANDARD.decode(picture.jpeg)?;
    if output.as_os_str() == "-" {
        return Ok(std::io::stdout().lock().write_all(&bytes)?);
    }
    std::fs::write(&output, bytes).map_err(|error| format!("{}: {error}", output.display()).into())
}
