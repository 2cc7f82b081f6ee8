//! Random numbers, from the kernel.

use crate::clock;

/// For what should differ from others' and is no secret: names of streams, first numbers, intervals.
pub(crate) fn random_u32() -> u32 {
    getrandom::u32().unwrap_or_else(|_| clock::media().as_nanos() as u32)
}
