//! Session descriptions ([RFC 8866](https://www.rfc-editor.org/rfc/rfc8866)) as RTSP clients want them.

pub mod presentation;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sdp_types::{Bandwidth, BandwidthType, Connection, Media, MediaType, Origin, Time, TransportProto};

use crate::media::{Codec, Kind, Track, TrackId, aac, h264, h265};

/// What a description says.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a> {
    /// The URI of the DESCRIBE, without a slash at its end.
    pub uri: &'a str,
    /// Whether the URI has a query: clients resolve relative control URLs against those differently.
    pub has_query: bool,
    /// Our address as the client sees it.
    pub local: IpAddr,
    /// Identifies the description.
    pub id: u64,
    /// Counts its changes.
    pub version: u64,
    /// The mount's name.
    pub name: &'a str,
    /// What it carries.
    pub tracks: &'a [Track],
}

/// The description as text.
pub fn describe(session: &Session<'_>) -> String {
    let origin = Origin::with_ip_addr(session.id.to_string(), session.version, session.local);
    let name = if session.name.is_empty() { "-" } else { session.name };
    let mut sdp = sdp_types::Session::new(origin, name);
    let anywhere: IpAddr =
        if session.local.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    sdp.connection = Some(Connection::from_ip_addr(anywhere));
    sdp.times.push(Time::new(0, 0));
    sdp.add_attribute_with_value("control", if session.has_query { session.uri } else { "*" });
    // Media3 reads nothing but npt here.
    sdp.add_attribute_with_value("range", "npt=now-");
    for (index, track) in session.tracks.iter().enumerate() {
        sdp.medias.push(media(session, index, track));
    }
    let mut text = Vec::new();
    // Writing into memory does not fail.
    if sdp.write(&mut text).is_err() {
        text.clear();
    }
    String::from_utf8(text).unwrap_or_default()
}

fn media(session: &Session<'_>, index: usize, track: &Track) -> Media {
    let payload_type = crate::rtp::payload_type(TrackId(index as u8), &track.codec);
    let kind = match track.codec.kind() {
        Kind::Video => MediaType::Video,
        Kind::Audio => MediaType::Audio,
    };
    let mut media = Media::new(kind, 0, TransportProto::RtpAvp, payload_type.to_string());
    if let Some(bitrate) = track.bitrate {
        media.add_bandwidth(Bandwidth::new(BandwidthType::As, u64::from(bitrate.div_ceil(1000))));
    }
    match &track.codec {
        Codec::H264(sets) => h264(&mut media, payload_type, sets),
        Codec::H265(sets) => h265(&mut media, payload_type, sets),
        Codec::Jpeg => {
            media.add_attribute_with_value("rtpmap", format!("{payload_type} JPEG/90000"));
        }
        Codec::Aac(config) => mpeg4_generic(&mut media, payload_type, config),
    }
    media.add_attribute_with_value("control", control(session, index));
    media
}

/// [RFC 6184 section 8.1](https://www.rfc-editor.org/rfc/rfc6184#section-8.1).
fn h264(media: &mut Media, payload_type: u8, sets: &h264::ParameterSets) {
    media.add_attribute_with_value("rtpmap", format!("{payload_type} H264/90000"));
    let profile: String = sets.sps().iter().skip(1).take(3).map(|byte| format!("{byte:02X}")).collect();
    let (sps, pps) = (STANDARD.encode(sets.sps()), STANDARD.encode(sets.pps()));
    let format = format!(
        "{payload_type} packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={sps},{pps}"
    );
    media.add_attribute_with_value("fmtp", format);
    feedback(media, payload_type);
}

/// [RFC 7798 section 7.1](https://www.rfc-editor.org/rfc/rfc7798#section-7.1). Media3 wants all three sets;
/// what they say of profile and level is not said twice.
fn h265(media: &mut Media, payload_type: u8, sets: &h265::ParameterSets) {
    media.add_attribute_with_value("rtpmap", format!("{payload_type} H265/90000"));
    let [vps, sps, pps] = [sets.vps(), sets.sps(), sets.pps()].map(|set| STANDARD.encode(set));
    let format = format!("{payload_type} sprop-vps={vps};sprop-sps={sps};sprop-pps={pps}");
    media.add_attribute_with_value("fmtp", format);
    feedback(media, payload_type);
}

