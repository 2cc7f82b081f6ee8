//! The box and its alarms, in control's words.

use std::time::SystemTime;

use super::super::alarms;
use crate::board::Health;
use crate::control::protocol::{Alarm, AlarmLevel, Board, Disk, Power, Wifi};

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
        began_at: time(alarm.since),
        began_s_ago: now.duration_since(alarm.since).unwrap_or_default().as_secs(),
        ended_at: alarm.until.map(time),
        why: trouble.why.clone(),
        what_to_do: trouble.what_to_do.clone(),
    }
}

/// RFC 3339 in UTC, to the second.
pub(super) fn time(at: SystemTime) -> String {
    // `Thu, 01 Jan 1970 00:00:00 GMT`: the same parts in another order.
    let text = httpdate::fmt_http_date(at.max(SystemTime::UNIX_EPOCH));
    let (day, month, year, clock) = (&text[5..7], &text[8..11], &text[12..16], &text[17..25]);
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months.iter().position(|name| *name == month).unwrap_or_default() + 1;
    format!("{year}-{month:02}-{day}T{clock}Z")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_written_by_rfc_3339() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_764_104_645);
        assert_eq!(time(at), "2025-11-25T21:04:05Z");
    }
}
