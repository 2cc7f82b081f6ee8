//! Commands that are clients: of our own server or of another's.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use super::Done;
use crate::config::Config;
use crate::rtsp::client::Transport;
use crate::tools::{load, plan, receive};

#[derive(Debug, clap::Args)]
pub(super) struct ReceiveArguments {
    /// The URL: rtsp://host/path, with user:password@ before the host where one is asked for.
    url: String,
    /// How packets shall come; if not said, by UDP, and by TCP where that does not get through.
    #[arg(long, value_enum)]
    transport: Option<TransportArgument>,
    /// For how many seconds; Ctrl-C ends it earlier.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Write the first video track into this file: H.264 and H.265 as a raw byte stream, JPEGs one behind the
    /// other; AAC, where there is no video, as ADTS.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Write a line for every picture into this file: time, arrival, bytes.
    #[arg(long, value_name = "FILE.csv")]
    pictures: Option<PathBuf>,
    /// For scripts: one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct LoadArguments {
    /// The URL: rtsp://host/path, with user:password@ before the host where one is asked for.
    url: String,
    /// How many readers.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    readers: u32,
    /// How packets shall come.
    #[arg(long, value_enum, default_value = "tcp")]
    transport: TransportArgument,
    /// For how many seconds, from when everybody plays; Ctrl-C ends it earlier.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Over how many seconds readers come; if not said, a hundred a second.
    #[arg(long, value_name = "SECONDS")]
    ramp: Option<u32>,
    /// Further readers, by TCP, that do not read what they are sent.
    #[arg(long, value_name = "K", default_value_t = 0)]
    slow: u32,
    /// How those do not read: not at all, or a byte a second.
    #[arg(long, value_enum, default_value = "stall")]
    slow_kind: SlowArgument,
    /// Readers a second that leave, each for a new one.
    #[arg(long, value_name = "R", default_value_t = 0.0, value_parser = rate)]
    churn: f64,
    /// The server's process, where it runs on this machine: its CPU and memory are told too.
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
    /// For scripts: one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct PlanArguments {
    /// The stream's bitrate: 4M, 500k.
    #[arg(long, value_name = "RATE")]
    bitrate: plan::Bitrate,
    /// How many watch.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    readers: u32,
    /// Pictures a second.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1000))]
    fps: u32,
    /// The board's link: 100M, 1G; of Wi-Fi what it really carries.
    #[arg(long, value_name = "RATE", default_value = "100M")]
    link: plan::Bitrate,
    /// Cores that serve: `workers` in the configuration, one unless it says more.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    cores: u32,
    /// How packets are sent.
    #[arg(long, value_enum, default_value = "tcp")]
    transport: TransportArgument,
    /// The kind of board, by its cores: a72 is a Raspberry Pi 4, a53 a Zero 2 W.
    #[arg(long, value_enum, default_value = "a72")]
    board: BoardArgument,
    /// For scripts: one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum BoardArgument {
    X86,
    A76,
    A72,
    A53,
    Arm11,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SlowArgument {
    Stall,
    Trickle,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TransportArgument {
    Udp,
    Tcp,
}

pub(super) fn receive(arguments: ReceiveArguments) -> Done {
    let ReceiveArguments { url, transport, seconds, save, pictures, json } = arguments;
    let transport = transport.map(Transport::from);
    let duration = Duration::from_secs(u64::from(seconds));
    Ok(receive::run(&receive::Options { url, transport, duration, save, pictures, json })?)
}

pub(super) fn load(arguments: LoadArguments) -> Done {
    let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
    Ok(load::run(&load::Options {
        url: arguments.url,
        readers: arguments.readers as usize,
        transport: arguments.transport.into(),
        duration: seconds(arguments.seconds),
        ramp: arguments.ramp.map(seconds),
        slow: arguments.slow as usize,
        slow_kind: match arguments.slow_kind {
            SlowArgument::Stall => load::SlowKind::Stall,
            SlowArgument::Trickle => load::SlowKind::Trickle,
        },
        churn: arguments.churn,
        pid: arguments.pid,
        json: arguments.json,
    })?)
}

pub(super) fn plan(arguments: &PlanArguments) -> Done {
    let PlanArguments { bitrate, readers, fps, link, cores, transport, board, json } = *arguments;
    let board = match board {
        BoardArgument::X86 => plan::Board::X86,
        BoardArgument::A76 => plan::Board::A76,
        BoardArgument::A72 => plan::Board::A72,
        BoardArgument::A53 => plan::Board::A53,
        BoardArgument::Arm11 => plan::Board::Arm11,
    };
    let (transport, fps) = (transport.into(), f64::from(fps));
    let server = Config::default().server;
    let let_in = plan::LetIn { sessions: server.max_sessions, connections: server.max_connections };
    let wish = plan::Wish { bitrate, fps, readers, transport, link, cores, board, let_in };
    if plan::run(&wish, json)? { Ok(()) } else { Err("one board does not carry so many".into()) }
}

/// A number a second, not below 0 and not beyond what one process opens.
fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..=10_000.0).contains(&rate) => Ok(rate),
        _ => Err("a number from 0 to 10000 is needed".to_owned()),
    }
}

impl From<TransportArgument> for Transport {
    fn from(argument: TransportArgument) -> Self {
        match argument {
            TransportArgument::Udp => Self::Udp,
            TransportArgument::Tcp => Self::Tcp,
        }
    }
}
