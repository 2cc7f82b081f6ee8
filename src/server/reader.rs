//! A reader: one session's cursor into its mount's images, and where its packets go. It has no queue.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::alarm::Kick;
use super::feed::Feed;
use super::figures::{SessionFigures, SessionState, Transport};
use super::outbox::{Outbox, Outgoing, Supply};
use super::position::{Next, Position};
use super::report::{Clocked, Reporter};
use super::tally::{Reason, Tally};
use super::udp::{Destination, Pair};
use super::view::View;
use super::volume::Volume;
use crate::clock;
use crate::hub::{Cursor, Demand, Slot};
use crate::media::{Link, TrackId};
use crate::rtcp::{self, Message};
use crate::rtp::WireImage;
use crate::rtsp::message::framed;
use crate::rtsp::server::{RtpInfo, SessionId};

/// What a session's media goes out by.
#[derive(Clone)]
pub(super) enum Path {
    Tcp(Rc<Outbox>),
    Udp(Rc<Pair>),
}

/// Where one track's packets go.
pub(super) enum Route {
    Tcp { rtp: u8, rtcp: u8 },
    Udp(Rc<Destination>),
}

/// Who set a session up.
pub(super) struct Client {
    /// Tells its session from all others, for those who may not know the session's name.
    pub(super) number: u64,
    pub(super) peer: SocketAddr,
    /// What program it is, as it says.
    pub(super) agent: Option<Box<str>>,
    /// Who signed in, if there are users.
    pub(super) user: Option<Arc<str>>,
    pub(super) since: Instant,
    /// The connection that it came by.
    pub(super) line: Weak<Outbox>,
}

pub(super) struct Reader {
    pub(super) session: SessionId,
    pub(super) peer: IpAddr,
    pub(super) client: Client,
    pub(super) path: Path,
    pub(super) feed: Arc<Feed>,
    /// What it was not sent.
    pub(super) tally: Tally,
    /// It waits for a keyframe: whoever sends to all readers asks for one.
    pub(super) wants_keyframe: Cell<bool>,
    /// The feed's when it was set up.
    epoch: u32,
    state: RefCell<State>,
    /// When a report may be due; `None`: look.
    report_at: Cell<Option<Instant>>,
    /// It is known where it starts.
    started: Kick,
}

#[derive(Default)]
struct State {
    tracks: Vec<Option<Track>>,
    position: Position,
    demand: Option<Demand>,
    volume: Volume,
}

struct Track {
    route: Route,
    /// It has keyframes to wait for.
    video: bool,
    gate: Gate,
    /// The sequence number that the reader expects next; `None` before its first packet.
    next_seq: Option<u16>,
    reporter: Reporter,
    /// Packets and octets of it that are in the volume.
    counted: (u32, u32),
}

/// Whether a track's packets go out: one that joins while others play waits for its own PLAY.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    Shut,
    /// From the next access unit on that needs none before it: what depends on pictures that were not sent is of no use.
    AtStart,
    Open,
}

/// An image that is to go out now.
pub(super) struct Due {
    /// The view's number of it.
    pub(super) image: usize,
    /// Taken off each sequence number: packets that this reader was not sent.
    pub(super) withheld: u16,
    pub(super) way: Way,
    /// The view has nothing behind it.
    pub(super) last: bool,
}

/// Where an image goes.
pub(super) enum Way {
    /// The interleaved channel.
    Tcp(u8),
    Udp(Rc<Destination>),
}

impl Reader {
    /// The feed's place is its own from now on.
    pub(super) fn new(session: SessionId, client: Client, path: Path, feed: Arc<Feed>) -> Self {
        Self {
            session,
            peer: client.peer.ip(),
            client,
            path,
            epoch: feed.epoch(),
            feed,
            tally: Tally::default(),
            wants_keyframe: Cell::new(false),
            state: RefCell::default(),
            report_at: Cell::new(None),
            started: Kick::default(),
        }
    }

