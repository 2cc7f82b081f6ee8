//! Commands that are not the daemon.

pub mod receive;
