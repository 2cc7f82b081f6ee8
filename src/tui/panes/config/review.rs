//! What would be done, line by line.

use super::super::cursor::Cursor;
use crate::control::protocol::{Change, Plan};

/// What would be done.
#[derive(Debug, Default)]
pub struct Review {
    /// What would become of mounts, server and text; none: it is being asked.
    pub plan: Option<Plan>,
    /// The line that is seen.
    pub cursor: Cursor,
    /// The version that is gone back to; none: the draft is applied.
    pub back_to: Option<u64>,
    /// The draft has changes that going back forgets.
    pub forgets: bool,
}

impl Review {
    /// As lines; none before the plan has come.
    pub fn lines(&self) -> Vec<String> {
        let Some(plan) = &self.plan else { return Vec::new() };
        let forgets =
            self.forgets.then(|| "! what was changed here and is not applied is forgotten".to_owned());
        forgets.into_iter().chain(review(plan)).collect()
    }
}

/// What a draft would do, line by line: first what becomes of mounts and server, then the text's difference.
pub fn review(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for mount in plan.mounts.iter().filter(|mount| mount.change != Change::Kept) {
        let becomes = match mount.change {
            Change::Kept => "nothing",
            Change::Changed => "changes while it runs: nobody is interrupted",
            Change::Restarted => "starts anew: its viewers see a gap",
            Change::Added => "comes",
            Change::Removed => "goes: its viewers are sent away",
            Change::Refused => "cannot be served",
        };
        let why = mount.why.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
        let whom = match mount.interrupts.len() {
            0 => String::new(),
            1 => ", 1 viewer now".to_owned(),
            viewers => format!(", {viewers} viewers now"),
        };
        lines.push(format!("! {}: {becomes}{whom}{why}", mount.mount));
    }
    let kept = plan.mounts.iter().filter(|mount| mount.change == Change::Kept).count();
    if kept > 0 {
        let mounts = if kept == 1 { "1 mount stays" } else { &format!("{kept} mounts stay") };
        lines.push(format!("  {mounts}: their viewers miss nothing"));
    }
    if !plan.changed.is_empty() {
        lines.push(format!("! server, at once: {}", plan.changed.join(", ")));
    }
    if !plan.after_restart.is_empty() {
        lines.push(format!("! server, when it starts next: {}", plan.after_restart.join(", ")));
    }
    lines.push(String::new());
    // Which file it is stands above them; whether its last line has an end nobody asks.
    let head = |line: &&str| ["--- ", "+++ ", "\\ "].iter().any(|it| line.starts_with(it));
    lines.extend(plan.diff.lines().filter(|line| !head(line)).map(str::to_owned));
    lines
}
