//! A version's text, of the file's and of what is different between them.

/// A text with a difference (`diff -u`) made to it; none: it is the difference of another text.
pub(super) fn patched(text: &str, diff: &str) -> Option<String> {
    let before: Vec<&str> = text.split_inclusive('\n').collect();
    let (mut out, mut at) = (String::new(), 0);
    let mut lines = diff.split_terminator('\n').peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("--- ") || line.starts_with("+++ ") {
            continue;
        }
        let start = start(line)?;
        out.extend(before.get(at..start)?.iter().copied());
        at = start;
        while let Some(line) = lines.next_if(|line| !line.starts_with("@@ ")) {
            // What has no end of line says so behind it.
            let open = lines.next_if(|line| line.starts_with('\\')).is_some();
            let end = if open { "" } else { "\n" };
            let (sign, said) = line.split_at_checked(1).unwrap_or((" ", ""));
            if sign != "+" {
                let there = before.get(at)?;
                if there.strip_suffix('\n').unwrap_or(there) != said {
                    return None;
                }
                at += 1;
            }
            if sign != "-" {
                out.push_str(said);
                out.push_str(end);
            }
        }
    }
    out.extend(before.get(at..)?.iter().copied());
    Some(out)
}

/// The line before which `@@ -4,7 +4,7 @@` begins, from 0.
fn start(head: &str) -> Option<usize> {
    let (first, rest) = head.strip_prefix("@@ -")?.split_once(' ')?;
    rest.ends_with("@@").then_some(())?;
    let (line, count) = first.split_once(',').unwrap_or((first, "1"));
    let line: usize = line.parse().ok()?;
    // Of no lines the one before them is told.
    if count == "0" { Some(line) } else { line.checked_sub(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(from: &str, to: &str) -> String {
        crate::config::store::difference(("from", from), ("to", to))
    }

    #[test]
    fn a_text_becomes_the_other_by_their_difference() {
        let lines = |from: u32, to: u32| (from..to).map(|it| format!("{it}\n")).collect::<String>();
        let texts = [
            String::new(),
            "a".to_owned(),
            "a\n".to_owned(),
            lines(0, 40),
            lines(0, 40).replace("\n2\n", "\ntwo\n").replace("\n30\n", "\n"),
            lines(5, 50),
            lines(0, 40) + "no end",
            "\n\n-- x\n".to_owned(),
        ];
        for from in &texts {
            for to in &texts {
                let diff = difference(from, to);
                assert_eq!(patched(from, &diff).as_ref(), Some(to), "{from:?} to {to:?} by\n{diff}");
            }
        }
        let diff = difference(&texts[3], &texts[4]);
        assert_eq!(patched(&texts[5], &diff), None);
        assert_eq!(patched("a", "nonsense"), None);
    }
}
