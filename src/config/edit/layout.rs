//! Where in the text something is put or taken out, so that it looks as the rest does.

use super::super::syntax::{self, Kind, Span, Step, Value};

/// These bytes become this text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Splice {
    pub(super) span: Span,
    pub(super) text: String,
}

/// The text with all splices done; none where two of them meet.
pub(super) fn spliced(text: &str, mut splices: Vec<Splice>) -> Option<String> {
    splices.sort_by_key(|splice| splice.span.start);
    let mut out = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for Splice { span, text: new } in splices {
        out.push_str(text.get(at..span.start)?);
        out.push_str(&new);
        at = span.end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

/// What has members: behind `Some(...)`, as paths go through that.
pub(super) fn container(value: &Value) -> Option<&Value> {
    match &value.kind {
        Kind::Tuple { name: Some((name, _)), values } if name == "Some" => container(values.first()?),
        Kind::Struct { .. } | Kind::Tuple { .. } | Kind::Map(_) | Kind::List(_) => Some(value),
        _ => None,
    }
}

/// A member as it is written.
pub(super) fn member(step: &Step, value: &str) -> Option<String> {
    match step {
        Step::Field(name) => Some(format!("{name}: {value}")),
        Step::Key(name) => Some(format!("{}: {value}", syntax::quoted(name))),
        Step::Index(_) => None,
    }
}

/// Puts a member behind the last one.
pub(super) fn insertion(text: &str, value: &Value, step: &Step, new: &str) -> Option<Vec<Splice>> {
    let value = container(value)?;
    let members = members(value);
    let written = match (&value.kind, step) {
        (Kind::Struct { .. }, Step::Field(_)) | (Kind::Map(_), Step::Key(_)) => member(step, new)?,
        (Kind::List(values), Step::Index(index)) if *index == values.len() => new.to_owned(),
        _ => return None,
    };
    let close = value.span.end.checked_sub(1)?;
    let Some(last) = members.last() else { return Some(vec![first(text, value, close, &written)?]) };
    let comma = comma(text, last.end, close);
    let behind = comma.as_ref().map_or(last.end, |comma| comma.end);
    let mut splices = Vec::new();
    if comma.is_none() {
        splices.push(Splice { span: last.end..last.end, text: ",".to_owned() });
    }
    let after = if comma.is_some() { "," } else { "" };
    let splice = match (indent(text, last.start), end_of_line(text, behind, close)) {
        (Some(indent), Some(end)) => {
            Splice { span: end..end, text: format!("{}{indent}{written}{after}", line_break(text)) }
        }
        _ => Splice { span: behind..behind, text: format!(" {written}{after}") },
    };
    // At one place they are one.
    match splices.first_mut() {
        Some(first) if first.span == splice.span => first.text.push_str(&splice.text),
        _ => splices.push(splice),
    }
    Some(splices)
}

/// The first member of what is empty.
fn first(text: &str, value: &Value, close: usize, written: &str) -> Option<Splice> {
    let name = match &value.kind {
        Kind::Struct { name: Some((_, place)), .. } => place.end,
        _ => value.span.start,
    };
    // Between a name and its bracket there may be a comment, which may hold one.
    let open = next(text, name, close)?.end;
    let inside = text.get(open..close)?;
    if !inside.contains('\n') {
        return Some(Splice { span: open..open, text: written.to_owned() });
    }
    let line = text[..value.span.start].rfind('\n').map_or(0, |at| at + 1);
    let outer: String =
        text[line..].chars().take_while(|character| matches!(character, ' ' | '\t')).collect();
    let step = if outer.starts_with('\t') { "\t" } else { "    " };
    let break_ = line_break(text);
    Some(Splice { span: open..open, text: format!("{break_}{outer}{step}{written},") })
}

/// Takes a member out with its comma, and with its lines where nothing else is on them.
pub(super) fn removal(text: &str, value: &Value, step: &Step) -> Option<Vec<Splice>> {
    let value = container(value)?;
    let index = match (&value.kind, step) {
        (Kind::Struct { fields, .. }, Step::Field(name)) => {
            fields.iter().position(|field| field.name == *name)
        }
        (Kind::Map(entries), Step::Key(name)) => entries.iter().position(|entry| entry.name() == Some(name)),
        (Kind::List(_), Step::Index(index)) => Some(*index),
        _ => None,
    }?;
    let members = members(value);
    let member = members.get(index)?.clone();
    let close = value.span.end.checked_sub(1)?;
    let comma = comma(text, member.end, close);
    let cut = |span: Span| Splice { span, text: String::new() };
    let joined = comma.as_ref().filter(|comma| blank(&text[member.end..comma.start]));
    if comma.is_some() && joined.is_none() {
        // A comment stands between them, and stays.
        return Some(vec![cut(member), cut(comma?)]);
    }
    let mut span = member.start..joined.map_or(member.end, |comma| comma.end);
    let line = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let rest = &text[span.end..];
    let line_end = rest.find('\n').map(|at| span.end + at + 1);
    if let Some(end) = line_end.filter(|end| blank(&text[line..span.start]) && blank(&text[span.end..*end])) {
        return Some(vec![cut(line..end)]);
    }
    if comma.is_some() {
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        span.end += blanks;
        return Some(vec![cut(span)]);
    }
    // The last one: the comma before it goes too, where nothing is between.
    if let Some(before) = index.checked_sub(1).and_then(|before| members.get(before)) {
        let gap = &text[before.end..span.start];
        if gap.trim() == "," {
            span.start = before.end;
        }
    }
    Some(vec![cut(span)])
}

/// Where each member stands, with its name.
fn members(value: &Value) -> Vec<Span> {
    match &value.kind {
        Kind::Struct { fields, .. } => {
            fields.iter().map(|field| field.place.start..field.value.span.end).collect()
        }
        Kind::Map(entries) => {
            entries.iter().map(|entry| entry.key.span.start..entry.value.span.end).collect()
        }
        Kind::List(values) | Kind::Tuple { values, .. } => {
            values.iter().map(|value| value.span.clone()).collect()
        }
        _ => Vec::new(),
    }
}

/// The comma behind a member, if there is one.
pub(super) fn comma(text: &str, from: usize, close: usize) -> Option<Span> {
    next(text, from, close).filter(|span| text[span.clone()] == *",")
}

/// The sign that comes next, over blanks and comments.
fn next(text: &str, from: usize, close: usize) -> Option<Span> {
    syntax::next_sign(text, from, close)
}

/// The blanks before it, where nothing else is before it on its line, and it is not the first line.
fn indent(text: &str, start: usize) -> Option<&str> {
    let line = text[..start].rfind('\n')? + 1;
    Some(&text[line..start]).filter(|before| blank(before))
}

/// Where the line ends, if until there is nothing but blanks and a `//` comment.
pub(super) fn end_of_line(text: &str, from: usize, close: usize) -> Option<usize> {
    let rest = text.get(from..close)?;
    let end = rest.find('\n')?;
    let line = rest[..end].trim_end_matches('\r');
    let bare = line.trim_start_matches([' ', '\t']);
    (bare.is_empty() || bare.starts_with("//")).then_some(from + line.len())
}

pub(super) fn line_break(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

pub(super) fn blank(text: &str) -> bool {
    text.chars().all(|character| matches!(character, ' ' | '\t' | '\r' | '\n'))
}