    /// Sets a track up, or anew.
    pub(super) fn set_track(&self, track: TrackId, route: Route) {
        let mut state = self.state.borrow_mut();
        let index = track.index();
        if state.tracks.len() <= index {
            let more = index + 1 - state.tracks.len();
            state.tracks.reserve_exact(more);
            state.tracks.resize_with(index + 1, || None);
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

    /// The first refusal of a datagram since it was last heard.
    pub(super) fn refused_since(&self) -> Option<Instant> {
        self.state.borrow().destinations().filter_map(|to| to.refused_since()).min()
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

    /// Whether it was told of a codec that is sent no more.
    pub(super) fn is_outdated(&self) -> bool {
        self.epoch != self.feed.epoch()
    }

    /// Images that its TCP socket did not take at once.
    pub(super) fn parted(&self) -> u32 {
        match &self.path {
            Path::Tcp(outbox) => outbox.parted(),
            Path::Udp(_) => 0,
        }
    }

    fn left_out(&self, reason: Reason, images: u32) {
        self.tally.add(reason, images);
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

    /// Sends the sender reports that are due.
    pub(super) fn report(&self, now: Instant) -> io::Result<()> {
        if self.report_at.get().is_some_and(|at| now < at) {
            return Ok(());
        }
        self.report_now(now)
    }

    #[cold]
    #[inline(never)]
    fn report_now(&self, now: Instant) -> io::Result<()> {
        if !self.playing() {
            self.report_at.set(Some(now + QUIET));
            return Ok(());
        }
        self.control(|reporter| reporter.due(now), Reporter::report)?;
        let state = self.state.borrow();
        let next = state.tracks.iter().flatten().filter_map(|track| track.reporter.next()).min();
        // A track's first packet has it looked at again.
        self.report_at.set(Some(next.unwrap_or(now + QUIET)));
        drop(state);
        if let Path::Tcp(outbox) = &self.path { outbox.pump() } else { Ok(()) }
    }

    /// Says goodbye on every track that was sent something.
    pub(super) fn bye(&self) -> io::Result<()> {
        self.control(|reporter| reporter.active(), Reporter::bye)
    }

    /// Says goodbye on one of them.
    pub(super) fn bye_on(&self, track: TrackId) -> io::Result<()> {
        self.control_on(|index, reporter| index == track.index() && reporter.active(), Reporter::bye)
    }

    fn control(
        &self,
        due: impl Fn(&mut Reporter) -> bool,
        message: impl Fn(&Reporter, &Clocked<'_>) -> Vec<u8>,
    ) -> io::Result<()> {
        self.control_on(|_, reporter| due(reporter), message)
    }

    fn control_on(
        &self,
        due: impl Fn(usize, &mut Reporter) -> bool,
        message: impl Fn(&Reporter, &Clocked<'_>) -> Vec<u8>,
    ) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        for (index, track) in state.tracks.iter_mut().enumerate() {
            let Some(track) = track else { continue };
            // Most times it is not: the track's clock, which all workers share, is only looked at then.
            if !due(index, &mut track.reporter) {
                continue;
            }
            let (track_id, ssrc) = (TrackId(index as u8), track.reporter.ssrc());
            let packet = self.feed.with_clock(track_id, ssrc, |clock| message(&track.reporter, clock));
            match (packet, &self.path, &track.route) {
                (Some(packet), Path::Tcp(outbox), Route::Tcp { rtcp, .. }) => {
                    outbox.push(framed(*rtcp, &packet))?;
                }
                // A report that the socket does not take now is one report lost: the next comes in seconds.
                (Some(packet), Path::Udp(pair), Route::Udp(to)) => pair.send_report(to.rtcp, &packet),
                _ => {}
            }
        }
        Ok(())
    }

    /// What the reader reported.
    ///
    /// # Errors
    /// The bytes are no RTCP.
    pub(super) fn handle_rtcp(&self, packet: &[u8]) -> Result<(), rtcp::Error> {
        self.state.borrow().destinations().for_each(|to| to.heard());
        let mut keyframe = false;
        rtcp::parse(packet, |message| match message {
            Message::Reception(reception) => {
                let mut state = self.state.borrow_mut();
                let track = self.feed.track_of(reception.ssrc);
                if let Some(Some(track)) = track.and_then(|track| state.tracks.get_mut(track.index())) {
                    track.reporter.heard(reception);
                }
            }
            Message::Keyframe { ssrc, fir_seq } => keyframe |= self.wants_keyframe(ssrc, fir_seq),
            // A reader's BYE ends its membership, not the stream: TEARDOWN or the timeout does that.
            Message::Bye { .. } | Message::SenderReport(_) => {}
        })?;
        if keyframe {
            self.feed.force_keyframe();
        }
        Ok(())
    }

    fn wants_keyframe(&self, ssrc: u32, fir_seq: Option<u8>) -> bool {
        let mut state = self.state.borrow_mut();
        let track = self.feed.track_of(ssrc);
        match track.and_then(|track| state.tracks.get_mut(track.index())) {
            Some(Some(track)) => track.reporter.new_request(fir_seq),
            _ => false,
        }
    }

    /// What it reported of its first track: packets received, and jitter in RTP ticks.
    pub(super) fn quality(&self) -> Option<(u32, u32)> {
        let state = self.state.borrow();
        state.tracks.iter().flatten().next().map(|track| track.reporter.quality())
    }
}

impl Reader {
    /// Notes what was sent until now: once a second or so.
    pub(super) fn note_volume(&self, now: Instant) {
        let mut state = self.state.borrow_mut();
        state.count();
        state.volume.mark(now);
    }

    /// How it is.
    pub(super) fn figures(&self, now: Instant) -> SessionFigures {
        let behind = self.behind();
        let mut state = self.state.borrow_mut();
        state.count();
        let told =
            state.tracks.iter().enumerate().filter_map(|(index, track)| Some((index, track.as_ref()?)));
        let (index, last, round_trip) = told
            .map(|(index, track)| (index, track.reporter.reception()))
            .find_map(|(index, (reception, round_trip))| Some((index, Some(*reception?), round_trip)))
            .unwrap_or_default();
        let tracks = self.feed.mount.tracks();
        let clock_rate = tracks.and_then(|tracks| tracks.get(index).map(|track| track.codec.clock_rate()));
        let jitter = |ticks| Some(Duration::from_secs_f64(f64::from(ticks) / f64::from(clock_rate?.max(1))));
        let (playing, waiting) = (state.position.playing(), state.position.waiting());
        SessionFigures {
            number: self.client.number,
            shown: self.session.shown().to_owned(),
            peer: self.client.peer,
            mount: self.feed.mount.name().to_owned(),
            transport: match &self.path {
                Path::Tcp(_) => Transport::Tcp,
                Path::Udp(_) => Transport::Udp,
            },
            agent: self.client.agent.as_deref().map(str::to_owned),
            user: self.client.user.as_deref().map(str::to_owned),
            state: match (playing, waiting) {
                (false, _) => SessionState::Ready,
                (true, true) => SessionState::Waiting,
                (true, false) => SessionState::Playing,
            },
            age: now.saturating_duration_since(self.client.since),
            bytes: state.volume.bytes(),
            packets: state.volume.packets(),
            bitrate: if playing { state.volume.bitrate(now) } else { 0 },
            loss_percent: last.map(|last| f32::from(last.fraction_lost) * 100.0 / 256.0),
            lost: last.map(|last| last.lost),
            jitter: last.and_then(|last| jitter(last.jitter)),
            round_trip,
            dropped: self.tally.told(),
            behind: playing.then_some(behind),
        }
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

impl State {
    /// Adds what was sent since the last time.
    fn count(&mut self) {
        for track in self.tracks.iter_mut().flatten() {
            let (packets, octets) = track.reporter.sent();
            let before = std::mem::replace(&mut track.counted, (packets, octets));
            self.volume.add(packets.wrapping_sub(before.0), octets.wrapping_sub(before.1));
        }
    }

    fn has(&self, track: TrackId) -> bool {
        matches!(self.tracks.get(track.index()), Some(Some(_)))
    }

    /// Whether any of its tracks has keyframes to wait for.
    fn waits_for_video(&self) -> bool {
        self.tracks.iter().flatten().any(|track| track.video)
    }

    fn destinations(&self) -> impl Iterator<Item = &Rc<Destination>> {
        self.tracks.iter().flatten().filter_map(|track| match &track.route {
            Route::Udp(destination) => Some(destination),
            Route::Tcp { .. } => None,
        })
    }

    /// The next image of this reader's tracks that may go out now; moves the cursor past it.
    fn next_image(&mut self, view: &mut View<'_>, reader: &Reader) -> Option<usize> {
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
    fn take(&mut self, image: &WireImage) -> u16 {
        let first = self.next_seq.unwrap_or(image.first_seq);
        self.next_seq = Some(first.wrapping_add(image.packets));
        self.gate = Gate::Open;
        self.reporter.count(image);
        image.first_seq.wrapping_sub(first)
    }
}

/// Nothing is sent that could be reported: looked at again after this long, or when that changes.
const QUIET: Duration = Duration::from_secs(3600);