/// [RFC 3640 section 4.1](https://www.rfc-editor.org/rfc/rfc3640#section-4.1). Media3 wants the channels and
/// the profile.
fn mpeg4_generic(media: &mut Media, payload_type: u8, config: &aac::Config) {
    let (rate, channels) = (config.sample_rate(), config.channels());
    media.add_attribute_with_value("rtpmap", format!("{payload_type} mpeg4-generic/{rate}/{channels}"));
    let hex: String = config.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let format = format!(
        "{payload_type} streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;\
         indexdeltalength=3;config={hex}"
    );
    media.add_attribute_with_value("fmtp", format);
}

/// How a reader asks for a keyframe. In an AVP description these are ignored by who does not know them
/// (RFC 4585 section 4.2).
fn feedback(media: &mut Media, payload_type: u8) {
    media.add_attribute_with_value("rtcp-fb", format!("{payload_type} nack pli"));
    media.add_attribute_with_value("rtcp-fb", format!("{payload_type} ccm fir"));
}

/// Relative, which all clients resolve alike; but with a query GStreamer loses the path (RFC 3986)
/// where ffmpeg only appends: then absolute.
fn control(session: &Session<'_>, index: usize) -> String {
    match session.uri.split_once('?').filter(|_| session.has_query) {
        None => format!("trackID={index}"),
        Some((base, query)) => format!("{}/trackID={index}?{query}", base.trim_end_matches('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sdp(uri: &str, local: &str) -> String {
        let codec = Codec::H264(h264::ParameterSets::new(&[0x67, 0x42, 0xc0, 0x1e, 1], &[0x68, 2]));
        let tracks = [Track { codec, bitrate: Some(1_500_001) }];
        let session = Session {
            uri,
            has_query: uri.contains('?'),
            local: local.parse().unwrap(),
            id: 1,
            version: 3,
            name: "cam",
            tracks: &tracks,
        };
        describe(&session)
    }

    #[test]
    fn a_track_is_described_as_clients_expect() {
        let expected = "v=0\r\no=- 1 3 IN IP4 10.0.0.1\r\ns=cam\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
             a=control:*\r\na=range:npt=now-\r\nm=video 0 RTP/AVP 96\r\nb=AS:1501\r\n\
             a=rtpmap:96 H264/90000\r\n\
             a=fmtp:96 packetization-mode=1;profile-level-id=42C01E;sprop-parameter-sets=Z0LAHgE=,aAI=\r\n\
             a=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 ccm fir\r\na=control:trackID=0\r\n";
        assert_eq!(sdp("rtsp://h/cam", "10.0.0.1"), expected);
    }

    /// The lines of a track behind its `m=`.
    fn media(codec: Codec) -> String {
        let tracks = [Track { codec, bitrate: None }];
        let session = Session {
            uri: "rtsp://h/x",
            has_query: false,
            local: "10.0.0.1".parse().unwrap(),
            id: 1,
            version: 1,
            name: "x",
            tracks: &tracks,
        };
        let text = describe(&session);
        text[text.find("m=").unwrap()..].to_owned()
    }

    #[test]
    fn each_format_is_described_as_clients_expect() {
        let sets = h265::ParameterSets::new(&[0x40, 1, 2], &[0x42, 1, 2], &[0x44, 1, 2]);
        let expected = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\n\
             a=fmtp:96 sprop-vps=QAEC;sprop-sps=QgEC;sprop-pps=RAEC\r\n\
             a=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 ccm fir\r\na=control:trackID=0\r\n";
        assert_eq!(media(Codec::H265(sets)), expected);
        let expected = "m=audio 0 RTP/AVP 96\r\na=rtpmap:96 mpeg4-generic/44100/2\r\n\
             a=fmtp:96 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;\
             indexdeltalength=3;config=1210\r\na=control:trackID=0\r\n";
        assert_eq!(media(Codec::Aac(aac::Config::parse(&[0x12, 0x10]).unwrap())), expected);
        let expected = "m=video 0 RTP/AVP 26\r\na=rtpmap:26 JPEG/90000\r\na=control:trackID=0\r\n";
        assert_eq!(media(Codec::Jpeg), expected);
    }

    #[test]
    fn with_a_query_control_is_absolute() {
        assert!(sdp("rtsp://h:1/cam?q=1", "10.0.0.1").contains("a=control:rtsp://h:1/cam/trackID=0?q=1\r\n"));
    }

    #[test]
    fn an_ipv6_client_is_answered_in_ipv6() {
        let text = sdp("rtsp://[::1]/cam", "::1");
        assert!(text.contains("IN IP6 ::1\r\n") && text.contains("c=IN IP6 ::\r\n"), "{text}");
    }
}
