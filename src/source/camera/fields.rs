//! Interlaced pictures: what the kernel's `enum v4l2_field` means for who watches.

use crate::v4l2::Format;

/// What is to be known of pictures that are not all of one moment; none of those that are.
pub(super) fn told(format: &Format) -> Option<&'static str> {
    match format.field {
        // ANY and NONE.
        0 | 1 => None,
        // TOP, BOTTOM, ALTERNATE.
        2 | 3 | 7 => Some(
            "its pictures are fields, each of every second line: they are served as they are, half as high",
        ),
        // SEQ_TB, SEQ_BT.
        5 | 6 => Some("its pictures are two fields, one above the other: they are served as they are"),
        // INTERLACED, with either field first.
        _ => Some(
            "its pictures are interlaced, of two moments line by line: they are served as they are, and what moves has combs",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v4l2::{Colour, FourCc};

    #[test]
    fn what_is_of_one_moment_is_told_from_what_is_of_two() {
        let (fourcc, planes) = (FourCc::H264, Default::default());
        let format = Format { fourcc, width: 720, height: 576, field: 0, planes, colour: Colour::default() };
        let told = (0..=9).map(|field| told(&Format { field, ..format.clone() }));
        let words = ["", "", "fields", "fields", "combs", "above", "above", "fields", "combs", "combs"];
        for ((field, told), word) in told.enumerate().zip(words) {
            assert_eq!(told.is_some(), !word.is_empty(), "{field}");
            assert!(told.unwrap_or_default().contains(word), "{field}: {told:?}");
        }
    }
}
