//! `lenslet ban`.

use std::time::Duration;

use clap::Subcommand;

use super::{Done, ELSE, PlaceArguments, asked, columns, print, words};
use crate::clock;
use crate::control::protocol::{AccessRequest, BanEntry, Reply};
use crate::daemon::{BansFile, banned};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum BanCommand {
    /// Look at no attempt of an address for a while; what it watches goes on.
    Add {
        /// The address or network; of an IPv6 address the network of 64 bits that it is in.
        address: String,
        /// For how long: 90s, 30m, 12h, 7d.
        #[arg(long = "for", value_name = "TIME", value_parser = span, default_value = "1d")]
        span: Duration,
        /// Why, for those who read the list.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Look at an address's attempts again.
    Lift {
        /// The address or network.
        address: String,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// List the addresses whose attempts are not looked at.
    List {
        /// For scripts: one array.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: PlaceArguments,
    },
}

/// `lenslet ban`.
pub(in crate::cli) fn ban(command: BanCommand) -> Done {
    match command {
        BanCommand::Add { address, span, why, place } => {
            let seconds = Some(span.as_secs());
            let request = AccessRequest::BanAdd { address, seconds, why };
            if asked(&place, request)? { Ok(()) } else { Err(NO_DAEMON.into()) }
        }
        BanCommand::Lift { address, place } => {
            if asked(&place, AccessRequest::BanLift { address: address.clone() })? {
                return Ok(());
            }
            let said = BansFile::in_state(&place.file().state()).lift(banned(&address)?, clock::wall())?;
            Ok(print(said)?)
        }
        BanCommand::List { json, place } => list(json, &place),
    }
}

const NO_DAEMON: &str = "no Lenslet runs: start it with `lenslet serve`, or keep the address out for good with `deny` in the \
                         configuration's `access`";

fn list(json: bool, place: &PlaceArguments) -> Done {
    let bans = match place.daemon()? {
        Some(mut daemon) => match daemon.ask(AccessRequest::BanList {})? {
            Reply::Bans(bans) => bans,
            _ => return Err(ELSE.into()),
        },
        None => BansFile::in_state(&place.file().state()).entries(clock::wall())?,
    };
    if json {
        return Ok(print(serde_json::to_string_pretty(&bans)?)?);
    }
    if bans.is_empty() {
        return Ok(print("Nobody is banned.".to_owned())?);
    }
    let heading = ["ADDRESS", "FOR", "WHY"].map(str::to_owned);
    let row = |ban: &BanEntry| [ban.address.clone(), words::time(ban.for_s), ban.why.clone()];
    Ok(print(columns(&std::iter::once(heading).chain(bans.iter().map(row)).collect::<Vec<_>>()))?)
}

/// `90s`, `30m`, `12h`, `7d`.
fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "a number with s, m, h or d, as 30m, and at most 366d".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    seconds.filter(|seconds| (1..=366 * 86_400).contains(seconds)).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        for (text, seconds) in
            [("90s", Some(90)), ("30m", Some(1800)), ("12h", Some(43_200)), ("7d", Some(604_800))]
        {
            assert_eq!(span(text).ok().map(|span| span.as_secs()), seconds);
        }
        for text in ["", "s", "0s", "-1s", "5", "5w", "1.5h", "9999999999999999999d", "367d", "3ä"] {
            assert!(span(text).is_err(), "{text}");
        }
    }
}
