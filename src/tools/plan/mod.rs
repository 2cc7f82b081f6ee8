//! `lenslet plan`: whether one board carries so many viewers, before one tries.

mod capacity;

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;

use crate::amount::amount;
use crate::rtsp::client::Transport;

pub use capacity::{Bitrate, Board, Plan, Wish};

/// Below that a 1080p picture is not worth its pixels.
const LEAST: u64 = 300_000;

/// Everything, for people and scripts.
#[derive(Serialize)]
struct Answer {
    bitrate: f64,
    fps: f64,
    readers: u32,
    transport: &'static str,
    link: f64,
    cores: u32,
    board: Board,
    /// The factor of every board but the measured one is an estimate.
    estimated: bool,
    #[serde(flatten)]
    plan: Plan,
    /// What each kind of board would be busy with this, in percent of a core.
    boards: Vec<Load>,
    sentence: String,
    advice: Vec<String>,
}

#[derive(Serialize)]
struct Load {
    board: Board,
    core_percent: f64,
    fits: bool,
}

/// Reckons and tells.
///
/// # Errors
/// Nobody takes what is told.
pub fn run(wish: &Wish, json: bool) -> io::Result<()> {
    let answer = Answer::new(wish);
    let mut out = io::stdout().lock();
    if json { writeln!(out, "{}", serde_json::to_string_pretty(&answer)?) } else { writeln!(out, "{answer}") }
}

impl Answer {
    fn new(wish: &Wish) -> Self {
        let plan = wish.plan();
        let of = |board| {
            let plan = Wish { board, ..*wish }.plan();
            Load { board, core_percent: plan.core_percent, fits: wish.readers <= plan.core_readers }
        };
        Self {
            bitrate: wish.bitrate.0,
            fps: wish.fps,
            readers: wish.readers,
            transport: if wish.transport == Transport::Udp { "udp" } else { "tcp" },
            link: wish.link.0,
            cores: wish.cores,
            board: wish.board,
            estimated: wish.board != Board::X86,
            plan,
            boards: Board::ALL.into_iter().map(of).collect(),
            sentence: sentence(wish, &plan),
            advice: advice(wish, &plan),
        }
    }
}

fn sentence(wish: &Wish, plan: &Plan) -> String {
    let (count, readers) = (wish.readers, amount(wish.readers, "reader"));
    match (count <= plan.link_readers, count <= plan.core_readers) {
        (true, true) => format!("One board carries {readers}."),
        (false, true) => format!("The link does not carry {readers}: {} at most.", plan.link_readers),
        (true, false) => format!("The CPU does not carry {readers}: {} at most.", plan.core_readers),
        (false, false) => {
            let most = plan.link_readers.min(plan.core_readers);
            format!("Neither the link nor the CPU carries {readers}: {most} at most.")
        }
    }
}

/// What to do where it does not fit.
fn advice(wish: &Wish, plan: &Plan) -> Vec<String> {
    let mut advice = Vec::new();
    if plan.fits {
        return advice;
    }
    if wish.readers > plan.link_readers && plan.fitting_bitrate >= LEAST {
        let (readers, rate) = (wish.readers, plan.fitting_bitrate as f64 / 1e6);
        advice.push(format!("At {rate:.1} Mbit/s the link carries {readers}: lower the bitrate, or give most viewers a substream of that."));
    }
    advice.push(
        "Let a relay on a larger machine pull the stream once and serve the viewers: docs/capacity.md says how."
            .into(),
    );
    advice
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, readers, .. } = self;
        let transport = self.transport.to_ascii_uppercase();
        let (rate, wire) = (self.bitrate / 1e6, plan.wire_bitrate / 1e6);
        writeln!(
            f,
            "{} of {rate:.2} Mbit/s by {transport}, {wire:.2} Mbit/s on the wire each",
            amount(readers, "reader")
        )?;
        let (all, link) = (wire * f64::from(*readers), self.link / 1e6);
        writeln!(f, "  link: {all:.0} of {link:.0} Mbit/s, {:.0} %", plan.link_percent)?;
        let each = plan.packets_per_second;
        let all = each * f64::from(*readers);
        writeln!(f, "  packets: {all:.0} a second, {each:.0} to each")?;
        for load in &self.boards {
            let chosen = if load.board == self.board { "*" } else { " " };
            let fits = if load.fits { "" } else { ": too much" };
            writeln!(f, "{chosen} CPU of {}: {:.0} % of a core{fits}", load.board.name(), load.core_percent)?;
        }
        f.write_str(&self.sentence)?;
        self.advice.iter().try_for_each(|advice| write!(f, "\n{advice}"))
    }
}
