//! Sequence numbers of one source, with their cycles
//! ([RFC 3550 appendix A.1](https://www.rfc-editor.org/rfc/rfc3550#appendix-A.1)).

/// A gap as large as this is none: the sender has begun anew.
const MAX_DROPOUT: u16 = 3000;

/// So far behind the highest a packet can be and still be known as late or doubled.
pub(super) const MAX_MISORDER: u16 = 100;

/// Where in the stream a packet stands; sequence numbers with their cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Behind all that came so far, maybe with a gap.
    Ahead(i64),
    /// Overtaken by others.
    Overtaken(i64),
    /// It came before.
    Duplicate,
    /// Nowhere near.
    Far,
}

/// One source's numbers: which came, and how many should have.
#[derive(Clone, Debug)]
pub struct Sequence {
    first: i64,
    highest: i64,
    /// Bit `n`: the packet `n` before the highest has come.
    came: u128,
}

impl Sequence {
    /// A source whose first packet has this number.
    pub fn new(first: u16) -> Self {
        Self { first: i64::from(first), highest: i64::from(first), came: 1 }
    }

    /// The highest number received, its cycles in the upper half.
    pub fn highest(&self) -> u32 {
        self.highest as u32
    }

    /// How many packets should have come by now.
    pub fn expected(&self) -> i64 {
        self.highest - self.first + 1
    }

    /// Where a packet of this number stands; it has come now.
    pub fn place(&mut self, sequence: u16) -> Place {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        let behind = ahead.wrapping_neg();
        if (1..MAX_DROPOUT).contains(&ahead) {
            self.highest += i64::from(ahead);
            self.came = self.came.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
            Place::Ahead(self.highest)
        } else if behind < MAX_MISORDER {
            let bit = 1 << behind;
            let came = self.came & bit != 0;
            self.came |= bit;
            if came { Place::Duplicate } else { Place::Overtaken(self.highest - i64::from(behind)) }
        } else {
            Place::Far
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_where_16_bits_end() {
        let mut sequence = Sequence::new(65_534);
        assert_eq!(sequence.place(65_535), Place::Ahead(65_535));
        assert_eq!(sequence.place(1), Place::Ahead(65_537));
        assert_eq!(sequence.place(0), Place::Overtaken(65_536));
        assert_eq!((sequence.highest(), sequence.expected()), (0x1_0001, 4));
        assert_eq!(sequence.place(65_535), Place::Duplicate);
        assert_eq!(sequence.place(1), Place::Duplicate);
    }

    #[test]
    fn a_gap_ends_where_a_new_beginning_begins() {
        let mut sequence = Sequence::new(0);
        assert_eq!(sequence.place(3000), Place::Far);
        assert_eq!(sequence.place(2999), Place::Ahead(2999));
        assert_eq!(sequence.place(2900), Place::Overtaken(2900));
        assert_eq!(sequence.place(2899), Place::Far);
        assert_eq!(sequence.place(2900), Place::Duplicate);
    }
}
