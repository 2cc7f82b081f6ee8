//! As much RTSP as a measurement needs: whole messages out of a byte stream.

/// The first whole message's text and length, if it is there: requests and replies, with their bodies.
pub fn message(bytes: &[u8]) -> Option<(&str, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let body = header(head, "Content-Length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let whole = std::str::from_utf8(bytes.get(..end + body)?).ok()?;
    Some((whole, end + body))
}

/// The value of a header.
pub fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The two numbers behind `name=`: ports or channels.
pub fn pair(transport: &str, name: &str) -> Option<(u16, u16)> {
    let value = transport.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))?;
    let (first, second) = value.split_once('-')?;
    Some((first.parse().ok()?, second.parse().ok()?))
}

/// The URL that SETUP names: of the description's first video track.
pub fn control(reply: &str, url: &str) -> String {
    let base = header(reply, "Content-Base").unwrap_or(url);
    let media = reply.split("\r\nm=video").nth(1).unwrap_or_default();
    match media.lines().find_map(|line| line.strip_prefix("a=control:")) {
        Some(whole) if whole.starts_with("rtsp://") => whole.to_owned(),
        Some(part) => format!("{}/{part}", base.trim_end_matches('/')),
        None => base.to_owned(),
    }
}
