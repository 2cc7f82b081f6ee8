//! The name that was meant.

/// The known name that is like the written one, if there is one.
pub(crate) fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let plain = plain(written);
    let meant = OTHER_WORDS.iter().filter(|(word, _)| *word == plain).map(|(_, meant)| *meant);
    for meant in meant {
        if let Some(name) = known.clone().find(|name| *name == meant) {
            return Some(name);
        }
    }
    // Short names are alike by chance soon: of four characters one may differ.
    let length = plain.chars().count();
    let most = (length / 3).max(1).min(1 + length / 4);
    known
        .map(|name| (distance(&plain, &self::plain(name)), name))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// What people write who know other programs, and what it is called here.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("address", "listen"),
    ("auth", "access"),
    ("authentication", "access"),
    ("bind", "listen"),
    ("blacklist", "deny"),
    ("block", "deny"),
    ("cameras", "mounts"),
    ("codec", "format"),
    ("dev", "device"),
    ("exec", "command"),
    ("file", "path"),
    ("filename", "path"),
    ("firewall", "access"),
    ("folder", "path"),
    ("framerate", "fps"),
    ("gopsize", "gop"),
    ("host", "advertise"),
    ("keyframeinterval", "gop"),
    ("maxclients", "max_connections"),
    ("maxviewers", "max_readers"),
    ("mtu", "max_packet"),
    ("mjpg", "MJPEG"),
    ("h265", "HEVC"),
    ("none", "Off"),
    ("passwd", "users_file"),
    ("paths", "mounts"),
    ("permit", "allow"),
    ("port", "listen"),
    ("public", "open_to_world"),
    ("rate", "fps"),
    ("rtspport", "listen"),
    ("runondemand", "command"),
    ("server", "listen"),
    ("streams", "mounts"),
    ("threads", "workers"),
    ("timeout", "session_timeout"),
    ("usb", "Camera"),
    ("users", "users_file"),
    ("v4l2", "Camera"),
    ("webcam", "Camera"),
    ("whitelist", "allow"),
    ("test", "Pattern"),
];

/// Without what people write one way or another.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|character| !matches!(character, '_' | '-' | ' '))
        .flat_map(char::to_lowercase)
        .take(64)
        .collect()
}

/// How many characters are to be changed, left out, added or swapped with their neighbour.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut least = (row[j] + usize::from(a != b)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_found_and_chance_is_not() {
        let known = ["listen", "mounts", "udp_ports", "fps", "gop", "device", "Pattern"];
        for (written, meant) in [
            ("lisen", Some("listen")),
            ("lsiten", Some("listen")),
            ("Listen", Some("listen")),
            ("udp-ports", Some("udp_ports")),
            ("udpPort", Some("udp_ports")),
            ("framerate", Some("fps")),
            ("streams", Some("mounts")),
            ("gps", Some("fps")),
            ("patern", Some("Pattern")),
            ("devcie", Some("device")),
            ("deice", Some("device")),
            ("colour", None),
            ("nope", None),
            ("dice", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known.into_iter()), meant, "{written}");
        }
    }
}
