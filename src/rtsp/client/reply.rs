//! Fields of a server's replies, read as servers write them.

use std::net::IpAddr;
use std::time::Duration;

/// A track's `Transport` as the server chose it
/// ([RFC 2326 section 12.39](https://www.rfc-editor.org/rfc/rfc2326#section-12.39)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Interleaved with RTSP rather than datagrams.
    pub tcp: bool,
    /// Channels of RTP and RTCP.
    pub interleaved: Option<(u8, u8)>,
    /// The server's ports of RTP and RTCP; absent where it names none that can be.
    pub server_port: Option<(u16, u16)>,
    /// Where its packets come from, if not from where RTSP is spoken.
    pub source: Option<IpAddr>,
    /// The synchronization source, if it can be read. Cameras get it wrong: a hint, no filter.
    pub ssrc: Option<u32>,
}

impl Reply {
    /// Reads the field; what is odd in it is left out.
    pub(super) fn parse(value: &str) -> Self {
        let mut parts = value.split(',').next().unwrap_or_default().split(';').map(str::trim);
        let protocol = parts.next().unwrap_or_default();
        let mut reply = Self { tcp: protocol.to_ascii_uppercase().ends_with("/TCP"), ..Self::default() };
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim().trim_matches('"');
            match key.trim().to_ascii_lowercase().as_str() {
                "interleaved" => reply.interleaved = pair(value),
                "server_port" => reply.server_port = pair(value).filter(|(rtp, _)| *rtp > 1),
                "source" => reply.source = value.parse().ok(),
                "ssrc" => reply.ssrc = u32::from_str_radix(value, 16).ok(),
                _ => {}
            }
        }
        reply
    }
}

/// `a-b`, or `a` alone for `a` and the one behind it.
fn pair<N: std::str::FromStr + TryFrom<u32>>(text: &str) -> Option<(N, N)> {
    let (first, second) = text.split_once('-').unwrap_or((text, ""));
    let first: u32 = first.trim().parse().ok()?;
    let second = second.trim().parse().ok().or(first.checked_add(1))?;
    Some((first.try_into().ok()?, second.try_into().ok()?))
}

/// A session's name, and for how long it lives without a word
/// ([RFC 2326 section 12.37](https://www.rfc-editor.org/rfc/rfc2326#section-12.37)).
pub(super) fn session(value: &str) -> Option<(String, Option<Duration>)> {
    let mut parts = value.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?.to_owned();
    let timeout = parts.find_map(|part| {
        let (key, value) = part.split_once('=')?;
        let seconds: u32 =
            key.trim().eq_ignore_ascii_case("timeout").then(|| value.trim().parse().ok())??;
        Some(Duration::from_secs(u64::from(seconds)))
    });
    Some((name, timeout))
}

/// What the control URLs of a description are relative to: the reply's `Content-Base` or
/// `Content-Location`, mended where it is no URL, else the URL that was asked for.
pub(super) fn base(field: Option<&str>, asked: &str) -> String {
    let field = field.map(str::trim).unwrap_or_default();
    // `rtsp://rtsp://host/` is seen.
    let start = field.to_ascii_lowercase().rfind("rtsp://").unwrap_or(0);
    let field = &field[start..];
    let scheme = "rtsp://";
    let authority_end = |url: &str| {
        let from = scheme.len().min(url.len());
        url[from..].find(['/', '?']).map_or(url.len(), |at| from + at)
    };
    let is_url = field.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    if field.is_empty() || !is_url && !field.contains('/') {
        return asked.to_owned();
    }
    let own = &asked[..authority_end(asked)];
    if !is_url {
        // A path alone, or a host without its scheme.
        let path = field.find('/').map_or("", |at| &field[at..]);
        return format!("{own}{path}");
    }
    let authority = &field[scheme.len()..authority_end(field)];
    // An IPv6 address without brackets, as servers on a dual-stack socket write IPv4 ones.
    let broken = authority.is_empty() || authority.matches(':').count() > 1 && !authority.contains('[');
    if broken { format!("{own}{}", &field[authority_end(field)..]) } else { field.to_owned() }
}

