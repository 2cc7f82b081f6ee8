//! Wireless interfaces: `/proc/net/wireless`, which kernels without wireless extensions lack.

use super::Wifi;

/// Two lines of heading, then `wlan0: 0000   54.  -56.  -256 ...`: status, link, level, noise.
pub(super) fn wifi(wireless: &str) -> Vec<Wifi> {
    let interface = |line: &str| {
        let (name, figures) = line.split_once(':')?;
        let level: f32 = figures.split_whitespace().nth(2)?.trim_end_matches('.').parse().ok()?;
        // Some drivers give the level as the byte that it once was.
        let level_dbm = if level > 0.0 { level - 256.0 } else { level };
        Some(Wifi { interface: name.trim().to_owned(), level_dbm })
    };
    wireless.lines().skip(2).filter_map(interface).collect()
}
