//! Whether the server carries its readers, in a word and a sentence.

use std::time::Duration;

use serde::Serialize;

use crate::amount::amount;
use crate::rtsp::client::Transport;

/// Whether the server carries its readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// Everybody sees every picture in time.
    Good,
    /// Somebody does not.
    Poor,
    /// Somebody does not, and it may be this tester's fault.
    Unknown,
}

/// What the verdict is made of.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    pub(super) transport: Transport,
    pub(super) asked: usize,
    pub(super) played: usize,
    pub(super) ended_early: usize,
    /// The commonest reason why one did not play, or not to the end.
    pub(super) reason: Option<String>,
    pub(super) slow: Slowness,
    pub(super) expected: u64,
    pub(super) lost: u64,
    /// Of the reader with the largest.
    pub(super) largest_gap: Duration,
    /// What the worst reader's player has to hold back.
    pub(super) buffer: Duration,
    /// Pictures a second of the reader with the fewest, and of the one in the middle.
    pub(super) rates: Option<(f64, f64)>,
    /// And of one that was alone.
    pub(super) alone: Option<f64>,
    /// Part of a core that this tester used.
    pub(super) busy: f64,
    /// Datagrams that came as far as this machine.
    pub(super) overflows: u64,
}

/// Readers that do not read.
#[derive(Clone, Debug, Default)]
pub(super) struct Slowness {
    pub(super) asked: usize,
    pub(super) played: usize,
    /// The commonest reason why one did not.
    pub(super) reason: Option<String>,
}

/// Players that are told nothing hold back this much or more.
const MUCH: Duration = Duration::from_secs(1);

/// One packet of so many lost damages a picture every few seconds.
const FEW: u64 = 1_000;

/// Who gets so much less than others misses pictures.
const FEWER: f64 = 0.95;

/// Beyond that the tester is late itself.
pub(super) const BUSY: f64 = 0.9;

/// Judges.
pub(super) fn judge(evidence: &Evidence) -> (Verdict, String) {
    let Evidence { asked, played, ended_early, ref reason, .. } = *evidence;
    let why = reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    if played == 0 {
        return (Verdict::Poor, format!("Nobody could play{why}."));
    }
    if played < asked {
        return (Verdict::Poor, format!("The server let {played} of {} play{why}.", amount(asked, "reader")));
    }
    if ended_early > 0 {
        return (Verdict::Poor, format!("{ended_early} of {} did not last{why}.", amount(asked, "reader")));
    }
    match delivery(evidence) {
        None if evidence.slow.played < evidence.slow.asked => {
            let Slowness { asked, played, ref reason } = evidence.slow;
            let why = reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
            let what = format!("The server let {played} of {} play{why}.", amount(asked, "slow reader"));
            (Verdict::Poor, what)
        }
        None => (Verdict::Good, format!("The server carries {}.", amount(played, "reader"))),
        Some(what) if evidence.overflows > 0 && evidence.lost > 0 => (
            Verdict::Unknown,
            format!(
                "{what} But this machine's own sockets had no room for {} datagrams: ask for fewer readers, or raise net.core.rmem_max.",
                evidence.overflows
            ),
        ),
        Some(what) if evidence.busy >= BUSY => (
            Verdict::Unknown,
            format!(
                "{what} But this tester used {:.0} % of a core: it may be its own fault.",
                evidence.busy * 100.0
            ),
        ),
        Some(what) => (Verdict::Poor, what),
    }
}

/// What is wrong with what came.
fn delivery(evidence: &Evidence) -> Option<String> {
    let Evidence { transport, expected, lost, largest_gap, buffer, rates, alone, .. } = *evidence;
    if expected == 0 {
        return Some("Nothing came.".into());
    }
    let too_many = match transport {
        Transport::Udp => lost > 0 && lost >= expected / FEW,
        Transport::Tcp => lost > 0,
    };
    if too_many {
        return Some(format!(
            "{lost} of {expected} packets were lost on the way, or left out by the server."
        ));
    }
    if largest_gap > MUCH {
        return Some(format!("A picture was waited for {} ms by somebody.", largest_gap.as_millis()));
    }
    if buffer > MUCH {
        return Some(format!(
            "Pictures came up to {} ms late: more than players hold back.",
            buffer.as_millis()
        ));
    }
    let (fewest, median) = rates?;
    if fewest < median * FEWER {
        return Some(format!("Somebody got {fewest:.1} pictures a second where others got {median:.1}."));
    }
    let alone = alone.filter(|alone| fewest < alone * FEWER)?;
    Some(format!("Somebody got {fewest:.1} pictures a second where one alone got {alone:.1}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Evidence {
        Evidence {
            transport: Transport::Udp,
            asked: 500,
            played: 500,
            ended_early: 0,
            reason: None,
            slow: Slowness::default(),
            expected: 1_000_000,
            lost: 0,
            largest_gap: Duration::from_millis(50),
            buffer: Duration::from_millis(20),
            rates: Some((29.9, 30.1)),
            alone: Some(30.0),
            busy: 0.5,
            overflows: 0,
        }
    }

    #[test]
    fn a_server_is_judged_by_what_viewers_would_see() {
        let late = Duration::from_millis(1_500);
        let slow = |played| Slowness { asked: 5, played, reason: Some("453".into()) };
        for (evidence, expected, part) in [
            (good(), Verdict::Good, "carries 500 readers"),
            (Evidence { lost: 900, ..good() }, Verdict::Good, "carries"),
            (Evidence { busy: 0.99, ..good() }, Verdict::Good, "carries"),
            (Evidence { lost: 1_000, ..good() }, Verdict::Poor, "1000 of 1000000 packets"),
            (Evidence { lost: 1, transport: Transport::Tcp, ..good() }, Verdict::Poor, "1 of 1000000"),
            (Evidence { played: 0, reason: Some("453".into()), ..good() }, Verdict::Poor, "play: 453."),
            (Evidence { played: 499, ..good() }, Verdict::Poor, "499 of 500 readers play."),
            (Evidence { ended_early: 3, ..good() }, Verdict::Poor, "3 of 500 readers did not last"),
            (Evidence { largest_gap: late, ..good() }, Verdict::Poor, "1500 ms by somebody"),
            (Evidence { buffer: late, ..good() }, Verdict::Poor, "1500 ms late"),
            (Evidence { rates: Some((20.0, 30.0)), ..good() }, Verdict::Poor, "20.0 pictures a second"),
            (Evidence { rates: Some((22.0, 22.5)), ..good() }, Verdict::Poor, "where one alone got 30.0"),
            (Evidence { rates: Some((22.0, 22.5)), alone: None, ..good() }, Verdict::Good, "carries"),
            (Evidence { slow: slow(5), ..good() }, Verdict::Good, "carries 500 readers."),
            (Evidence { slow: slow(0), ..good() }, Verdict::Poor, "let 0 of 5 slow readers play: 453."),
            (Evidence { slow: slow(0), lost: 9_000, ..good() }, Verdict::Poor, "packets were lost"),
            (Evidence { expected: 0, ..good() }, Verdict::Poor, "Nothing came"),
            (Evidence { largest_gap: late, busy: 0.98, ..good() }, Verdict::Unknown, "98 % of a core"),
            (Evidence { lost: 9_000, overflows: 9_000, ..good() }, Verdict::Unknown, "rmem_max"),
            (Evidence { largest_gap: late, overflows: 5, ..good() }, Verdict::Poor, "1500 ms"),
        ] {
            let (verdict, sentence) = judge(&evidence);
            assert!(verdict == expected && sentence.contains(part), "{sentence} {evidence:?}");
        }
    }
}
