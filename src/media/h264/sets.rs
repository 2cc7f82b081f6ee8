//! Every parameter set in force, by its id.

use std::collections::BTreeMap;

use super::format::Format;
use crate::media::bits::Bits;

/// More SPS ids than these there are not (ITU-T H.264 section 7.4.2.1.1).
const MOST_SPS: u32 = 31;
/// More PPS ids than these there are not (section 7.4.2.2).
const MOST_PPS: u32 = 255;
/// A longer SPS or PPS is not kept, only passed on; the longest there is has scaling lists and is shorter.
const LONGEST: usize = 4096;
/// All PPS that are kept together: they stand before every IDR picture.
const ALL_PPS: usize = 64 << 10;

/// The sets of a track; at most 192 kB.
#[derive(Debug, Default)]
pub(super) struct Sets {
    sps: BTreeMap<u8, Sps>,
    pps: BTreeMap<u8, Pps>,
}

#[derive(Debug)]
struct Sps {
    nal: Vec<u8>,
    format: Option<Format>,
}

#[derive(Debug)]
pub(super) struct Pps {
    nal: Vec<u8>,
    sps: u8,
    /// `bottom_field_pic_order_in_frame_present_flag`.
    pub(super) bottom_delta: bool,
    /// Its SPS has changed since.
    stale: bool,
}

/// What a decoder needs before a picture.
pub(super) struct InForce<'a> {
    pub(super) sps: &'a [u8],
    /// The one that the picture names.
    pub(super) named: &'a [u8],
    /// All of this SPS, by their ids; the named one is among them.
    pub(super) pps: Vec<&'a [u8]>,
}

impl Sets {
    /// Remembers an SPS in place of the one of the same id. A changed one makes its PPS doubtful: they
    /// are forgotten when the next IDR picture names one that came later.
    pub(super) fn learn_sps(&mut self, nal: &[u8]) {
        let Some(id) = sps_id(nal).filter(|_| nal.len() <= LONGEST) else { return };
        if self.sps.get(&id).is_some_and(|known| known.nal == nal) {
            return;
        }
        self.sps.insert(id, Sps { nal: nal.to_vec(), format: Format::read(nal) });
        for pps in self.pps.values_mut().filter(|pps| pps.sps == id) {
            pps.stale = true;
        }
    }

    /// Remembers a PPS in place of the one of the same id.
    pub(super) fn learn_pps(&mut self, nal: &[u8]) {
        let Some((id, pps)) = Pps::read(nal).filter(|_| nal.len() <= LONGEST) else { return };
        let others = self.pps.iter().filter(|(known, _)| **known != id);
        if others.map(|(_, pps)| pps.nal.len()).sum::<usize>() + nal.len() <= ALL_PPS {
            self.pps.insert(id, pps);
        }
    }

    /// Forgets the PPS of an older SPS, unless the IDR picture that names `pps` shows that they still hold.
    pub(super) fn settle(&mut self, pps: u8) {
        let Some((sps, stale)) = self.pps.get(&pps).map(|named| (named.sps, named.stale)) else { return };
        self.pps.retain(|_, pps| pps.sps != sps || stale || !pps.stale);
        for pps in self.pps.values_mut().filter(|pps| pps.sps == sps) {
            pps.stale = false;
        }
    }

    /// What a picture needs that names `pps`; `None` if it has not come.
    pub(super) fn in_force(&self, pps: u8) -> Option<InForce<'_>> {
        let named = self.pps.get(&pps)?;
        let sps = self.sps.get(&named.sps)?;
        let same = self.pps.values().filter(|pps| pps.sps == named.sps);
        Some(InForce { sps: &sps.nal, named: &named.nal, pps: same.map(|pps| &pps.nal[..]).collect() })
    }

    /// Whether a set of this one's id is among those that a picture needs that names `pps`.
    pub(super) fn replaced(&self, nal: &[u8], is_sps: bool, pps: u8) -> bool {
        let Some(named) = self.pps.get(&pps) else { return false };
        if is_sps {
            return sps_id(nal) == Some(named.sps);
        }
        let known = Pps::read(nal).and_then(|(id, _)| self.pps.get(&id));
        known.is_some_and(|known| known.sps == named.sps)
    }

    /// The PPS of this id and how its SPS codes pictures.
    pub(super) fn format(&self, pps: u8) -> Option<(&Pps, &Format)> {
        let pps = self.pps.get(&pps)?;
        Some((pps, self.sps.get(&pps.sps)?.format.as_ref()?))
    }
}

impl Pps {
    fn read(nal: &[u8]) -> Option<(u8, Self)> {
        let mut bits = Bits::behind(1, nal);
        let id = bits.unsigned().filter(|id| *id <= MOST_PPS)?;
        let sps = bits.unsigned().filter(|id| *id <= MOST_SPS)?;
        let _cabac = bits.flag()?;
        let bottom_delta = bits.flag()?;
        Some((id as u8, Self { nal: nal.to_vec(), sps: sps as u8, bottom_delta, stale: false }))
    }
}

fn sps_id(nal: &[u8]) -> Option<u8> {
    let mut bits = Bits::behind(1, nal);
    let _profile_constraints_level = bits.fixed(24)?;
    bits.unsigned().filter(|id| *id <= MOST_SPS).map(|id| id as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let mut sets = Sets::default();
        sets.learn_sps(&[0x67, 66, 0xc0, 30, 0x80]);
        sets.learn_sps(&[&[0x67, 66, 0xc0, 30, 0x40][..], &[0x11; LONGEST]].concat());
        assert_eq!(sets.sps.len(), 1, "too long");
        for id in 0..=400_u64 {
            // ue(id), then 1 (SPS 0) and two flags.
            let code = (id + 1) << 3 | 0b100;
            let code = (code << (60 - 2 * (id + 1).ilog2())).to_be_bytes();
            sets.learn_pps(&[&[0x68][..], &code, &[0xaa; 1000]].concat());
        }
        let kept: usize = sets.pps.values().map(|pps| pps.nal.len()).sum();
        assert!((ALL_PPS - 2000..=ALL_PPS).contains(&kept), "{kept}");
    }
}
