//! What each screen remembers, what its keys do, and what it asks for. How it is drawn is the room `view`.

pub mod alarms;
pub mod config;
pub mod dashboard;
pub mod logs;
pub mod mount;
pub mod mounts;
pub mod session;
pub mod sessions;

/// What an update wants done.
pub type Effects = Vec<super::effect::Effect>;
