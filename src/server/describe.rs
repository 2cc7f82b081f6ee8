//! A mount as SDP.

use std::net::IpAddr;

use crate::hub::Mount;
use crate::media::Track;
use crate::rtsp::url::Target;
use crate::sdp;

/// The session description that a DESCRIBE of `uri` is answered with.
pub(super) fn sdp(mount: &Mount, tracks: &[Track], target: &Target, uri: &str, local: IpAddr) -> String {
    sdp::describe(&sdp::Session {
        uri,
        has_query: target.query.is_some(),
        local,
        id: 1,
        version: mount.version(),
        name: mount.name(),
        tracks,
    })
}
