//! Who watches, two lines each: the figures, and who it is.

use super::words::{bitrate, clip, plain, seconds, some, time};
use crate::control::protocol::{SessionState, SessionStatus, Transport};

/// The sessions, as they come. The mounts have so many readers: a daemon may know no more of them.
pub(super) fn table(sessions: &[SessionStatus], readers: u32) -> Vec<String> {
    match (sessions.is_empty(), readers) {
        (true, 0) => return vec!["Nobody watches.".to_owned()],
        (true, 1) => return vec!["1 watches.".to_owned()],
        (true, readers) => return vec![format!("{readers} watch.")],
        (false, _) => {}
    }
    let heads = ["BITRATE", "LOSS", "JITTER", "RTT", "BEHIND", "DROPS"];
    let mut lines = vec![row(["SESSION", "MOUNT", "VIA", "STATE"], heads)];
    for session in sessions {
        let dropped: u64 = session.dropped.iter().map(|drop| drop.pictures).sum();
        let millis = |ms: f32| format!("{ms:.1}ms");
        let figures = [
            bitrate(session.bitrate_bps),
            some(session.loss_percent, |percent| format!("{percent:.1}%")),
            some(session.jitter_ms, millis),
            some(session.round_trip_ms, millis),
            some(session.behind_live_ms, seconds),
            dropped.to_string(),
        ];
        let via = match session.transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        };
        let state = match session.state {
            SessionState::Ready => "ready",
            SessionState::Waiting => "waiting",
            SessionState::Playing => "playing",
        };
        let words = [session.id.as_str(), &session.mount, via, state];
        lines.push(row(words, figures.each_ref().map(String::as_str)));
        lines.push(who(session));
    }
    lines
}

fn row(words: [&str; 4], figures: [&str; 6]) -> String {
    let [id, mount, via, state] = words;
    let [bitrate, loss, jitter, round_trip, behind, dropped] = figures;
    format!(
        "{:<10} {:<13} {via:<3} {state:<7} {bitrate:>7} {loss:>6} {jitter:>7} {round_trip:>7} {behind:>6} {dropped:>5}",
        clip(id, 10),
        clip(mount, 13),
    )
}

fn who(session: &SessionStatus) -> String {
    let mut line = format!("  {} from {}", time(session.duration_s), session.address);
    for part in [&session.user, &session.client].into_iter().flatten() {
        line += &format!(", {}", plain(part));
    }
    line
}
