//! Users and bans: of the daemon that runs, or of the files that it will read.

mod bans;
mod needed;
mod password;
mod users;

pub(super) use bans::{BanCommand, ban};
pub(super) use needed::{Needed, asked_of, needed};
pub(super) use users::{UserCommand, user};

use super::Done;
use super::control::{PlaceArguments, print, words};
use crate::control::protocol::{AccessRequest, Reply};

/// Has the daemon do it and prints what it says; whether there is one.
fn asked(place: &PlaceArguments, request: AccessRequest) -> Result<bool, Box<dyn std::error::Error>> {
    let Some(mut daemon) = place.daemon()? else { return Ok(false) };
    let reply = daemon.ask(request)?;
    let Reply::Done { said } = reply else { return Err(ELSE.into()) };
    print(words::plain(&said))?;
    Ok(true)
}

const ELSE: &str = "the daemon answers something else";

/// Rows of a table, its columns as wide as they have to be.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{:<width$}", words::plain(cell)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
