//! The beginning of a slice's header: which picture it belongs to.

use super::format::Order;
use super::sets::Sets;
use crate::media::bits::Bits;

/// A field's place in its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The even rows, from 0 on.
    Top,
    /// The odd rows.
    Bottom,
}

/// What a slice's header says of its picture (ITU-T H.264 section 7.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SliceHeader {
    /// Whether the picture is an IDR picture.
    pub idr: bool,
    /// Whether others may need it.
    pub reference: bool,
    /// `frame_num`: both fields of a frame have the same.
    pub frame_num: u32,
    /// Which field it is; `None` for a frame.
    pub field: Option<Field>,
    /// What it says of the order in which pictures are shown.
    pub order: SliceOrder,
}

/// What a slice says of the order in which pictures are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SliceOrder {
    /// The order of decoding.
    Decoding,
    /// Its count, of which these are the low bits (`pic_order_cnt_type` 0).
    Count {
        /// `pic_order_cnt_lsb`.
        low: u32,
        /// One more than the largest of it: a power of two.
        limit: u32,
        /// `delta_pic_order_cnt_bottom`.
        bottom: i32,
    },
}

/// Counts pictures in the order in which they are shown (section 8.2.1.1), as they come in that of decoding.
#[derive(Clone, Copy, Debug, Default)]
pub struct PictureCount {
    /// Of the last reference picture: its count's high part, and its low.
    last: (i64, i64),
}

impl PictureCount {
    /// The picture's count since the last IDR picture; `None` if it has none.
    pub fn of(&mut self, header: &SliceHeader) -> Option<i64> {
        let SliceOrder::Count { low, limit, bottom } = header.order else { return None };
        let (low, limit) = (i64::from(low), i64::from(limit));
        let (last_high, last_low) = if header.idr { (0, 0) } else { self.last };
        let high = match last_low - low {
            back if back >= limit / 2 => last_high + limit,
            back if -back > limit / 2 => last_high - limit,
            _ => last_high,
        };
        if header.reference {
            self.last = (high, low);
        }
        Some(high + low + i64::from(bottom).min(0))
    }
}

/// The id of the PPS that a slice names.
pub(super) fn pps_of(nal: &[u8]) -> Option<u8> {
    named(&mut Bits::behind(1, nal))
}

fn named(bits: &mut Bits<'_>) -> Option<u8> {
    let _first_mb = bits.unsigned()?;
    let _kind = bits.unsigned()?;
    bits.unsigned().and_then(|id| u8::try_from(id).ok())
}

impl SliceHeader {
    /// What the slice says; `None` if it is no slice with a header or its parameter sets are not known.
    pub(super) fn read(nal: &[u8], sets: &Sets) -> Option<Self> {
        let header = *nal.first()?;
        let kind = header & 0x1f;
        if !matches!(kind, 1 | 2 | 5) {
            return None;
        }
        let idr = kind == 5;
        let mut bits = Bits::behind(1, nal);
        let (pps, format) = sets.format(named(&mut bits)?)?;
        if format.separate_planes {
            let _plane = bits.fixed(2)?;
        }
        let frame_num = bits.fixed(format.frame_num_bits)?;
        let field = if format.fields && bits.flag()? {
            Some(if bits.flag()? { Field::Bottom } else { Field::Top })
        } else {
            None
        };
        if idr {
            let _idr_pic_id = bits.unsigned()?;
        }
        let order = match format.order {
            Order::Decoding | Order::Cycle => SliceOrder::Decoding,
            Order::Counted { bits: count } => {
                let low = bits.fixed(count)?;
                let bottom = if pps.bottom_delta && field.is_none() { bits.signed()? } else { 0 };
                SliceOrder::Count { low, limit: 1 << count, bottom }
            }
        };
        Some(Self { idr, reference: header & 0x60 != 0, frame_num, field, order })
    }

    /// Whether this picture and `first`, the one decoded before it, are the two fields of a frame
    /// (sections 3.30 and 7.4.1.2.4).
    pub(super) fn completes(&self, first: &Self) -> bool {
        let opposite = matches!((first.field, self.field), (Some(first), Some(second)) if first != second);
        opposite && !self.idr && self.frame_num == first.frame_num
    }
}
