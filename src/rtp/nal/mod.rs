//! What H.264 and H.265 share on their way out of packets: access units of NAL units, as Annex B.

mod depacketizer;
mod unit;

pub(super) use depacketizer::Depacketizer;
pub(super) use unit::Unit;

/// What one of the two has of its own.
pub(super) trait Format: Sized {
    /// A payload, by its packet type.
    fn handle_payload(unit: &mut Unit<Self>, payload: &[u8]);

    /// What a NAL unit says of its access unit; `None` if its type is RTP's own or its header is not whole.
    fn meaning(nal: &[u8]) -> Option<Meaning>;
}

/// What a NAL unit says of its access unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meaning {
    /// It is a slice.
    pub(super) slice: bool,
    /// It is a slice of a picture that decoding can start at.
    pub(super) keyframe: bool,
    /// Nothing of the access unit that a decoder needs stands before it.
    pub(super) begins: bool,
    /// It is a slice with others before it.
    pub(super) continues: bool,
}
