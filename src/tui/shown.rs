//! The picture that is on the screen beside its signs, in what way the terminal takes pictures.

use ratatui::layout::Rect;

use super::picture::Picture;
use super::theme::Pictures;
use super::{kitty, sixel};

/// What of pictures is on the screen.
#[derive(Debug, Default)]
pub struct Shown(Option<(u64, Rect)>);

/// What has to be done so that it is there.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// The signs are drawn anew before: what is there of sixels goes only where signs come.
    pub anew: bool,
    /// What is written then.
    pub bytes: Vec<u8>,
}

impl Shown {
    /// To this picture, by its number, and no other; mostly there is nothing to be done. A sign is so many pixels large.
    pub fn turn_to(
        &mut self,
        wanted: Option<(u64, &Picture, Rect)>,
        way: Pictures,
        sign: impl Fn() -> (u16, u16),
    ) -> Turn {
        let now = wanted.map(|(number, _, area)| (number, area));
        if now == self.0 {
            return Turn::default();
        }
        let mut turn = Turn::default();
        match (way, self.0) {
            (Pictures::Kitty, Some(_)) => turn.bytes.extend_from_slice(kitty::GONE),
            // A picture of the same mount has the same size: it covers the one before.
            (Pictures::Sixel, Some((_, before))) => turn.anew = now.is_none_or(|(_, area)| area != before),
            _ => {}
        }
        if let Some((_, picture, area)) = wanted {
            match way {
                Pictures::Kitty => kitty::place(&mut turn.bytes, picture, area),
                Pictures::Sixel => sixel::place(&mut turn.bytes, picture, area, sign()),
                Pictures::Signs => {}
            }
        }
        self.0 = now;
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        Picture { width: 48, height: 27, rgb: vec![7; 48 * 27 * 3], age_ms: None }
    }

    #[test]
    fn a_picture_is_sent_once_and_taken_away() {
        let (picture, area) = (picture(), Rect::new(2, 4, 40, 20));
        for (way, begins) in
            [(Pictures::Kitty, "\x1b7\x1b[5;3H\x1b_G"), (Pictures::Sixel, "\x1b7\x1b[5;3H\x1bPq")]
        {
            let mut shown = Shown::default();
            let mut turn = |wanted: Option<(u64, Rect)>| {
                shown.turn_to(wanted.map(|(number, area)| (number, &picture, area)), way, || (8, 16))
            };
            assert_eq!(turn(None), Turn::default());
            let first = turn(Some((1, area)));
            assert!(!first.anew && first.bytes.starts_with(begins.as_bytes()));
            assert_eq!(turn(Some((1, area))), Turn::default());
            let next = turn(Some((2, area)));
            assert!(!next.anew && next.bytes.len() >= first.bytes.len());
            let moved = turn(Some((2, Rect { x: 3, ..area })));
            assert_eq!(moved.anew, way == Pictures::Sixel);
            let gone = turn(None);
            assert_eq!(gone.anew, way == Pictures::Sixel);
            assert_eq!(gone.bytes, if way == Pictures::Kitty { kitty::GONE } else { b"" });
        }
    }
}
