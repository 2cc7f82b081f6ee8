//! What each fuzz target does with its bytes. Without libFuzzer here, so that `tests/it/corpora.rs` replays
//! the kept corpora through the same code with a stable compiler.
//!
//! A new target is a function, a line in [`TARGETS`], a file in `fuzz_targets` and a folder in `corpus`.

#![allow(missing_docs, reason = "the functions are the targets; their invariants stand in them")]
#![allow(unreachable_pub, reason = "public to the fuzz targets, a module to the test")]
#![allow(clippy::unwrap_used, reason = "an invariant that does not hold is to panic")]

mod client;
mod config;
pub mod connection;
pub mod entrance;
mod files;
mod formats;
mod h264;
mod headers;
mod input;
mod parser;
mod receiving;
mod rtcp;

/// Takes any bytes; panics where the program is wrong.
pub type Target = fn(&[u8]);

/// Every target by the name of its file and of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("parser", parser::parser),
    ("demultiplexer", parser::demultiplexer),
    ("transport", headers::transport),
    ("range", headers::range),
    ("url", headers::url),
    ("authorization", headers::authorization),
    ("splitter", h264::splitter),
    ("assembler", h264::assembler),
    ("nal_units", h264::nal_units),
    ("parameter_sets", h264::parameter_sets),
    ("packetizer", h264::packetizer),
    ("jpeg", formats::jpeg),
    ("hevc", formats::hevc),
    ("aac", formats::aac),
    ("mp4", files::mp4),
    ("mkv", files::mkv),
    ("rtcp", rtcp::rtcp),
    ("connection", connection::connection),
    ("entrance", entrance::entrance),
    ("config", config::config),
    ("client", client::client),
    ("presentation", client::presentation),
    ("packet", receiving::packet),
    ("receiver", receiving::receiver),
    ("depacketizer", receiving::depacketizer),
    ("h265_depacketizer", receiving::h265_depacketizer),
    ("aac_depacketizer", receiving::aac_depacketizer),
    ("jpeg_depacketizer", receiving::jpeg_depacketizer),
];

/// Runs the target of that name.
#[allow(dead_code, reason = "for the fuzz targets")]
pub fn run(name: &str, data: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of that name");
    target(data);
}
