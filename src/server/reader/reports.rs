//! What is said to a reader beside its media, and what it says: RTCP.

use std::io;
use std::time::{Duration, Instant};

use super::tracks::Route;
use super::{Path, Reader};
use crate::media::TrackId;
use crate::rtcp::{self, Message};
use crate::rtsp::message::framed;
use crate::server::moment::Moment;
use crate::server::report::{Clocked, Reporter};

/// Nothing is sent that could be reported: looked at again after this long, or when that changes.
const QUIET: Duration = Duration::from_secs(3600);

impl Reader {
    /// Sends the sender reports that are due.
    pub(in crate::server) fn report(&self, now: Moment) -> io::Result<()> {
        if self.report_at.get().is_some_and(|at| now < at) {
            return Ok(());
        }
        self.report_now(now.into())
    }

    #[cold]
    #[inline(never)]
    fn report_now(&self, now: Instant) -> io::Result<()> {
        if !self.playing() {
            self.report_at.set(Some((now + QUIET).into()));
            return Ok(());
        }
        self.control(|reporter| reporter.due(now), Reporter::report)?;
        let state = self.state.borrow();
        let next = state.tracks.iter().flatten().filter_map(|track| track.reporter.next()).min();
        // A track's first packet has it looked at again.
        self.report_at.set(Some(next.unwrap_or(now + QUIET).into()));
        drop(state);
        if let Path::Tcp(outbox) = &self.path { outbox.pump() } else { Ok(()) }
    }

    /// Says goodbye on every track that was sent something.
    pub(in crate::server) fn bye(&self) -> io::Result<()> {
        self.control(|reporter| reporter.active(), Reporter::bye)
    }

    /// Says goodbye on one of them.
    pub(in crate::server) fn bye_on(&self, track: TrackId) -> io::Result<()> {
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
                (Some(packet), Path::Udp(pair), Route::Udp(to)) => pair.send_report(to.rtcp(), &packet),
                _ => {}
            }
        }
        Ok(())
    }

    /// What the reader reported.
    ///
    /// # Errors
    /// The bytes are no RTCP.
    pub(in crate::server) fn handle_rtcp(&self, packet: &[u8]) -> Result<(), rtcp::Error> {
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
            self.feed.need_keyframe();
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
    pub(in crate::server) fn quality(&self) -> Option<(u32, u32)> {
        let state = self.state.borrow();
        state.tracks.iter().flatten().next().map(|track| track.reporter.quality())
    }
}
