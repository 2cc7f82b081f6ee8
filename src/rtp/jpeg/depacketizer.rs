//! JPEGs out of packets ([RFC 2435](https://www.rfc-editor.org/rfc/rfc2435)).

use std::collections::{BTreeMap, VecDeque};

use super::tables::{Tables, scaled};
use crate::media::jpeg::{Image, Sampling};
use crate::rtp::depacketizer::{DepacketizedUnit, Dropped, MOST};

/// Tables of numbers from here on are in the packets.
const IN_BAND: u8 = 128;
/// Tables of this number are in every picture's packets.
const UNNUMBERED: u8 = 255;

/// Puts pictures together from pieces of their scans. Pieces behind a missing one are left out.
#[derive(Debug)]
pub(in crate::rtp) struct Depacketizer {
    open: Option<Picture>,
    ended: VecDeque<DepacketizedUnit>,
    /// Tables that came before; at most one entry for each number.
    known: BTreeMap<u8, Tables>,
    size: Option<(u32, u32)>,
    dropped: Dropped,
}

/// What a piece says of its picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    sampling: Sampling,
    q: u8,
    width: u16,
    height: u16,
    restart_interval: Option<u16>,
}

/// A payload taken apart; [the packetizer](super::payloads) draws it.
struct Piece<'a> {
    shape: Shape,
    offset: usize,
    /// In the first one, where the number says so.
    tables: Option<Tables>,
    scan: &'a [u8],
}

/// A picture of which pieces come.
#[derive(Debug)]
struct Picture {
    timestamp: u32,
    shape: Shape,
    tables: Tables,
    scan: Vec<u8>,
    /// A piece is missing behind `scan`.
    hole: bool,
    too_long: bool,
}

impl Depacketizer {
    pub(in crate::rtp) fn new() -> Self {
        Self {
            open: None,
            ended: VecDeque::new(),
            known: BTreeMap::new(),
            size: None,
            dropped: Dropped::default(),
        }
    }

    pub(in crate::rtp) fn handle_packet(&mut self, timestamp: u32, marker: bool, lost: u16, payload: &[u8]) {
        if let Some(open) = &mut self.open {
            open.hole |= lost > 0;
            if open.timestamp != timestamp {
                self.end();
            }
        }
        // Keeps a stream alive.
        if payload.is_empty() {
            return;
        }
        let used = Piece::parse(payload).is_some_and(|piece| self.add(timestamp, &piece));
        if !used {
            self.dropped.payloads += 1;
            if let Some(open) = &mut self.open {
                open.hole = true;
            }
        }
        if marker {
            self.end();
        }
    }

    pub(in crate::rtp) fn poll_unit(&mut self) -> Option<DepacketizedUnit> {
        self.ended.pop_front()
    }

    pub(in crate::rtp) fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// Of the last picture: in whole blocks, as the packets say it.
    pub(in crate::rtp) fn picture_size(&self) -> Option<(u32, u32)> {
        self.size
    }

    /// Whether the piece is of use.
    fn add(&mut self, timestamp: u32, piece: &Piece<'_>) -> bool {
        if piece.offset == 0 {
            // There may have been no marker.
            self.end();
            let shape = piece.shape;
            let Some(tables) = self.tables(piece) else { return false };
            let scan = Vec::new();
            self.open = Some(Picture { timestamp, shape, tables, scan, hole: false, too_long: false });
        }
        self.open.as_mut().is_some_and(|open| open.add(piece))
    }

    fn tables(&mut self, piece: &Piece<'_>) -> Option<Tables> {
        let q = piece.shape.q;
        match piece.tables {
            Some(tables) if q != UNNUMBERED => {
                self.known.insert(q, tables);
                Some(tables)
            }
            Some(tables) => Some(tables),
            None => scaled(q).or_else(|| self.known.get(&q).copied()),
        }
    }

    fn end(&mut self) {
        let Some(picture) = self.open.take() else { return };
        if picture.too_long {
            self.dropped.units += 1;
        } else if !picture.scan.is_empty() {
            let (width, height) = (picture.shape.width, picture.shape.height);
            self.size = Some((width.into(), height.into()));
            self.ended.push_back(picture.unit());
        }
    }
}

