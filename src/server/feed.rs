//! What a mount's readers share, on whichever worker: its images, its tracks' numbers, and whom they ask for
//! keyframes.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::MountSettings;
use super::keyframes::{Keyframes, Wish};
use super::report::Clocked;
use super::tally::Tally;
use crate::clock;
use crate::hub::{Bounds, Cursor, Mount, Ring, Slot};
use crate::media::{AccessUnit, Kind, Link, MediaTime, Track, TrackId};
use crate::random::random_u32;
use crate::rtp::{Sender, Spare, WireImage};

/// A mount keeps at most this much of its media.
pub(super) const RING: usize = 8 << 20;

/// The newest two groups of pictures, at most 8 MB or 10 s.
const IMAGES: Bounds = Bounds { items: 2048, bytes: RING, age: Duration::from_secs(10), groups: 2 };

/// Access units that are kept once they are images, for who takes a picture of the mount: so late may he look.
const UNITS_KEPT: u64 = 8;

pub(super) struct Feed {
    pub(super) mount: Mount,
    max_packet: usize,
    cname: Arc<str>,
    images: Ring<WireImage>,
    /// Bytes of media that it may keep.
    share: AtomicUsize,
    /// Held while an access unit becomes an image: whichever worker comes first makes it.
    streams: Mutex<Streams>,
    keyframes: Mutex<Keyframes>,
    /// Nanoseconds of the newest image's media time; written under the lock of `streams`.
    newest: AtomicU64,
    /// What its readers were not sent.
    pub(super) tally: Tally,
    /// Bytes that readers who are gone were sent: those of the others they know themselves.
    pub(super) sent: AtomicU64,
    /// Readers that the workers' broadcasts have.
    readers: AtomicUsize,
    /// Counts changes of a track's codec.
    epoch: AtomicU32,
    /// The worker that takes access units in whether anybody reads or not.
    pub(super) home: usize,
    settings: Mutex<MountSettings>,
    /// Sessions that are set up.
    places: AtomicUsize,
}

/// Streams of other codecs that are remembered for the goodbyes.
const RETIRED: usize = 4;

#[derive(Default)]
struct Streams {
    of_tracks: Vec<Stream>,
    /// Those of before a track's codec changed.
    retired: Vec<Stream>,
    taken: Taken,
    /// Memory of images that nobody has any more.
    spare: Spare,
}

/// How far a mount's access units have become images.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    /// The next access unit to packetize.
    pub(super) unit: Cursor,
    /// Where its image will stand.
    pub(super) image: Cursor,
}

/// One track's packets: numbered alike for all its readers.
struct Stream {
    /// Access units were lost before the source had another that needs none before it.
    broken: bool,
    sender: Sender,
    codec: &'static str,
    video: bool,
}

impl Feed {
    /// `ring`: bytes of media that it may keep.
    pub(super) fn new(mount: Mount, max_packet: usize, cname: Arc<str>, ring: usize) -> Self {
        let taken = Taken { unit: mount.units().end(), image: Cursor::default() };
        Self {
            mount,
            max_packet,
            cname,
            images: Ring::new(Bounds { bytes: ring, ..IMAGES }),
            share: AtomicUsize::new(ring),
            streams: Mutex::new(Streams { taken, ..Streams::default() }),
            epoch: AtomicU32::new(0),
            keyframes: Mutex::default(),
            newest: AtomicU64::new(0),
            tally: Tally::default(),
            sent: AtomicU64::new(0),
            readers: AtomicUsize::new(0),
            home: 0,
            settings: Mutex::default(),
            places: AtomicUsize::new(0),
        }
    }

    /// The same, with another worker that takes access units in.
    pub(super) fn at_home(self, home: usize) -> Self {
        Self { home, ..self }
    }

    /// The same, with settings of its own.
    pub(super) fn with_settings(self, settings: MountSettings) -> Self {
        Self { settings: Mutex::new(settings), ..self }
    }

    /// Its settings. Not looked at while media goes out.
    pub(super) fn settings(&self) -> MountSettings {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Other settings from now on; sessions that there are stay.
    pub(super) fn change(&self, settings: MountSettings) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// A session's place here, until [`Feed::give_back`].
    ///
    /// # Errors
    /// How many there are: no more are allowed.
    #[allow(deprecated, reason = "it has another name from Rust 1.99 on, which those before do not know")]
    pub(super) fn take_place(&self) -> Result<(), usize> {
        let most = self.settings().max_readers.unwrap_or(usize::MAX);
        let more = |places: usize| (places < most).then_some(places + 1);
        self.places.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).map(drop)
    }

