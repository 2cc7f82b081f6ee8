//! Header fields that have a grammar of their own.

pub mod range;
pub mod transport;
