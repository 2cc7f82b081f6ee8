//! Behaviour, shown through public doors: the program itself, its sockets, real clients.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "tests measure time from outside")]

mod access;
mod allocations;
mod another_user;
mod architecture;
mod backup;
mod bad_input;
mod client;
mod command;
mod command_faults;
mod command_reload;
mod command_said;
mod commands;
mod config;
mod config_reload;
mod control;
mod conversations;
mod corpora;
mod dialogs;
mod files;
mod formats;
mod hostile;
mod hot;
mod interop;
mod jpegs;
mod kept;
mod lab;
mod latency;
mod load;
mod load_verdict;
mod logs;
mod media;
mod media3;
mod pacing;
mod panics;
mod plan;
mod protocol;
mod receive;
mod receiving;
mod refused;
mod restore;
mod rules;
mod sending;
mod sessions;
mod soak;
mod stand_in;
mod starved;
mod store;
mod support;
#[cfg(feature = "tui")]
mod terminal;
#[cfg(feature = "tui")]
mod tui;
mod two_tracks;
mod users;
mod which_daemon;
mod wiped;
#[cfg(not(feature = "tui"))]
mod without_screen;
mod workers;
