//! Real clients: ffmpeg, GStreamer, mpv, PyAV and retina, by UDP and TCP, from both kinds of mount.
//!
//! Tools that are not installed are skipped with a word; `LENSLET_REQUIRE_TOOLS=1` makes that an error.

use std::process::{Command, Output};

use crate::support::Server;

const MOUNTS: [&str; 2] = ["test", "clip"];
const PICTURES: usize = 100;

fn has(tool: &str, arguments: &[&str]) -> bool {
    let there = Command::new(tool).args(arguments).output().is_ok_and(|output| output.status.success());
    if !there {
        assert!(std::env::var_os("LENSLET_REQUIRE_TOOLS").is_none(), "{tool} is required and not installed");
        println!("SKIPPED: {tool} is not installed");
    }
    there
}

/// Runs a client for at most half a minute.
fn client(command: &mut Command) -> Output {
    let output = Command::new("timeout")
        .arg("30")
        .arg(command.get_program())
        .args(command.get_args())
        .envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))))
        .output()
        .unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn each(mut run: impl FnMut(&Server, &str, &str)) {
    let server = Server::start();
    for mount in MOUNTS {
        for transport in ["udp", "tcp"] {
            run(&server, mount, transport);
        }
    }
}

/// NAL units without delimiters, filler, SEI and parameter sets.
fn pictures(annex_b: &[u8]) -> Vec<&[u8]> {
    let nals = lenslet::media::h264::nal_units(annex_b);
    nals.filter(|nal| matches!(nal[0] & 0x1f, 1 | 5)).collect()
}

#[test]
fn ffmpeg_receives_every_picture_and_its_decoder_is_silent() {
    if !has("ffmpeg", &["-version"]) {
        return;
    }
    let clip = std::fs::read("tests/fixtures/bitstreams/clip.h264").unwrap();
    let sent = pictures(&clip);
    each(|server, mount, transport| {
        let file = tempfile::Builder::new().suffix(".h264").tempfile().unwrap();
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "warning", "-y", "-rtsp_transport", transport, "-i", &server.url(mount)]);
        ffmpeg.args(["-c", "copy", "-frames:v", &PICTURES.to_string(), "-f", "h264"]).arg(file.path());
        let output = client(&mut ffmpeg);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("missed") && !said.contains("error"), "{mount} {transport}: {said}");
        let bytes = std::fs::read(file.path()).unwrap();
        let got = pictures(&bytes);
        assert_eq!(got.len(), PICTURES, "{mount} {transport}");
        if mount == "clip" {
            let start = sent.iter().position(|nal| *nal == got[0]).expect("a picture of the file");
            let looped = sent.iter().cycle().skip(start);
            assert!(
                got.iter().zip(looped).all(|(got, sent)| got == sent),
                "{transport}: not the file's pictures"
            );
        }
        let mut decode = Command::new("ffmpeg");
        decode.args(["-v", "error", "-i"]).arg(file.path()).args(["-f", "null", "-"]);
        let decoded = client(&mut decode);
        assert!(
            decoded.stderr.is_empty(),
            "{mount} {transport}: {}",
            String::from_utf8_lossy(&decoded.stderr)
        );
    });
}

#[test]
fn gstreamer_plays() {
    if !has("gst-inspect-1.0", &["avdec_h264"]) {
        return;
    }
    each(|server, mount, transport| {
        let pipeline = format!(
            "rtspsrc location={} protocols={transport} latency=100 ! rtph264depay ! h264parse ! avdec_h264 ! \
             identity eos-after={PICTURES} ! fakesink sync=false",
            server.url(mount)
        );
        let mut gst = Command::new("gst-launch-1.0");
        gst.arg("-q").args(pipeline.split_whitespace());
        client(&mut gst);
    });
}

#[test]
fn mpv_plays() {
    if !has("mpv", &["--version"]) {
        return;
    }
    each(|server, mount, transport| {
        let mut mpv = Command::new("mpv");
        mpv.args(["--no-config", "--vo=null", "--ao=null", "--msg-level=all=error"]);
        mpv.args([
            &format!("--rtsp-transport={transport}"),
            &format!("--frames={PICTURES}"),
            &server.url(mount),
        ]);
        client(&mut mpv);
    });
}

#[test]
fn pyav_decodes() {
    if !has("python3", &["-c", "import av"]) {
        return;
    }
    const SCRIPT: &str = "
import av, sys
container = av.open(sys.argv[1], options={'rtsp_transport': sys.argv[2]})
count = 0
for frame in container.decode(video=0):
    count += 1
    if count == int(sys.argv[3]): break
assert count == int(sys.argv[3])
";
    each(|server, mount, transport| {
        let mut python = Command::new("python3");
        python.args(["-c", SCRIPT, &server.url(mount), transport, &PICTURES.to_string()]);
        client(&mut python);
    });
}

#[test]
fn retina_sees_no_loss_and_times_on_the_grid() {
    use futures::StreamExt;
    use retina::client::{
        PlayOptions, Session, SessionOptions, SetupOptions, TcpTransportOptions, Transport,
        UdpTransportOptions,
    };
    use retina::codec::CodecItem;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    each(|server, mount, transport| {
        let url = url::Url::parse(&server.url(mount)).unwrap();
        runtime.block_on(async {
            let mut session = Session::describe(url, SessionOptions::default()).await.unwrap();
            let transport = match transport {
                "udp" => Transport::Udp(UdpTransportOptions::default()),
                _ => Transport::Tcp(TcpTransportOptions::default()),
            };
            session.setup(0, SetupOptions::default().transport(transport)).await.unwrap();
            let mut demuxed = session.play(PlayOptions::default()).await.unwrap().demuxed().unwrap();
            let mut last: Option<i64> = None;
            let mut count = 0;
            while count < PICTURES {
                let item = tokio::time::timeout(crate::support::PATIENCE, demuxed.next()).await.unwrap();
                let Some(Ok(CodecItem::VideoFrame(frame))) = item else { continue };
                assert_eq!(frame.loss(), 0);
                let time = frame.timestamp().elapsed();
                if let Some(last) = last {
                    let ticks = time - last;
                    assert!(ticks > 0 && (ticks + 2) % 3000 <= 4, "{mount}: {ticks}");
                }
                last = Some(time);
                count += 1;
            }
        });
    });
}
