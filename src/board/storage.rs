//! Free space, and what was written to the card.

use std::path::Path;

use nix::sys::statvfs::{FsFlags, statvfs};

use super::{Disk, text};

/// A sector, as the kernel counts written ones.
const SECTOR: u64 = 512;

/// The file system that a folder is on; none where there is no such folder.
pub(super) fn disk(path: &Path) -> Option<Disk> {
    let found = statvfs(path).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.fragment_size() as u64);
    Some(Disk {
        path: path.to_owned(),
        total: bytes(found.blocks() as u64),
        free: bytes(found.blocks_available() as u64),
        read_only: found.flags().contains(FsFlags::ST_RDONLY),
    })
}

/// The seventh figure of the card's `stat`: sectors written since the box started.
pub(super) fn card_written(root: &Path) -> Option<u64> {
    let sectors: u64 = text(root, "sys/block/mmcblk0/stat").split_whitespace().nth(6)?.parse().ok()?;
    sectors.checked_mul(SECTOR)
}
