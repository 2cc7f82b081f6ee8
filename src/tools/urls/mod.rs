//! `lenslet urls`: what to type into a player, for every address that this machine has.

mod hosts;
mod qr;

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

pub use hosts::{Host, hosts};

/// How the URLs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line each.
    Text,
    /// A playlist that players open.
    M3u,
    /// For scripts: one array.
    Json,
    /// The first of them for the camera of a phone, and its line.
    Qr,
}

/// One way to one mount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Url {
    /// `rtsp://192.168.1.20:8554/camera0`
    pub url: String,
    /// The mount, or another name of one, without the leading slash.
    pub path: String,
    /// The interface that has the address; none where it is a name, or is this machine's own.
    pub interface: Option<String>,
    /// Whether who watches is asked for a name and a password; none where that cannot be seen.
    pub user_needed: Option<bool>,
}

/// Every host with every path: all of one host before the next. `user_needed`: who watches is asked for a password.
pub fn urls(hosts: &[Host], paths: &[String], user_needed: Option<bool>) -> Vec<Url> {
    let url = |host: &Host, path: &String| Url {
        url: format!("rtsp://{}/{path}", host.authority),
        path: path.clone(),
        interface: host.interface.clone(),
        user_needed,
    };
    hosts.iter().flat_map(|host| paths.iter().map(move |path| url(host, path))).collect()
}

/// Writes them.
///
/// # Errors
/// The output is closed; a URL too long for a QR code.
pub fn write(urls: &[Url], format: Format, out: &mut impl Write) -> io::Result<()> {
    match format {
        Format::Text => urls.iter().try_for_each(|url| writeln!(out, "{}", url.url)),
        Format::M3u => write_m3u(urls, out),
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(urls)?),
        Format::Qr => urls.first().map_or(Ok(()), |url| writeln!(out, "{}{}", qr::code(&url.url)?, url.url)),
    }
}

/// The extended form, which names each entry
/// ([RFC 8216 section 4.3](https://www.rfc-editor.org/rfc/rfc8216#section-4.3) has its first two tags).
fn write_m3u(urls: &[Url], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "#EXTM3U")?;
    // -1: it has no end.
    urls.iter().try_for_each(|url| writeln!(out, "#EXTINF:-1,{}\n{}", url.path, url.url))
}

/// The addresses that this machine's interfaces have.
pub fn interfaces() -> Vec<(String, IpAddr)> {
    let Ok(found) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    let address = |found: nix::ifaddrs::InterfaceAddress| {
        let storage = found.address?;
        let v4 = storage.as_sockaddr_in().map(|address| IpAddr::from(address.ip()));
        let ip = v4.or_else(|| storage.as_sockaddr_in6().map(|address| IpAddr::from(address.ip())))?;
        Some((found.interface_name, ip))
    };
    found.filter_map(address).collect()
}

/// The hosts for what is listened on, on this machine as it is now.
pub fn of_this_machine(listen: &[SocketAddr], advertise: Option<&dyn Fn(u16) -> String>) -> Vec<Host> {
    hosts(listen, &interfaces(), advertise)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Vec<Url> {
        let host = |authority: &str, interface: Option<&str>| Host {
            authority: authority.to_owned(),
            interface: interface.map(str::to_owned),
        };
        let hosts = [host("10.0.0.1:8554", Some("eth0")), host("localhost:8554", None)];
        urls(&hosts, &["cam".to_owned(), "b?x=1".to_owned()], Some(true))
    }

    fn written(format: Format) -> String {
        let mut out = Vec::new();
        write(&two(), format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn urls_are_written_for_people_players_and_scripts() {
        assert_eq!(
            written(Format::Text),
            "rtsp://10.0.0.1:8554/cam\nrtsp://10.0.0.1:8554/b?x=1\nrtsp://localhost:8554/cam\nrtsp://localhost:8554/b?x=1\n"
        );
        let playlist = written(Format::M3u);
        assert!(
            playlist.starts_with("#EXTM3U\n#EXTINF:-1,cam\nrtsp://10.0.0.1:8554/cam\n#EXTINF:-1,b?x=1\n")
        );
        let read: serde_json::Value = serde_json::from_str(&written(Format::Json)).unwrap();
        assert_eq!(read[0]["url"], "rtsp://10.0.0.1:8554/cam");
        assert_eq!(read[0]["interface"], "eth0");
        assert_eq!(read[0]["user_needed"], true);
        assert_eq!(read[3]["path"], "b?x=1");
    }

    #[test]
    fn a_code_has_lines_of_one_width_and_the_url_below() {
        let shown = written(Format::Qr);
        let lines: Vec<&str> = shown.lines().collect();
        let (url, code) = lines.split_last().unwrap();
        assert_eq!(*url, "rtsp://10.0.0.1:8554/cam");
        let width = code[0].chars().count();
        assert!(code.iter().all(|line| line.chars().count() == width), "{shown}");
        assert!(code.len() * 2 >= width && width >= 21 + 8, "two rows a line, and a border of four: {shown}");
        assert_eq!(qr::code(&"x".repeat(5000)).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn this_machine_has_addresses() {
        assert!(interfaces().iter().any(|(_, ip)| ip.is_loopback()));
    }
}
