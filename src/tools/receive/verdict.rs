//! Whether the path to the server is good enough, in a word and a sentence.

use std::time::Duration;

use serde::Serialize;

use crate::rtsp::client::Transport;

/// How good the path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// Every player will show every picture.
    Good,
    /// Most players will, with a buffer; some pictures may be damaged.
    Fair,
    /// People will complain.
    Poor,
}

/// What the verdict is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence {
    pub(super) transport: Transport,
    pub(super) packets: u64,
    pub(super) lost: u64,
    /// What a player has to hold back.
    pub(super) buffer: Duration,
}

/// Players that are told nothing hold back this much or more (VLC 1 s, GStreamer 2 s); low-latency ones this little.
const LITTLE: Duration = Duration::from_millis(200);
const MUCH: Duration = Duration::from_secs(1);

/// One packet of so many lost damages a picture every few seconds.
const FEW: u64 = 1_000;

/// Judges.
pub(super) fn judge(evidence: Evidence) -> (Verdict, String) {
    let Evidence { transport, packets, lost, buffer } = evidence;
    if packets == 0 {
        return (Verdict::Poor, "Nothing came.".into());
    }
    let held = format!("a player has to hold back {} ms", buffer.as_millis());
    let often = lost > 0 && lost >= (packets + lost) / FEW;
    match transport {
        Transport::Udp if often => (
            Verdict::Poor,
            "The path to the server loses too many packets: use TCP, or look at the Wi-Fi and the switches on the way.".into(),
        ),
        Transport::Tcp if lost > 0 => (
            Verdict::Poor,
            "The server left packets out: the path to it does not carry this bitrate. Ask for a smaller picture or a lower bitrate.".into(),
        ),
        _ if buffer > MUCH => (
            Verdict::Poor,
            format!("The path to the server stalls ({held}): it does not carry this bitrate, or somebody else fills it."),
        ),
        Transport::Udp if lost > 0 => (
            Verdict::Fair,
            "The path to the server loses a packet now and then: a picture is damaged then. TCP avoids that.".into(),
        ),
        _ if buffer > LITTLE => {
            (Verdict::Fair, format!("The path to the server is good enough for players with a buffer ({held})."))
        }
        _ => (Verdict::Good, "The path to the server is good.".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_judged_by_what_a_person_would_see() {
        for (transport, packets, lost, buffer, expected) in [
            (Transport::Udp, 10_000, 0, 5, Verdict::Good),
            (Transport::Udp, 10_000, 0, 400, Verdict::Fair),
            (Transport::Udp, 10_000, 3, 5, Verdict::Fair),
            (Transport::Udp, 10_000, 300, 5, Verdict::Poor),
            (Transport::Udp, 500, 1, 5, Verdict::Poor),
            (Transport::Udp, 10_000, 0, 1_200, Verdict::Poor),
            (Transport::Udp, 0, 0, 0, Verdict::Poor),
            (Transport::Tcp, 10_000, 0, 5, Verdict::Good),
            (Transport::Tcp, 10_000, 0, 300, Verdict::Fair),
            (Transport::Tcp, 10_000, 1, 5, Verdict::Poor),
            (Transport::Tcp, 10_000, 0, 3_000, Verdict::Poor),
        ] {
            let evidence = Evidence { transport, packets, lost, buffer: Duration::from_millis(buffer) };
            assert_eq!(judge(evidence).0, expected, "{evidence:?}");
        }
    }
}
