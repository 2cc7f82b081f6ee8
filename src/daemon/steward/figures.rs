//! The box and its alarms, in control's words.

use std::time::{Duration, SystemTime};

use super::super::alarms;
use crate::board::Health;
use crate::clock;
use crate::control::protocol::{
    Alarm, AlarmLevel, Board, Disk, Dropped, Power, SessionState, SessionStatus, Transport, Wifi,
};
use crate::server::{self, SessionFigures};

pub(super) fn board(health: &Health) -> Board {
    let memory = health.memory.as_ref();
    let contiguous = memory.and_then(|memory| memory.contiguous);
    Board {
        hostname: nix::sys::utsname::uname()
            .ok()
            .map(|names| names.nodename().to_string_lossy().into_owned()),
        model: health.model.clone(),
        kernel: health.kernel.clone(),
        uptime_s: health.uptime.map(|time| time.as_secs()),
        cores: health.cores,
        cpu_percent: health.cpu_percent,
        own_cpu_percent: health.own_cpu_percent,
        load: health.load,
        clock_mhz: health.clock_mhz,
        memory_bytes: memory.map(|memory| memory.total),
        memory_available_bytes: memory.map(|memory| memory.available),
        contiguous_bytes: contiguous.map(|(all, _)| all),
        contiguous_free_bytes: contiguous.map(|(_, free)| free),
        own_memory_bytes: health.own_memory,
        temperature_celsius: health.temperature,
        power: health.power.map(|power| Power {
            under_voltage: power.under_voltage,
            capped: power.capped,
            throttled: power.throttled,
            soft_limit: power.soft_limit,
            under_voltage_before: power.under_voltage_before,
            throttled_before: power.throttled_before,
        }),
        wifi: health
            .wifi
            .iter()
            .map(|wifi| Wifi { interface: wifi.interface.clone(), level_dbm: wifi.level_dbm })
            .collect(),
        disks: health
            .disks
            .iter()
            .map(|disk| Disk {
                path: disk.path.display().to_string(),
                total_bytes: disk.total,
                free_bytes: disk.free,
                read_only: disk.read_only,
            })
            .collect(),
        card_written_bytes: health.card_written,
        clock_synchronised: health.clock_synchronised,
    }
}

pub(super) fn alarm(alarm: &alarms::Alarm, now: SystemTime) -> Alarm {
    let trouble = &alarm.trouble;
    let mount = trouble.id.strip_prefix("mount/").and_then(|rest| rest.rsplit_once('/'));
    Alarm {
        id: trouble.id.clone(),
        level: if mount.is_some() { AlarmLevel::Error } else { AlarmLevel::Warning },
        mount: mount.map(|(name, _)| name.to_owned()),
        began_at: clock::rfc3339(alarm.since),
        began_s_ago: now.duration_since(alarm.since).unwrap_or_default().as_secs(),
        times: alarm.times,
        first_at: (alarm.times > 1).then(|| clock::rfc3339(alarm.first)),
        ended_at: alarm.until.map(clock::rfc3339),
        why: trouble.why.clone(),
        what_to_do: trouble.what_to_do.clone(),
    }
}

pub(super) fn session(session: &SessionFigures) -> SessionStatus {
    let ms = |time: Option<Duration>| time.map(|time| time.as_secs_f32() * 1e3);
    SessionStatus {
        id: session.number.to_string(),
        mount: session.mount.clone(),
        user: session.user.clone(),
        address: session.peer.to_string(),
        transport: match session.transport {
            server::Transport::Udp => Transport::Udp,
            server::Transport::Tcp => Transport::Tcp,
        },
        client: session.agent.clone(),
        state: match session.state {
            server::SessionState::Ready => SessionState::Ready,
            server::SessionState::Waiting => SessionState::Waiting,
            server::SessionState::Playing => SessionState::Playing,
        },
        duration_s: session.age.as_secs(),
        bytes: session.bytes,
        packets: session.packets,
        bitrate_bps: session.bitrate,
        loss_percent: session.loss_percent,
        lost_packets: session.lost.map(i64::from),
        jitter_ms: ms(session.jitter),
        round_trip_ms: ms(session.round_trip),
        dropped: dropped(&session.dropped),
        parted: session.parted.map(u64::from),
        behind_live_ms: session.behind.map(|time| time.as_millis() as u64),
    }
}

pub(super) fn dropped(reasons: &[(&'static str, u32)]) -> Vec<Dropped> {
    let dropped = |(reason, pictures): &(&str, u32)| Dropped {
        reason: (*reason).to_owned(),
        pictures: u64::from(*pictures),
    };
    reasons.iter().map(dropped).collect()
}
