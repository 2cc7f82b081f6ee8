//! Sizes and rates that are usual, for whatever makes pictures of any.

use super::suggestion::Suggestion;

/// Width and height, the largest first.
pub(super) const SIZES: [(u64, u64); 8] =
    [(3840, 2160), (1920, 1080), (1280, 960), (1280, 720), (800, 600), (640, 480), (640, 360), (320, 240)];

/// Pictures a second, the highest first.
pub(super) const RATES: [u32; 9] = [120, 60, 50, 30, 25, 20, 15, 10, 5];

/// What a test picture may be: it is drawn in any of them.
pub(super) fn sizes() -> Vec<Suggestion> {
    SIZES.iter().map(|(width, height)| Suggestion::new(format!("{width}x{height}"), "")).collect()
}

/// How often it is drawn.
pub(super) fn rates() -> Vec<Suggestion> {
    RATES.iter().map(|rate| Suggestion::new(rate.to_string(), "pictures a second")).collect()
}
