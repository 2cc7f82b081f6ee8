//! What Media3 (ExoPlayer), a client that forgives nothing, wants of replies and descriptions, re-stated from its
//! RtspMessageUtil, RtspClient, SessionDescriptionParser, MediaDescription and RtspMediaTrack (1.x).

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use base64::Engine;

use crate::support::{MOUNTS, PATIENCE, Server, udp_pair};
use crate::two_tracks::{House, Plan};

/// A client that reads replies as Media3 does; UDP, its first choice, so that nothing stands between them.
struct Media3 {
    stream: BufReader<TcpStream>,
    cseq: u32,
    session: Option<String>,
}

struct Response {
    headers: Vec<(String, String)>,
    body: String,
}

impl Response {
    fn header(&self, name: &str) -> Result<&str, String> {
        let found = self.headers.iter().rev().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).ok_or_else(|| format!("no {name}"))
    }
}

impl Media3 {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream: BufReader::new(stream), cseq: 0, session: None }
    }

    fn ask(&mut self, method: &str, uri: &str, header: &str) -> Result<Response, String> {
        let session = self.session.as_ref().map(|id| format!("Session: {id}\r\n")).unwrap_or_default();
        let request = format!(
            "{method} {uri} RTSP/1.0\r\nUser-Agent: AndroidXMedia3/1.8.0\r\nCSeq: {}\r\n{session}{header}\r\n",
            self.cseq
        );
        self.cseq += 1;
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.stream.read_line(&mut head).unwrap() > 0, "closed");
        }
        let response = self.parse(&head).map_err(|wrong| format!("{method}: {wrong} in {head}"))?;
        let length = response.header("Content-Length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        Ok(Response { body: String::from_utf8(body).unwrap(), ..response })
    }

    /// `RTSP/1\.0 (\d+) (.+)`, lines that are `name: value`, and a CSeq that was asked with.
    fn parse(&self, head: &str) -> Result<Response, String> {
        let mut lines = head.strip_suffix("\r\n\r\n").ok_or("no end")?.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("RTSP/1.0 ")).ok_or("no start line")?;
        let (code, reason) = status.split_once(' ').ok_or("no reason")?;
        if code != "200" || reason.is_empty() {
            return Err(format!("status {status}"));
        }
        let headers = lines.map(|line| line.split_once(':').ok_or("a header without a colon"));
        let headers = headers.collect::<Result<Vec<_>, _>>()?;
        let headers: Vec<(String, String)> =
            headers.into_iter().map(|(key, value)| (key.trim().into(), value.trim().into())).collect();
        let response = Response { headers, body: String::new() };
        let cseq: u32 = response.header("CSeq")?.parse().map_err(|_| "CSeq is no number")?;
        if cseq + 1 == self.cseq { Ok(response) } else { Err(format!("CSeq {cseq} is not pending")) }
    }
}

/// `([\w$\-_.+]+)(?:;\s?timeout=(\d+))?`, the whole of it.
fn session(value: &str) -> Result<(String, u64), String> {
    let (id, timeout) = value.split_once(';').map_or((value, None), |(id, rest)| (id, Some(rest)));
    let named = |character: char| character.is_ascii_alphanumeric() || "_$-.+".contains(character);
    if id.is_empty() || !id.chars().all(named) {
        return Err(format!("session {value}"));
    }
    let seconds = match timeout {
        None => Ok(60),
        Some(rest) => {
            let rest = rest.strip_prefix(char::is_whitespace).unwrap_or(rest);
            rest.strip_prefix("timeout=").ok_or("no timeout")?.parse().map_err(|_| format!("session {value}"))
        }
    };
    seconds.map(|seconds| (id.to_owned(), seconds))
}

/// `npt[:=]([.\d]+|now)\s?-\s?([.\d]+)?`
fn timing(value: &str) -> Result<(), String> {
    let wrong = || format!("range {value}");
    let rest = value.strip_prefix("npt").and_then(|rest| rest.strip_prefix([':', '='])).ok_or_else(wrong)?;
    let (start, end) = rest.split_once('-').ok_or_else(wrong)?;
    let number =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit());
    let (start, end) = (start.trim(), end.trim());
    let holds = (start == "now" || number(start)) && (end.is_empty() || number(end));
    if holds { Ok(()) } else { Err(wrong()) }
}