impl<'a> Piece<'a> {
    fn parse(payload: &'a [u8]) -> Option<Self> {
        let &[_, offset_2, offset_1, offset_0, kind, q, width, height, ref rest @ ..] = payload else {
            return None;
        };
        let mut rest = rest;
        // Types from 64 to 127 are those below with restart markers.
        let sampling = match kind {
            0 | 64 => Sampling::Half,
            1 | 65 => Sampling::Quarter,
            _ => return None,
        };
        let mut restart_interval = None;
        if kind >= 64 {
            let &[high, low, _, _, ref behind @ ..] = rest else { return None };
            restart_interval = Some(u16::from_be_bytes([high, low])).filter(|interval| *interval > 0);
            rest = behind;
        }
        let offset = usize::from(offset_2) << 16 | usize::from(offset_1) << 8 | usize::from(offset_0);
        let mut tables = None;
        if offset == 0 && q >= IN_BAND {
            (tables, rest) = in_band(rest)?;
        }
        // Larger sizes are said elsewhere, which nobody does.
        if width == 0 || height == 0 {
            return None;
        }
        let (width, height) = (u16::from(width) * 8, u16::from(height) * 8);
        let shape = Shape { sampling, q, width, height, restart_interval };
        Some(Self { shape, offset, tables, scan: rest })
    }
}

/// The [quantization table header](https://www.rfc-editor.org/rfc/rfc2435#section-3.1.8), and what is behind.
fn in_band(bytes: &[u8]) -> Option<(Option<Tables>, &[u8])> {
    let &[_, precision, high, low, ref rest @ ..] = bytes else { return None };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let (tables, rest) = rest.split_at_checked(length)?;
    if tables.is_empty() {
        return Some((None, rest));
    }
    // Values of 16 bits are none of a baseline JPEG.
    let (luma, more) = tables.split_first_chunk::<64>().filter(|_| precision & 3 == 0)?;
    // One table is for all.
    let colours = if more.is_empty() { luma } else { more.first_chunk()? };
    Some((Some([*luma, *colours]), rest))
}

impl Picture {
    /// Whether the piece is of use.
    fn add(&mut self, piece: &Piece<'_>) -> bool {
        self.hole |= piece.offset != self.scan.len() || piece.shape != self.shape;
        if self.hole || self.too_long {
            return false;
        }
        if self.scan.len() + piece.scan.len() > MOST {
            self.too_long = true;
            self.scan = Vec::new();
        }
        if !self.too_long {
            self.scan.extend(piece.scan);
        }
        true
    }

