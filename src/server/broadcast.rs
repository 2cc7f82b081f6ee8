//! One task a mount: packetizes each access unit once and sends the image to every reader that keeps up.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::time::{Duration, Instant};

use smol::channel::{Receiver, Sender as Notify, bounded};
use smol::future::or;

use super::join::{FRESH, KeyframeBucket};
use super::random_u32;
use super::reader::{Path, Reader};
use super::udp::Pair;
use crate::clock;
use crate::hub::{Bounds, Cursor, Mount, Ring, Slot, State};
use crate::media::{AccessUnit, Kind, Link, MediaTime, Track, TrackId};
use crate::rtcp;
use crate::rtp::{Sender, WireImage};

/// A mount keeps at most this much of its media.
pub(super) const RING: usize = 8 << 20;

/// The newest two groups of pictures, at most 8 MB or 10 s.
const IMAGES: Bounds = Bounds { items: 2048, bytes: RING, age: Duration::from_secs(10), groups: 2 };

/// Reports go out at the latest this long after they are due.
const REPORT_TICK: Duration = Duration::from_secs(1);

pub(super) struct Broadcast {
    pub(super) mount: Mount,
    max_packet: usize,
    cname: Rc<str>,
    /// The next access unit to packetize.
    next_unit: Cell<Cursor>,
    images: Ring<WireImage>,
    senders: RefCell<Vec<Stream>>,
    readers: RefCell<Vec<Rc<Reader>>>,
    keyframes: RefCell<KeyframeBucket>,
    newest: Cell<MediaTime>,
    /// Changes of the mount that were looked at.
    seen: Cell<u64>,
    skips: Cell<u64>,
    kick: (Notify<()>, Receiver<()>),
}

/// One track's packets: numbered alike for all its readers.
struct Stream {
    sender: Sender,
    video: bool,
}

/// A track's clock at the time of a report.
pub(super) struct Clocked<'a> {
    sender: &'a Sender,
    pub(super) cname: &'a str,
}

impl Clocked<'_> {
    /// The wall clock and the RTP clock at this instant: both read now, so that the mapping is that of
    /// the capture clock whatever the source does.
    pub(super) fn report(&self, packets: u32, octets: u32) -> rtcp::Report {
        let (media, wall) = (clock::media(), clock::wall());
        rtcp::Report {
            ssrc: self.sender.ssrc(),
            ntp: rtcp::ntp(wall),
            rtp: self.sender.timestamp(media),
            packets,
            octets,
        }
    }
}

impl Broadcast {
    /// `ring`: bytes of media that it may keep.
    pub(super) fn new(mount: Mount, max_packet: usize, cname: Rc<str>, ring: usize) -> Self {
        let next_unit = Cell::new(mount.units().end());
        Self {
            mount,
            max_packet,
            cname,
            next_unit,
            images: Ring::new(Bounds { bytes: ring, ..IMAGES }),
            senders: RefCell::default(),
            readers: RefCell::default(),
            keyframes: RefCell::new(KeyframeBucket::new()),
            newest: Cell::default(),
            seen: Cell::default(),
            skips: Cell::default(),
            kick: bounded(1),
        }
    }

    /// Runs until the mount's source is gone.
    pub(super) async fn run(self: Rc<Self>) {
        loop {
            let next = poll_fn(|context| self.mount.units().poll_next(self.next_unit.get(), context));
            let unit = or(async { Woken::Unit(next.await) }, self.other_work()).await;
            match unit {
                Woken::Unit(None) => return,
                Woken::Unit(Some(slot)) => drop(self.handle_slot(slot)),
                Woken::Other => self.pump(),
            }
        }
    }

    /// Handles what stands at the next unit's place; says whether anything did.
    fn handle_slot(&self, slot: Slot<AccessUnit>) -> bool {
        match slot {
            Slot::Here(unit) => {
                self.next_unit.set(self.next_unit.get().next());
                self.handle_unit(&unit);
            }
            Slot::Gone(oldest) => {
                tracing::warn!(mount = self.mount.name(), "the server fell behind the source");
                self.next_unit.set(oldest);
            }
            Slot::Ahead => return false,
        }
        true
    }

    /// Waits for anything but a new access unit: a backlog's due time, a kick, a socket with room, a report.
    async fn other_work(&self) -> Woken {
        let (due, full) = {
            let readers = self.readers.borrow();
            let due = readers.iter().filter_map(|reader| reader.due()).min();
            let full = readers.iter().find_map(|reader| match &reader.path {
                Path::Udp(pair) if pair.full() => Some(pair.clone()),
                _ => None,
            });
            (due, full)
        };
        let kicked = async {
            // The other end is this very struct's.
            let _ = self.kick.1.recv().await;
        };
        let timer = async {
            let tick = (!self.readers.borrow().is_empty()).then(|| clock::now() + REPORT_TICK);
            match due.into_iter().chain(tick).min() {
                Some(at) => drop(smol::Timer::at(at).await),
                None => std::future::pending().await,
            }
        };
        let room = async {
            match full {
                Some(pair) => pair.room().await,
                None => std::future::pending().await,
            }
        };
        let changed = async {
            let seen = self.seen.get();
            self.seen.set(poll_fn(|context| self.mount.poll_changed(seen, context)).await);
            self.forget_what_nobody_will_see();
        };
        or(or(kicked, changed), or(timer, room)).await;
        Woken::Other
    }

