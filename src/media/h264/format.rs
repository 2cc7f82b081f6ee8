//! What of an SPS is needed to read a slice's header.

use h264_reader::nal::sps::{FrameMbsFlags, PicOrderCntType, SeqParameterSet};
use h264_reader::nal::{Nal, RefNal};

/// How an SPS has pictures numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) separate_planes: bool,
    pub(super) frame_num_bits: u32,
    /// Pictures may be fields.
    pub(super) fields: bool,
    pub(super) order: Order,
}

/// `pic_order_cnt_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Type 0: the slice header has the low bits, so many of them.
    Counted { bits: u32 },
    /// Type 2: pictures are shown as they are decoded.
    Decoding,
    /// Type 1, which nobody is known to combine with another order than that of decoding.
    Cycle,
}

/// The SPS as the parser reads it; `None` if it cannot.
pub(super) fn parse(sps: &[u8]) -> Option<SeqParameterSet> {
    // The parser expects a payload behind the NAL header.
    let nal = (sps.len() >= 4).then(|| RefNal::new(sps, &[], true))?;
    SeqParameterSet::from_bits(nal.rbsp_bits()).ok()
}

impl Format {
    /// What the SPS says; `None` if it cannot be read.
    pub(super) fn read(sps: &[u8]) -> Option<Self> {
        let sps = parse(sps)?;
        let order = match sps.pic_order_cnt {
            PicOrderCntType::TypeZero { log2_max_pic_order_cnt_lsb_minus4 } => {
                Order::Counted { bits: u32::from(log2_max_pic_order_cnt_lsb_minus4) + 4 }
            }
            PicOrderCntType::TypeOne { .. } => Order::Cycle,
            PicOrderCntType::TypeTwo => Order::Decoding,
        };
        Some(Self {
            separate_planes: sps.chroma_info.separate_colour_plane_flag,
            frame_num_bits: u32::from(sps.log2_max_frame_num()),
            fields: matches!(sps.frame_mbs_flags, FrameMbsFlags::Fields { .. }),
            order,
        })
    }
}
