//! AAC out of packets ([RFC 3640](https://www.rfc-editor.org/rfc/rfc3640), modes AAC-hbr and AAC-lbr).

use std::collections::VecDeque;

use crate::media::aac::Config;
use crate::rtp::depacketizer::{DepacketizedUnit, Dropped, Parameters};

/// No field of an AU header is longer.
const MOST_BITS: u32 = 16;

/// Samples of an access unit where neither the config nor the format says them.
const SAMPLES: u32 = 1024;

/// Raw access units: several in a packet, or one in several packets.
///
/// ```text
/// |     AU-headers-length (bits)  | size |index| size |delta| ... | padding | AU | AU | ...
/// ```
///
/// Indices are passed over: they mean something where units are interleaved alone, and there are senders
/// that write anything there.
#[derive(Debug)]
pub(in crate::rtp) struct Depacketizer {
    size_bits: u32,
    /// Of the first unit's index, and of the later ones'.
    index_bits: [u32; 2],
    /// RTP ticks from one unit of a packet to the next.
    samples: u32,
    config: Option<Config>,
    open: Option<Fragmented>,
    ended: VecDeque<DepacketizedUnit>,
    /// A packet has come.
    begun: bool,
    dropped: Dropped,
}

/// A packet's AU headers, and how many bits of them are no padding.
#[derive(Clone, Copy)]
struct Headers<'a> {
    bytes: &'a [u8],
    bits: usize,
}

/// An access unit of which pieces come.
#[derive(Debug)]
struct Fragmented {
    timestamp: u32,
    /// Of the whole.
    size: usize,
    /// From its start up to the first piece that is missing.
    data: Vec<u8>,
    /// What came first may not be its start.
    headless: bool,
    /// A piece is missing behind `data`.
    hole: bool,
}

impl Depacketizer {
    /// A track of this format; `None` if its access units are interleaved, or their headers have fields that
    /// no sound has.
    pub(in crate::rtp) fn new(parameters: &Parameters<'_>) -> Option<Self> {
        let number = |key: &str| parameters.number(key).unwrap_or(0);
        let others = [
            "ctsdeltalength",
            "dtsdeltalength",
            "randomaccessindication",
            "streamstateindication",
            "auxiliarydatasizelength",
            "maxdisplacement",
        ];
        let mode = parameters.text("mode").unwrap_or("AAC-hbr").to_ascii_lowercase();
        let usual = match &*mode {
            "aac-hbr" => [13, 3, 3],
            "aac-lbr" => [6, 2, 2],
            _ => return None,
        };
        let keys = ["sizelength", "indexlength", "indexdeltalength"];
        let lengths: Vec<u32> =
            keys.iter().zip(usual).map(|(key, usual)| parameters.number(key).unwrap_or(usual)).collect();
        let &[size_bits, index, delta] = &lengths[..] else { return None };
        let fits = size_bits > 0 && lengths.iter().all(|length| *length <= MOST_BITS);
        if !fits || others.iter().any(|key| number(key) > 0) {
            return None;
        }
        let config =
            parameters.text("config").and_then(hexadecimal).and_then(|bytes| Config::parse(&bytes).ok());
        let told = parameters.number("constantduration").filter(|samples| *samples > 0);
        let samples = told.or(config.as_ref().map(Config::samples)).unwrap_or(SAMPLES);
        Some(Self {
            size_bits,
            index_bits: [index, delta],
            samples,
            config,
            open: None,
            ended: VecDeque::new(),
            begun: false,
            dropped: Dropped::default(),
        })
    }

    pub(in crate::rtp) fn handle_packet(&mut self, timestamp: u32, marker: bool, lost: u16, payload: &[u8]) {
        if let Some(open) = &mut self.open {
            open.hole |= lost > 0;
            if open.timestamp != timestamp {
                self.end();
            }
        }
        let known = std::mem::replace(&mut self.begun, true) && lost == 0;
        // Keeps a stream alive.
        if payload.is_empty() {
            return;
        }
        let Some((headers, units)) = Self::split(payload) else {
            self.refuse();
            return;
        };
        let mut sizes = self.sizes(headers);
        match (sizes.next(), sizes.next()) {
            (Some(size), None) if size > units.len() => {
                self.fragment(timestamp, !known, size, units);
                if marker {
                    self.end();
                }
            }
            (None, _) => self.refuse(),
            _ => {
                self.end();
                let sizes = self.sizes(headers);
                self.whole(timestamp, sizes, units);
            }
        }
    }

    pub(in crate::rtp) fn poll_unit(&mut self) -> Option<DepacketizedUnit> {
        self.ended.pop_front()
    }

    pub(in crate::rtp) fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// What a decoder must know, if the description says it.
    pub(in crate::rtp) fn config(&self) -> Option<&Config> {
        self.config.as_ref()
    }