    fn handle_unit(&self, unit: &AccessUnit) {
        let image = {
            let Some(tracks) = self.mount.tracks() else { return };
            self.ensure_senders(&tracks);
            let mut senders = self.senders.borrow_mut();
            senders.get_mut(unit.track.index()).and_then(|stream| stream.sender.packetize(unit))
        };
        let Some(image) = image else { return };
        // B-pictures come behind pictures that are shown later.
        self.newest.set(self.newest.get().max(image.time));
        let at = self.images.push(image.clone());
        for reader in self.readers.borrow().iter() {
            reader.offer_start(at, &image);
        }
        self.pump();
    }

    /// Sends what every reader is due; ends those whose connection failed.
    pub(super) fn pump(&self) {
        let now = clock::now();
        let mut pairs: Vec<Rc<Pair>> = Vec::new();
        for reader in self.readers.borrow().iter().filter(|reader| reader.playing()) {
            match &reader.path {
                Path::Tcp(outbox) => {
                    // A failed write ends the connection in its own task: its socket is readable then.
                    let _ = outbox.pump();
                    if reader.report(now).is_ok() {
                        let _ = outbox.pump();
                    }
                }
                Path::Udp(pair) if !pairs.iter().any(|known| Rc::ptr_eq(known, pair)) => {
                    pairs.push(pair.clone())
                }
                Path::Udp(_) => {}
            }
        }
        for pair in pairs {
            let readers = self.readers.borrow();
            pair.pump(&readers);
            for reader in readers
                .iter()
                .filter(|reader| matches!(&reader.path, Path::Udp(its) if Rc::ptr_eq(its, &pair)))
            {
                let _ = reader.report(now);
            }
        }
    }

    /// Has the task look at its readers again.
    pub(super) fn kick(&self) {
        // Full: it is kicked already.
        let _ = self.kick.0.try_send(());
    }

    /// Makes a reader play: see the module `join` for where it starts.
    pub(super) fn play(&self, reader: &Rc<Reader>) {
        if reader.playing() {
            return;
        }
        // This task may have been woken before the one that packetizes: a keyframe may lie ready.
        while self.handle_slot(self.mount.units().get(self.next_unit.get())) {}
        if self.mount.state() != State::Live {
            // What is left is of the time before the source rested.
            self.images.clear();
        }
        let end = self.images.end();
        let newest = self
            .images
            .newest(Cursor::default(), |image| image.link == Link::Start && reader.has(image.track));
        let fresh = newest.as_ref().is_some_and(|(_, image)| clock::media().since(image.time) <= FRESH);
        let start = if !fresh && self.force_keyframe() { None } else { newest };
        let start = start.as_ref().map(|(at, image)| (*at, image));
        // Only now: a source that rests begins with the keyframe that was asked for, not with one of its own
        // and then that.
        let demand = self.mount.want();
        reader.join(demand, end, start, !fresh);
        let mut readers = self.readers.borrow_mut();
        if !readers.iter().any(|known| Rc::ptr_eq(known, reader)) {
            readers.push(reader.clone());
        }
    }

    /// Forgets a reader.
    pub(super) fn leave(&self, reader: &Rc<Reader>) {
        reader.pause();
        let mut readers = self.readers.borrow_mut();
        readers.retain(|known| !Rc::ptr_eq(known, reader));
        drop(readers);
        self.forget_what_nobody_will_see();
    }

    /// A source that still plays may have another reader soon, who starts in what is there; one that rests
    /// begins anew for the next.
    fn forget_what_nobody_will_see(&self) {
        if self.readers.borrow().is_empty() && self.mount.state() != State::Live {
            self.images.clear();
        }
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

    /// A reader fell behind; one that finds no keyframe ahead of it waits for the next.
    pub(super) fn jumped(&self, keyframe_ahead: bool) {
        self.skips.set(self.skips.get() + 1);
        tracing::debug!(mount = self.mount.name(), skips = self.skips.get(), "a reader was too far behind");
        if !keyframe_ahead {
            self.force_keyframe();
        }
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

    /// The streams begin at random numbers when the mount is first described and last as long as the server.
    fn ensure_senders(&self, tracks: &[Track]) {
        let mut senders = self.senders.borrow_mut();
        for (index, track) in tracks.iter().enumerate().skip(senders.len()) {
            let sender = Sender::new(
                TrackId(index as u8),
                &track.codec,
                random_u32(),
                random_u32() as u16,
                random_u32(),
                self.max_packet,
            );
            senders.push(Stream { sender, video: track.codec.kind() == Kind::Video });
        }
    }
}

enum Woken {
    Unit(Option<Slot<AccessUnit>>),
    Other,
}

/// When a reader is unreachable for this long it is dropped.
pub(super) const UNREACHABLE: Duration = Duration::from_secs(5);

/// Whether datagrams to a reader have been refused for too long.
pub(super) fn unreachable(reader: &Reader, now: Instant) -> bool {
    reader.refused.get().is_some_and(|since| now.saturating_duration_since(since) > UNREACHABLE)
}
