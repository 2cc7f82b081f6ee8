//! `Transport` ([RFC 2326 section 12.39](https://www.rfc-editor.org/rfc/rfc2326#section-12.39)).

use crate::rtsp::message::Status;

/// A lower transport, with what the client wants of it or what it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lower {
    /// RTP and RTCP as datagrams to these ports.
    Udp {
        /// RTP and RTCP.
        client_port: (u16, u16),
    },
    /// Interleaved with RTSP on its connection.
    Tcp {
        /// Channels of RTP and RTCP; absent where the server shall choose.
        interleaved: Option<(u8, u8)>,
    },
}

impl Lower {
    /// Whether both are of one kind.
    pub fn same_kind(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// The transports that can be had, in the client's order.
///
/// # Errors
/// 400 if one that could be had is written wrong (ports, channels), 461 if none can be had.
pub fn acceptable<'a>(values: impl Iterator<Item = &'a str>) -> Result<Vec<Lower>, Status> {
    let mut found = Vec::new();
    let mut wrong = None;
    for spec in values.flat_map(|value| value.split(',')) {
        match one(spec) {
            Ok(Some(lower)) => found.push(lower),
            Ok(None) => {}
            Err(status) => wrong = wrong.or(Some(status)),
        }
    }
    if found.is_empty() { Err(wrong.unwrap_or(Status(461))) } else { Ok(found) }
}

/// The profile in which a transport was chosen: that of the client's first one of this kind.
pub(in crate::rtsp) fn profile<'a>(values: impl Iterator<Item = &'a str>, chosen: &Lower) -> &'static str {
    let mut specs = values.flat_map(|value| value.split(','));
    let spec = specs.find(|spec| matches!(one(spec), Ok(Some(lower)) if lower.same_kind(chosen)));
    let feedback = spec.is_some_and(|spec| spec.trim().to_ascii_uppercase().starts_with("RTP/AVPF"));
    if feedback { "RTP/AVPF" } else { "RTP/AVP" }
}

fn one(spec: &str) -> Result<Option<Lower>, Status> {
    let mut parts = spec.split(';').map(str::trim);
    let protocol = parts.next().unwrap_or_default().to_ascii_uppercase();
    let parameters: Vec<(String, &str)> = parts.filter(|part| !part.is_empty()).map(parameter).collect();
    let get = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
    if get("multicast").is_some() || get("mode").is_some_and(|mode| !mode.eq_ignore_ascii_case("play")) {
        return Ok(None);
    }
    match protocol.as_str() {
        "RTP/AVP" | "RTP/AVP/UDP" | "RTP/AVPF" | "RTP/AVPF/UDP" => match get("client_port") {
            // Without the word unicast the RFC means multicast; with a port the client means unicast.
            Some(ports) => udp_ports(ports).map(|client_port| Some(Lower::Udp { client_port })),
            None => Ok(None),
        },
        "RTP/AVP/TCP" | "RTP/AVPF/TCP" => match get("interleaved") {
            Some(channels) => channel_pair(channels).map(|pair| Some(Lower::Tcp { interleaved: Some(pair) })),
            // QuickTime names no channels (live555's RTSPServer.cpp).
            None => Ok(Some(Lower::Tcp { interleaved: None })),
        },
        _ => Ok(None),
    }
}

fn parameter(part: &str) -> (String, &str) {
    let (key, value) = part.split_once('=').unwrap_or((part, ""));
    (key.trim().to_ascii_lowercase(), value.trim().trim_matches('"'))
}

/// Ports below 1024 are refused: nobody plays there, and DNS or NTP servers live there.
fn udp_ports(text: &str) -> Result<(u16, u16), Status> {
    let (rtp, rtcp) = text.split_once('-').map_or((text, None), |(rtp, rtcp)| (rtp, Some(rtcp)));
    let port = |text: &str| number::<u16>(text).filter(|port| *port >= 1024).ok_or(Status(400));
    let rtp = port(rtp)?;
    let rtcp = match rtcp {
        Some(rtcp) => port(rtcp)?,
        None => rtp.checked_add(1).ok_or(Status(400))?,
    };
    // Both on one port (RFC 5761) is for descriptions that offer it; here neither could be told from the other.
    if rtp == rtcp { Err(Status(400)) } else { Ok((rtp, rtcp)) }
}

