//! Why a camera is not served.

use super::{Pictures, Wish, words};
use crate::source::camera::board::Offered;
use crate::source::camera::signal::Signal;

/// Why a node cannot be served.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Refusal {
    /// A camera's metadata, an encoder or an output.
    NoCamera,
    /// Nothing is connected, or it is off.
    NoSignal,
    /// A v4l2loopback node has what its writer brings, and lists every format there is before.
    Unfed,
    /// What comes in by HDMI cannot be captured.
    Hdmi(Signal),
    /// The driver names no pixel format.
    NoFormat,
    /// Nothing but a bare sensor's samples; these.
    Bayer(String),
    /// Nothing but raw pictures, and they are not to be encoded; these.
    Raw(String),
    /// Nothing that is known; these.
    Unknown(String),
    /// Not the pictures that is wished, but these.
    Lacks(Pictures, String),
    /// Pictures are larger than this can be: what is so, then the limit.
    TooLarge(String, String),
    /// No encoder does what is wished; why, each.
    NoEncoder(Vec<String>),
    /// There is none among the nodes that can be opened; why those others cannot that may be one.
    Unopened(Vec<String>),
}

impl Refusal {
    /// Whether it is what comes in, or who may open what, and not the camera: that may be otherwise at any time.
    pub(in super::super) fn is_for_now(&self) -> bool {
        matches!(self, Self::NoSignal | Self::Unfed | Self::Hdmi(_) | Self::Unopened(_))
    }
}

/// Why nothing of what is offered will do.
pub(super) fn lacking(offers: &[Offered], wish: &Wish) -> Refusal {
    let names = words::names(offers);
    let known = |pictures: Pictures| offers.iter().any(|offer| pictures.covers(offer.fourcc()));
    let coded = [Pictures::H264, Pictures::Hevc, Pictures::Mjpeg].into_iter().any(known);
    match wish.format {
        _ if offers.is_empty() => Refusal::NoFormat,
        _ if offers.iter().all(|offer| offer.fourcc().is_bayer()) => Refusal::Bayer(names),
        Some(wish) if coded || wish != Pictures::H264 && known(Pictures::Raw) => Refusal::Lacks(wish, names),
        _ if known(Pictures::Raw) && !coded => Refusal::Raw(names),
        Some(wish) => Refusal::Lacks(wish, names),
        None => Refusal::Unknown(names),
    }
}
