//! `lenslet plan`: whether one board carries so many viewers, before one tries.

mod capacity;

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;

use crate::amount::amount;
use crate::rtsp::client::Transport;

pub use capacity::{Bitrate, Board, LetIn, Plan, Wish};

/// Below that a 1080p picture is not worth its pixels.
const LEAST: u64 = 300_000;

/// What is advised is rounded down to so many bits a second.
const ROUND: u64 = 10_000;

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

/// Reckons and tells; gives whether it fits.
///
/// # Errors
/// Nobody takes what is told.
pub fn run(wish: &Wish, json: bool) -> io::Result<bool> {
    let answer = Answer::new(wish);
    let text = if json { serde_json::to_string_pretty(&answer)? } else { answer.to_string() };
    writeln!(io::stdout().lock(), "{text}")?;
    Ok(answer.plan.fits)
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

/// What to do where it does not fit, and before it does.
fn advice(wish: &Wish, plan: &Plan) -> Vec<String> {
    let mut advice = Vec::new();
    let rate = plan.fitting_bitrate / ROUND * ROUND;
    if !plan.fits && rate >= LEAST {
        let (readers, rate) = (wish.readers, Bitrate(rate as f64));
        advice.push(format!(
            "At {rate} one board carries {readers}: lower the bitrate, or give viewers a substream of that."
        ));
    }
    if !plan.fits {
        advice.push(
            "Let a relay on a larger machine pull the stream once and serve the viewers: docs/capacity.md says how."
                .into(),
        );
    }
    advice.extend(raised(wish));
    advice
}

/// What the configuration has to say for so many to be let in.
fn raised(wish: &Wish) -> Option<String> {
    let LetIn { sessions, connections } = wish.let_in;
    (wish.readers as usize > sessions.min(connections)).then(|| {
        format!(
            "So many are let in where the configuration has a higher `max_sessions` ({sessions} unless it says otherwise) and              `max_connections` ({connections})."
        )
    })
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, readers, .. } = self;
        let transport = self.transport.to_ascii_uppercase();
        let (rate, wire) = (Bitrate(self.bitrate), Bitrate(plan.wire_bitrate));
        let who = amount(*readers, "reader");
        writeln!(f, "{who} of {rate} by {transport}, {wire} on the wire each")?;
        let (unit, name) = if self.link < 1e7 { (1e3, "kbit/s") } else { (1e6, "Mbit/s") };
        let (all, link) = (plan.wire_bitrate * f64::from(*readers) / unit, self.link / unit);
        writeln!(f, "  link: {all:.0} of {link:.0} {name}, {:.0} %", plan.link_percent)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_advised_fits() {
        let let_in = LetIn { sessions: 1000, connections: 1024 };
        let (mut advised, mut asked) = (0, 0);
        for transport in [Transport::Udp, Transport::Tcp] {
            for board in [Board::X86, Board::A53, Board::Arm11] {
                for (fps, link) in [(5.0, 10e6), (25.0, 54e6), (30.0, 100e6), (60.0, 1e9)] {
                    for (bitrate, readers) in
                        [(5e5, 33), (1.5e6, 50), (4e6, 50), (4e6, 19), (25e6, 7), (8e6, 400)]
                    {
                        let (bitrate, link) = (Bitrate(bitrate), Bitrate(link));
                        let wish = Wish { bitrate, fps, readers, transport, link, cores: 1, board, let_in };
                        asked += 1;
                        let told = advice(&wish, &wish.plan());
                        let Some(at) = told.iter().find_map(|line| line.strip_prefix("At ")) else {
                            continue;
                        };
                        let (number, unit) = at.split_once("bit/s").unwrap().0.split_once(' ').unwrap();
                        let bitrate = format!("{number}{unit}").parse().unwrap();
                        assert!(Wish { bitrate, ..wish }.plan().fits, "{wish:?}: {at}");
                        advised += 1;
                    }
                }
            }
        }
        assert!((40..asked).contains(&advised), "{advised} of {asked}");
    }
}
