//! How long pictures take from the camera to the kernel: the figures are there, and in order.

use std::time::Duration;

use lenslet::hub::{self, Latency, Stage};
use lenslet::source::{self, Source, file, jpegs};

use crate::support::{Client, Rtp};

/// Pictures to watch.
const PICTURES: u64 = 40;

#[cfg(feature = "soft-h264")]
#[test]
fn every_stage_of_a_pictures_way_is_measured() {
    use lenslet::source::pattern::{Pattern, Settings};
    let settings = Settings { width: 320, height: 240, fps: 100.0, ..Settings::default() };
    watched(Box::new(Pattern::new(settings)), |latency| {
        let coded = latency.of(Stage::Coded).quantile(0.5);
        assert!(coded > latency.of(Stage::Captured).quantile(0.5), "coding takes time: {latency}");
    });
}

#[test]
fn pictures_of_files_are_measured_from_when_they_are_due() {
    let path = "tests/fixtures/bitstreams/clip.h264".into();
    watched(Box::new(file::File::new(file::Settings { path, fps: Some(100.0) })), |_| {});
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy("tests/fixtures/bitstreams/420.jpg", folder.path().join("1.jpg")).unwrap();
    let settings = jpegs::Settings { path: folder.path().to_owned(), fps: Some(100.0) };
    watched(Box::new(jpegs::Jpegs::new(settings)), |latency| {
        let read = latency.of(Stage::Captured).quantile(0.5).unwrap();
        assert!(!read.is_zero(), "a JPEG is read once it is due: {latency}");
    });
}

/// Watches a source and holds what was measured.
fn watched(source: Box<dyn Source>, hold: fn(&Latency)) {
    let (outlet, mount) = hub::mount("test");
    let running = source::spawn("test", source, outlet).unwrap();
    let config = lenslet::config::Config::parse(r#"(listen: ["127.0.0.1:0"], udp_ports: (0, 0))"#).unwrap();
    let server = lenslet::server::Server::bind(config.server).unwrap();
    let address = server.addresses()[0];
    let (stop, stopped) = smol::channel::bounded::<()>(1);
    let served = mount.clone();
    let serve = std::thread::spawn(move || {
        server.run(vec![served], async move {
            let _ = stopped.recv().await;
        });
    });

    let url = format!("rtsp://{address}/test");
    let mut client = Client::at(address);
    assert_eq!(client.ask(&[&format!("DESCRIBE {url} RTSP/1.0")]).status, 200);
    assert_eq!(mount.latency().pictures(), 0, "nobody was sent anything");
    let session = client.set_up_tcp(&url);
    client.send(format!("PLAY {url} RTSP/1.0\r\nCSeq: 3\r\nSession: {session}\r\n\r\n").as_bytes());
    let mut pictures = 0;
    while pictures < PICTURES {
        pictures += u64::from(Rtp::parse(&client.next_frame(0)).marker);
    }
    drop(client);
    drop(stop);
    serve.join().unwrap();
    mount.stop();
    running.join();

    let latency = mount.latency();
    // The first one may have been sent before anybody was measured.
    assert!(latency.pictures() >= PICTURES - 2, "{latency}");
    let of = |stage| latency.of(stage).quantile(0.5).unwrap();
    let way = [Stage::Captured, Stage::Coded, Stage::First, Stage::Last].map(of);
    assert!(way.is_sorted(), "{latency}");
    assert!(way[3] < Duration::from_secs(5) && of(Stage::Handover) <= way[2], "{latency}");
    hold(latency);
}
