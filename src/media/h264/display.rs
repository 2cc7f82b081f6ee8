//! Pictures in the order of decoding, with their places in the order of display.

use std::collections::VecDeque;
use std::sync::Arc;

use super::slice::{PictureCount, SliceHeader, SliceOrder};
use crate::media::Link;

/// A decoder holds at most 16 frames for others to be shown first (ITU-T H.264 section A.3.1).
const DEPTH: usize = 16;
/// No real stream has one frame wait for so many; a hostile one shall not fill the memory.
const MOST: usize = 64;
/// The same in bytes.
const MOST_BYTES: usize = 32 << 20;

/// A frame (or two fields of one) as it goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The coded bytes: Annex B.
    pub data: Arc<[u8]>,
    /// What it depends on.
    pub link: Link,
    /// How many frames are shown before it, from the stream's first on.
    pub place: u64,
}

/// Joins fields to frames and counts at which place each frame is shown, by the picture order counts of
/// [section 8.2.1](https://www.itu.int/rec/T-REC-H.264), as a decoder's output does it (section C.4).
/// Places have no gaps: a stream that loops goes on counting.
///
/// Where the count is not known the place is that of decoding.
#[derive(Debug, Default)]
pub struct DisplayOrder {
    /// The first field of a frame.
    field: Option<(SliceHeader, Waiting)>,
    /// In the order of decoding.
    waiting: VecDeque<Waiting>,
    bytes: usize,
    placed: u64,
    counts: PictureCount,
}

#[derive(Debug)]
struct Waiting {
    data: Arc<[u8]>,
    link: Link,
    count: i64,
    place: Option<u64>,
}

impl DisplayOrder {
    /// A stream's beginning.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next picture in the order of decoding, with the header of its first slice.
    pub fn push(&mut self, data: Arc<[u8]>, link: Link, header: Option<&SliceHeader>) {
        let count = header.and_then(|header| self.counts.of(header));
        let mut frame = Waiting { data, link, count: count.unwrap_or_default(), place: None };
        if let Some((first, field)) = self.field.take() {
            if header.is_some_and(|second| second.completes(&first)) {
                frame.data = [&field.data[..], &frame.data].concat().into();
                frame.link = field.link;
                frame.count = frame.count.min(field.count);
                return self.queue(frame, Some(&first));
            }
            self.queue(field, Some(&first));
        }
        match header {
            Some(header) if header.field.is_some() => self.field = Some((*header, frame)),
            _ => self.queue(frame, header),
        }
    }

    /// The stream ended, or begins anew: whatever waits has its place now.
    pub fn finish(&mut self) {
        if let Some((first, field)) = self.field.take() {
            self.queue(field, Some(&first));
        }
        while self.place_next() {}
    }

    /// The next frame in the order of decoding, once its place is known.
    pub fn pop(&mut self) -> Option<Frame> {
        let place = self.waiting.front()?.place?;
        let frame = self.waiting.pop_front()?;
        self.bytes -= frame.data.len();
        Some(Frame { data: frame.data, link: frame.link, place })
    }

    fn queue(&mut self, frame: Waiting, header: Option<&SliceHeader>) {
        let counted = header.is_some_and(|header| matches!(header.order, SliceOrder::Count { .. }));
        let begins = header.is_none_or(|header| header.idr) || !counted;
        if begins {
            // Whatever was decoded before an IDR picture is shown before it.
            while self.place_next() {}
        }
        self.bytes += frame.data.len();
        self.waiting.push_back(frame);
        if begins {
            self.place_next();
        }
        while self.waiting.iter().filter(|frame| frame.place.is_none()).count() > DEPTH {
            self.place_next();
        }
        if self.waiting.len() > MOST || self.bytes > MOST_BYTES {
            while self.place_next() {}
        }
    }