/// The URL of something that `control` names below `base`. Joined as text, which is what cameras expect:
/// the rules of URLs would lose the last segment of a base without a slash, and a query with it.
pub(super) fn control(base: &str, control: Option<&str>) -> String {
    match control.map(str::trim) {
        None | Some("" | "*") => base.to_owned(),
        Some(control) if control.contains("://") => control.to_owned(),
        Some(control) => {
            let slash = if base.ends_with('/') || control.starts_with('/') { "" } else { "/" };
            let control = if base.ends_with('/') { control.trim_start_matches('/') } else { control };
            format!("{base}{slash}{control}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transports_are_read_however_they_are_written() {
        let udp = |rtp, rtcp| Reply { server_port: Some((rtp, rtcp)), ..Reply::default() };
        let tcp = |rtp, rtcp| Reply { tcp: true, interleaved: Some((rtp, rtcp)), ..Reply::default() };
        for (value, expected) in [
            (
                "RTP/AVP;unicast;client_port=1-2;server_port=6970-6971;ssrc=0BADF00D",
                Reply { ssrc: Some(0x0bad_f00d), ..udp(6970, 6971) },
            ),
            ("RTP/AVP/UDP; server_port = 6970; ssrc=  AB ", Reply { ssrc: Some(0xab), ..udp(6970, 6971) }),
            ("RTP/AVP;server_port=0-1;ssrc=no", Reply::default()),
            (
                "RTP/AVP;source=10.0.0.9;server_port=5000-5001",
                Reply { source: Some([10, 0, 0, 9].into()), ..udp(5000, 5001) },
            ),
            ("RTP/AVP/TCP;interleaved=4-5", tcp(4, 5)),
            ("rtp/avp/tcp;unicast;interleaved=4", tcp(4, 5)),
            ("RTP/AVP/TCP;interleaved=255", Reply { tcp: true, ..Reply::default() }),
            ("RTP/AVP/TCP;interleaved=4294967295", Reply { tcp: true, ..Reply::default() }),
            ("", Reply::default()),
        ] {
            assert_eq!(Reply::parse(value), expected, "{value}");
        }
    }

    #[test]
    fn a_sessions_timeout_is_found_behind_blanks() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (value, expected) in [
            ("12", Some(("12", None))),
            ("12;timeout=60", Some(("12", seconds(60)))),
            (" 12 ; Timeout = 30 ; x", Some(("12", seconds(30)))),
            ("12;timeout=soon", Some(("12", None))),
            ("", None),
        ] {
            let expected = expected.map(|(name, timeout)| (name.to_owned(), timeout));
            assert_eq!(session(value), expected, "{value}");
        }
    }

    #[test]
    fn a_base_is_mended() {
        let asked = "rtsp://10.0.0.1:554/cam?x=1";
        for (field, expected) in [
            (None, asked),
            (Some(""), asked),
            (Some("nonsense"), asked),
            (Some("rtsp://h/cam/"), "rtsp://h/cam/"),
            (Some("rtsp://rtsp://h/cam/"), "rtsp://h/cam/"),
            (Some("rtsp://::ffff:10.0.0.1/cam/"), "rtsp://10.0.0.1:554/cam/"),
            (Some("rtsp:///cam/"), "rtsp://10.0.0.1:554/cam/"),
            (Some("rtsp://[::1]:8554/cam/"), "rtsp://[::1]:8554/cam/"),
            (Some("/cam/"), "rtsp://10.0.0.1:554/cam/"),
            (Some("10.0.0.1/cam/"), "rtsp://10.0.0.1:554/cam/"),
        ] {
            assert_eq!(base(field, asked), expected, "{field:?}");
        }
    }

    #[test]
    fn controls_are_joined_as_text() {
        for (base, name, expected) in [
            ("rtsp://h/cam/", Some("trackID=0"), "rtsp://h/cam/trackID=0"),
            ("rtsp://h/cam", Some("trackID=0"), "rtsp://h/cam/trackID=0"),
            ("rtsp://h/cam?q=1", Some("trackID=0"), "rtsp://h/cam?q=1/trackID=0"),
            ("rtsp://h/cam", Some("/trackID=0"), "rtsp://h/cam/trackID=0"),
            ("rtsp://h/cam/", Some("/trackID=0"), "rtsp://h/cam/trackID=0"),
            ("rtsp://h/cam", Some("rtsp://other/cam/1"), "rtsp://other/cam/1"),
            ("rtsp://h/cam", Some("*"), "rtsp://h/cam"),
            ("rtsp://h/cam", None, "rtsp://h/cam"),
        ] {
            assert_eq!(control(base, name), expected, "{base} {name:?}");
        }
    }
}
