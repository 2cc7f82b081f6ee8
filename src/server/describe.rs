//! A mount as SDP.

use std::net::IpAddr;

use super::feed::Feed;
use crate::media::{Track, TrackId};
use crate::rtp::Sender;
use crate::rtsp::authority::Authority;
use crate::rtsp::url::Target;
use crate::sdp;

/// Our address as the client knows it: the advertised one, if it is one of the client's own family. A name is no
/// address, and players expect one in SDP's origin.
pub(super) fn origin(local: IpAddr, advertise: Option<&Authority>) -> IpAddr {
    let advertised = advertise.and_then(Authority::ip).filter(|ip| ip.is_ipv4() == local.is_ipv4());
    advertised.unwrap_or(local)
}

/// The session description that a DESCRIBE of `uri` is answered with.
pub(super) fn sdp(feed: &Feed, tracks: &[Track], target: &Target, uri: &str, local: IpAddr) -> String {
    let label = feed.settings().label;
    sdp::describe(&sdp::Session {
        uri,
        has_query: target.query.is_some(),
        local,
        // Another after each start, as the stream is.
        id: feed.with_sender(TrackId(0), Sender::ssrc).map_or(0, u64::from),
        version: feed.mount.version(),
        name: label.as_deref().unwrap_or(feed.mount.name()),
        tracks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advertised_address_of_the_clients_family_is_the_origin() {
        for (local, advertise, origin_is) in [
            ("192.168.1.2", None, "192.168.1.2"),
            ("192.168.1.2", Some("203.0.113.7:554"), "203.0.113.7"),
            ("192.168.1.2", Some("home.example"), "192.168.1.2"),
            ("192.168.1.2", Some("[2001:db8::1]"), "192.168.1.2"),
            ("fe80::1", Some("[2001:db8::1]"), "2001:db8::1"),
        ] {
            let advertise = advertise.map(|text| text.parse().unwrap());
            let address = origin(local.parse().unwrap(), advertise.as_ref());
            assert_eq!(address.to_string(), origin_is);
        }
    }
}
