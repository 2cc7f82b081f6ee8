//! Quoted texts of RON: to read and to write.

/// A text as RON writes it.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' | '\u{7f}' => out.push_str(&format!("\\u{{{:x}}}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

/// How many bytes the quoted text (or character) has with which this begins; none where it does not end.
pub(super) fn length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = *bytes.first()?;
    let mut at = 1;
    loop {
        match *bytes.get(at)? {
            b'\\' => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// A quoted text without its quotes and escapes.
///
/// # Errors
/// The first escape that RON does not have, as it is written.
pub(super) fn unquoted(quoted: &str) -> Result<String, String> {
    let inside = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    let mut out = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        rest = unescape(&escape[1..], &mut out).ok_or_else(|| escape.chars().take(2).collect::<String>())?;
    }
    out.push_str(rest);
    Ok(out)
}

/// Takes what stands behind a backslash, and gives what is behind that.
fn unescape<'a>(escape: &'a str, out: &mut String) -> Option<&'a str> {
    let first = escape.chars().next()?;
    let rest = &escape[first.len_utf8()..];
    let simple = match first {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        '\\' | '"' | '\'' => first,
        'x' => {
            let digits = rest.get(..2)?;
            out.push(char::from(u8::from_str_radix(digits, 16).ok().filter(|_| hexadecimal(digits))?));
            return rest.get(2..);
        }
        'u' => {
            let (digits, after) = rest.strip_prefix('{')?.split_once('}')?;
            let code =
                u32::from_str_radix(digits, 16).ok().filter(|_| hexadecimal(digits) && digits.len() <= 6)?;
            out.push(char::from_u32(code)?);
            return Some(after);
        }
        _ => return None,
    };
    out.push(simple);
    Some(rest)
}

fn hexadecimal(digits: &str) -> bool {
    digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}
