//! What is asked of the daemon, and the keys that ask for it.

use super::super::super::command::{Command, ConfigCommand};
use super::super::super::effect::Effect;
use super::super::super::keys::{Binding, Key, key};
use super::super::super::message::{Asked, ConfigAsked};
use super::super::super::state::config::draft::Draft;
use crate::control::protocol::ConfigRequest;

/// A key of this pane alone.
pub(super) const fn own(
    keys: &'static [Key],
    shown: &'static str,
    does: ConfigCommand,
    help: &'static str,
) -> Binding {
    key(keys, shown, Command::Config(does), help)
}

/// What is written in the draft, asked.
pub(super) fn values(draft: &Draft) -> Effect {
    Effect::ask(Asked::Config(ConfigAsked::Values), ConfigRequest::Values { text: Some(draft.text.clone()) })
}
