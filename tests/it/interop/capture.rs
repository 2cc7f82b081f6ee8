//! A capture of loopback while ffmpeg plays by both transports, with tshark as the judge.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{has, run, skip};
use crate::support::{Client, Server};

/// Long enough for a second sender report, which comes after 7.5 s at the latest.
const PICTURES: &str = "250";

/// dumpcap on loopback, at work.
struct Capture(Child);

impl Capture {
    /// Captures the server's RTSP, RTP and RTCP; `None` where this user may not.
    fn start(server: &Server, file: &Path) -> Option<Self> {
        let (rtp, rtcp) = Client::connect(server).server_ports(&server.url("test"));
        let filter = format!("tcp port {} or udp port {rtp} or udp port {rtcp}", server.address.port());
        let mut dumpcap = Command::new("dumpcap");
        dumpcap.args(["-P", "-q", "-i", "lo", "-f", &filter, "-w"]).arg(file);
        let mut child = dumpcap.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let captures = lines.by_ref().map_while(Result::ok).any(|line| line.starts_with("File: "));
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self(child)).filter(|_| captures)
    }

    fn stop(mut self) {
        Command::new("kill").args(["-INT", &self.0.id().to_string()]).status().unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Cuts apart datagrams that loopback carries whole and a network card would have cut (`UDP_SEGMENT`).
fn cut_segments(capture: &[u8]) -> Vec<u8> {
    const FILE_HEAD: usize = 24;
    const RECORD_HEAD: usize = 16;
    const ETHERNET_IP_UDP: usize = 14 + 20 + 8;
    let (head, mut rest) = capture.split_at(FILE_HEAD);
    let mut cut = head.to_vec();
    while rest.len() > RECORD_HEAD {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let (record, after) = rest.split_at(RECORD_HEAD + length);
        rest = after;
        let frame = &record[RECORD_HEAD..];
        if frame.len() < ETHERNET_IP_UDP + 12 || frame[23] != 17 {
            cut.extend(record);
            continue;
        }
        let (headers, payload) = frame.split_at(ETHERNET_IP_UDP);
        for packet in rtp_packets(payload) {
            let size = (ETHERNET_IP_UDP + packet.len()) as u32;
            cut.extend(&record[..8]);
            cut.extend(size.to_le_bytes());
            cut.extend(size.to_le_bytes());
            let start = cut.len();
            cut.extend(headers);
            cut.extend(packet);
            cut[start + 16..][..2].copy_from_slice(&(size as u16 - 14).to_be_bytes());
            cut[start + 38..][..2].copy_from_slice(&(size as u16 - 34).to_be_bytes());
            // No checksum.
            cut[start + 40..][..2].fill(0);
        }
    }
    cut
}

/// The packets of a segmented datagram: each begins with the header that follows the one before.
fn rtp_packets(mut payload: &[u8]) -> Vec<&[u8]> {
    let mut packets = Vec::new();
    while payload.len() > 12 && payload[0] == 0x80 {
        let seq = u16::from_be_bytes([payload[2], payload[3]]).wrapping_add(1).to_be_bytes();
        let follows = |other: &[u8]| {
            other[0] == 0x80
                && other[1] & 0x7f == payload[1] & 0x7f
                && other[2..4] == seq
                && other[4..12] == payload[4..12]
        };
        let Some(next) = payload.windows(12).position(follows) else { break };
        packets.push(&payload[..next]);
        payload = &payload[next..];
    }
    packets.push(payload);
    packets
}

struct Tshark<'a> {
    file: &'a Path,
    port: u16,
}

impl Tshark<'_> {
    fn ask(&self, arguments: &[&str]) -> String {
        let mut tshark = Command::new("tshark");
        tshark.arg("-r").arg(self.file).args(["-d", &format!("tcp.port=={},rtsp", self.port)]);
        let output = run(tshark.args(arguments)).unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Warnings and errors of the protocols that are ours.
    fn complaints(&self) -> Vec<String> {
        let table = self.ask(&["-q", "-z", "expert,warn"]);
        // Frequency, group, protocol, summary.
        let ours = |line: &&str| {
            let protocol = line.split_whitespace().nth(2);
            protocol.is_some_and(|name| ["RTP", "RTCP", "RTSP", "RTSP/SDP", "SDP"].contains(&name))
        };
        table.lines().filter(ours).map(str::to_owned).collect()
    }

    /// What it counts as lost of each stream that came by UDP. (By TCP it takes several packets of one
    /// segment in the wrong order.)
    fn lost_by_udp(&self) -> Vec<String> {
        let table = self.ask(&["-q", "-z", "rtp,streams"]);
        let server = self.port.to_string();
        let rows = table.lines().filter_map(|line| {
            let (addresses, counts) = line.split_once("RTPType-96")?;
            let by_udp = addresses.split_whitespace().nth(3)? != server;
            by_udp.then(|| counts.split_whitespace().nth(1).unwrap_or_default().to_owned())
        });
        rows.collect()
    }

    /// Frames that carry our RTP or sender reports.
    fn frames(&self) -> Vec<Frame> {
        let fields = [
            "frame.time_epoch",
            "udp.srcport",
            "rtp.seq",
            "rtp.payload",
            "rtcp.timestamp.ntp.msw",
            "rtcp.timestamp.ntp.lsw",
            "rtcp.timestamp.rtp",
            "rtcp.sender.packetcount",
            "rtcp.sender.octetcount",
            "rtcp.sdes.type",
            "rtcp.sdes.text",
        ];
        let mut arguments = vec!["-Y", "rtp.p_type == 96 || rtcp.pt == 200", "-T", "fields"];
        arguments.extend(fields.iter().flat_map(|field| ["-e", *field]));
        self.ask(&arguments).lines().map(Frame::parse).collect()
    }
}

