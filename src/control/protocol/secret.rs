//! A line's password, apart from all else: what reads JSON keeps copies of a text that has escapes, and wipes none.

use zeroize::Zeroizing;

use super::access::Password;

/// The key whose value is not to be copied.
const KEY: &[u8] = b"password";

/// The line with an empty text in its password's place, and the password; `None` where it has none that can be read. What is
/// written in another way than any client would (an escape in the key) is read as everything else is.
pub(super) fn apart(line: &[u8]) -> Option<(Zeroizing<Vec<u8>>, Password)> {
    let (begin, end) = value(line)?;
    let password = unescaped(std::str::from_utf8(line.get(begin..end)?).ok()?)?;
    let mut rest = Zeroizing::new(Vec::with_capacity(line.len()));
    rest.extend_from_slice(&line[..begin]);
    rest.extend_from_slice(&line[end..]);
    Some((rest, password))
}

/// Where the password's text is, without its quotes: a value of the line's own object.
fn value(line: &[u8]) -> Option<(usize, usize)> {
    let (mut at, mut depth, mut is_next) = (0, 0, false);
    while let Some(byte) = line.get(at) {
        match byte {
            b'"' => {
                let end = at + 1 + text(&line[at + 1..])?;
                if is_next {
                    return Some((at + 1, end));
                }
                let behind = line[end + 1..].trim_ascii_start();
                is_next = depth == 1 && &line[at + 1..end] == KEY && behind.starts_with(b":");
                at = end;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        // What comes next is another value than a text.
        is_next &= matches!(byte, b'"' | b':') || byte.is_ascii_whitespace();
        at += 1;
    }
    None
}

/// How long a text is, up to the quote that ends it.
fn text(bytes: &[u8]) -> Option<usize> {
    let mut escaped = false;
    bytes.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })
}

/// What is meant by a text of JSON ([RFC 8259 section 7](https://www.rfc-editor.org/rfc/rfc8259#section-7)).
fn unescaped(text: &str) -> Option<Password> {
    // No escape is shorter than what it stands for.
    let mut password = Password(String::with_capacity(text.len()));
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        let meant = match character {
            '\\' => match rest.next()? {
                plain @ ('"' | '\\' | '/') => plain,
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => unit(&mut rest)?,
                _ => return None,
            },
            control if control < ' ' => return None,
            plain => plain,
        };
        password.0.push(meant);
    }
    Some(password)
}

/// `uXXXX`, or a pair of them, behind the `u`.
fn unit(rest: &mut std::str::Chars<'_>) -> Option<char> {
    let first = hexadecimal(rest)?;
    let mut units = [first, 0];
    let is_pair = (0xd800..0xdc00).contains(&first);
    if is_pair {
        if (rest.next()?, rest.next()?) != ('\\', 'u') {
            return None;
        }
        units[1] = hexadecimal(rest)?;
    }
    let mut decoded = char::decode_utf16(units[..1 + usize::from(is_pair)].iter().copied());
    decoded.next()?.ok()
}

fn hexadecimal(rest: &mut std::str::Chars<'_>) -> Option<u16> {
    let mut number = 0;
    for _ in 0..4 {
        number = number << 4 | rest.next()?.to_digit(16)? as u16;
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<(String, String)> {
        let (rest, password) = apart(line.as_bytes())?;
        Some((String::from_utf8(rest.to_vec()).unwrap(), password.0.clone()))
    }

    #[test]
    fn a_password_is_what_whoever_reads_json_would_read() {
        for written in [
            r#""""#,
            r#""plain""#,
            r#""with \"quotes\", \\ and \/""#,
            r#""\b\f\n\r\t""#,
            r#""\u00e9\uD83D\uDE00é😀""#,
            r#""a\\""#,
        ] {
            let meant: String = serde_json::from_str(written).unwrap();
            for line in [
                format!("{{\"v\":1,\"password\":{written}}}"),
                format!(
                    " {{ \"a\" : [{{\"password\": \"no\"}}], \"password\"\t: {written} , \"b\": \"password\" }}"
                ),
            ] {
                let expected = line.replace(written, "\"\"");
                assert_eq!(read(&line), Some((expected, meant.clone())), "{line}");
            }
        }
    }

    #[test]
    fn what_is_no_password_is_left_where_it_is() {
        for line in [
            "",
            "}",
            r#"{"password":7,"name":"x"}"#,
            r#"{"password":["x"]}"#,
            r#"{"password":null,"a":"x"}"#,
            r#"{"name":"password","a":"x"}"#,
            r#"{"a":{"password":"x"}}"#,
            r#"{"password":"\x"}"#,
            r#"{"password":"\ud83d"}"#,
            r#"{"password":"\udc00"}"#,
            r#"{"password":"\u12"}"#,
            r#"{"password":"not ended"#,
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
