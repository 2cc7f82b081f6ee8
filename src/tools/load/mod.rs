//! `lenslet load`: plays a URL many times at once and says whether the server carries it.
//!
//! For the person who has one board and fifty viewers. One thread, one epoll; of packets the heads alone are looked at,
//! so that the tester is later at its end than the server.

mod alone;
mod figures;
mod fleet;
mod framing;
mod histogram;
mod keyframe;
mod machine;
mod pace;
mod reader;
mod report;
mod sockets;
mod tally;
mod verdict;

use std::fmt;
use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use crate::client;
use crate::rtsp::client::{Transport, Url};
use figures::Summary;
use fleet::Fleet;
use verdict::Verdict;

/// Descriptors of the program itself, with some to spare.
const OWN_DESCRIPTORS: u64 = 32;

/// What to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to play.
    pub url: String,
    /// How many readers.
    pub readers: usize,
    /// How.
    pub transport: Transport,
    /// For how long, from when everybody plays.
    pub duration: Duration,
    /// Over what time readers come; absent: a hundred a second.
    pub ramp: Option<Duration>,
    /// Further readers by TCP that do not read.
    pub slow: usize,
    /// How they do not read.
    pub slow_kind: SlowKind,
    /// Readers a second that leave, each for another.
    pub churn: f64,
    /// The server's process, if it runs on this machine: its CPU and memory are told.
    pub pid: Option<u32>,
    /// One JSON object instead of sentences.
    pub json: bool,
}

/// How a slow reader does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlowKind {
    /// It hangs.
    Stall,
    /// A byte a second.
    Trickle,
}

/// Why nothing was tried, or what came of it.
#[derive(Debug)]
pub enum Error {
    /// The URL is none, or its host is unknown.
    Client(client::Error),
    /// So many readers do not fit this process.
    Descriptors {
        /// How many it takes.
        needed: u64,
        /// How many there may be.
        allowed: u64,
        /// How many readers would fit.
        fit: u64,
    },
    /// There is no such process.
    NoProcess(u32),
    /// Something of the system's own.
    System(io::Error),
    /// The server does not carry it, or it cannot be told.
    NotCarried,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(error) => error.fmt(f),
            Self::Descriptors { needed, allowed, fit } => write!(
                f,
                "so many readers need {needed} descriptors and this process may have {allowed}, which is enough for {fit}: \
                 raise the hard limit (ulimit -Hn) or share them between several testers"
            ),
            Self::NoProcess(pid) => write!(f, "there is no process {pid} on this machine"),
            Self::System(error) => write!(f, "the system refused: {error}"),
            Self::NotCarried => f.write_str("not every reader was served as it should be"),
        }
    }
}

impl std::error::Error for Error {}

/// Where readers go.
#[derive(Clone, Debug)]
struct Target {
    url: Url,
    address: SocketAddr,
    transport: Transport,
}

/// Loads and tells.
///
/// # Errors
/// Nothing could be tried, or the verdict is not a good one.
pub fn run(options: &Options) -> Result<(), Error> {
    let summary = try_all(options).inspect_err(|error| {
        if options.json {
            let url = Url::parse(&options.url).map_or_else(|_| String::new(), |url| url.request().to_owned());
            // Whoever reads it is told by the exit code as well.
            let _ = print_json(&serde_json::json!({ "url": url, "error": error.to_string() }));
        }
    })?;
    let written = if options.json { print_json(&summary) } else { print(&summary) };
    written.map_err(Error::System)?;
    if summary.verdict == Verdict::Good { Ok(()) } else { Err(Error::NotCarried) }
}

fn try_all(options: &Options) -> Result<Summary, Error> {
    let url = Url::parse(&options.url).map_err(|error| Error::Client(client::Error::Protocol(error)))?;
    if let Some(pid) = options.pid.filter(|pid| machine::process(*pid).is_none()) {
        return Err(Error::NoProcess(pid));
    }
    check_descriptors(options)?;
    let address = resolve(&url)?;
    let target = Target { url, address, transport: options.transport };
    Fleet::new(options, target).map_err(Error::System)?.run().map_err(Error::System)
}

fn check_descriptors(options: &Options) -> Result<(), Error> {
    // Of one track: that there are more is seen later.
    let each = if options.transport == Transport::Udp { 3 } else { 1 };
    let beside = options.slow as u64 + OWN_DESCRIPTORS;
    let needed = each * options.readers as u64 + beside;
    let allowed = machine::raise_descriptors();
    if needed > allowed {
        let fit = allowed.saturating_sub(beside) / each;
        return Err(Error::Descriptors { needed, allowed, fit });
    }
    Ok(())
}

fn resolve(url: &Url) -> Result<SocketAddr, Error> {
    let failed = |source| {
        let address = format!("{}:{}", url.host(), url.port());
        Error::Client(client::Error::Connect { address, source })
    };
    let mut found = (url.host(), url.port()).to_socket_addrs().map_err(failed)?;
    found.next().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
}

impl Target {
    fn unreachable(&self, source: io::Error) -> client::Error {
        client::Error::Connect { address: self.address.to_string(), source }
    }
}

fn print(summary: &Summary) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{summary}")
}

fn print_json(summary: &impl serde::Serialize) -> io::Result<()> {
    let text = serde_json::to_string_pretty(summary)?;
    writeln!(io::stdout().lock(), "{text}")
}
