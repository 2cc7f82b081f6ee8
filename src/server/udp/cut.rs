//! Images cut into messages: slices, heads and control messages that readers share.

use std::io::IoSlice;
use std::ops::Range;

use crate::hub::Cursor;
use crate::rtp::WireImage;
use crate::server::sys::{Segment, SliceRoom, Slices};

/// The fixed RTP header: what is rewritten for a reader from whom packets were withheld.
pub(super) const HEAD: usize = 12;

/// From so many readers on, the packets are copied behind each other once: the kernel goes through a slice of each
/// message then, instead of through one or two of each packet. What copying costs is won back by some five of them.
const SHARED_BY: usize = 8;

/// Of larger images, keyframes mostly, slices are sent: what lies copied is kept room for.
const MOST_COPIED: usize = 64 << 10;

/// An image for all readers from whom as many packets were withheld.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    /// Its number in the view.
    pub(super) image: usize,
    pub(super) withheld: u16,
}

/// By how many readers it is wanted.
pub(super) struct Wanted {
    pub(super) key: Key,
    pub(super) readers: usize,
}

/// How an image is cut.
#[derive(Default)]
pub(super) struct Cut {
    /// Which of the pieces.
    pub(super) pieces: Range<usize>,
    pub(super) packets: usize,
    first_slice: usize,
    /// Slices of a packet: a rewritten one takes two.
    per_packet: usize,
    /// Its packets lie copied behind each other.
    copied: bool,
}

/// One message: a packet, or several that the kernel cuts apart.
struct Piece {
    /// How many packets of the cut lie before it.
    first_packet: usize,
    slices: Range<usize>,
    segment: Option<Segment>,
}

/// Room for the cuts of a round, kept for the next.
#[derive(Default)]
pub(super) struct CutRoom {
    heads: Vec<[u8; HEAD]>,
    copied: Vec<u8>,
    cuts: Vec<Cut>,
    pieces: Vec<Piece>,
    slices: SliceRoom,
}

/// The cuts of a round.
pub(super) struct Cuts<'a> {
    cuts: &'a [Cut],
    pieces: &'a [Piece],
    slices: &'a [IoSlice<'a>],
}

impl CutRoom {
    /// Cuts the packets `which` of each image.
    pub(super) fn cut<'a>(
        &'a mut self,
        wanted: &[Wanted],
        images: &'a [(Cursor, WireImage)],
        which: Range<usize>,
    ) -> Cuts<'a> {
        let Self { heads, copied, cuts, pieces, slices } = self;
        heads.clear();
        copied.clear();
        cuts.clear();
        pieces.clear();
        let images = wanted.iter().filter_map(|each| Some((each, &images.get(each.key.image)?.1)));
        // First all that slices will point to.
        for (Wanted { key, readers }, image) in images.clone() {
            let mut cut = Cut { per_packet: 1, ..Cut::default() };
            let length = || packets(image, &which).map(<[u8]>::len).sum::<usize>();
            if *readers >= SHARED_BY && copied.len() + length() <= MOST_COPIED {
                cut.copied = true;
                packets(image, &which).for_each(|packet| copy(copied, packet, key.withheld));
            } else if key.withheld != 0 {
                cut.per_packet = 2;
                heads.extend(packets(image, &which).map(|packet| rewrite(packet, key.withheld)));
            }
            cuts.push(cut);
        }
        let (mut heads, mut copied) = (heads.iter(), &copied[..]);
        let mut slices = slices.begin();
        for (cut, (_, image)) in cuts.iter_mut().zip(images) {
            cut.first_slice = slices.len();
            cut.pieces = pieces.len()..0;
            let mut whole = copied;
            for packet in packets(image, &which) {
                if cut.copied {
                    slices.push(take(&mut copied, packet.len()));
                } else {
                    push(&mut slices, packet, (cut.per_packet == 2).then(|| heads.next()).flatten());
                }
            }
            let mut lengths = packets(image, &which).map(<[u8]>::len);
            for run in image.runs(which.clone()) {
                let start = cut.first_slice + cut.packets * cut.per_packet;
                let mut of = start..start + run.packets * cut.per_packet;
                if cut.copied {
                    of = slices.len()..slices.len() + 1;
                    slices.push(take(&mut whole, lengths.by_ref().take(run.packets).sum()));
                }
                pieces.push(Piece {
                    first_packet: cut.packets,
                    slices: of,
                    segment: (run.packets > 1).then(|| Segment::new(run.segment as u16)),
                });
                cut.packets += run.packets;
            }
            cut.pieces.end = pieces.len();
        }
        Cuts { cuts, pieces, slices: slices.done() }
    }
}

impl<'a> Cuts<'a> {
    pub(super) fn get(&self, number: usize) -> &'a Cut {
        &self.cuts[number]
    }

    /// The message of one of a cut's pieces.
    pub(super) fn message(&self, cut: &Cut, piece: usize) -> (&'a [IoSlice<'a>], Option<&'a Segment>) {
        match self.pieces.get(cut.pieces.start + piece) {
            Some(piece) => (&self.slices[piece.slices.clone()], piece.segment.as_ref()),
            None => (&[], None),
        }
    }

    /// How many packets of a cut lie before one of its pieces.
    pub(super) fn packets_before(&self, cut: &Cut, piece: usize) -> usize {
        self.pieces.get(cut.pieces.start + piece).map_or(0, |piece| piece.first_packet)
    }

    /// One packet of a cut alone.
    pub(super) fn packet(&self, cut: &Cut, packet: usize) -> &'a [IoSlice<'a>] {
        let start = cut.first_slice + packet * cut.per_packet;
        self.slices.get(start..start + cut.per_packet).unwrap_or_default()
    }
}

