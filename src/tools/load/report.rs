//! The summary in sentences.

use std::fmt;

use super::figures::Summary;
use super::histogram::{Bucket, Spread};
use crate::amount::amount;

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { readers, packets, tester, .. } = self;
        let transport = self.transport.to_ascii_uppercase();
        let (asked, played) = (readers.asked, readers.played);
        writeln!(
            f,
            "{} by {transport}, {played} of {}, {:.1} s",
            self.url,
            amount(asked, "reader"),
            self.seconds
        )?;
        for reason in &readers.reasons {
            writeln!(f, "  {} x {}", reason.count, reason.reason)?;
        }
        let (rate, each) = (self.bitrate as f64 / 1e6, self.packets_per_second);
        writeln!(f, "  {rate:.1} Mbit/s, {each:.0} packets a second in all")?;
        writeln!(f, "  {} of {} packets lost", packets.lost, packets.expected)?;
        if let Some(rate) = self.pictures_per_second {
            write!(f, "  pictures a second: min {:.1}, median {:.1}", rate.min, rate.p50)?;
            let alone = self.pictures_per_second_alone;
            writeln!(f, "{}", alone.map_or(String::new(), |alone| format!(", of one alone {alone:.1}")))?;
        }
        for (what, spread) in [
            ("largest gap between pictures", self.largest_gap_ms),
            ("buffer needed", self.buffer_ms),
            ("jitter", self.jitter_ms),
            ("PLAY to the first packet", self.first_packet_ms),
            ("PLAY to the first whole keyframe", self.first_keyframe_ms),
        ] {
            line(f, what, spread)?;
        }
        self.others(f)?;
        write!(f, "  this tester used {:.0} % of a core", tester.cpu_percent)?;
        if tester.saturated {
            write!(f, ": its figures are a lower bound")?;
        }
        if tester.socket_overflows > 0 {
            write!(f, ", and this machine's sockets had no room for {} datagrams", tester.socket_overflows)?;
        }
        write!(f, "\n{}", self.sentence)
    }
}

impl Summary {
    /// Those who were there beside the viewers, and the server.
    fn others(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(slow) = &self.slow {
            let (asked, played, kind) = (slow.asked, slow.played, slow.kind);
            writeln!(f, "  slow readers ({kind}): {played} of {asked} played, {} were put out", slow.ended)?;
        }
        if let Some(churn) = &self.churn {
            writeln!(f, "  {} left and others came", amount(churn.left, "reader"))?;
            line(f, "  their first whole keyframe", churn.first_keyframe_ms)?;
            buckets(f, &churn.histogram)?;
        }
        if let Some(server) = &self.server {
            let (cpu, each, memory) = (server.cpu_percent, server.cpu_us_per_packet, server.resident_kb);
            writeln!(f, "  the server used {cpu:.0} % of a core, {each:.2} us a packet, {memory} kB")?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, what: &str, spread: Option<Spread>) -> fmt::Result {
    match spread {
        Some(spread) => writeln!(f, "  {what}: {spread} ms"),
        None => Ok(()),
    }
}

fn buckets(f: &mut fmt::Formatter<'_>, buckets: &[Bucket]) -> fmt::Result {
    for Bucket { to_ms, count } in buckets {
        match to_ms {
            Some(end) => writeln!(f, "    {count:>6} within {end} ms")?,
            None => writeln!(f, "    {count:>6} later")?,
        }
    }
    Ok(())
}
