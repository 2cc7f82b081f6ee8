//! A reader: one session's cursor into its mount's images, and where its packets go. It has no queue.

mod figures;
mod reports;
mod tracks;

use std::cell::{Cell, OnceCell, RefCell};
use std::iter;
use std::net::{IpAddr, SocketAddr};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) use self::tracks::{Due, Route, Way};
use self::tracks::{Gate, State, Track};
use super::alarm::Kick;
use super::feed::Feed;
use super::moment::Moment;
use super::outbox::{Outbox, Outgoing, Supply};
use super::report::Reporter;
use super::tally::{Reason, Tally};
use super::udp::{Destination, Pair};
use super::view::View;
use crate::clock;
use crate::hub::{Cursor, Demand, Slot};
use crate::media::{Link, TrackId};
use crate::rtp::WireImage;
use crate::rtsp::auth::Identity;
use crate::rtsp::server::{RtpInfo, SessionId};

/// What a session's media goes out by.
#[derive(Clone)]
pub(super) enum Path {
    Tcp(Rc<Outbox>),
    Udp(Rc<Pair>),
}

/// Who set a session up.
pub(super) struct Client {
    /// Tells its session from all others, for those who may not know the session's name.
    pub(super) number: u64,
    pub(super) peer: SocketAddr,
    /// What program it is, as it says.
    pub(super) agent: Option<Arc<str>>,
    /// Who signed in, if there are users.
    pub(super) user: Option<Arc<Identity>>,
    pub(super) since: Moment,
    /// The connection that it came by.
    pub(super) line: Weak<Outbox>,
}

pub(super) struct Reader {
    pub(super) session: SessionId,
    pub(super) client: Client,
    pub(super) path: Path,
    pub(super) feed: Arc<Feed>,
    /// What it was not sent; in a box, once there was anything.
    tally: OnceCell<Box<Tally>>,
    /// It waits for a keyframe: whoever sends to all readers asks for one.
    pub(super) wants_keyframe: Cell<bool>,
    /// The feed's when it was set up.
    epoch: u32,
    state: RefCell<State>,
    /// When a report may be due; `None`: look.
    report_at: Cell<Option<Moment>>,
    /// It is known where it starts.
    started: Kick,
}

impl Reader {
    /// The feed's place is its own from now on.
    pub(super) fn new(session: SessionId, client: Client, path: Path, feed: Arc<Feed>) -> Self {
        Self {
            session,
            client,
            path,
            epoch: feed.epoch(),
            feed,
            tally: OnceCell::new(),
            wants_keyframe: Cell::new(false),
            state: RefCell::default(),
            report_at: Cell::new(None),
            started: Kick::default(),
        }
    }

    /// Where it is.
    pub(super) fn peer(&self) -> IpAddr {
        self.client.peer.ip()
    }

    /// Sets a track up, or anew.
    pub(super) fn set_track(&self, track: TrackId, route: Route) {
        let mut state = self.state.borrow_mut();
        let index = track.index();
        if state.tracks.len() <= index {
            let known = std::mem::take(&mut state.tracks).into_iter();
            state.tracks = known.chain(iter::repeat_with(|| None)).take(index + 1).collect();
        }
        let gate = if state.position.playing() { Gate::Shut } else { Gate::Open };
        let video = self.feed.is_video(index);
        state.tracks[index] =
            Some(Track { route, video, gate, next_seq: None, reporter: Reporter::new(), counted: (0, 0) });
    }

    /// Takes a track away; gives where it went, if that was by UDP.
    pub(super) fn remove_track(&self, track: TrackId) -> Option<Rc<Destination>> {
        let mut state = self.state.borrow_mut();
        let gone = state.tracks.get_mut(track.index())?.take()?;
        match gone.route {
            Route::Udp(destination) => Some(destination),
            Route::Tcp { .. } => None,
        }
    }

    /// Where its tracks go by UDP.
    pub(super) fn destinations(&self) -> Vec<Rc<Destination>> {
        self.state.borrow().destinations().cloned().collect()
    }

    /// Whether datagrams to it are refused again and again.
    pub(super) fn is_refused(&self) -> bool {
        self.state.borrow().destinations().any(|to| to.is_refused())
    }

    /// Whether the channel belongs to one of its tracks.
    pub(super) fn uses_channel(&self, channel: u8) -> bool {
        let state = self.state.borrow();
        state
            .tracks
            .iter()
            .flatten()
            .any(|track| matches!(track.route, Route::Tcp { rtp, rtcp } if rtp == channel || rtcp == channel))
    }

    pub(super) fn has(&self, track: TrackId) -> bool {
        self.state.borrow().has(track)
    }

    /// Whether any track of it is set up.
    pub(super) fn is_set_up(&self) -> bool {
        self.state.borrow().tracks.iter().any(Option::is_some)
    }

    /// Whether PLAY was asked and not yet PAUSE.
    pub(super) fn playing(&self) -> bool {
        self.state.borrow().position.playing()
    }

    /// Begins to play: from `start`, or from the first keyframe at or after `wait_from`.
    pub(super) fn join(
        &self,
        demand: Demand,
        wait_from: Cursor,
        start: Option<(Cursor, &WireImage)>,
        backlog: bool,
    ) {
        self.report_at.set(None);
        let mut state = self.state.borrow_mut();
        state.demand = Some(demand);
        state.tracks.iter_mut().flatten().for_each(|track| track.gate = Gate::AtStart);
        state.position.join(wait_from, start.map(|(cursor, _)| cursor));
        if let Some((_, image)) = start.filter(|_| backlog) {
            state.position.catch_up(image.time, self.feed.newest_time(), clock::now());
        }
        self.started.forget();
        if start.is_some() {
            self.started.give();
        }
    }