    /// The AU headers, and the access units behind.
    fn split(payload: &[u8]) -> Option<(Headers<'_>, &[u8])> {
        let (length, rest) = payload.split_first_chunk()?;
        let bits = usize::from(u16::from_be_bytes(*length));
        let (bytes, units) = rest.split_at_checked(bits.div_ceil(8))?;
        Some((Headers { bytes, bits }, units))
    }

    /// The sizes that the headers say.
    fn sizes<'a>(&self, headers: Headers<'a>) -> impl Iterator<Item = usize> + use<'a> {
        let (size_bits, [first, later]) = (self.size_bits, self.index_bits);
        let mut at = 0;
        let mut index_bits = first;
        std::iter::from_fn(move || {
            let next = at + (size_bits + index_bits) as usize;
            let size = field(headers.bytes, at, size_bits).filter(|_| next <= headers.bits)?;
            at = next;
            index_bits = later;
            Some(size)
        })
    }

    fn whole(&mut self, mut timestamp: u32, sizes: impl Iterator<Item = usize>, mut units: &[u8]) {
        for size in sizes {
            let Some((data, rest)) = units.split_at_checked(size) else {
                self.dropped.payloads += 1;
                return;
            };
            if !data.is_empty() {
                self.give(timestamp, data.to_vec(), false);
            }
            units = rest;
            timestamp = timestamp.wrapping_add(self.samples);
        }
    }

    fn fragment(&mut self, timestamp: u32, headless: bool, size: usize, bytes: &[u8]) {
        if self.open.as_ref().is_some_and(|open| open.size != size) {
            self.end();
        }
        let new = || Fragmented { timestamp, size, data: Vec::new(), headless, hole: false };
        let open = self.open.get_or_insert_with(new);
        if !open.hole {
            open.data.extend(bytes);
        }
        if open.data.len() >= size {
            self.end();
        }
    }

    /// What cannot be read may have been a piece of the open unit.
    fn refuse(&mut self) {
        self.dropped.payloads += 1;
        if let Some(open) = &mut self.open {
            open.hole = true;
        }
    }

    fn end(&mut self) {
        let Some(Fragmented { timestamp, size, data, headless, .. }) = self.open.take() else { return };
        if data.len() == size {
            self.give(timestamp, data, false);
        } else if headless || data.is_empty() || data.len() > size {
            self.dropped.payloads += 1;
        } else {
            self.give(timestamp, data, true);
        }
    }

    fn give(&mut self, timestamp: u32, data: Vec<u8>, damaged: bool) {
        self.ended.push_back(DepacketizedUnit { timestamp, data, keyframe: true, damaged });
    }
}