fn packets<'a>(image: &'a WireImage, which: &Range<usize>) -> impl Iterator<Item = &'a [u8]> {
    image.packets().skip(which.start).take(which.len())
}

fn push<'a>(slices: &mut Slices<'a>, packet: &'a [u8], head: Option<&'a [u8; HEAD]>) {
    match head {
        Some(head) => {
            slices.push(head);
            slices.push(&packet[HEAD.min(packet.len())..]);
        }
        None => slices.push(packet),
    }
}

/// The first so many of the bytes that are left.
fn take<'a>(left: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, rest) = left.split_at(length.min(left.len()));
    *left = rest;
    taken
}

/// Adds a packet with the reader's own sequence number.
fn copy(to: &mut Vec<u8>, packet: &[u8], withheld: u16) {
    if withheld == 0 {
        return to.extend_from_slice(packet);
    }
    to.extend_from_slice(&rewrite(packet, withheld)[..HEAD.min(packet.len())]);
    to.extend_from_slice(&packet[HEAD.min(packet.len())..]);
}

/// A packet's head with the reader's own sequence number.
fn rewrite(packet: &[u8], withheld: u16) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let length = packet.len().min(HEAD);
    head[..length].copy_from_slice(&packet[..length]);
    let sequence = u16::from_be_bytes([head[2], head[3]]).wrapping_sub(withheld);
    head[2..4].copy_from_slice(&sequence.to_be_bytes());
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::h264::ParameterSets;
    use crate::media::{AccessUnit, Codec, Link, MediaTime, TrackId};
    use crate::rtp::Sender;

    /// An image of NAL units of these lengths.
    fn image(lengths: &[usize]) -> (Cursor, WireImage) {
        let codec = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68]));
        let nals = lengths.iter().flat_map(|length| [vec![0, 0, 1], vec![0x65; *length]].concat());
        let unit = AccessUnit {
            track: TrackId(0),
            time: MediaTime::default(),
            link: Link::Start,
            journey: None,
            data: nals.collect::<Vec<u8>>().into(),
        };
        let image = Sender::new(TrackId(0), &codec, 1, 100, 0, 1420).packetize(&unit).unwrap();
        (Cursor(0), image)
    }

    fn packets_of(message: (&[IoSlice<'_>], Option<&Segment>), segment: usize) -> Vec<Vec<u8>> {
        let bytes = message.0.iter().flat_map(|slice| slice.to_vec()).collect::<Vec<u8>>();
        match message.1 {
            Some(_) => bytes.chunks(segment).map(<[u8]>::to_vec).collect(),
            None => vec![bytes],
        }
    }

    #[test]
    fn messages_cut_apart_are_the_images_packets() {
        let mut room = CutRoom::default();
        for lengths in
            [&[10][..], &[5000], &[1360, 1360], &[20, 4, 30_000], &[4, 20, 200_000, 6, 3000], &[1, 1, 2, 1]]
        {
            let images = [image(lengths)];
            let packets: Vec<Vec<u8>> = images[0].1.packets().map(<[u8]>::to_vec).collect();
            for (withheld, readers) in [(0, 1), (7, 1), (0, SHARED_BY), (7, SHARED_BY)] {
                let keys = [Wanted { key: Key { image: 0, withheld }, readers }];
                for which in [0..usize::MAX, 0..16, 3..packets.len()] {
                    let cuts = room.cut(&keys, &images, which.clone());
                    let cut = cuts.get(0);
                    let runs = images[0].1.runs(which.clone());
                    let pieces = 0..cut.pieces.len();
                    let got: Vec<Vec<u8>> = pieces
                        .zip(runs)
                        .flat_map(|(piece, run)| packets_of(cuts.message(cut, piece), run.segment))
                        .collect();
                    let expected: Vec<Vec<u8>> = packets
                        .iter()
                        .skip(which.start)
                        .take(which.len())
                        .map(|packet| [&rewrite(packet, withheld)[..], &packet[HEAD..]].concat())
                        .collect();
                    assert_eq!(got, expected, "{lengths:?} {withheld} {readers} {which:?}");
                    let copied = readers == SHARED_BY && expected.concat().len() <= MOST_COPIED;
                    let whole = (0..cut.pieces.len()).all(|piece| cuts.message(cut, piece).0.len() == 1);
                    assert!(whole || !copied, "{lengths:?} {withheld} {which:?}");
                    assert_eq!(cut.copied, copied);
                    let alone: Vec<Vec<u8>> = (0..cut.packets)
                        .map(|packet| packets_of((cuts.packet(cut, packet), None), 0).remove(0))
                        .collect();
                    assert_eq!(alone, expected);
                }
            }
        }
    }

    #[test]
    fn several_cuts_lie_in_one_room() {
        let mut room = CutRoom::default();
        let images = [image(&[3000]), image(&[100])];
        let keys = [(0, 0, 1), (0, 3, SHARED_BY), (1, 5, 1), (1, 0, SHARED_BY)]
            .map(|(image, withheld, readers)| Wanted { key: Key { image, withheld }, readers });
        let cuts = room.cut(&keys, &images, 0..usize::MAX);
        let numbers = [0, 1, 2, 3].map(|number| {
            let message = packets_of((cuts.packet(cuts.get(number), 0), None), 0).remove(0);
            (message.len(), u16::from_be_bytes([message[2], message[3]]))
        });
        assert_eq!(numbers, [(1372, 100), (1372, 97), (112, 95), (112, 100)]);
        assert_eq!(cuts.get(1).pieces.len(), 1);
    }
}
