//! AAC: what a decoder must know, and raw access units out of ADTS (ISO/IEC 14496-3).

mod adts;
mod bits;
mod config;

pub use adts::{Header, frames};
pub use config::{Config, Unfit};
