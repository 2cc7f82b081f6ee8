//! A camera and an encoder of the lab (`tests/lab/run`), with the server in this process: what has no door from outside
//! yet.

use std::path::PathBuf;

use lenslet::hub::{ControlValue, Mount, Slot};
use lenslet::media::Link;
use lenslet::source::camera::{Camera, Encode, Settings, Wish};
use lenslet::{encode, hub, source};

use crate::support::{Client, Rtp};

/// Pictures from one keyframe to the next: two seconds of them, where nothing is configured.
const GOP: usize = 30;

#[test]
#[ignore = "needs a camera and an encoder: tests/lab/run gives them, the camera in LAB_CAMERA"]
fn keyframe_control_and_bitrate_are_changed_while_the_boards_encoder_codes() {
    changed_while_served(Encode::Hardware);
}

#[test]
#[ignore = "needs a camera: tests/lab/run gives it in LAB_CAMERA"]
fn keyframe_control_and_bitrate_are_changed_while_the_processor_codes() {
    changed_while_served(Encode::Software);
}

/// A keyframe is forced, a control set and the bitrate changed while somebody watches: no packet is missing, the keyframe is
/// there, the picture is brighter.
fn changed_while_served(encode: Encode) {
    let device =
        PathBuf::from(std::env::var_os("LAB_CAMERA").expect("LAB_CAMERA is a camera of raw pictures"));
    let wish = Wish { width: Some(320), height: Some(180), fps: Some(15.0), encode, ..Wish::default() };
    let (outlet, mount) = hub::mount("cam");
    let running =
        source::spawn("cam", Box::new(Camera::new(Settings { device, wish, ..Settings::default() })), outlet)
            .unwrap();
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
    let before = luma(&mount);
    for (name, value, part) in [
        ("brightness", ControlValue::Integer(200), Ok("brightness is 200")),
        (
            "brightness",
            ControlValue::Integer(999),
            Err("brightness goes from 0 to 255, and 999 is not in it"),
        ),
        (
            "brightnes",
            ControlValue::Integer(1),
            Err("the camera has no brightnes; the nearest are brightness"),
        ),
    ] {
        let answer = mount.set_control(name, value);
        let told = smol::block_on(std::future::poll_fn(|context| answer.poll(context)));
        let told = told.as_deref().map_err(|why| &**why);
        assert!(told.is_ok() == part.is_ok(), "{told:?}");
        assert!(told.unwrap_or_else(|why| why).starts_with(part.unwrap_or_else(|why| why)), "{told:?}");
    }
    for _ in 0..5 {
        watch.picture();
    }
    let after = luma(&mount);
    assert!(after > before + 30.0, "brightness 128 to 200: luma {before:.1} to {after:.1}");
    println!("luma {before:.1} by brightness 128, {after:.1} by 200");
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

/// The mean luma of the next keyframe, which is asked for.
fn luma(mount: &Mount) -> f64 {
    let mut at = mount.units().end();
    mount.request_keyframe();
    loop {
        let slot = smol::block_on(std::future::poll_fn(|context| mount.units().poll_next(at, context)));
        match slot.expect("the mount goes on") {
            Slot::Here(unit) if unit.link == Link::Start => {
                let luma = encode::decode_h264(&unit.data).unwrap().luma;
                return luma.iter().map(|value| f64::from(*value)).sum::<f64>() / luma.len() as f64;
            }
            Slot::Here(_) | Slot::Ahead => at = at.next(),
            Slot::Gone(oldest) => at = oldest,
        }
    }
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