    /// A session is over.
    pub(super) fn give_back(&self) {
        self.places.fetch_sub(1, Ordering::SeqCst);
    }

    /// Sessions that are set up.
    pub(super) fn places(&self) -> usize {
        self.places.load(Ordering::SeqCst)
    }

    /// Readers that workers' broadcasts have.
    pub(super) fn readers(&self) -> usize {
        self.readers.load(Ordering::SeqCst)
    }

    /// How far it is now.
    pub(super) fn taken(&self) -> Taken {
        self.streams().taken
    }

    /// Packetizes what stands at `at` among the access units, unless another worker was faster.
    pub(super) fn take(&self, at: Cursor, slot: Slot<AccessUnit>) -> Taken {
        let mut streams = self.streams();
        if at == streams.taken.unit {
            self.take_next(&mut streams, slot);
        }
        streams.taken
    }

    /// What a reader that begins now has before it: everything published is packetized, and what is left of the time
    /// before the source rested forgotten. In one go: no worker's readers lose an image of the new time.
    pub(super) fn begin(&self) -> Taken {
        let mut streams = self.streams();
        loop {
            let slot = self.mount.units().get(streams.taken.unit);
            if !self.take_next(&mut streams, slot) {
                break;
            }
        }
        if !self.mount.state().flows() {
            self.images.clear();
            streams.spare.clear();
        }
        streams.taken
    }

    /// Says whether anything stood there.
    fn take_next(&self, streams: &mut Streams, slot: Slot<AccessUnit>) -> bool {
        match slot {
            Slot::Here(unit) => {
                // First: a unit that makes us panic is not tried again.
                streams.taken.unit = streams.taken.unit.next();
                self.packetize(streams, &unit);
                self.mount.units().forget(streams.taken.unit.back(UNITS_KEPT));
            }
            Slot::Gone(oldest) => {
                tracing::warn!(mount = self.mount.name(), "the server fell behind the source");
                streams.taken.unit = oldest;
                // What is left may need what is not.
                streams.of_tracks.iter_mut().for_each(|stream| stream.broken = stream.video);
                self.need_keyframe();
            }
            Slot::Ahead => return false,
        }
        true
    }

    /// Makes an access unit's image, if anything in it is sent.
    fn packetize(&self, streams: &mut Streams, unit: &AccessUnit) {
        let Some(tracks) = self.mount.tracks() else { return };
        self.ensure_streams(streams, &tracks);
        let Some(stream) = streams.of_tracks.get_mut(unit.track.index()) else { return };
        stream.broken &= unit.link == Link::Follows;
        if stream.broken {
            return;
        }
        let Some(image) = stream.sender.packetize_in(unit, &mut streams.spare) else { return };
        if image.link == Link::Start {
            self.keyframes().came();
        }
        // B-pictures come behind pictures that are shown later.
        self.newest.fetch_max(image.time.as_nanos(), Ordering::Relaxed);
        let spare = &mut streams.spare;
        // What goes stays within the mount's share: a group of pictures goes at once, and its memory is the next one's.
        // Where the share is full something goes with each image.
        let least = self.share.load(Ordering::Relaxed) / 4;
        let evicted = |image: WireImage, room: usize| image.give_to(spare, room.max(least));
        streams.taken.image = self.images.push_evicting(image, evicted).next();
    }

    /// Changes with every codec: who was told of another one can make nothing of what is sent now.
    pub(super) fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// Readers come to a worker's broadcast.
    pub(super) fn enter(&self, readers: usize) {
        self.readers.fetch_add(readers, Ordering::SeqCst);
    }

    /// Readers leave a worker's broadcast.
    pub(super) fn leave(&self, readers: usize) {
        self.readers.fetch_sub(readers, Ordering::SeqCst);
    }

    /// A source that still plays may have another reader soon, who starts in what is there; one that rests
    /// begins anew for the next.
    pub(super) fn forget_what_nobody_will_see(&self) {
        let mut streams = self.streams();
        if self.readers.load(Ordering::SeqCst) == 0 && !self.mount.state().flows() {
            self.images.clear();
            streams.spare.clear();
            self.mount.units().forget(streams.taken.unit);
        }
    }

