//! Memory: `/proc/meminfo` and `/proc/self/status`.

use super::Memory;

pub(super) fn memory(meminfo: &str) -> Option<Memory> {
    let contiguous = kilobytes(meminfo, "CmaTotal").zip(kilobytes(meminfo, "CmaFree"));
    Some(Memory {
        total: kilobytes(meminfo, "MemTotal")?,
        available: kilobytes(meminfo, "MemAvailable")?,
        contiguous: contiguous.filter(|(total, _)| *total > 0),
    })
}

/// This program's resident memory.
pub(super) fn resident(status: &str) -> Option<u64> {
    kilobytes(status, "VmRSS")
}

/// A line `Name:   123 kB`, in bytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}