    fn unit(&self) -> DepacketizedUnit {
        let [luma, colours] = &self.tables;
        let image = Image {
            width: self.shape.width,
            height: self.shape.height,
            sampling: self.shape.sampling,
            restart_interval: self.shape.restart_interval,
            quantization: [luma, colours],
            // There are senders that send the marker at the end, too.
            scan: self.scan.strip_suffix(&[0xff, 0xd9]).unwrap_or(&self.scan),
        };
        let (timestamp, damaged) = (self.timestamp, self.hole);
        DepacketizedUnit { timestamp, data: image.to_jpeg(), keyframe: true, damaged }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Timestamp, marker, packets missing before it, payload.
    type Packet = (u32, bool, u16, Vec<u8>);

    fn run(packets: &[Packet]) -> (Vec<DepacketizedUnit>, Dropped, Option<(u32, u32)>) {
        let mut depacketizer = Depacketizer::new();
        for (timestamp, marker, lost, payload) in packets {
            depacketizer.handle_packet(*timestamp, *marker, *lost, payload);
        }
        let units = std::iter::from_fn(|| depacketizer.poll_unit()).collect();
        (units, depacketizer.dropped(), depacketizer.picture_size())
    }

    /// Its scan behind the first 255.
    fn payload(offset: u8, kind: u8, q: u8, rest: &[u8]) -> Vec<u8> {
        [&[0, 0, 0, offset, kind, q, 20, 13][..], rest].concat()
    }

    fn jpeg(kind: u8, tables: &Tables, restart_interval: Option<u16>, scan: &[u8]) -> Vec<u8> {
        let sampling = if kind == 0 { Sampling::Half } else { Sampling::Quarter };
        let quantization = [&tables[0], &tables[1]];
        Image { width: 160, height: 104, sampling, restart_interval, quantization, scan }.to_jpeg()
    }

    fn unit(timestamp: u32, data: Vec<u8>, damaged: bool) -> DepacketizedUnit {
        DepacketizedUnit { timestamp, data, keyframe: true, damaged }
    }

    #[test]
    fn pictures_of_every_kind_are_put_together() {
        let table = |number: u8| [0, 0, 0, 128].into_iter().chain([number; 64]).chain([number + 1; 64]);
        let with_tables =
            |number, scan: &[u8]| table(number).chain(scan.iter().copied()).collect::<Vec<u8>>();
        let tables = [[7; 64], [8; 64]];
        let two = |first: Vec<u8>, second: Vec<u8>| vec![(5, false, 0, first), (5, true, 0, second)];
        for (name, packets, expected) in [
            (
                "4:2:2, tables by number",
                two(payload(0, 0, 80, &[1, 2]), payload(2, 0, 80, &[3])),
                jpeg(0, &scaled(80).unwrap(), None, &[1, 2, 3]),
            ),
            (
                "4:2:0, tables in band, the end sent too",
                two(payload(0, 1, 255, &with_tables(7, &[1, 2])), payload(2, 1, 255, &[3, 0xff, 0xd9])),
                jpeg(1, &tables, None, &[1, 2, 3]),
            ),
            (
                "restart markers",
                two(payload(0, 65, 30, &[1, 2, 0xff, 0xff, 1]), payload(1, 65, 30, &[1, 2, 0xff, 0xff, 2])),
                jpeg(1, &scaled(30).unwrap(), Some(258), &[1, 2]),
            ),
            (
                "one table for all",
                vec![(5, true, 0, payload(0, 1, 255, &[&[0, 0, 0, 64][..], &[7; 64], &[9]].concat()))],
                jpeg(1, &[[7; 64]; 2], None, &[9]),
            ),
        ] {
            let (units, dropped, size) = run(&packets);
            assert_eq!(units, [unit(5, expected, false)], "{name}");
            assert_eq!((dropped, size), (Dropped::default(), Some((160, 104))), "{name}");
        }
    }

    #[test]
    fn tables_are_known_from_earlier_pictures_by_their_number() {
        let tables = [[7; 64], [8; 64]];
        let once = [&[0, 0, 0, 128][..], &[7; 64], &[8; 64], &[1]].concat();
        let (units, dropped, _) = run(&[
            (1, true, 0, payload(0, 1, 200, &[0, 0, 0, 0, 1])),
            (2, true, 0, payload(0, 1, 200, &once)),
            (3, true, 0, payload(0, 1, 200, &[0, 0, 0, 0, 2])),
            (4, true, 0, payload(0, 1, 255, &once)),
            (5, true, 0, payload(0, 1, 255, &[0, 0, 0, 0, 2])),
            (6, true, 0, payload(0, 1, 100, &[2])),
        ]);
        let whole = |timestamp, scan| unit(timestamp, jpeg(1, &tables, None, &[scan]), false);
        assert_eq!(units, [whole(2, 1), whole(3, 2), whole(4, 1)]);
        assert_eq!(dropped.payloads, 3, "unknown, of every picture anew, reserved");
    }

    #[test]
    fn what_is_missing_is_damage() {
        let first = |scan: u8| payload(0, 1, 50, &[scan]);
        let piece = |offset| payload(offset, 1, 50, &[offset]);
        let tables = scaled(50).unwrap();
        let picture =
            |timestamp, scan: &[u8], damaged| unit(timestamp, jpeg(1, &tables, None, scan), damaged);
        for (name, packets, expected, dropped) in [
            (
                "the middle",
                vec![(1, false, 0, first(9)), (1, true, 1, piece(2)), (2, true, 0, first(8))],
                vec![picture(1, &[9], true), picture(2, &[8], false)],
                1,
            ),
            (
                "the end",
                vec![(1, false, 0, first(9)), (2, true, 1, first(8))],
                vec![picture(1, &[9], true), picture(2, &[8], false)],
                0,
            ),
            (
                "the marker alone",
                vec![(1, false, 0, first(9)), (1, false, 0, piece(1)), (2, true, 0, first(8))],
                vec![picture(1, &[9, 1], false), picture(2, &[8], false)],
                0,
            ),
            (
                "the marker, and time stands still",
                vec![(1, false, 0, first(9)), (1, false, 0, first(8)), (1, true, 0, piece(1))],
                vec![picture(1, &[9], false), picture(1, &[8, 1], false)],
                0,
            ),
            (
                "the start",
                vec![(1, true, 1, piece(1)), (2, true, 0, first(8))],
                vec![picture(2, &[8], false)],
                1,
            ),
            (
                "what a piece is of",
                vec![(1, false, 0, first(9)), (1, true, 0, payload(1, 0, 50, &[1]))],
                vec![picture(1, &[9], true)],
                1,
            ),
        ] {
            let (units, told, _) = run(&packets);
            assert_eq!((units, told.payloads), (expected, dropped), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_counted() {
        let sixteen_bits = [&[0, 1, 0, 192][..], &[0; 192], &[1]].concat();
        for bytes in [
            vec![0; 7],
            payload(0, 2, 50, &[1]),
            payload(0, 128, 50, &[1]),
            payload(0, 64, 50, &[1, 2, 3]),
            payload(0, 1, 0, &[1]),
            payload(0, 1, 255, &[0, 0, 0]),
            payload(0, 1, 255, &[0, 0, 0, 128, 1]),
            payload(0, 1, 255, &sixteen_bits),
            vec![0, 0, 0, 0, 1, 50, 0, 13, 1],
        ] {
            let (units, dropped, _) = run(&[(1, true, 0, bytes.clone())]);
            assert_eq!((units.len(), dropped.payloads), (0, 1), "{bytes:?}");
        }
    }

    #[test]
    fn a_picture_without_end_is_dropped_whole() {
        let mut depacketizer = Depacketizer::new();
        for start in (0..MOST + 120_000).step_by(60_000) {
            let [_, high, middle, low] = (start as u32).to_be_bytes();
            let head = [0, high, middle, low, 1, 50, 20, 13];
            depacketizer.handle_packet(1, false, 0, &[&head[..], &[1; 60_000]].concat());
        }
        depacketizer.handle_packet(2, true, 0, &payload(0, 1, 50, &[1]));
        assert_eq!(depacketizer.poll_unit().unwrap().timestamp, 2);
        assert_eq!(depacketizer.dropped().units, 1);
    }

    proptest! {
        #[test]
        fn no_payloads_panic(
            packets in prop::collection::vec(
                (
                    (0..3u32, any::<bool>(), 0..2u16),
                    (prop_oneof![Just(0u8), 0..8u8], prop_oneof![0..3u8, 63..67u8], any::<u8>(), 0..3u8),
                    prop::collection::vec(0..4u8, 0..200),
                ),
                0..60,
            ),
        ) {
            let mut depacketizer = Depacketizer::new();
            for ((timestamp, marker, lost), (offset, kind, q, size), rest) in &packets {
                let payload = [&[0, 0, 0, *offset, *kind, *q, *size, 1], &rest[..]].concat();
                depacketizer.handle_packet(*timestamp, *marker, *lost, &payload);
                depacketizer.handle_packet(*timestamp, *marker, *lost, rest);
                while let Some(unit) = depacketizer.poll_unit() {
                    prop_assert!(unit.data.starts_with(&[0xff, 0xd8]) && unit.data.ends_with(&[0xff, 0xd9]));
                }
            }
        }
    }
}
