//! Every parameter set in force, by its id.

use std::collections::BTreeMap;

use super::nal::{HEADER, NalType};
use super::sps::{Format, Sps};
use super::vps;
use crate::media::bits::Bits;

/// More PPS ids than these there are not (ITU-T H.265 section 7.4.3.3.1).
const MOST_PPS: u32 = 63;
/// A longer set is not kept, only passed on.
const LONGEST: usize = 4096;
/// All PPS that are kept together: they stand before every IRAP picture.
const ALL_PPS: usize = 64 << 10;

/// The sets of a track; at most 192 kB.
#[derive(Debug, Default)]
pub(super) struct Sets {
    vps: BTreeMap<u8, Vec<u8>>,
    sps: BTreeMap<u8, (Sps, Vec<u8>)>,
    pps: BTreeMap<u8, Pps>,
}

#[derive(Debug)]
pub(super) struct Pps {
    nal: Vec<u8>,
    sps: u8,
    /// Slice headers say whether the picture is shown.
    pub(super) output_flag: bool,
    /// Bits in slice headers that mean nothing yet.
    pub(super) extra_bits: u32,
    /// Its SPS has changed since.
    stale: bool,
}

/// What a decoder needs before a picture.
pub(super) struct InForce<'a> {
    pub(super) vps: &'a [u8],
    pub(super) sps: &'a [u8],
    /// The one that the picture names.
    pub(super) named: &'a [u8],
    /// All of this SPS, by their ids; the named one is among them.
    pub(super) pps: Vec<&'a [u8]>,
}

impl Sets {
    /// Remembers a parameter set in place of the one of the same id; does nothing for others.
    pub(super) fn learn(&mut self, nal: &[u8]) {
        if nal.len() > LONGEST {
            return;
        }
        match NalType::of(nal) {
            NalType::Vps => {
                if let Some(id) = vps::id(nal) {
                    self.vps.insert(id, nal.to_vec());
                }
            }
            NalType::Sps => self.learn_sps(nal),
            NalType::Pps => self.learn_pps(nal),
            _ => {}
        }
    }

    /// A changed SPS makes its PPS doubtful: they are forgotten when the next IRAP picture names one that
    /// came later.
    fn learn_sps(&mut self, nal: &[u8]) {
        let Some(sps) = Sps::read(nal) else { return };
        if self.sps.get(&sps.id).is_some_and(|(_, known)| known == nal) {
            return;
        }
        self.sps.insert(sps.id, (sps, nal.to_vec()));
        for pps in self.pps.values_mut().filter(|pps| pps.sps == sps.id) {
            pps.stale = true;
        }
    }

    fn learn_pps(&mut self, nal: &[u8]) {
        let Some((id, pps)) = Pps::read(nal) else { return };
        let others = self.pps.iter().filter(|(known, _)| **known != id);
        if others.map(|(_, pps)| pps.nal.len()).sum::<usize>() + nal.len() <= ALL_PPS {
            self.pps.insert(id, pps);
        }
    }

    /// Forgets the PPS of an older SPS, unless the IRAP picture that names `pps` shows that they still hold.
    pub(super) fn settle(&mut self, pps: u8) {
        let Some((sps, stale)) = self.pps.get(&pps).map(|named| (named.sps, named.stale)) else { return };
        self.pps.retain(|_, pps| pps.sps != sps || stale || !pps.stale);
        for pps in self.pps.values_mut().filter(|pps| pps.sps == sps) {
            pps.stale = false;
        }
    }

    /// What a picture needs that names `pps`; `None` if not all of it has come.
    pub(super) fn in_force(&self, pps: u8) -> Option<InForce<'_>> {
        let named = self.pps.get(&pps)?;
        let (sps, nal) = self.sps.get(&named.sps)?;
        let vps = self.vps.get(&sps.vps)?;
        let same = self.pps.values().filter(|pps| pps.sps == named.sps);
        Some(InForce { vps, sps: nal, named: &named.nal, pps: same.map(|pps| &pps.nal[..]).collect() })
    }

    /// Whether a set of this one's type and id is among those that a picture needs that names `pps`.
    pub(super) fn replaced(&self, nal: &[u8], pps: u8) -> bool {
        let Some(sps) = self.pps.get(&pps).map(|named| named.sps) else { return false };
        match NalType::of(nal) {
            NalType::Vps => {
                let of_sps = self.sps.get(&sps).map(|(sps, _)| sps.vps);
                of_sps.is_some() && vps::id(nal) == of_sps
            }
            NalType::Sps => Sps::read(nal).is_some_and(|other| other.id == sps),
            NalType::Pps => {
                let known = Pps::read(nal).and_then(|(id, _)| self.pps.get(&id));
                known.is_some_and(|known| known.sps == sps)
            }
            _ => false,
        }
    }

    /// The PPS of this id and how its SPS codes pictures.
    pub(super) fn format(&self, pps: u8) -> Option<(&Pps, &Format)> {
        let pps = self.pps.get(&pps)?;
        Some((pps, self.sps.get(&pps.sps)?.0.format.as_ref()?))
    }
}

impl Pps {
    fn read(nal: &[u8]) -> Option<(u8, Self)> {
        let mut bits = Bits::behind(HEADER, nal);
        let id = bits.unsigned().filter(|id| *id <= MOST_PPS)?;
        let sps = bits.unsigned().filter(|id| *id <= 15)?;
        let _dependent_slices = bits.flag()?;
        let (output_flag, extra_bits) = (bits.flag()?, bits.fixed(3)?);
        Some((id as u8, Self { nal: nal.to_vec(), sps: sps as u8, output_flag, extra_bits, stale: false }))
    }
}
