//! Figures as people read them, and text that is safe to show.

use ratatui::text::Span;

use crate::plain::is_harmful;

/// What stands where a figure is not known.
pub const NONE: &str = "-";

/// `3.9M`, `512k`, `0`: bits a second.
pub fn bitrate(bits: u64) -> String {
    match bits {
        0 => "0".to_owned(),
        1..1_000_000 => format!("{}k", bits.div_ceil(1000)),
        1_000_000..100_000_000 => format!("{:.1}M", bits as f64 / 1e6),
        100_000_000..10_000_000_000 => format!("{:.0}M", bits as f64 / 1e6),
        _ => format!("{:.1}G", bits as f64 / 1e9),
    }
}

/// `12 MB`, by thousands.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        1_000_000_000..1_000_000_000_000 => format!("{:.1} GB", bytes as f64 / 1e9),
        _ => format!("{:.1} TB", bytes as f64 / 1e12),
    }
}

/// `12s`, `3m12s`, `5h03m`, `12d4h`.
pub fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{:02}s", seconds % 60),
        3600..86_400 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{}h", hours % 24),
    }
}

/// The seconds of `30m`, `2h`, `7d`, or `90s`.
pub fn seconds(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let each = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let number: u64 = text[..text.len() - 1].trim().parse().ok().filter(|number| *number > 0)?;
    number.checked_mul(each)
}

/// What is said where that is no time.
pub const NO_TIME: &str = "A number and s, m, h or d: 2h.";

/// `40ms`, `1.2s`, `3m12s`.
pub fn millis(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms}ms"),
        1000..60_000 => format!("{:.1}s", ms as f64 / 1000.0),
        _ => duration(ms / 1000),
    }
}

/// `0.4`, `41`, `1200`: milliseconds without their unit.
pub fn fine(ms: f32) -> String {
    if ms < 10.0 { format!("{ms:.1}") } else { format!("{ms:.0}") }
}

/// `950`, `12k`, `3.4M`: a count.
pub fn count(count: u64) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..1_000_000 => format!("{}k", count / 1000),
        _ => format!("{:.1}M", count as f64 / 1e6),
    }
}

/// What is known, or [`NONE`].
pub fn some<T>(value: Option<T>, write: impl Fn(T) -> String) -> String {
    value.map_or_else(|| NONE.to_owned(), write)
}

/// What peers and files say, without what a terminal could take for a command or what would shift a line.
pub fn plain(text: &str) -> String {
    if text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return text.to_owned();
    }
    let kept: String = text.chars().filter(|sign| !is_hint(*sign)).collect();
    sign_by_sign(&kept).collect()
}

/// The same with a sign for each that there was, for where a cursor stands among them.
pub fn sign_by_sign(text: &str) -> impl Iterator<Item = char> + '_ {
    // One without a letter would stand on what is written before it.
    let mut marks = MARKS;
    text.chars().map(move |sign| {
        marks = if width(sign) == 0 { marks + 1 } else { 0 };
        if is_harmful(sign) || is_hint(sign) || marks > MARKS { '\u{fffd}' } else { sign }
    })
}

/// So many marks stand on one letter; more would cover the lines above and below.
const MARKS: u32 = 3;

/// What says how the sign before it is to look: terminals are not at one how wide that is then.
fn is_hint(sign: char) -> bool {
    matches!(sign, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{1f3fb}'..='\u{1f3ff}')
}

/// The columns that a text takes. It is added up sign by sign: what is wider or smaller together some terminals do not know.
pub fn wide(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// The columns that a sign takes.
pub fn width(sign: char) -> usize {
    if sign.is_ascii_graphic() || sign == ' ' {
        1
    } else {
        Span::raw(sign.encode_utf8(&mut [0; 4]) as &str).width()
    }
}

/// `21:04:05` of `2026-11-25T21:04:05Z`.
pub fn clock(at: &str) -> &str {
    let time = at.get(11..19).filter(|it| it.bytes().all(|byte| byte.is_ascii_digit() || byte == b':'));
    time.unwrap_or("--:--:--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let bitrates = [0, 999, 3_950_000, 512_000, 250_000_000, 12_500_000_000].map(bitrate);
        assert_eq!(bitrates, ["0", "1k", "4.0M", "512k", "250M", "12.5G"]);
        let times = [9, 192, 18_180, 1_051_200].map(duration);
        assert_eq!(times, ["9s", "3m12s", "5h03m", "12d4h"]);
        assert_eq!([40, 1200, 192_000].map(millis), ["40ms", "1.2s", "3m12s"]);
        assert_eq!([12_582_912, 20_000_000_000].map(bytes), ["12 MB", "20.0 GB"]);
        assert_eq!([950, 12_345, 3_400_000].map(count), ["950", "12k", "3.4M"]);
    }

    #[test]
    fn times_are_a_number_and_a_unit() {
        let read = ["30m", "2h", "7d", "90s", "2 h", "0m", "h", "", "5", "1w", "99999999999999999999d", "5é"]
            .map(seconds);
        let (minutes, hours) = (Some(1800), Some(7200));
        let none = None;
        assert_eq!(
            read,
            [minutes, hours, Some(604_800), Some(90), hours, none, none, none, none, none, none, none]
        );
    }

    #[test]
    fn nothing_that_a_peer_says_commands_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\u{202e}c\n"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}");
        assert_eq!(
            plain("\u{2600}\u{fe0f}e\u{301}\u{301}\u{301}\u{301}"),
            "\u{2600}e\u{301}\u{301}\u{301}\u{fffd}"
        );
    }

    #[test]
    fn a_time_is_one_or_none() {
        for (at, time) in
            [("2026-11-25T21:04:05Z", "21:04:05"), ("", "--:--:--"), ("2026-11-25T\x1b[2J....", "--:--:--")]
        {
            assert_eq!(clock(at), time);
        }
    }
}