    /// Lets tracks out that were set up while others played; says whether there were any.
    pub(super) fn open_gates(&self) -> bool {
        let mut state = self.state.borrow_mut();
        let shut = state.tracks.iter_mut().flatten().filter(|track| track.gate == Gate::Shut);
        shut.map(|track| track.gate = Gate::AtStart).count() > 0
    }

    /// Waits until it is known where the reader starts.
    pub(super) async fn started(&self) {
        self.started.taken().await;
    }

    /// Lets images out, the PLAY being answered; gives what RTP-Info says of each track.
    pub(super) fn answered(&self) -> Vec<RtpInfo> {
        let mut state = self.state.borrow_mut();
        let begins = state.position.answered();
        let first = begins.and_then(|cursor| match self.feed.images().get(cursor) {
            Slot::Here(image) => Some((cursor, image)),
            _ => None,
        });
        let tracks =
            state.tracks.iter_mut().enumerate().filter_map(|(index, track)| Some((index, track.as_mut()?)));
        tracks
            .map(|(index, track)| {
                let id = TrackId(index as u8);
                let start = first.as_ref().and_then(|(cursor, image)| {
                    let seq = track.next_seq.or_else(|| self.feed.first_seq(*cursor, id))?;
                    // What was told is kept to, though pictures before its first keyframe are withheld.
                    track.next_seq = Some(seq);
                    // One instant in the clock of each: clients put the tracks together by it until the
                    // first reports come, and retina refuses several tracks of which one says nothing.
                    let timestamp = self.feed.with_sender(id, |sender| sender.timestamp(image.time))?;
                    Some((seq, timestamp))
                });
                RtpInfo { track: index as u8, start }
            })
            .collect()
    }

    /// Stops at an image's end, also of one that goes out in parts; sequence numbers go on from there at the next PLAY.
    pub(super) fn pause(&self) {
        let mut state = self.state.borrow_mut();
        state.position.pause();
        state.demand = None;
    }

    /// An image was written: a reader that waits for a keyframe may start there.
    pub(super) fn offer_start(&self, at: Cursor, image: &WireImage) {
        let mut state = self.state.borrow_mut();
        let starts = image.link == Link::Start || image.link == Link::Alone && !state.waits_for_video();
        if starts && state.has(image.track) && state.position.offer_start(at) {
            self.started.give();
        }
    }

    /// What it is to be sent now.
    pub(super) fn next(&self, view: &mut View<'_>) -> Option<Due> {
        if self.is_outdated() {
            return None;
        }
        let mut state = self.state.borrow_mut();
        let number = state.next_image(view, self)?;
        let image = view.image(number);
        let last = state.position.is_at_end(view);
        let track = state.tracks.get_mut(image.track.index())?.as_mut()?;
        if !track.reporter.active() {
            self.report_at.set(None);
        }
        let withheld = track.take(image);
        let way = match &track.route {
            Route::Tcp { rtp, .. } => Way::Tcp(*rtp),
            Route::Udp(to) => Way::Udp(to.clone()),
        };
        Some(Due { image: number, withheld, way, last })
    }

    /// Whether its tracks go by UDP, and no image is on its way there in parts.
    pub(super) fn is_ready_by_udp(&self) -> bool {
        matches!(self.path, Path::Udp(_)) && !self.state.borrow().destinations().any(|to| to.is_busy())
    }

    /// Whether it was told of a codec that is sent no more.
    pub(super) fn is_outdated(&self) -> bool {
        self.epoch != self.feed.epoch()
    }

    /// Images that its TCP socket did not take at once.
    pub(super) fn parted(&self) -> Option<u32> {
        match &self.path {
            Path::Tcp(outbox) => Some(outbox.parted()),
            Path::Udp(_) => None,
        }
    }

    /// What it was not sent, if there was anything.
    pub(super) fn tally(&self) -> Option<&Tally> {
        self.tally.get().map(Box::as_ref)
    }

    /// It was not sent so many images.
    pub(super) fn left_out(&self, reason: Reason, images: u32) {
        self.tally.get_or_init(Box::default).add(reason, images);
        self.feed.tally.add(reason, images);
    }

    /// How far behind its mount's newest image it is, by what the kernel has not taken yet.
    pub(super) fn behind(&self) -> Duration {
        let written = match &self.path {
            Path::Tcp(outbox) => outbox.is_empty(),
            Path::Udp(_) => true,
        };
        self.state.borrow().position.behind(self.feed.newest_time(), self.feed.images().end(), written)
    }

    /// When a backlog's next image is due, if that is what it waits for.
    pub(super) fn due(&self) -> Option<Instant> {
        self.state.borrow().position.due()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.feed.give_back();
    }
}

impl Supply for Reader {
    /// The next image for an interleaved reader, rewritten as it needs.
    fn next_outgoing(&self) -> Option<Outgoing> {
        let mut view = View::new(self.feed.images(), self.feed.newest_time(), clock::now(), Vec::new());
        let Due { image, withheld, way: Way::Tcp(channel), .. } = self.next(&mut view)? else { return None };
        Some(Outgoing { image: view.image(image).clone(), withheld, channel })
    }
}
