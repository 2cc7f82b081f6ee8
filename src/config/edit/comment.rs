//! A setting as a comment: taking the `//` away gives it back, byte for byte.

use super::super::syntax::{Kind, Value};
use super::layout::{self, Splice};

/// What makes a comment of a structure's field, with its comma, beneath a line that says why.
///
/// It is `//` that is put before each line: what is written there may end a comment of the other kind.
pub(super) fn out(text: &str, value: &Value, name: &str, why: &str) -> Option<Splice> {
    let Kind::Struct { fields, .. } = &value.kind else { return None };
    let field = fields.iter().find(|field| field.name == name)?;
    let close = value.span.end.checked_sub(1)?;
    let (start, end) = (field.place.start, field.value.span.end);
    let end = layout::comma(text, end, close).map_or(end, |comma| comma.end);
    let line = text.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
    let before = text.get(line..start)?;
    let indent = &before[..before.len() - before.trim_start_matches([' ', '\t']).len()];
    let line_break = layout::line_break(text);
    let begin = if layout::blank(before) { String::new() } else { format!("{line_break}{indent}") };
    let lines: Vec<String> = text
        .get(start..end)?
        .split('\n')
        .enumerate()
        .map(|(number, line)| match line.strip_prefix(indent) {
            _ if number == 0 => format!("// {line}"),
            // Lines of a text may begin before it.
            None => format!("// {line}"),
            Some(line) => format!("{indent}// {line}"),
        })
        .collect();
    // What is behind it on its line is in the comment with it, where that is one anyway.
    let behind = layout::end_of_line(text, end, close);
    let rest = if behind.is_some() { String::new() } else { format!("{line_break}{indent}") };
    let text = format!("{begin}// {why}{line_break}{indent}{}{rest}", lines.join("\n"));
    Some(Splice { span: start..end, text })
}
