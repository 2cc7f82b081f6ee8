//! A reader's tracks: where each goes, whether its packets go out yet, and which image is next.

use std::rc::Rc;

use super::Reader;
use crate::hub::Demand;
use crate::media::{Link, TrackId};
use crate::rtp::WireImage;
use crate::server::position::{Next, Position};
use crate::server::report::Reporter;
use crate::server::udp::Destination;
use crate::server::view::View;
use crate::server::volume::Volume;

/// Where one track's packets go.
pub(in crate::server) enum Route {
    Tcp { rtp: u8, rtcp: u8 },
    Udp(Rc<Destination>),
}

/// What changes of a reader.
#[derive(Default)]
pub(super) struct State {
    pub(super) tracks: Box<[Option<Track>]>,
    pub(super) position: Position,
    pub(super) demand: Option<Demand>,
    pub(super) volume: Volume,
}

pub(super) struct Track {
    pub(super) route: Route,
    /// It has keyframes to wait for.
    pub(super) video: bool,
    pub(super) gate: Gate,
    /// The sequence number that the reader expects next; `None` before its first packet.
    pub(super) next_seq: Option<u16>,
    pub(super) reporter: Reporter,
    /// Packets and octets of it that are in the volume.
    pub(super) counted: (u32, u32),
}

/// Whether a track's packets go out: one that joins while others play waits for its own PLAY.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    Shut,
    /// From the next access unit on that needs none before it: what depends on pictures that were not sent is of no use.
    AtStart,
    Open,
}

/// An image that is to go out now.
pub(in crate::server) struct Due {
    /// The view's number of it.
    pub(in crate::server) image: usize,
    /// Taken off each sequence number: packets that this reader was not sent.
    pub(in crate::server) withheld: u16,
    pub(in crate::server) way: Way,
    /// The view has nothing behind it.
    pub(in crate::server) last: bool,
}

/// Where an image goes.
pub(in crate::server) enum Way {
    /// The interleaved channel.
    Tcp(u8),
    Udp(Rc<Destination>),
}

impl State {
    /// Adds what was sent since the last time.
    pub(super) fn count(&mut self) {
        for track in self.tracks.iter_mut().flatten() {
            let (packets, octets) = track.reporter.sent();
            let before = std::mem::replace(&mut track.counted, (packets, octets));
            self.volume.add(packets.wrapping_sub(before.0), octets.wrapping_sub(before.1));
        }
    }

    pub(super) fn has(&self, track: TrackId) -> bool {
        matches!(self.tracks.get(track.index()), Some(Some(_)))
    }

    /// Whether any of its tracks has keyframes to wait for.
    pub(super) fn waits_for_video(&self) -> bool {
        self.tracks.iter().flatten().any(|track| track.video)
    }

    pub(super) fn destinations(&self) -> impl Iterator<Item = &Rc<Destination>> {
        self.tracks.iter().flatten().filter_map(|track| match &track.route {
            Route::Udp(destination) => Some(destination),
            Route::Tcp { .. } => None,
        })
    }

    /// The next image of this reader's tracks that may go out now; moves the cursor past it.
    pub(super) fn next_image(&mut self, view: &mut View<'_>, reader: &Reader) -> Option<usize> {
        let Self { position, tracks, .. } = self;
        let takes = |tracks: &[Option<Track>], image: &WireImage| match tracks.get(image.track.index()) {
            Some(Some(track)) => match track.gate {
                Gate::Shut => false,
                Gate::AtStart => image.link != Link::Follows,
                Gate::Open => true,
            },
            _ => false,
        };
        let busy = |tracks: &[Option<Track>], track: TrackId| match tracks.get(track.index()) {
            Some(Some(Track { route: Route::Udp(to), .. })) => to.is_busy(),
            _ => false,
        };
        loop {
            match position.next(view, |image| takes(tracks, image), |track| busy(tracks, track)) {
                Next::Image(number) => return Some(number),
                Next::Nothing => return None,
                Next::LeftOut(reason) => reader.left_out(reason, 1),
                Next::Jumped { reason, images, keyframe_ahead } => {
                    reader.left_out(reason, u32::try_from(images).unwrap_or(u32::MAX));
                    reader.wants_keyframe.set(!keyframe_ahead);
                    // It goes on at one track's keyframe; the others lack pictures before theirs.
                    let open = tracks.iter_mut().flatten().filter(|track| track.gate == Gate::Open);
                    open.for_each(|track| track.gate = Gate::AtStart);
                }
            }
        }
    }
}

impl Track {
    /// Counts the image as sent; gives what its sequence numbers are too high for this reader.
    pub(super) fn take(&mut self, image: &WireImage) -> u16 {
        let first = self.next_seq.unwrap_or(image.first_seq);
        self.next_seq = Some(first.wrapping_add(image.packets));
        self.gate = Gate::Open;
        self.reporter.count(image);
        image.first_seq.wrapping_sub(first)
    }
}
