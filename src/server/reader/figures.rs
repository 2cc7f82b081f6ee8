//! How a reader is, for those who look on.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Path, Reader};
use crate::server::figures::{SessionFigures, SessionState, Transport};
use crate::server::tally::Tally;

impl Reader {
    /// Notes what was sent until now: once a second or so.
    pub(in crate::server) fn note_volume(&self, now: Instant) {
        let mut state = self.state.borrow_mut();
        state.count();
        state.volume.mark(now);
    }

    /// What it was sent is the mount's from now on: its session is over.
    pub(in crate::server) fn hand_over_volume(&self) {
        let mut state = self.state.borrow_mut();
        state.count();
        self.feed.sent.fetch_add(state.volume.bytes(), Ordering::Relaxed);
    }

    /// How it is.
    pub(in crate::server) fn figures(&self, now: Instant) -> SessionFigures {
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
            shown: self.session.shown().to_string(),
            peer: self.client.peer,
            mount: self.feed.mount.name().to_owned(),
            transport: match &self.path {
                Path::Tcp(_) => Transport::Tcp,
                Path::Udp(_) => Transport::Udp,
            },
            agent: self.client.agent.as_deref().map(str::to_owned),
            user: self.client.user.as_ref().map(|user| user.name.to_string()),
            state: match (playing, waiting) {
                (false, _) => SessionState::Ready,
                (true, true) => SessionState::Waiting,
                (true, false) => SessionState::Playing,
            },
            age: now.saturating_duration_since(self.client.since.into()),
            bytes: state.volume.bytes(),
            packets: state.volume.packets(),
            bitrate: if playing { state.volume.bitrate(now) } else { 0 },
            loss_percent: last.map(|last| f32::from(last.fraction_lost) * 100.0 / 256.0),
            lost: last.map(|last| last.lost),
            jitter: last.and_then(|last| jitter(last.jitter)),
            round_trip,
            dropped: self.tally().map(Tally::told).unwrap_or_default(),
            parted: self.parted(),
            behind: playing.then_some(behind),
        }
    }
}
