//! What this machine says of itself: descriptors, CPU, datagrams that found no room.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::time::{ClockId, clock_gettime};

/// Ticks a second in `/proc`, the same on every Linux that Rust knows.
const TICKS: u64 = 100;

/// Raises the limit of descriptors as far as this process may; gives how many there may be.
pub(super) fn raise_descriptors() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return u64::MAX };
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    }
}

/// CPU time that this process took.
pub(super) fn own_cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

/// Datagrams that this machine's sockets had no room for since it started.
pub(super) fn overflows() -> u64 {
    let count = |file: &str, read: fn(&str) -> Option<u64>| {
        fs::read_to_string(file).ok().and_then(|text| read(&text)).unwrap_or(0)
    };
    count("/proc/net/snmp", receive_errors) + count("/proc/net/snmp6", receive_errors_6)
}

/// `Udp:` stands in two lines: names, then numbers.
fn receive_errors(text: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Udp:"));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let at = names.split_whitespace().position(|name| name == "RcvbufErrors")?;
    numbers.split_whitespace().nth(at)?.parse().ok()
}

fn receive_errors_6(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("Udp6RcvbufErrors"))?.trim().parse().ok()
}

/// CPU time that another process of this machine took, and its resident memory in kB.
pub(super) fn process(pid: u32) -> Option<(Duration, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let resident = resident.split_whitespace().next()?.parse().ok()?;
    Some((ticks(&stat)?, resident))
}

/// Of `pid (name) state ...`: the name may hold anything.
fn ticks(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 1000 / TICKS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read_by_its_names() {
        let snmp = "Ip: A B\nIp: 1 2\nUdp: InDatagrams NoPorts RcvbufErrors\nUdp: 5 6 77\n";
        assert_eq!(receive_errors(snmp), Some(77));
        assert_eq!(receive_errors_6("Udp6InErrors 3\nUdp6RcvbufErrors                	9\n"), Some(9));
        let stat = "12 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0";
        assert_eq!(ticks(stat), Some(Duration::from_secs(2)));
        assert_eq!((receive_errors(""), ticks("")), (None, None));
        assert!(process(std::process::id()).is_some_and(|(_, resident)| resident > 0));
    }
}