/// The session's attributes, then those of each medium.
fn describe(body: &str) -> Result<Vec<BTreeMap<String, String>>, String> {
    let mut sections = vec![BTreeMap::new()];
    let mut seen = String::new();
    for line in body.split("\r\n").map(str::trim).filter(|line| !line.is_empty()) {
        let (kind, value) = line.split_once('=').ok_or_else(|| format!("malformed {line}"))?;
        let letter = kind.len() == 1 && kind.bytes().all(|byte| byte.is_ascii_lowercase());
        if !letter || value.is_empty() {
            return Err(format!("malformed {line}"));
        }
        seen.push_str(kind);
        match kind {
            "v" if value != "0" => return Err("another version".into()),
            "b" => {
                let (_, kbps) = value.split_once(':').ok_or("b= without a colon")?;
                kbps.parse::<i32>().map_err(|_| format!("malformed {line}"))?;
            }
            "m" => {
                let words: Vec<&str> = value.split(char::is_whitespace).collect();
                let [_, port, _, payload] = words[..] else { return Err(format!("malformed {line}")) };
                port.parse::<i32>().and(payload.parse::<i32>()).map_err(|_| format!("malformed {line}"))?;
                sections.push(BTreeMap::from([("payload".to_owned(), payload.to_owned())]));
            }
            "a" => {
                let (name, value) = value.split_once(':').unwrap_or((value, ""));
                let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&byte);
                if name.is_empty() || !name.bytes().all(token) {
                    return Err(format!("malformed {line}"));
                }
                sections.last_mut().unwrap().insert(name.to_owned(), value.to_owned());
            }
            _ => {}
        }
    }
    // Timing, origin and name are mandatory to it.
    if "vost".bytes().all(|kind| seen.bytes().any(|seen| seen == kind)) { Ok(sections) } else { Err(seen) }
}

/// A medium as it wants it; its track's URL.
fn media(attributes: &BTreeMap<String, String>, base: &str) -> Result<String, String> {
    let get = |name: &str| attributes.get(name).ok_or_else(|| format!("no {name}"));
    let (payload, encoding) = get("rtpmap")?.split_once(' ').ok_or("malformed rtpmap")?;
    if payload != get("payload")? {
        return Err(format!("rtpmap {payload} {encoding}"));
    }
    let (_, parameters) = get("fmtp")?.split_once(' ').ok_or("malformed fmtp")?;
    let mut known = BTreeMap::new();
    for parameter in parameters.split(';').map(|part| part.strip_prefix(' ').unwrap_or(part)) {
        let (name, value) = parameter.split_once('=').ok_or_else(|| format!("fmtp {parameter}"))?;
        if known.insert(name, value).is_some() {
            return Err(format!("{name} twice"));
        }
    }
    format(encoding, &known)?;
    let control = get("control")?;
    if control.contains("://") {
        Ok(control.clone())
    } else {
        Ok(format!("{}/{control}", base.trim_end_matches('/')))
    }
}

/// What it has to know of a format before the first packet.
fn format(encoding: &str, known: &BTreeMap<&str, &str>) -> Result<(), String> {
    let get = |name: &str| known.get(name).copied().ok_or_else(|| format!("no {name}"));
    let set = |text: &str| {
        let decoded = base64::engine::general_purpose::STANDARD.decode(text);
        decoded.ok().and_then(|set| set.first().copied()).ok_or_else(|| format!("parameter set {text}"))
    };
    if encoding == "H264/90000" {
        let sets: Vec<u8> = get("sprop-parameter-sets")?.split(',').map(set).collect::<Result<_, _>>()?;
        return match sets[..] {
            [sps, pps] if sps & 0x1f == 7 && pps & 0x1f == 8 => Ok(()),
            _ => Err(format!("parameter sets {sets:?}")),
        };
    }
    if encoding == "H265/90000" {
        for (name, kind) in [("sprop-vps", 32), ("sprop-sps", 33), ("sprop-pps", 34)] {
            if set(get(name)?)? >> 1 & 0x3f != kind {
                return Err(format!("{name} is none"));
            }
        }
        return if known.get("sprop-max-don-diff").is_none_or(|most| *most == "0") {
            Ok(())
        } else {
            Err("don".into())
        };
    }
    let [name, rate, channels] = encoding.split('/').collect::<Vec<_>>()[..] else {
        return Err(format!("rtpmap {encoding}"));
    };
    let numbers = rate.parse::<u32>().is_ok_and(|rate| rate > 0) && channels.parse::<u32>().is_ok();
    let aac =
        name == "mpeg4-generic" && !get("profile-level-id")?.is_empty() && get("config")?.len() % 2 == 0;
    if numbers && aac { Ok(()) } else { Err(format!("rtpmap {encoding}")) }
}

