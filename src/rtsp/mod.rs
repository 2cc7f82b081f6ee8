//! RTSP 1.0 without sockets ([RFC 2326](https://www.rfc-editor.org/rfc/rfc2326)): bytes and time in,
//! bytes and events out.

pub mod auth;
pub mod authority;
pub mod client;
pub mod customer;
pub mod header;
pub mod message;
pub mod parser;
pub mod server;
pub mod url;
