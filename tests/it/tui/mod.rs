//! The terminal: what each screen shows, and what each key does.

mod bytes;
mod config;
mod config_keys;
mod keys;
mod link;
mod screens;
mod support;
mod svg;
