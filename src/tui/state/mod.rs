//! What each pane remembers. What keys do to it is the room `panes`.

pub mod alarms;
pub mod config;
pub mod cursor;
pub mod dashboard;
pub mod logs;
pub mod mount;
pub mod sessions;

/// What each pane remembers.
#[derive(Debug, Default)]
pub struct Panes {
    /// Of the dashboard.
    pub dashboard: dashboard::State,
    /// Of the sessions.
    pub sessions: sessions::State,
    /// Of the mount.
    pub mount: mount::State,
    /// Of the configuration.
    pub config: config::State,
    /// Of the log.
    pub logs: logs::State,
    /// Of the alarms.
    pub alarms: alarms::State,
}
