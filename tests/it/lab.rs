//! A camera and an encoder of the lab (`tests/lab/run`), with the server in this process: what has no door from outside
//! yet.

use std::path::PathBuf;

use lenslet::source::camera::{Camera, Settings, Wish};
use lenslet::{hub, source};

use crate::support::{Client, Rtp};

/// Pictures from one keyframe to the next; the encoder's own.
const GOP: usize = 30;

/// A keyframe is forced and the bitrate changed while somebody watches: no packet is missing, and the keyframe is there.
#[test]
#[ignore = "needs a camera and an encoder: tests/lab/run gives them in LAB_CAMERA"]
fn a_keyframe_is_forced_and_the_bitrate_changed_while_served() {
    let device =
        PathBuf::from(std::env::var_os("LAB_CAMERA").expect("LAB_CAMERA is a camera of raw pictures"));
    let wish = Wish { width: Some(320), height: Some(180), fps: Some(15.0), ..Wish::default() };
    let (outlet, mount) = hub::mount("cam");
    let running = source::spawn("cam", Box::new(Camera::new(Settings { device, wish })), outlet).unwrap();
    let text = r#"(listen: ["127.0.0.1:0"], udp_ports: (0, 0), mounts: {"cam": File(path: "none")})"#;
    let settings = lenslet::config::Config::parse(text).unwrap().server;
    let server = lenslet::server::Server::bind(settings).unwrap();
    let address = server.addresses()[0];
    let (stop, stopped) = smol::channel::bounded::<()>(1);
    let served = mount.clone();
    let serve = std::thread::spawn(move || {
        server.run(vec![served], async move {
            let _ = stopped.recv().await;
        });
    });

    let url = format!("rtsp://{address}/cam");
    let mut client = Client::at(address);
    client.socket().set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    assert_eq!(client.ask(&[&format!("DESCRIBE {url} RTSP/1.0")]).status, 200);
    let session = client.set_up_tcp(&url);
    client.send(format!("PLAY {url} RTSP/1.0\r\nCSeq: 3\r\nSession: {session}\r\n\r\n").as_bytes());

    let mut watch = Watch { client, last: None };
    assert!(watch.picture(), "the first picture is a keyframe");
    let untouched = (0..5).filter(|_| watch.picture()).count();
    assert_eq!(untouched, 0, "no keyframe comes by itself so soon");
    mount.request_keyframe();
    let until = (1..=GOP).find(|_| watch.picture()).expect("a keyframe");
    assert!(until < GOP - 6, "the keyframe is the one that was asked for: after {until} pictures");
    mount.set_bitrate(1_225_000);
    for _ in 0..10 {
        watch.picture();
    }
    drop(watch);
    drop(stop);
    serve.join().unwrap();
    mount.stop();
    running.join();
}

/// A reader that lets no packet be missing.
struct Watch {
    client: Client,
    last: Option<u16>,
}

impl Watch {
    /// Reads a picture's packets; says whether it is a keyframe.
    fn picture(&mut self) -> bool {
        let mut keyframe = false;
        loop {
            let packet = Rtp::parse(&self.client.next_frame(0));
            if let Some(last) = self.last.replace(packet.seq) {
                assert_eq!(packet.seq, last.wrapping_add(1), "a packet is missing");
            }
            keyframe |= packet.nal == 5;
            if packet.marker {
                return keyframe;
            }
        }
    }
}
