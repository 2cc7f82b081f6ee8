//! Request URIs: which mount, which track, however a client spells them.

use super::message::Status;

/// What a URI points at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The mount's path, decoded, without slashes at its ends.
    pub path: String,
    /// The path as the request has it, where that is another name of the mount.
    pub alias: Option<String>,
    /// The query, as written.
    pub query: Option<String>,
    /// The track, if one is named.
    pub track: Option<u8>,
}

impl Target {
    /// Reads a URI: `rtsp://...`, an absolute path, or `*` (which points at nothing).
    ///
    /// A track is named behind the path or behind the query (ffmpeg appends it to whatever URL it has):
    /// `/trackID=N`, `streamid=N`, `stream=N`, `trackN`, in any case.
    ///
    /// # Errors
    /// 400 for another scheme or an escape that is none, 403 for a path that climbs out.
    pub fn parse(uri: &str) -> Result<Self, Status> {
        if uri == "*" {
            return Ok(Self::default());
        }
        let path = match uri.split_once("://") {
            Some((scheme, rest))
                if ["rtsp", "rtsps", "rtspu"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) =>
            {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                &rest[end..]
            }
            Some(_) => return Err(Status(400)),
            None if uri.starts_with('/') => uri,
            None => return Err(Status(400)),
        };
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let (query, behind_query) = match query.map(split_track) {
            Some((query, track)) => (Some(query), track),
            None => (None, None),
        };
        let path = normalize(&decode(path)?)?;
        let (path, track) = match behind_query {
            Some(track) => (path.as_str(), Some(track)),
            None => split_track(&path),
        };
        let query = query.map(|query| query.trim_end_matches('/')).filter(|query| !query.is_empty());
        let path = path.trim_matches('/').to_owned();
        Ok(Self { path, alias: None, query: query.map(str::to_owned), track })
    }
}

/// The URI as the base of others: absolute, without user information and without a slash at its end.
/// `own`, our host and port, stands in where the URI names none. A host that it names stays: it is the one by which
/// the client reaches us, through whatever translates addresses between us.
pub fn base(uri: &str, own: &str) -> String {
    let clean = match uri.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let host = rest[..end].rsplit_once('@').map_or(&rest[..end], |(_, host)| host);
            let host = if host.is_empty() { own } else { host };
            format!("{scheme}://{host}{}", &rest[end..])
        }
        None => format!("rtsp://{own}{uri}"),
    };
    clean.trim_end_matches('/').to_owned()
}

/// A base of a track's URL as that of its mount.
pub(super) fn without_track(base: &str) -> String {
    let Some((path, query)) = base.split_once('?') else { return split_track(base).0.to_owned() };
    let ((path, _), (query, _)) = (split_track(path), split_track(query));
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// The URI as a log may show it: without user information.
pub(super) fn shown(uri: &str) -> String {
    if uri.contains("://") { base(uri, "") } else { uri.to_owned() }
}

/// A last segment that names a track.
fn split_track(path: &str) -> (&str, Option<u8>) {
    let trimmed = path.trim_end_matches('/');
    let (before, last) = trimmed.rsplit_once('/').unwrap_or(("", trimmed));
    let lower = last.to_ascii_lowercase();
    let number =
        ["trackid=", "streamid=", "stream=", "track"].iter().find_map(|prefix| lower.strip_prefix(prefix));
    let number = number.filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    match number.and_then(|number| number.parse().ok()) {
        Some(track) => (before, Some(track)),
        None => (path, None),
    }
}

/// Takes the percent-encoding off, once.
pub(super) fn decode(path: &str) -> Result<String, Status> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).ok_or(Status(400));
        bytes.push((digit(rest.next())? * 16 + digit(rest.next())?) as u8);
    }
    String::from_utf8(bytes).map_err(|_| Status(400))
}

fn normalize(path: &str) -> Result<String, Status> {
    if path.chars().any(|character| character.is_control() || character == '\\') {
        return Err(Status(400));
    }
    let segments: Vec<&str> = path.split('/').filter(|segment| !matches!(*segment, "" | ".")).collect();
    if segments.contains(&"..") {
        return Err(Status(403));
    }
    Ok(segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_finds_its_mount_and_track() {
        for (uri, path, query, track) in [
            ("rtsp://h/cam", "cam", None, None),
            ("RTSP://u:p@h:8554/cam/", "cam", None, None),
            ("rtsp://[fe80::1%25eth0]:554/a/b/trackID=1", "a/b", None, Some(1)),
            ("rtsp://h/cam/trackid=0", "cam", None, Some(0)),
            ("rtsp://h//cam//streamid=2/", "cam", None, Some(2)),
            ("rtsp://h/cam/stream=3", "cam", None, Some(3)),
            ("rtsp://h/cam/track4", "cam", None, Some(4)),
            ("rtsp://h/cam/track+4", "cam/track+4", None, None),
            ("rtsp://h/cam?q=1", "cam", Some("q=1"), None),
            ("rtsp://h/cam?q=1/", "cam", Some("q=1"), None),
            ("rtsp://h/cam?q=1/trackID=0", "cam", Some("q=1"), Some(0)),
            ("rtsp://h/cam/trackID=0?q=1", "cam", Some("q=1"), Some(0)),
            ("/cam", "cam", None, None),
            ("rtsp://h/c%61m", "cam", None, None),
            ("rtsp://h", "", None, None),
            ("rtsp://h?x", "", Some("x"), None),
            ("*", "", None, None),
        ] {
            let expected = Target { path: path.into(), alias: None, query: query.map(Into::into), track };
            assert_eq!(Target::parse(uri), Ok(expected), "{uri}");
        }
    }

    #[test]
    fn what_climbs_out_or_is_no_rtsp_is_refused() {
        for (uri, status) in [
            ("http://h/cam", 400),
            ("cam", 400),
            ("rtsp://h/%zz", 400),
            ("rtsp://h/%", 400),
            ("rtsp://h/%00", 400),
            ("rtsp://h/a\\b", 400),
            ("rtsp://h/%2e%2e/x", 403),
            ("rtsp://h/../x", 403),
        ] {
            assert_eq!(Target::parse(uri), Err(Status(status)), "{uri}");
        }
    }

    #[test]
    fn a_base_tells_no_password() {
        let own = "[2001:db8::1]:8554";
        for (uri, expected) in [
            ("rtsp://u:p@h:1/cam/", "rtsp://h:1/cam"),
            ("rtsp://u:p@q@h:1/cam/", "rtsp://h:1/cam"),
            ("rtsp://h/cam?u=a@b", "rtsp://h/cam?u=a@b"),
            ("/cam", "rtsp://[2001:db8::1]:8554/cam"),
            ("rtsp:///cam", "rtsp://[2001:db8::1]:8554/cam"),
            ("rtsp://", "rtsp://[2001:db8::1]:8554"),
            ("rtsp://u:p@/cam", "rtsp://[2001:db8::1]:8554/cam"),
        ] {
            assert_eq!(base(uri, own), expected);
        }
    }

    #[test]
    fn a_tracks_url_leads_to_its_mounts() {
        for (uri, expected) in [
            ("rtsp://h/cam/trackID=0", "rtsp://h/cam"),
            ("rtsp://h/cam?q=1/trackID=0", "rtsp://h/cam?q=1"),
            ("rtsp://h/cam/trackID=0?q=1", "rtsp://h/cam?q=1"),
        ] {
            assert_eq!(without_track(uri), expected);
        }
    }
}
