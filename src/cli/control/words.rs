//! Figures and sentences as a terminal of 80 columns shows them.

use crate::plain::is_harmful;

/// Columns of the narrowest terminal.
pub(super) const WIDTH: usize = 80;

/// A figure, or that there is none.
pub(super) fn some<T>(figure: Option<T>, told: impl FnOnce(T) -> String) -> String {
    figure.map_or_else(|| "-".to_owned(), told)
}

/// Bits a second in four figures.
pub(super) fn bitrate(bits: u64) -> String {
    match bits {
        0..1_000_000 => format!("{}k", bits / 1000),
        1_000_000..100_000_000 => format!("{:.2}M", bits as f64 / 1e6),
        _ => format!("{:.0}M", bits as f64 / 1e6),
    }
}

/// Milliseconds as seconds.
pub(super) fn seconds(ms: u64) -> String {
    match ms {
        0..100_000 => format!("{:.1}s", ms as f64 / 1000.0),
        _ => time(ms / 1000).replace(' ', ""),
    }
}

/// A time in its largest unit, or two.
pub(in crate::cli) fn time(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A sentence in lines that fit, those behind the first with four spaces before them.
pub(super) fn wrapped(sentence: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for (index, word) in plain(sentence).split(' ').enumerate() {
        let used = lines.last().map_or(0, |line| line.chars().count());
        if used + 1 + word.chars().count() > WIDTH && used > 0 {
            lines.push(format!("    {word}"));
        } else if let Some(line) = lines.last_mut() {
            // The spaces that it begins with are kept.
            *line += &if index == 0 { word.to_owned() } else { format!(" {word}") };
        }
    }
    lines
}

/// In at most so many characters, and none of them an order to the terminal.
pub(super) fn clip(text: &str, width: usize) -> String {
    let text = plain(text);
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// What peers and devices call themselves, without what a terminal would take for orders.
pub(in crate::cli) fn plain(text: &str) -> String {
    text.chars().map(|character| if is_harmful(character) { '?' } else { character }).collect()
}
