//! Processors: `/proc/stat` and `/proc/loadavg`
//! ([proc_stat(5)](https://man7.org/linux/man-pages/man5/proc_stat.5.html)).

/// What all processors did since the box started, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    busy: u64,
    all: u64,
}

impl Times {
    /// The share that was used between two looks; none where no tick lies between them.
    pub(super) fn busy_percent_since(self, before: Self) -> Option<f32> {
        let all = self.all.checked_sub(before.all).filter(|ticks| *ticks > 0)?;
        let busy = self.busy.saturating_sub(before.busy).min(all);
        Some((busy as f64 / all as f64 * 100.0) as f32)
    }
}

/// The first line: user, nice, system, idle, iowait, irq, softirq, steal; what follows is counted in those already.
pub(super) fn times(stat: &str) -> Option<Times> {
    let mut fields = stat.lines().next()?.split_whitespace();
    if fields.next() != Some("cpu") {
        return None;
    }
    let ticks: Vec<u64> = fields.take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
    let idle = ticks.get(3)?.saturating_add(ticks.get(4).copied().unwrap_or(0));
    let all = ticks.iter().fold(0, |sum: u64, ticks| sum.saturating_add(*ticks));
    Some(Times { busy: all.saturating_sub(idle), all })
}

/// How many processors are on.
pub(super) fn cores(stat: &str) -> Option<u32> {
    let numbered = |line: &&str| {
        line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    };
    Some(stat.lines().filter(numbered).count() as u32).filter(|cores| *cores > 0)
}

pub(super) fn load(loadavg: &str) -> Option<f32> {
    loadavg.split_whitespace().next()?.parse().ok()
}
