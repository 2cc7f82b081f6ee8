//! What would be done, line by line.

use similar::{ChangeTag, TextDiff};

use super::super::cursor::Cursor;
use crate::control::protocol::{Change, Plan};

/// Lines that have less than this in common are two lines, not one that became another.
const ALIKE: f32 = 0.5;

/// What would be done.
#[derive(Debug, Default)]
pub struct Review {
    /// What would become of mounts, server and text; none: it is being asked.
    pub plan: Option<Plan>,
    /// The row that is seen: long lines have several.
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

/// A part of a line, and whether it differs from the line that it was or becomes.
pub type Part = (String, bool);

/// Lines of a difference in parts: what is another within a line that is changed is told.
pub fn marked(lines: &[String]) -> Vec<Vec<Part>> {
    let mut out: Vec<Vec<Part>> = lines.iter().map(|line| vec![(line.clone(), false)]).collect();
    let run = |from: usize, sign: char| lines[from..].iter().take_while(|it| it.starts_with(sign)).count();
    let mut at = 0;
    while at < lines.len() {
        let gone = run(at, '-');
        let new = run(at + gone, '+');
        for pair in at..at + gone.min(new) {
            let (before, after) = (&lines[pair][1..], &lines[pair + gone][1..]);
            let words = TextDiff::from_words(before, after);
            if words.ratio() < ALIKE {
                continue;
            }
            let side = |sign: &str, other: ChangeTag| {
                let shown = words.iter_all_changes().filter(|change| change.tag() != other);
                let parts = shown.map(|it| (it.value().to_owned(), it.tag() != ChangeTag::Equal));
                std::iter::once((sign.to_owned(), false)).chain(parts).collect()
            };
            (out[pair], out[pair + gone]) = (side("-", ChangeTag::Insert), side("+", ChangeTag::Delete));
        }
        at += (gone + new).max(1);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_another_within_a_line_is_told() {
        let lines =
            [" a", "-  fps: 15, gop: 30", "+  fps: 15, gop: 60", "-gone", "+  new"].map(str::to_owned);
        let marked: Vec<Vec<String>> = marked(&lines)
            .into_iter()
            .map(|parts| parts.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part).collect())
            .collect();
        assert_eq!(marked, [vec![], vec!["30".to_owned()], vec!["60".to_owned()], vec![], vec![]]);
    }
}
