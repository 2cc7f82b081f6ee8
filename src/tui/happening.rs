//! What happens outside of the model.

use ratatui::crossterm::event::Event;

use crate::control::client;

/// What happens outside.
#[derive(Debug)]
pub enum Happening {
    /// At the terminal.
    Terminal(Event),
    /// The terminal is gone.
    Gone,
    /// Between us and the daemon.
    Daemon(client::Event),
    /// Somebody wants the end.
    Signal,
}