    /// Who begins wants a keyframe: asks the source for one, unless it was asked less than a second ago. Says whether one
    /// comes now, for this wish or another's.
    pub(super) fn want_keyframe(&self) -> bool {
        self.wish() != Wish::TooSoon
    }

    /// Who cannot go on without a keyframe needs one: if the source was asked less than a second ago, it is asked again as
    /// soon as it may be.
    pub(super) fn need_keyframe(&self) {
        if self.wish() == Wish::TooSoon && self.mount.forces_keyframes() {
            self.keyframes().owe();
        }
    }

    /// Asks for a keyframe that is needed and may be asked for by now: looked at with each picture.
    pub(super) fn ask_for_what_is_owed(&self, now: Instant) {
        let due = self.keyframes().is_due(now);
        if due {
            self.wish();
        }
    }

    fn wish(&self) -> Wish {
        if !self.mount.forces_keyframes() {
            return Wish::TooSoon;
        }
        let wish = self.keyframes().want(clock::now());
        if wish == Wish::Ask {
            self.mount.request_keyframe();
        }
        wish
    }

    /// Its changes are made in one go.
    fn keyframes(&self) -> MutexGuard<'_, Keyframes> {
        self.keyframes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It may keep so many bytes of media from now on.
    pub(super) fn hold(&self, ring: usize) {
        self.share.store(ring, Ordering::Relaxed);
        self.images.hold(ring);
        self.streams().spare.clear();
    }

    pub(super) fn images(&self) -> &Ring<WireImage> {
        &self.images
    }

    pub(super) fn newest_time(&self) -> MediaTime {
        MediaTime::from_nanos(self.newest.load(Ordering::Relaxed))
    }

    /// The track that sends with this SSRC.
    pub(super) fn track_of(&self, ssrc: u32) -> Option<TrackId> {
        let streams = self.streams();
        let at = streams.of_tracks.iter().position(|stream| stream.sender.ssrc() == ssrc);
        at.map(|index| TrackId(index as u8))
    }

    pub(super) fn is_video(&self, index: usize) -> bool {
        self.streams().of_tracks.get(index).is_some_and(|stream| stream.video)
    }

    /// The SSRC and payload type of a track.
    pub(super) fn with_sender<T>(&self, track: TrackId, with: impl FnOnce(&Sender) -> T) -> Option<T> {
        let tracks = self.mount.tracks()?;
        let mut streams = self.streams();
        self.ensure_streams(&mut streams, &tracks);
        streams.of_tracks.get(track.index()).map(|stream| with(&stream.sender))
    }

    /// The number of a track's first packet from an image on, be it there already or the next one made.
    pub(super) fn first_seq(&self, mut cursor: Cursor, track: TrackId) -> Option<u16> {
        // Under the lock: no image comes between the last that is there and the next one made.
        self.with_sender(track, |sender| {
            while let Slot::Here(image) = self.images.get(cursor) {
                if image.track == track {
                    return image.first_seq;
                }
                cursor = cursor.next();
            }
            sender.next_seq()
        })
    }

