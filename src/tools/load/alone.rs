//! The first reader plays alone for a moment: what it gets then is what all should get. Compared with each other alone,
//! readers who are all equally short would seem well served.

use std::time::{Duration, Instant};

use super::reader::Reader;

/// For so long, by the clock and by the pictures' own time.
const LONG_ENOUGH: Duration = Duration::from_secs(1);

/// Pictures that are far apart are not waited for longer than this, from the first packet on,
const AT_MOST: Duration = Duration::from_secs(3);

/// nor is a first packet.
const NOTHING: Duration = Duration::from_secs(5);

/// Whether it was alone long enough.
pub(super) fn is_over(reader: &Reader, now: Instant) -> bool {
    let Some(tally) = reader.leading() else { return reader.opened() + NOTHING <= now };
    match tally.first_packet {
        None => reader.opened() + NOTHING <= now,
        Some(first) => {
            let enough = first + LONG_ENOUGH <= now && tally.pace.time() >= LONG_ENOUGH;
            enough || first + AT_MOST <= now
        }
    }
}

/// Pictures a second that it got until now.
pub(super) fn rate(reader: &Reader) -> Option<f64> {
    reader.leading()?.pace.whole_rate()
}
