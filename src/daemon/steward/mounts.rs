//! A mount's figures.

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use super::super::listing::Listed;
use super::{figures, kind};
use crate::clock;
use crate::config::MountSettings;
use crate::control::protocol::{
    Dropped, Encoder, MountState, MountStatus, RestartReason, StageLatency, TrackStatus,
};
use crate::hub::{Flow, Latency, Mount, Stage, State};
use crate::media::{Codec, Track};
use crate::server::MountFigures;

/// Rates are those of about so long.
const WINDOW: Duration = Duration::from_secs(3);

/// What a mount's source gave, at several instants.
#[derive(Debug, Default)]
pub(super) struct Meter(VecDeque<(Instant, Flow)>);

impl Meter {
    /// Notes what it gave by now.
    pub(super) fn look(&mut self, now: Instant, flow: Flow) {
        // A mount of that name that came anew begins at nothing.
        if self.0.back().is_some_and(|(_, before)| flow.bytes < before.bytes) {
            self.0.clear();
        }
        self.0.push_back((now, flow));
        let old = |at: Instant| now.saturating_duration_since(at) > WINDOW;
        while self.0.len() > 2 && self.0.front().is_some_and(|(at, _)| old(*at)) {
            self.0.pop_front();
        }
    }

    /// Bits and pictures a second until now.
    fn rates(&self, now: Instant, flow: &Flow) -> Option<(u64, f32)> {
        let (from, before) = self.0.front()?;
        let seconds = now.saturating_duration_since(*from).as_secs_f64();
        if seconds < 0.5 {
            return None;
        }
        let bytes = flow.bytes.checked_sub(before.bytes)?;
        let pictures = flow.pictures.checked_sub(before.pictures)?;
        Some(((bytes as f64 * 8.0 / seconds) as u64, (pictures as f64 / seconds) as f32))
    }
}

/// A mount that is not served.
pub(super) fn disabled(name: &str, settings: &MountSettings) -> MountStatus {
    MountStatus {
        name: name.to_owned(),
        kind: kind(settings).0.to_owned(),
        state: MountState::Disabled,
        ..MountStatus::default()
    }
}

pub(super) fn status(
    listed: &Listed,
    meter: Option<&Meter>,
    served: Option<&MountFigures>,
    sent_now: u64,
    now: Instant,
) -> MountStatus {
    let mount = &listed.mount;
    let (kind, device) = kind(&listed.settings);
    let flow = mount.flow();
    let rates = meter.and_then(|meter| meter.rates(now, &flow));
    let (state, why) = match mount.state() {
        State::Idle => (MountState::Idle, None),
        State::Starting => (MountState::Starting, None),
        State::Live => (MountState::Live, None),
        State::StandIn(why) => (MountState::StandIn, Some(why.to_string())),
        State::Failed(why) => (MountState::Failed, Some(why.to_string())),
    };
    let age = flow.keyframe.map(|time| clock::media().since(time));
    MountStatus {
        name: mount.name().to_owned(),
        label: served.and_then(|served| served.settings.label.clone()),
        kind: kind.to_owned(),
        state,
        why,
        chain: chain(mount, kind, device),
        encoder: encoder(mount, state),
        tracks: mount.tracks().iter().flat_map(|tracks| tracks.iter().map(track)).collect(),
        bitrate_bps: rates.map(|(bits, _)| bits),
        fps: rates.map(|(_, fps)| fps),
        gop_pictures: flow.group,
        keyframe_age_ms: age.map(|age| age.as_millis() as u64),
        forces_keyframes: mount.forces_keyframes(),
        restarts: flow.failures,
        restart_reasons: mount
            .failures()
            .into_iter()
            .map(|(why, times)| RestartReason { why: why.to_string(), times })
            .collect(),
        readers: served.map_or(0, |served| u32::try_from(served.readers).unwrap_or(u32::MAX)),
        max_readers: served
            .and_then(|served| served.settings.max_readers)
            .and_then(|most| u32::try_from(most).ok()),
        reader_dropped: served.map(|served| figures::dropped(&served.dropped)).unwrap_or_default(),
        source_dropped: lost(mount),
        sent_bytes: served.map_or(0, |served| served.sent_before) + sent_now,
        latency: latency(mount.latency()),
    }
}

