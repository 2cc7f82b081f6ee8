//! Takes the secrets out of text that people are shown: what stands in URLs, in command lines and in what programs say.

use std::borrow::Cow;

/// What stands in a secret's stead.
const HIDDEN: &str = "***";

/// What a parameter is called whose value is secret; `access_token` and `user-pw` end like that too.
const SECRET: [&str; 10] =
    ["password", "passwd", "passphrase", "pwd", "pass", "pw", "token", "key", "secret", "auth"];

/// The text without passwords in URLs (`//user:***@`) and without the values of parameters that are secret by their
/// names (`token=***`).
pub(crate) fn redact(text: &str) -> Cow<'_, str> {
    let secrets = secrets(text);
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    let (mut shown, mut from) = (String::with_capacity(text.len()), 0);
    for (start, end) in secrets {
        shown.push_str(&text[from..start]);
        shown.push_str(HIDDEN);
        from = end;
    }
    shown.push_str(&text[from..]);
    Cow::Owned(shown)
}

/// Where secrets begin and end, in order.
fn secrets(text: &str) -> Vec<(usize, usize)> {
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(at) = memchr::memchr2(b'/', b'=', &text.as_bytes()[from..]).map(|at| from + at) {
        let (before, after) = (&text[..at], &text[at + 1..]);
        let secret = if text.as_bytes()[at] == b'=' { value(before, after) } else { password(after) };
        from = at + 1;
        if let Some((start, end)) = secret.filter(|(start, end)| start < end) {
            found.push((from + start, from + end));
            from += end;
        }
    }
    found
}

/// The value of a parameter that is secret by its name.
fn value(before: &str, after: &str) -> Option<(usize, usize)> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let length = before.bytes().rev().take_while(is_name).count();
    let name = before[before.len() - length..].to_ascii_lowercase();
    SECRET.iter().any(|secret| name.ends_with(secret)).then(|| {
        // What quotes the whole word stays.
        let value = &after[..end(after, "&")];
        (0, value.trim_end_matches('\'').len())
    })
}

/// The password before a URL's host; `after` is what follows the first slash.
fn password(after: &str) -> Option<(usize, usize)> {
    let url = after.strip_prefix('/')?;
    let url = &url[..end(url, "")];
    let authority = &url[..url.find(['/', '?', '#']).unwrap_or(url.len())];
    let start = authority.find(':').filter(|_| !authority.starts_with('['))? + 1;
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let end = match authority.rfind('@') {
        Some(end) => end,
        None if is_port(authority[start..].trim_end_matches(['\'', ')', ']', '>', ',', '.', ':', ';'])) => {
            None?
        }
        // One that holds what has to be encoded in it, or that was cut before its end.
        None => url.rfind('@').unwrap_or(authority.len()),
    };
    // After the second slash.
    Some((1 + start, 1 + end.max(start)))
}

/// Where a word of the text ends, or what is between these signs.
fn end(text: &str, signs: &str) -> usize {
    text.find(|each: char| each.is_whitespace() || each == '"' || signs.contains(each)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_hidden_and_the_rest_is_told() {
        for (text, shown) in [
            ("rtsp://admin:GEHEIM@10.0.0.1:554/x", "rtsp://admin:***@10.0.0.1:554/x"),
            ("a 'rtsp://a:b@h/' and http://c:d@e", "a 'rtsp://a:***@h/' and http://c:***@e"),
            ("rtsp://a:12@h", "rtsp://a:***@h"),
            ("rtsp://a:b@c@h/x@y", "rtsp://a:***@h/x@y"),
            ("rtsp://a:b/c?d@h/x", "rtsp://a:***@h/x"),
            ("rtsp://:b@h/x", "rtsp://:***@h/x"),
            ("rtsp://a:gehei", "rtsp://a:***"),
            ("{\"url\":\"rtsp://a:b@h\",\"b\":\"c@d\"}", "{\"url\":\"rtsp://a:***@h\",\"b\":\"c@d\"}"),
            ("rtsp://h/x?password=A&token=B&w=1", "rtsp://h/x?password=***&token=***&w=1"),
            ("'rtsp://h/?PWD=a'\\''b'", "'rtsp://h/?PWD=***'"),
            ("rtsp://a:b@h/?u=c:d@e&Pass=f#x g", "rtsp://a:***@h/?u=c:d@e&Pass=*** g"),
            ("x --api-key=ä&access_token=b= y", "x --api-key=***&access_token=*** y"),
            ("user-id=u user-pw=p", "user-id=u user-pw=***"),
            ("srt://h:1?passphrase=p", "srt://h:1?passphrase=***"),
        ] {
            assert_eq!(redact(text), shown, "{text}");
        }
    }

    #[test]
    fn what_is_not_secret_stays() {
        for text in [
            "",
            "//",
            "//:",
            "=",
            "key=",
            "rtsp://10.0.0.1:8554/cam",
            "rtsp://h:8554, rtsp://[::1]:8554/x (rtsp://h:8554)",
            "rtsp://user@h:554/x",
            "rtsp://h/a:b@c",
            "C://",
            "keyint=30 keyframes=2 token",
            "https://h/x#a:b",
            "a//b c:d@e",
        ] {
            assert_eq!(redact(text), text);
            assert!(matches!(redact(text), Cow::Borrowed(_)));
        }
    }

    #[test]
    fn no_text_is_too_odd() {
        let pieces = ["//", "a:", "ä@", "=", "key", "&", "'", "\"", " ", "/", "?", ":9"];
        for number in 0..pieces.len().pow(4) {
            let text: String =
                (0..4_u32).map(|digit| pieces[number / pieces.len().pow(digit) % pieces.len()]).collect();
            let once = redact(&text).into_owned();
            assert_eq!(redact(&once), once, "{text}");
        }
    }
}
