//! What a mount's readers share: its images, its tracks' numbers, and whom they ask for keyframes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::join::KeyframeBucket;
use super::random_u32;
use super::report::Clocked;
use super::tally::Tally;
use crate::clock;
use crate::hub::{Bounds, Cursor, Mount, Ring};
use crate::media::{AccessUnit, Kind, MediaTime, Track, TrackId};
use crate::rtp::{Sender, WireImage};

/// A mount keeps at most this much of its media.
pub(super) const RING: usize = 8 << 20;

/// The newest two groups of pictures, at most 8 MB or 10 s.
const IMAGES: Bounds = Bounds { items: 2048, bytes: RING, age: Duration::from_secs(10), groups: 2 };

pub(super) struct Feed {
    pub(super) mount: Mount,
    max_packet: usize,
    cname: Rc<str>,
    images: Ring<WireImage>,
    senders: RefCell<Vec<Stream>>,
    keyframes: RefCell<KeyframeBucket>,
    newest: Cell<MediaTime>,
    /// What its readers were not sent.
    pub(super) tally: Tally,
}

/// One track's packets: numbered alike for all its readers.
struct Stream {
    sender: Sender,
    codec: &'static str,
    video: bool,
}

impl Feed {
    /// `ring`: bytes of media that it may keep.
    pub(super) fn new(mount: Mount, max_packet: usize, cname: Rc<str>, ring: usize) -> Self {
        Self {
            mount,
            max_packet,
            cname,
            images: Ring::new(Bounds { bytes: ring, ..IMAGES }),
            senders: RefCell::default(),
            keyframes: RefCell::new(KeyframeBucket::new()),
            newest: Cell::default(),
            tally: Tally::default(),
        }
    }

    /// Packetizes an access unit: its image, and where that stands now. Nothing if nothing in it is sent.
    pub(super) fn packetize(&self, unit: &AccessUnit) -> Option<(Cursor, WireImage)> {
        self.ensure_senders(&self.mount.tracks()?);
        let image = self.senders.borrow_mut().get_mut(unit.track.index())?.sender.packetize(unit)?;
        // B-pictures come behind pictures that are shown later.
        self.newest.set(self.newest.get().max(image.time));
        Some((self.images.push(image.clone()), image))
    }

    /// Asks the source for a keyframe unless it cannot or was asked too often; says whether it did.
    pub(super) fn force_keyframe(&self) -> bool {
        let forces = self.mount.forces_keyframes() && self.keyframes.borrow_mut().take(clock::now());
        if forces {
            self.mount.request_keyframe();
        }
        forces
    }

    pub(super) fn images(&self) -> &Ring<WireImage> {
        &self.images
    }

    pub(super) fn newest_time(&self) -> MediaTime {
        self.newest.get()
    }

    /// The track that sends with this SSRC.
    pub(super) fn track_of(&self, ssrc: u32) -> Option<TrackId> {
        let senders = self.senders.borrow();
        senders.iter().position(|stream| stream.sender.ssrc() == ssrc).map(|index| TrackId(index as u8))
    }

    pub(super) fn is_video(&self, index: usize) -> bool {
        self.senders.borrow().get(index).is_some_and(|stream| stream.video)
    }

    /// The SSRC and payload type of a track.
    pub(super) fn with_sender<T>(&self, track: TrackId, with: impl FnOnce(&Sender) -> T) -> Option<T> {
        self.ensure_senders(&self.mount.tracks()?);
        self.senders.borrow().get(track.index()).map(|stream| with(&stream.sender))
    }

    pub(super) fn with_clock<T>(&self, track: TrackId, with: impl FnOnce(&Clocked<'_>) -> T) -> Option<T> {
        let senders = self.senders.borrow();
        let sender = &senders.get(track.index())?.sender;
        Some(with(&Clocked { sender, cname: &self.cname }))
    }

    /// The streams begin at random numbers when the mount is first described and last as long as the server,
    /// unless the source begins to send another codec: that is another stream.
    fn ensure_senders(&self, tracks: &[Track]) {
        let mut senders = self.senders.borrow_mut();
        for (index, track) in tracks.iter().enumerate() {
            match senders.get_mut(index) {
                Some(stream) if stream.codec == track.codec.name() => {}
                Some(stream) => *stream = Stream::new(index, track, self.max_packet),
                None => senders.push(Stream::new(index, track, self.max_packet)),
            }
        }
    }
}

impl Stream {
    fn new(index: usize, track: &Track, max_packet: usize) -> Self {
        let (ssrc, seq, timestamp) = (random_u32(), random_u32() as u16, random_u32());
        let sender = Sender::new(TrackId(index as u8), &track.codec, ssrc, seq, timestamp, max_packet);
        Self { sender, codec: track.codec.name(), video: track.codec.kind() == Kind::Video }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Codec;
    use crate::media::h264::ParameterSets;

    #[test]
    fn another_codec_is_another_stream_and_new_parameter_sets_are_not() {
        let (outlet, mount) = crate::hub::mount("test");
        let feed = Feed::new(mount, 1420, "name".into(), RING);
        let h264 = |level| Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, level], &[0x68]));
        let described = |codec| {
            outlet.describe(vec![Track { codec, bitrate: None }], false);
            feed.with_sender(TrackId(0), |sender| (sender.ssrc(), sender.payload_type())).unwrap()
        };
        let first = described(h264(30));
        assert_eq!(described(h264(31)), first);
        let (ssrc, payload_type) = described(Codec::Jpeg);
        assert!(ssrc != first.0 && payload_type == 26, "packets of JPEG, not JPEG in packets of H.264");
    }
}
