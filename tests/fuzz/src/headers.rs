//! Header fields and URIs.

use std::time::Duration;

use lenslet::rtsp::auth::{Asked, Challenger, Secret, Verdict};
use lenslet::rtsp::header::transport::{Lower, acceptable};
use lenslet::rtsp::message::Status;
use lenslet::rtsp::url::{Target, base};

/// What is accepted can be served, and reads the same when written in full.
pub(crate) fn transport(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match acceptable(text.split('\n')) {
        Err(Status(status)) => assert!([400, 461].contains(&status)),
        Ok(found) => {
            assert!(!found.is_empty());
            let written: Vec<String> = found.iter().map(written).collect();
            assert_eq!(acceptable([written.join(",").as_str()].into_iter()), Ok(found));
        }
    }
}

fn written(lower: &Lower) -> String {
    match lower {
        Lower::Udp { client_port: (rtp, rtcp) } => {
            assert!(*rtp >= 1024 && *rtcp >= 1024);
            format!("RTP/AVP;unicast;client_port={rtp}-{rtcp}")
        }
        Lower::Tcp { interleaved: None } => "RTP/AVP/TCP".into(),
        Lower::Tcp { interleaved: Some((rtp, rtcp)) } => {
            assert_ne!(rtp, rtcp);
            format!("RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp}")
        }
    }
}

/// What is answered to a range is itself a range with that answer.
pub(crate) fn range(data: &[u8]) {
    use lenslet::rtsp::header::range::live;
    match live(Some(&String::from_utf8_lossy(data))) {
        Err(Status(status)) => assert!([400, 457].contains(&status)),
        Ok(answer) => assert_eq!(live(Some(answer)), Ok(answer)),
    }
}

/// A target has no way out of the mounts, and its plain spelling means the same.
pub(crate) fn url(data: &[u8]) {
    let uri = String::from_utf8_lossy(data);
    let target = match Target::parse(&uri) {
        Ok(target) => target,
        Err(Status(status)) => return assert!([400, 403].contains(&status)),
    };
    if uri != "*" {
        let local = "10.0.0.2:554";
        let clean = base(&uri, local);
        assert_eq!(base(&clean, local), clean, "a base is its own base");
        assert_eq!(Target::parse(&clean), Ok(target.clone()), "and means the same");
    }
    assert!(!target.path.starts_with('/') && !target.path.ends_with('/'));
    assert!(target.path.split('/').all(|segment| segment != ".."));
    assert!(!target.path.chars().any(char::is_control));
    let escaped: String = target.path.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let query = target.query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
    let track = target.track.map_or_else(String::new, |track| format!("/trackID={track}"));
    assert_eq!(Target::parse(&format!("rtsp://host:554/{escaped}{query}{track}")), Ok(target));
}

/// Nobody is known but by a right answer: whoever does not know the password is nobody, whatever is written.
pub(crate) fn authorization(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let peer = "10.0.0.1".parse().unwrap();
    let asked =
        Asked { method: "PLAY", uri: "rtsp://h/cam", peer, connection: 1, now: Duration::from_secs(1) };
    let challenger = Challenger::new("Lenslet", [1; 32], true);
    // No byte string has it but by a chance of 2^-128.
    let password = "\u{1}no fuzzer guesses this: 8c1f64d2a07be935";
    let secret = |user: &str| Some(Secret::of(user, "Lenslet", password));
    let verdict = challenger.check(&text, &asked, secret);
    assert!(matches!(verdict, Verdict::Wrong(_)), "{verdict:?}");
    let nobody = challenger.check(&text, &asked, |_| None);
    assert_eq!(nobody, verdict, "a user that there is not is told the same");
}
