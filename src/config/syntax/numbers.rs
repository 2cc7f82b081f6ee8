//! Numbers as RON writes them.

/// A whole number: with `_` between digits, in tens, or in `0x`, `0o`, `0b`.
pub(in crate::config) fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x") => (16, digits.get(2..)?),
        Some("0o") => (8, digits.get(2..)?),
        Some("0b") => (2, digits.get(2..)?),
        _ => (10, digits),
    };
    let first = digits.chars().next()?;
    if first == '_' || !digits.chars().all(|character| character == '_' || character.is_digit(radix)) {
        return None;
    }
    let number = i128::from_str_radix(&digits.replace('_', ""), radix).ok()?;
    Some(if negative { -number } else { number })
}

/// Any number, `inf` and `NaN` too.
pub(in crate::config) fn float(text: &str) -> Option<f64> {
    let digits = text.trim_start_matches(['+', '-']);
    match digits {
        "inf" | "NaN" => {}
        _ if digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
            && digits.chars().all(|character| character.is_ascii_digit() || "_.eE+-".contains(character)) => {
        }
        _ => return None,
    }
    text.replace('_', "").parse().ok()
}