    /// The clock of a track's stream: of the one that sent, or sends, with this SSRC, if one is named.
    pub(super) fn with_clock<T>(
        &self,
        track: TrackId,
        ssrc: Option<u32>,
        with: impl FnOnce(&Clocked<'_>) -> T,
    ) -> Option<T> {
        let streams = self.streams();
        let current = streams.of_tracks.get(track.index())?;
        let named = |stream: &&Stream| ssrc == Some(stream.sender.ssrc());
        let sender = &streams.retired.iter().find(named).unwrap_or(current).sender;
        Some(with(&Clocked { sender, cname: &self.cname }))
    }

    /// The streams begin at random numbers when the mount is first described and last as long as the server,
    /// unless the source begins to send another codec: that is another stream.
    fn ensure_streams(&self, streams: &mut Streams, tracks: &[Track]) {
        let Streams { of_tracks, retired, .. } = streams;
        for (index, track) in tracks.iter().enumerate() {
            match of_tracks.get_mut(index) {
                Some(stream) if stream.codec == track.codec.name() => {}
                Some(stream) => {
                    let new = Stream::new(index, track, self.max_packet);
                    retired.push(std::mem::replace(stream, new));
                    self.epoch.fetch_add(1, Ordering::SeqCst);
                    // Nobody who comes now is told of the codec that they are of.
                    self.images.clear();
                }
                None => of_tracks.push(Stream::new(index, track, self.max_packet)),
            }
        }
        // Their readers are told goodbye within a second.
        retired.drain(..retired.len().saturating_sub(RETIRED));
    }

    /// A panic in packetizing has left a unit out; numbers go on.
    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    fn new(index: usize, track: &Track, max_packet: usize) -> Self {
        let (ssrc, seq, timestamp) = (random_u32(), random_u32() as u16, random_u32());
        let sender = Sender::new(TrackId(index as u8), &track.codec, ssrc, seq, timestamp, max_packet);
        let video = track.codec.kind() == Kind::Video;
        Self { sender, codec: track.codec.name(), video, broken: false }
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

    #[test]
    fn a_unit_becomes_one_image_whichever_worker_comes_first() {
        let (outlet, mount) = crate::hub::mount("test");
        let feed = Feed::new(mount, 1420, "name".into(), RING);
        let codec = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68]));
        outlet.describe(vec![Track { codec, bitrate: None }], false);
        let data = [0, 0, 0, 1, 0x65, 1][..].into();
        let unit = AccessUnit {
            track: TrackId(0),
            time: clock::media(),
            link: crate::media::Link::Start,
            journey: None,
            data,
        };
        let began = feed.taken();
        outlet.publish(unit.clone());
        let slot = || feed.mount.units().get(began.unit);
        let first = feed.take(began.unit, slot());
        let second = feed.take(began.unit, slot());
        assert_eq!((second.unit, second.image), (first.unit, first.image));
        assert_eq!(feed.images().end(), Cursor(1));
        // The source rests: what is there is of the time before.
        outlet.publish(unit);
        outlet.idle();
        assert_eq!(feed.begin().image, Cursor(2), "it was packetized all the same");
        assert!(matches!(feed.images().get(Cursor(1)), Slot::Gone(_)));
    }

    #[test]
    fn units_that_became_images_are_let_go_but_for_the_last() {
        let (outlet, mount) = crate::hub::mount("test");
        let feed = Feed::new(mount, 1420, "name".into(), RING);
        let codec = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68]));
        outlet.describe(vec![Track { codec, bitrate: None }], true);
        for count in 1..=3 * UNITS_KEPT {
            let (time, data) = (clock::media(), [0, 0, 0, 1, 0x65, 1][..].into());
            outlet.publish(AccessUnit { track: TrackId(0), time, link: Link::Start, journey: None, data });
            let taken = feed.begin();
            assert_eq!(taken.unit, Cursor(count));
            let oldest = count.saturating_sub(UNITS_KEPT);
            assert!(matches!(feed.mount.units().get(Cursor(oldest)), Slot::Here(_)));
            let gone = oldest.checked_sub(1).map(|before| feed.mount.units().get(Cursor(before)));
            assert!(gone.is_none_or(|slot| matches!(slot, Slot::Gone(Cursor(at)) if at == oldest)));
        }
    }

    #[test]
    fn what_needs_units_that_were_lost_is_not_sent() {
        let (outlet, mount) = crate::hub::mount("test");
        let feed = Feed::new(mount, 1420, "name".into(), RING);
        let codec = Codec::H264(ParameterSets::new(&[0x67, 66, 0xc0, 30], &[0x68]));
        outlet.describe(vec![Track { codec, bitrate: None }], true);
        let publish = |link, count| {
            for _ in 0..count {
                let data = [0, 0, 0, 1, if link == Link::Start { 0x65 } else { 0x41 }, 1][..].into();
                let time = clock::media();
                outlet.publish(AccessUnit { track: TrackId(0), time, link, journey: None, data });
            }
            feed.begin();
            feed.images().end().0
        };
        assert_eq!(publish(Link::Start, 1), 1);
        // So many at once that the first of them are gone before anybody looks.
        assert_eq!(publish(Link::Follows, 100), 1, "the rest need them");
        assert!(outlet.take_keyframe_request());
        assert_eq!(
            (publish(Link::Follows, 1), publish(Link::Start, 1), publish(Link::Follows, 1)),
            (1, 2, 3)
        );
    }
}
