//! The terminal: what each screen shows, and what each key does.

mod access;
mod another;
mod bytes;
mod columns;
mod config;
mod config_keys;
mod editing;
mod hostile;
mod keys;
mod link;
mod mouse;
mod screens;
mod support;
mod svg;
mod told;
mod typing;