/// From OPTIONS to TEARDOWN.
fn watch(address: SocketAddr, path: &str, tracks: usize) -> Result<(), String> {
    let mut client = Media3::connect(address);
    let uri = format!("rtsp://{address}/{path}");
    let options = client.ask("OPTIONS", &uri, "")?;
    if !options.header("Public")?.split(',').any(|method| method.trim() == "DESCRIBE") {
        return Err("no DESCRIBE".into());
    }
    let described = client.ask("DESCRIBE", &uri, "Accept: application/sdp\r\n")?;
    let sections = describe(&described.body)?;
    timing(&sections[0]["range"])?;
    assert_eq!(sections.len(), 1 + tracks);
    let mut sockets = Vec::new();
    for section in &sections[1..] {
        let (rtp, rtcp) = udp_pair(address.ip());
        let port = rtp.local_addr().unwrap().port();
        let transport = format!("Transport: RTP/AVP;unicast;client_port={port}-{}\r\n", port + 1);
        let reply = client.ask("SETUP", &media(section, described.header("Content-Base")?)?, &transport)?;
        reply.header("Transport")?;
        let (id, timeout) = session(reply.header("Session")?)?;
        assert_eq!(timeout, 60);
        client.session = Some(id);
        sockets.push((rtp, rtcp));
    }
    let playing = client.ask("PLAY", &uri, "Range: npt=0.000-\r\n")?;
    timing(playing.header("Range")?)?;
    for entry in playing.header("RTP-Info")?.split(',') {
        if !entry.starts_with("url=rtsp://") {
            return Err(format!("RTP-Info {entry}"));
        }
    }
    for (rtp, _) in &sockets {
        rtp.recv(&mut [0; 2048]).map_err(|error| error.to_string())?;
    }
    client.ask("OPTIONS", &uri, "")?;
    client.ask("PAUSE", &uri, "")?;
    timing(client.ask("PLAY", &uri, "Range: npt=12.500-\r\n")?.header("Range")?)?;
    client.ask("TEARDOWN", &uri, "").map(drop)
}

#[test]
fn media3_finds_nothing_wrong_with_replies_and_descriptions() {
    let server = Server::on("127.0.0.1", "aliases: {\"/cam?channel=1\": \"test\"},", MOUNTS);
    for path in ["test", "live/cam", "clip", "test?x=1", "cam?channel=1&subtype=0"] {
        watch(server.address, path, 1).unwrap_or_else(|wrong| panic!("{path}: {wrong}"));
    }
    let files = |name: &str| format!("File(path: \"tests/fixtures/bitstreams/{name}.mp4\")");
    let mounts =
        format!("mounts: {{\"h265\": {}, \"both\": {}}}", files("h265"), files("pictures-and-sound"));
    let server = Server::with(&mounts);
    for (path, tracks) in [("h265", 1), ("both", 2), ("both?x=1", 2)] {
        watch(server.address, path, tracks).unwrap_or_else(|wrong| panic!("{path}: {wrong}"));
    }
    let house = House::start(Plan::default());
    for path in ["two", "two?x=1"] {
        watch(house.address, path, 2).unwrap_or_else(|wrong| panic!("{path}: {wrong}"));
    }
}

#[test]
fn what_media3_would_refuse_is_refused_here() {
    for value in ["", "a b", "a;timeout=60;x", "a ;timeout=60", "a;  timeout=60", "a;timeout=", "{a}"] {
        assert!(session(value).is_err(), "{value}");
    }
    assert_eq!(session("a$-_.+9; timeout=5"), Ok(("a$-_.+9".into(), 5)));
    for value in ["clock=20260101T000000Z-", "npt=-", "npt=now", "npt=1:02-"] {
        assert!(timing(value).is_err(), "{value}");
    }
    let good = "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
        a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHgE=,aAI=\r\na=control:trackID=0\r\n";
    let read = |text: &str| media(&describe(text)?[1], "rtsp://h/x/");
    assert_eq!(read(good), Ok("rtsp://h/x/trackID=0".into()));
    for (part, instead) in [
        ("v=0", "v=1"),
        ("s=x", "s="),
        ("t=0 0\r\n", ""),
        ("AVP 96", "AVP 96 97"),
        ("AVP 96", "AVP smart/1"),
        ("H264/90000", "H264/8000"),
        (",aAI=", ""),
        (",aAI=", ",aAI=,aAI="),
        ("a=control:trackID=0", "a=recvonly"),
        ("a=control", "a=con trol"),
    ] {
        assert!(read(&good.replacen(part, instead, 1)).is_err(), "{instead}");
    }
}
