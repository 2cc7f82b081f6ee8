//! A text that two have changed: what both wrote, and where that was at the same place.

use std::ops::Range;

use similar::{DiffOp, TextDiff};

/// A text with what two have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// With the changes of both; where they are at the same place, with one's own.
    pub text: String,
    /// Where they are at the same place.
    pub clashes: Vec<Clash>,
}

/// A place that two have changed, each otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// Its line in the text, from 1.
    pub line: usize,
    /// What the other wrote there, in one line.
    pub theirs: String,
}

/// Where a text was changed, in its words, and what stands there now.
struct Change<'a> {
    was: Range<usize>,
    /// Where that is among the words of the text that is changed.
    at: Range<usize>,
    is: Vec<&'a str>,
}

impl Change<'_> {
    /// Of what both insert at one place nobody knows what comes first.
    fn touches(&self, other: &Self) -> bool {
        match self.was.is_empty() || other.was.is_empty() {
            true => self.was.start <= other.was.end && other.was.start <= self.was.end,
            false => self.was.start < other.was.end && other.was.start < self.was.end,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.was == other.was && self.is == other.is
    }
}

fn changes<'a>(diff: &'a TextDiff<'_, '_, str>) -> Vec<Change<'a>> {
    let changed = diff.ops().iter().filter(|op| !matches!(op, DiffOp::Equal { .. }));
    let change = |op: &DiffOp| Change {
        was: op.old_range(),
        at: op.new_range(),
        is: op.new_range().filter_map(|at| diff.new_slice(at)).collect(),
    };
    changed.map(change).collect()
}

/// What becomes of a text that two have changed, by words: most mounts are one line.
pub fn merged(base: &str, ours: &str, theirs: &str) -> Merged {
    let (to_ours, to_theirs) = (TextDiff::from_words(base, ours), TextDiff::from_words(base, theirs));
    let (ours, theirs) = (changes(&to_ours), changes(&to_theirs));
    let mut all: Vec<(&Change<'_>, Option<usize>)> =
        ours.iter().enumerate().map(|(place, change)| (change, Some(place))).collect();
    let mut clashing: Vec<(usize, &Change<'_>)> = Vec::new();
    for change in &theirs {
        let mut own = ours.iter().enumerate().filter(|(_, own)| own.touches(change));
        match own.next() {
            None => all.push((change, None)),
            Some((_, same)) if same.is_same(change) => {}
            Some((place, _)) => clashing.push((place, change)),
        }
    }
    all.sort_by_key(|(change, _)| (change.was.start, change.was.end));
    let old = |range: Range<usize>| range.filter_map(|place| to_ours.old_slice(place));
    let (mut text, mut at, mut lines) = (String::new(), 0, vec![1; ours.len()]);
    for (change, own) in all {
        text.extend(old(at..change.was.start));
        if let Some(own) = own {
            lines[own] = text.matches('\n').count() + 1;
        }
        text.extend(change.is.iter().copied());
        at = change.was.end;
    }
    text.extend(old(at..to_ours.old_len()));
    let told = |change: &Change<'_>| match change.is.concat().trim() {
        "" => format!("nothing in place of: {}", in_a_line(&old(change.was.clone()).collect::<String>())),
        _ => {
            // The word before says of what it is the value.
            let words = change.at.start.saturating_sub(2)..change.at.end;
            in_a_line(&words.filter_map(|at| to_theirs.new_slice(at)).collect::<String>())
        }
    };
    let clashes = clashing.iter().map(|(own, change)| Clash { line: lines[*own], theirs: told(change) });
    Merged { text, clashes: clashes.collect() }
}

fn in_a_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where a line of a text has gone in another that was made of it; lines from 0.
pub fn row_after(before: &str, after: &str, row: usize) -> usize {
    let diff = TextDiff::from_lines(before, after);
    let there = diff.ops().iter().find(|op| op.old_range().contains(&row));
    match there {
        Some(DiffOp::Equal { old_index, new_index, .. }) => new_index + (row - old_index),
        Some(op) => {
            op.new_range().start + (row - op.old_range().start).min(op.new_range().len().saturating_sub(1))
        }
        None => (row + diff.new_len()).saturating_sub(diff.old_len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_have_changed_is_one_text_unless_it_is_at_the_same_place() {
        let base = "(mounts: {\n    \"a\": Pattern(fps: 5, gop: 10),\n    \"b\": Pattern(),\n})\n";
        let ours = base.replace("gop: 10", "gop: 20");
        for (theirs, both) in [
            (base.replace("fps: 5", "fps: 7"), ours.replace("fps: 5", "fps: 7")),
            (base.replace("    \"b\": Pattern(),\n", ""), ours.replace("    \"b\": Pattern(),\n", "")),
            (format!("// mine\n{base}"), format!("// mine\n{ours}")),
            (ours.clone(), ours.clone()),
            (base.to_owned(), ours.clone()),
        ] {
            assert_eq!(merged(base, &ours, &theirs), Merged { text: both, clashes: Vec::new() }, "{theirs}");
        }
    }

    #[test]
    fn at_the_same_place_ones_own_stays_and_the_others_is_told() {
        let base = "(mounts: {\n    \"a\": Pattern(fps: 5, gop: 10),\n    \"b\": Pattern(),\n})\n";
        let ours = base.replace("gop: 10", "gop: 20");
        for (theirs, line, told, other) in [
            (base.replace("gop: 10", "gop: 30"), 2, "gop: 30),", ours.clone()),
            (
                format!("// on top\n{}", base.replace("gop: 10", "gop: 30")),
                3,
                "gop: 30),",
                format!("// on top\n{ours}"),
            ),
            (base.replace(", gop: 10", ""), 2, "Pattern(fps: 5),", ours.clone()),
            (String::new(), 2, "nothing in place of: (mounts: {", ours.clone()),
        ] {
            let merged = merged(base, &ours, &theirs);
            assert_eq!(merged.text, other, "{theirs}");
            assert_eq!(merged.clashes.len(), 1, "{merged:?}");
            let Clash { line: at, theirs } = &merged.clashes[0];
            assert!(*at == line && theirs.starts_with(told), "{merged:?}");
        }
    }

    #[test]
    fn a_line_is_found_again() {
        let (before, after) = ("a\nb\nc\nd\n", "new\na\nB\nc\n");
        let rows: Vec<usize> = (0..6).map(|row| row_after(before, after, row)).collect();
        assert_eq!(rows, [1, 2, 3, 4, 4, 5]);
        assert_eq!(row_after("a\nb\n", "", 1), 0);
    }
}