/// `count` bits.
fn field(bytes: &[u8], at: usize, count: u32) -> Option<usize> {
    (at..at + count as usize).try_fold(0, |value, at| {
        let bit = bytes.get(at / 8)? >> (7 - at % 8) & 1;
        Some(value << 1 | usize::from(bit))
    })
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.trim_matches('"').as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn depacketizer(parameters: &[(&str, &str)]) -> Option<Depacketizer> {
        let owned: Vec<(String, String)> =
            parameters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Depacketizer::new(&Parameters(&owned))
    }

    /// Timestamp, bytes, damaged.
    type Told = (u32, Vec<u8>, bool);

    /// Timestamp, marker, packets missing before it, payload.
    type Packet<'a> = (u32, bool, u16, &'a [u8]);

    fn run(mut depacketizer: Depacketizer, packets: &[Packet<'_>]) -> (Vec<Told>, u64) {
        for (timestamp, marker, lost, payload) in packets {
            depacketizer.handle_packet(*timestamp, *marker, *lost, payload);
        }
        let units = std::iter::from_fn(|| depacketizer.poll_unit())
            .map(|unit| (unit.timestamp, unit.data, unit.damaged))
            .collect();
        (units, depacketizer.dropped().payloads)
    }

    const HBR: &[(&str, &str)] =
        &[("mode", "AAC-hbr"), ("sizelength", "13"), ("indexlength", "3"), ("indexdeltalength", "3")];

    #[test]
    fn several_units_of_a_packet_have_their_own_times() {
        let three = [0, 48, 0, 8, 0, 16, 0, 8 | 5, 1, 2, 3, 4, 9];
        for (parameters, step) in [
            (HBR, 1024),
            (&[("config", "1210")][..], 1024),
            // SBR told first: the clock is twice the core's.
            (&[("config", "\"2B118800\"")], 2048),
            (&[("config", "118c")], 960),
            (&[("constantduration", "480")], 480),
        ] {
            let start = u32::MAX - 1000;
            let told = run(depacketizer(parameters).unwrap(), &[(start, true, 0, &three)]);
            let at = |index: u32| start.wrapping_add(index * step);
            let units = vec![(at(0), vec![1], false), (at(1), vec![2, 3], false), (at(2), vec![4], false)];
            assert_eq!(told, (units, 0), "{parameters:?}");
        }
    }

    #[test]
    fn headers_are_as_long_as_the_format_says() {
        let lbr = &[0, 14, 0b0000_1000, 0b0001_0000, 7, 8, 9][..];
        let told = run(depacketizer(&[("mode", "AAC-lbr")]).unwrap(), &[(0, true, 0, lbr)]);
        assert_eq!(told.0, [(0, vec![7, 8], false)], "the second header is not whole");
        let odd = &[("sizelength", "5"), ("indexlength", "0"), ("indexdeltalength", "2")][..];
        let told =
            run(depacketizer(odd).unwrap(), &[(0, true, 0, &[0, 12, 0b0001_0000, 0b0101_0000, 7, 8, 9])]);
        assert_eq!(told.0, [(0, vec![7, 8], false), (1024, vec![9], false)]);
    }

    #[test]
    fn what_is_not_plain_sound_is_not_taken() {
        for parameters in [
            ("mode", "generic"),
            ("sizelength", "0"),
            ("sizelength", "17"),
            ("indexlength", "4000000000"),
            ("ctsdeltalength", "8"),
            ("maxdisplacement", "9"),
        ] {
            assert!(depacketizer(&[parameters]).is_none(), "{parameters:?}");
        }
        assert!(depacketizer(&[("config", "xyz"), ("maxdisplacement", "0")]).unwrap().config().is_none());
    }

    const FIRST: &[u8] = &[0, 16, 0, 5 << 3, 1, 2];
    const SECOND: &[u8] = &[0, 16, 0, 5 << 3, 3, 4];
    const LAST: &[u8] = &[0, 16, 0, 5 << 3, 5];
    const ALONE: &[u8] = &[0, 16, 0, 1 << 3, 9];

    #[test]
    fn pieces_make_a_whole_or_its_start() {
        let alone = |timestamp| (timestamp, vec![9], false);
        let whole = (1, vec![1, 2, 3, 4, 5], false);
        for (name, packets, units, dropped) in [
            (
                "all",
                &[(1, false, 0, FIRST), (1, false, 0, SECOND), (1, true, 0, LAST)][..],
                vec![whole.clone()],
                0,
            ),
            ("all, marked each", &[(1, true, 0, ALONE), (2, true, 0, ALONE)], vec![alone(1), alone(2)], 0),
            (
                "other packets are missing before it",
                &[(1, false, 4, FIRST), (1, false, 0, SECOND), (1, true, 0, LAST)],
                vec![whole],
                0,
            ),
            (
                "the middle is missing",
                &[(0, true, 0, ALONE), (1, false, 0, FIRST), (1, true, 1, LAST), (2, true, 0, ALONE)],
                vec![alone(0), (1, vec![1, 2], true), alone(2)],
                0,
            ),
            (
                "the end is missing",
                &[(0, true, 0, ALONE), (1, false, 0, FIRST), (2, true, 2, ALONE)],
                vec![alone(0), (1, vec![1, 2], true), alone(2)],
                0,
            ),
            (
                "the start is missing",
                &[(0, true, 0, ALONE), (1, false, 1, SECOND), (1, true, 0, LAST), (2, true, 0, ALONE)],
                vec![alone(0), alone(2)],
                1,
            ),
            ("reception begins within it", &[(1, true, 0, LAST), (2, true, 0, ALONE)], vec![alone(2)], 1),
        ] {
            assert_eq!(run(depacketizer(HBR).unwrap(), packets), (units, dropped), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_counted() {
        for (payload, dropped) in [
            (&[][..], 0),
            (&[0], 1),
            (&[0, 0, 1], 1),
            (&[0, 16, 0], 1),
            (&[0xff, 0xff, 1, 2], 1),
            (&[0, 8, 0xff, 1], 1),
            (&[0, 32, 0, 0, 0, 16, 7], 1),
        ] {
            assert_eq!(
                run(depacketizer(HBR).unwrap(), &[(1, true, 0, payload)]),
                (vec![], dropped),
                "{payload:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_payloads_panic_and_nothing_comes_from_nowhere(
            lengths in [1..20u32, 0..18u32, 0..18u32],
            packets in prop::collection::vec(
                (0..3u32, any::<bool>(), 0..2u16, 0..64u8, prop::collection::vec(any::<u8>(), 0..40)),
                0..40,
            ),
        ) {
            let [size, index, delta] = lengths.map(|length| length.to_string());
            let parameters = [("sizelength", &*size), ("indexlength", &*index), ("indexdeltalength", &*delta)];
            let Some(mut depacketizer) = depacketizer(&parameters) else { return Ok(()) };
            let (mut put_in, mut came_out) = (0, 0);
            for (timestamp, marker, lost, bits, rest) in &packets {
                let payload = [&[0, *bits][..], rest].concat();
                put_in += payload.len();
                depacketizer.handle_packet(*timestamp, *marker, *lost, &payload);
                while let Some(unit) = depacketizer.poll_unit() {
                    prop_assert!(!unit.data.is_empty());
                    came_out += unit.data.len();
                }
            }
            prop_assert!(came_out <= put_in);
        }
    }
}
