//! Commands that are not the daemon.

pub mod load;
pub mod plan;
pub mod receive;
pub mod urls;
