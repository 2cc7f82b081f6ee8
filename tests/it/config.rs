//! Configurations as people write them: wrong ones and what is said of them, and those that are shipped.

use std::fs;
use std::path::{Path, PathBuf};

use std::io::IoSliceMut;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::process::Command;

use lenslet::config::{Config, MountSettings, edit};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};

use crate::support::{Client, Server, lenslet};

fn here(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

/// The files of a folder that end so, by name.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == ending)).collect();
    files.sort();
    files
}

/// `LENSLET_EXPECT=write` writes what is said now beside each file, to be read by a person before it is kept.
#[test]
fn every_mistake_is_answered_with_its_sentence() {
    let folder = here("tests/fixtures/config/invalid");
    let files = files(&folder, "ron");
    assert!(files.len() >= 40, "{}", files.len());
    let write = std::env::var("LENSLET_EXPECT").is_ok_and(|value| value == "write");
    let mut differ = Vec::new();
    for file in &files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let said = match Config::load(file) {
            Ok(_) => panic!("{name} is taken"),
            Err(error) => error.to_string().replace(file.to_str().unwrap(), name) + "\n",
        };
        let expected = file.with_extension("expected");
        if write {
            fs::write(&expected, &said).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != said {
            differ.push(said);
        }
    }
    assert!(differ.is_empty(), "not as expected:\n{}", differ.join("\n"));
}

#[test]
fn a_mount_is_served_as_its_settings_say() {
    let server = Server::with(
        r#"mounts: {"door": Pattern(width: 64, height: 48, label: "Front door", max_readers: 1), "off": Pattern(enabled: false)}"#,
    );
    let mut client = Client::connect(&server);
    let url = server.url("door");
    let described = client.ask(&[&format!("DESCRIBE {url} RTSP/1.0")]);
    assert!(described.body.contains("s=Front door\r\n"), "{}", described.body);
    let off = server.url("off");
    assert_eq!(client.ask(&[&format!("DESCRIBE {off} RTSP/1.0")]).status, 404);
    client.set_up_tcp(&url);
    let mut other = Client::connect(&server);
    let setup = format!("SETUP {url}/trackID=0 RTSP/1.0");
    let refused = other.ask(&[&setup, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"]);
    assert_eq!(refused.status, 453);
}

/// The traffic class that the next packet came with.
fn received_tos(socket: &UdpSocket) -> Option<u8> {
    let mut buffer = [0; 2048];
    let mut control = nix::cmsg_space!(u8);
    let mut slices = [IoSliceMut::new(&mut buffer)];
    let message =
        recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(&mut control), MsgFlags::empty()).unwrap();
    message.cmsgs().unwrap().find_map(|told| match told {
        ControlMessageOwned::Ipv4Tos(tos) => Some(tos),
        _ => None,
    })
}

#[test]
fn packets_are_marked_as_the_settings_say() {
    let mounts = "mounts: {\"a\": Pattern(width: 64, height: 48)}";
    for (settings, tos, written) in [("dscp: 34,", 0x88, "0x88"), ("", 0, "0")] {
        let server = Server::on("127.0.0.1", settings, mounts);
        let mut client = Client::connect(&server);
        let url = server.url("a");
        let (session, rtp, rtcp) = client.set_up_udp(&url);
        for socket in [&rtp, &rtcp] {
            setsockopt(socket, sockopt::IpRecvTos, &true).unwrap();
        }
        let play = client.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]);
        assert_eq!(play.status, 200);
        assert_eq!((received_tos(&rtp), received_tos(&rtcp)), (Some(tos), Some(tos)), "{settings}");
        // By TCP as well; the kernel tells of another's socket what it is marked with.
        let port = client.socket().local_addr().unwrap().port();
        let Ok(told) = Command::new("ss").args(["-tnH", "--tos", &format!("dport = :{port}")]).output()
        else {
            assert!(std::env::var_os("LENSLET_REQUIRE_TOOLS").is_none(), "ss is not there");
            println!("SKIPPED: no ss");
            continue;
        };
        let told = String::from_utf8(told.stdout).unwrap();
        assert!(told.contains(&format!(" tos:{written}")), "{settings} {told}");
    }
}

/// The shipped configurations whose mounts need nothing but this program.
fn needs_no_hardware(config: &Config) -> bool {
    config.mounts.values().all(|mount| matches!(mount.source, MountSettings::Pattern(_)))
}

#[test]
fn every_shipped_configuration_is_checked_and_served_where_it_needs_no_hardware() {
    let mut served = 0;
    for file in files(&here("configs"), "ron") {
        let name = file.file_name().unwrap().to_str().unwrap();
        let config = Config::load(&file).unwrap_or_else(|error| panic!("{error}"));
        let check = lenslet().arg("check").arg("--config").arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&[check.stdout, check.stderr].concat()).into_owned();
        assert!(check.status.success() && said.contains("The configuration is right"), "{name}: {said}");
        // What this machine lacks is told, mount by mount.
        for sentence in config.absent() {
            assert!(said.contains(&sentence), "{name}: {said}");
        }
        if !needs_no_hardware(&config) {
            continue;
        }
        // As it is, but for the ports, which other tests have as well.
        let text = fs::read_to_string(&file).unwrap();
        let text = edit::set(&text, "listen", "[\"127.0.0.1:0\"]").unwrap();
        let text = edit::set(&text, "udp_ports", "(0, 0)").unwrap();
        let server = Server::of(&text);
        for mount in config.mounts.keys() {
            let received =
                lenslet().args(["receive", &server.url(mount), "--seconds", "1", "--json"]).output().unwrap();
            let told: serde_json::Value = serde_json::from_slice(&received.stdout).unwrap();
            assert!(told["tracks"][0]["pictures"].as_u64().unwrap() > 0, "{name} {mount}: {told}");
        }
        served += 1;
    }
    assert!(served >= 1);
}

#[test]
fn urls_with_a_port_that_nobody_knows_are_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lenslet.ron");
    let urls = |listen: &str| {
        fs::write(&file, format!("(listen: [{listen}], mounts: {{\"a\": Pattern()}})")).unwrap();
        let output = lenslet().args(["urls", "--config"]).arg(&file).output().unwrap();
        let told = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.success(), told(output.stdout), told(output.stderr))
    };
    let (done, out, said) = urls("\"127.0.0.1:0\"");
    assert!(!done && out.is_empty() && said.contains("with port 0 the system chooses"), "{out} {said}");
    let (done, out, _) = urls("\"127.0.0.1:0\", \"127.0.0.1:8555\"");
    assert_eq!((done, out.as_str()), (true, "rtsp://127.0.0.1:8555/a\n"));
}