fn channel_pair(text: &str) -> Result<(u8, u8), Status> {
    let (rtp, rtcp) = text.split_once('-').map_or((text, None), |(rtp, rtcp)| (rtp, Some(rtcp)));
    let channel = |text: &str| number::<u8>(text).ok_or(Status(400));
    let rtp = channel(rtp)?;
    let next = rtp.checked_add(1).ok_or(Status(400))?;
    match rtcp.map(channel).transpose()? {
        Some(rtcp) if rtcp != next => Err(Status(400)),
        _ => Ok((rtp, next)),
    }
}

/// Digits alone: the standard library would take a sign.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn udp(rtp: u16, rtcp: u16) -> Lower {
        Lower::Udp { client_port: (rtp, rtcp) }
    }

    fn tcp(interleaved: Option<(u8, u8)>) -> Lower {
        Lower::Tcp { interleaved }
    }

    #[test]
    fn every_spelling_is_understood() {
        for (value, expected) in [
            ("RTP/AVP/UDP;unicast;client_port=5000-5001", Ok(vec![udp(5000, 5001)])),
            ("rtp/avp;UNICAST;Client_Port=5000-5001;", Ok(vec![udp(5000, 5001)])),
            ("RTP/AVP;unicast;client_port=5000", Ok(vec![udp(5000, 5001)])),
            ("RTP/AVP;client_port=5001-5004;x-foo;RTT=3", Ok(vec![udp(5001, 5004)])),
            ("RTP/AVP/TCP;unicast;interleaved=0-1;mode=\"PLAY\"", Ok(vec![tcp(Some((0, 1)))])),
            ("RTP/AVP/TCP ; interleaved = 5", Ok(vec![tcp(Some((5, 6)))])),
            ("RTP/AVP/TCP", Ok(vec![tcp(None)])),
            ("RTP/AVP;multicast, RTP/AVP/TCP;interleaved=2-3", Ok(vec![tcp(Some((2, 3)))])),
            ("RTP/AVP;multicast", Err(Status(461))),
            ("RTP/AVP;unicast", Err(Status(461))),
            ("RTP/SAVP;unicast;client_port=5000-5001", Err(Status(461))),
            ("RTP/AVP;client_port=5000-5001;mode=record", Err(Status(461))),
            ("RTP/AVP;client_port=0-1", Err(Status(400))),
            ("RTP/AVP;client_port=53-54", Err(Status(400))),
            ("RTP/AVP;client_port=65535", Err(Status(400))),
            ("RTP/AVP;client_port=5000-5000", Err(Status(400))),
            ("RTP/AVP;client_port=70000-70001", Err(Status(400))),
            ("RTP/AVP/TCP;interleaved=0-2", Err(Status(400))),
            ("RTP/AVP/TCP;interleaved=255", Err(Status(400))),
            ("RTP/AVP/TCP;interleaved=+1", Err(Status(400))),
            ("RTP/AVP;client_port=70000, RTP/AVP/TCP", Ok(vec![tcp(None)])),
            ("", Err(Status(461))),
        ] {
            assert_eq!(acceptable([value].into_iter()), expected, "{value}");
        }
    }

    #[test]
    fn the_profile_is_that_of_the_transport_chosen() {
        let lines = ["RTP/AVP;multicast,rtp/avpf/tcp", "RTP/AVP;client_port=5000-5001,RTP/AVP/TCP"];
        assert_eq!(profile(lines.into_iter(), &tcp(Some((0, 1)))), "RTP/AVPF");
        assert_eq!(profile(lines.into_iter(), &udp(5000, 5001)), "RTP/AVP");
    }

    #[test]
    fn the_clients_order_is_kept_over_lines() {
        let lines = ["RTP/AVP/TCP", "RTP/AVP;client_port=5000-5001"];
        assert_eq!(acceptable(lines.into_iter()), Ok(vec![tcp(None), udp(5000, 5001)]));
    }
}