/// The steps as the source tells them, to the size that is coded; before it was opened, what is known of it.
fn chain(mount: &Mount, kind: &str, device: Option<&Path>) -> Vec<String> {
    let mut steps = mount.making().steps;
    if steps.is_empty() {
        steps.push(device.map_or_else(|| kind.to_owned(), |device| device.display().to_string()));
    }
    let tracks = mount.tracks();
    let coded = tracks.iter().flat_map(|tracks| tracks.iter().map(track)).map(|track| {
        let size = track.width.zip(track.height).map(|(width, height)| format!(" {width}x{height}"));
        track.codec + &size.unwrap_or_default()
    });
    let coded: Vec<String> = coded.collect();
    steps.extend((!coded.is_empty()).then(|| coded.join(" + ")));
    steps
}

fn encoder(mount: &Mount, state: MountState) -> Option<Encoder> {
    let coder = mount.making().encoder?;
    let described = mount.tracks().and_then(|tracks| tracks.first()?.bitrate);
    let bitrate = described.or(mount.bitrate()).unwrap_or(coder.bitrate);
    Some(Encoder {
        name: coder.name,
        running: state == MountState::Live,
        bitrate_bps: Some(bitrate.into()),
        gop_pictures: Some(mount.gop().unwrap_or(coder.gop)),
        configured_bitrate_bps: Some(coder.bitrate.into()),
        configured_gop_pictures: Some(coder.gop),
        profile: Some(coder.profile),
    })
}

fn lost(mount: &Mount) -> Vec<Dropped> {
    let lost = mount.lost().into_iter();
    lost.map(|(reason, pictures)| Dropped { reason: reason.to_owned(), pictures }).collect()
}

fn track(track: &Track) -> TrackStatus {
    let picture = match &track.codec {
        Codec::H264(sets) => sets.picture().map(|picture| (picture.width, picture.height, picture.rate)),
        Codec::H265(sets) => sets.picture().map(|picture| (picture.width, picture.height, picture.rate)),
        Codec::Jpeg | Codec::Aac(_) => None,
    };
    TrackStatus {
        codec: track.codec.name().to_owned(),
        width: picture.map(|picture| picture.0),
        height: picture.map(|picture| picture.1),
        fps: picture.and_then(|picture| picture.2).map(|rate| rate as f32),
        clock_rate_hz: track.codec.clock_rate(),
    }
}

fn latency(latency: &Latency) -> Vec<StageLatency> {
    if latency.pictures() == 0 {
        return Vec::new();
    }
    let stage = |stage: Stage| {
        let times = latency.of(stage);
        let ms = |part| times.quantile(part).map(|time| time.as_secs_f32() * 1e3);
        StageLatency {
            stage: stage.name().to_owned(),
            pictures: times.total(),
            p50_ms: ms(0.5),
            p90_ms: ms(0.9),
            p99_ms: ms(0.99),
            buckets_ms: times.buckets().map(|(end, count)| (end.as_secs_f32() * 1e3, count)).collect(),
        }
    };
    Stage::ALL.into_iter().map(stage).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn rates_are_those_of_the_last_seconds() {
        let begin = clock::now();
        let at = |second: u64| begin + Duration::from_secs(second);
        let flow = |second: u64| Flow { bytes: second * 1000, pictures: second * 25, ..Flow::default() };
        let mut meter = Meter::default();
        assert_eq!(meter.rates(at(0), &flow(0)), None);
        for second in 0..10 {
            meter.look(at(second), flow(second));
        }
        assert_eq!(meter.rates(at(9), &flow(9)), Some((8000, 25.0)));
        // It stops: three seconds later nothing is left of it.
        for second in 10..15 {
            meter.look(at(second), flow(9));
        }
        assert_eq!(meter.rates(at(14), &flow(9)), Some((0, 0.0)));
        assert!(meter.0.len() <= 5);
    }

    #[test]
    fn a_mount_that_came_anew_has_rates_of_its_own() {
        let (began, mut meter) = (clock::now(), Meter::default());
        let at = |seconds: u64| began + Duration::from_secs(seconds);
        let flow = |bytes, pictures| Flow { bytes, pictures, ..Flow::default() };
        meter.look(at(0), flow(1000, 10));
        meter.look(at(1), flow(2000, 20));
        assert_eq!(meter.rates(at(1), &flow(2000, 20)), Some((8000, 10.0)));
        assert_eq!(meter.rates(at(1), &flow(0, 0)), None);
        meter.look(at(2), flow(0, 0));
        meter.look(at(3), flow(500, 5));
        assert_eq!(meter.rates(at(3), &flow(500, 5)), Some((4000, 5.0)));
    }
}