    /// Gives the next place to the frame that is shown first of those without.
    fn place_next(&mut self) -> bool {
        let without = self.waiting.iter_mut().filter(|frame| frame.place.is_none());
        let Some(next) = without.min_by_key(|frame| frame.count) else { return false };
        next.place = Some(self.placed);
        self.placed += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::slice::Field;
    use super::*;

    const FRAME: SliceHeader =
        SliceHeader { idr: false, reference: true, frame_num: 0, field: None, order: counted(0) };

    const fn counted(low: u32) -> SliceOrder {
        SliceOrder::Count { low, limit: 16, bottom: 0 }
    }

    /// The places of pictures given as (low bits of the count, reference, IDR).
    fn places(pictures: &[(u32, bool, bool)]) -> Vec<u64> {
        let mut order = DisplayOrder::new();
        let mut places = Vec::new();
        let headers = pictures.iter().map(|(low, reference, idr)| SliceHeader {
            idr: *idr,
            reference: *reference,
            order: counted(*low),
            ..FRAME
        });
        for header in headers.chain([SliceHeader { idr: true, ..FRAME }]) {
            order.push(Arc::from([0]), Link::Follows, Some(&header));
            places.extend(std::iter::from_fn(|| order.pop()).map(|frame| frame.place));
        }
        places.pop();
        places
    }

    #[test]
    fn b_pictures_are_shown_before_what_was_decoded_before_them() {
        let (reference, droppable) = (true, false);
        // I0 P6 B4 b2 P12 b8 b10(whose low bits wrap at 16) P18.
        let pictures = [
            (0, reference, true),
            (6, reference, false),
            (4, reference, false),
            (2, droppable, false),
            (12, reference, false),
            (8, droppable, false),
            (10, droppable, false),
            (2, reference, false),
        ];
        assert_eq!(places(&pictures), [0, 3, 2, 1, 6, 4, 5, 7]);
    }

    #[test]
    fn a_group_of_pictures_is_shown_before_the_next() {
        let group = [(0, true, true), (4, true, false), (2, false, false)];
        assert_eq!(places(&[group, group].concat()), [0, 2, 1, 3, 5, 4]);
    }

    #[test]
    fn an_order_that_is_not_known_is_that_of_decoding_and_at_once() {
        let mut order = DisplayOrder::new();
        let decoding = SliceHeader { order: SliceOrder::Decoding, ..FRAME };
        for (place, header) in [None, Some(&decoding), None].into_iter().enumerate() {
            order.push(Arc::from([0]), Link::Follows, header);
            assert_eq!(order.pop().map(|frame| frame.place), Some(place as u64));
        }
    }

    fn field(field: Field, frame_num: u32, low: u32, idr: bool) -> SliceHeader {
        SliceHeader { idr, frame_num, field: Some(field), order: counted(low), ..FRAME }
    }

    #[test]
    fn two_fields_are_one_frame_and_a_single_field_is_one_too() {
        let mut order = DisplayOrder::new();
        let pictures = [
            field(Field::Top, 0, 0, true),
            field(Field::Bottom, 0, 1, false),
            field(Field::Bottom, 1, 3, false), // alone: the next is of the same parity
            field(Field::Bottom, 2, 5, false),
            field(Field::Top, 2, 4, false),
            field(Field::Top, 3, 6, false), // alone: the next has another number
            field(Field::Bottom, 0, 9, false),
            field(Field::Top, 0, 0, true), // alone: an IDR picture begins
            SliceHeader { idr: true, ..FRAME },
        ];
        let mut frames = Vec::new();
        for (number, header) in pictures.iter().enumerate() {
            let link = if header.idr { Link::Start } else { Link::Follows };
            order.push(Arc::from([number as u8]), link, Some(header));
            frames.extend(std::iter::from_fn(|| order.pop()));
        }
        let bytes: Vec<&[u8]> = frames.iter().map(|frame| &frame.data[..]).collect();
        assert_eq!(bytes, [&[0, 1][..], &[2], &[3, 4], &[5], &[6], &[7], &[8]]);
        assert_eq!(frames[0].link, Link::Start, "the frame's link is its first field's");
        assert_eq!(frames.iter().map(|frame| frame.place).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_stream_that_never_shows_its_first_picture_holds_little() {
        let mut order = DisplayOrder::new();
        order.push(Arc::from([0]), Link::Start, Some(&SliceHeader { idr: true, ..FRAME }));
        order.push(Arc::from([0]), Link::Follows, Some(&SliceHeader { order: counted(7), ..FRAME }));
        let mut longest = 0;
        for _ in 0..1000 {
            let droppable = SliceHeader { reference: false, order: counted(2), ..FRAME };
            order.push(vec![0; 1 << 20].into(), Link::Follows, Some(&droppable));
            while order.pop().is_some() {}
            longest = longest.max(order.bytes);
        }
        assert!(longest <= MOST_BYTES, "{longest}");
    }
}