/// A frame of the capture; by TCP one may carry several packets.
#[derive(Debug)]
struct Frame {
    seconds: f64,
    by_udp: bool,
    sequence: Vec<u16>,
    octets: u32,
    report: Option<Report>,
}

#[derive(Clone, Copy, Debug)]
struct Report {
    ntp: f64,
    rtp: u32,
    packets: u32,
    octets: u32,
    /// Its compound names the sender.
    named: bool,
}

impl Frame {
    fn parse(line: &str) -> Self {
        let fields: Vec<&str> = line.split('\t').collect();
        let all = |index: usize| fields[index].split(',').filter(|value| !value.is_empty());
        let report = |ntp: &str| Report {
            ntp: ntp.parse::<f64>().unwrap() + fields[5].parse::<f64>().unwrap() / 4_294_967_296.0,
            rtp: fields[6].parse().unwrap(),
            packets: fields[7].parse().unwrap(),
            octets: fields[8].parse().unwrap(),
            named: all(9).next() == Some("1") && !fields[10].is_empty(),
        };
        Self {
            seconds: fields[0].parse().unwrap(),
            by_udp: !fields[1].is_empty(),
            sequence: all(2).map(|value| value.parse().unwrap()).collect(),
            octets: all(3).map(|hex| hex.replace(':', "").len() as u32 / 2).sum(),
            report: all(4).next().map(report),
        }
    }
}

/// One reader's stream: numbers, reports, and what they say of each other.
fn check(transport: &str, frames: &[&Frame]) {
    let sequence: Vec<u16> = frames.iter().flat_map(|frame| frame.sequence.clone()).collect();
    assert!(sequence.len() >= 250, "{transport}: {} packets", sequence.len());
    let gap = sequence.windows(2).find(|pair| pair[1] != pair[0].wrapping_add(1));
    assert_eq!(gap, None, "{transport}: numbers are not continuous");

    let (mut packets, mut octets) = (0, 0);
    for frame in frames {
        let before = (packets, octets);
        packets += frame.sequence.len() as u32;
        octets += frame.octets;
        let Some(report) = frame.report else { continue };
        assert!(report.named, "{transport}: no CNAME with {report:?}");
        // Where packets and a report share a segment, the report may stand before some of them.
        assert!((before.0..=packets).contains(&report.packets), "{transport}: {packets} but {report:?}");
        assert!((before.1..=octets).contains(&report.octets), "{transport}: {octets} but {report:?}");
    }

    let reports: Vec<(f64, Report)> =
        frames.iter().filter_map(|frame| Some((frame.seconds, frame.report?))).collect();
    let [(first_at, first), .., (_, last)] = reports[..] else { panic!("{transport}: {reports:?}") };
    let late = first_at - frames[0].seconds;
    assert!((0.0..1.0).contains(&late), "{transport}: the first report comes after {late} s");
    let ticks = f64::from(last.rtp.wrapping_sub(first.rtp)) / 90_000.0;
    let off = ticks - (last.ntp - first.ntp);
    assert!(off.abs() < 0.001, "{transport}: the clocks part by {off} s in {ticks} s");
}

#[test]
fn tshark_finds_nothing_wrong_with_what_ffmpeg_is_sent() {
    if !has("dumpcap", &["--version"]) || !has("tshark", &["--version"]) || !has("ffmpeg", &["-version"]) {
        return;
    }
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let (raw, file) = (folder.path().join("raw.pcap"), folder.path().join("cut.pcap"));
    let Some(capture) = Capture::start(&server, &raw) else {
        return skip("dumpcap", "may not capture here");
    };
    std::thread::scope(|scope| {
        for transport in ["udp", "tcp"] {
            let url = server.url("test");
            scope.spawn(move || {
                let mut ffmpeg = Command::new("ffmpeg");
                ffmpeg.args(["-v", "error", "-rtsp_transport", transport, "-i", &url]);
                run(ffmpeg.args(["-c", "copy", "-frames:v", PICTURES, "-f", "null", "-"])).unwrap();
            });
        }
    });
    capture.stop();
    std::fs::write(&file, cut_segments(&std::fs::read(&raw).unwrap())).unwrap();

    let tshark = Tshark { file: &file, port: server.address.port() };
    assert_eq!(tshark.complaints(), [""; 0]);
    assert_eq!(tshark.lost_by_udp(), ["0"]);
    let frames = tshark.frames();
    let (udp, tcp): (Vec<&Frame>, Vec<&Frame>) = frames.iter().partition(|frame| frame.by_udp);
    check("udp", &udp);
    check("tcp", &tcp);
}
