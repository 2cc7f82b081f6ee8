//! Configurations as people write them: wrong ones and what is said of them, and those that are shipped.

use std::fs;
use std::path::{Path, PathBuf};

use std::io::IoSliceMut;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::process::Command;

use lenslet::config::{Config, MountSettings, edit};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};

use crate::support::{Client, Network, Server, lenslet};

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
fn what_would_turn_the_text_around_is_not_shown() {
    let error = lenslet::config::Config::parse("(mounts: {\"a\u{202e}b\": Pattern(fps: 0)})").unwrap_err();
    let said = error.to_string();
    assert!(said.contains("a\u{fffd}b") && !said.contains('\u{202e}'), "{said:?}");
}

#[test]
fn of_thousands_of_mistakes_in_a_line_the_first_are_told_and_the_others_counted() {
    for text in [
        format!("(mounts: {{{}}})", "\"a\": Pattern(fps: 0), ".repeat(3000)),
        format!("({})", "nothing: 1, ".repeat(10_000)),
        "] ".repeat(60_000),
    ] {
        let error = lenslet::config::Config::parse(&text).unwrap_err();
        let (told, more) = (error.problems().len(), error.more());
        assert!(told == 20 || more == 0, "{told} and {more}: {}", &text[..40]);
        let words: usize = error.problems().iter().map(|problem| problem.to_string().len()).sum();
        assert!(words < 20_000, "{words} bytes of what is told of {}", &text[..40]);
    }
}

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

/// The traffic class that the next packet came with, by whichever IP.
fn received_tos(socket: &UdpSocket) -> Option<u8> {
    let mut buffer = [0; 2048];
    let mut control = nix::cmsg_space!(i32);
    let mut slices = [IoSliceMut::new(&mut buffer)];
    let message =
        recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(&mut control), MsgFlags::empty()).unwrap();
    message.cmsgs().unwrap().find_map(|told| match told {
        ControlMessageOwned::Ipv4Tos(tos) => Some(tos),
        ControlMessageOwned::Ipv6TClass(class) => u8::try_from(class).ok(),
        _ => None,
    })
}

#[test]
fn packets_are_marked_as_the_settings_say() {
    let mounts = "mounts: {\"a\": Pattern(width: 64, height: 48)}";
    for (on, settings, tos, written) in [
        ("127.0.0.1", "dscp: 34,", 0x88, "tos:0x88"),
        ("127.0.0.1", "", 0, "tos:0"),
        ("[::1]", "dscp: 46,", 0xb8, "tclass:0xb8"),
        ("[::1]", "", 0, "tclass:0"),
        // Who comes by IPv4 to a socket of both.
        ("[::]", "dscp: 34,", 0x88, "tos:0x88"),
    ] {
        let server = Server::on(on, settings, mounts);
        let mut client = Client::connect(&server);
        let url = server.url("a");
        let (session, rtp, rtcp) = client.set_up_udp(&url);
        for socket in [&rtp, &rtcp] {
            match socket.local_addr().unwrap().is_ipv6() {
                true => setsockopt(socket, sockopt::Ipv6RecvTClass, &true).unwrap(),
                false => setsockopt(socket, sockopt::IpRecvTos, &true).unwrap(),
            }
        }
        let play = client.ask(&[&format!("PLAY {url} RTSP/1.0"), &format!("Session: {session}")]);
        assert_eq!(play.status, 200);
        assert_eq!((received_tos(&rtp), received_tos(&rtcp)), (Some(tos), Some(tos)), "{on} {settings}");
        // By TCP as well; the kernel tells of another's socket what it is marked with.
        let port = client.socket().local_addr().unwrap().port();
        let Ok(told) = Command::new("ss").args(["-tnH", "--tos", &format!("dport = :{port}")]).output()
        else {
            assert!(std::env::var_os("LENSLET_REQUIRE_TOOLS").is_none(), "ss is not there");
            println!("SKIPPED: no ss");
            continue;
        };
        let told = String::from_utf8(told.stdout).unwrap();
        assert!(told.contains(&format!(" {written}")), "{on} {settings} {told}");
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

/// Its camera is not there; the network is.
#[test]
fn the_configuration_for_a_network_of_cameras_is_served_there_and_nowhere_else() {
    let Some(network) = Network::new() else { return };
    network.ip("link set lo up");
    // Both ends are here; what is at the other end of a cable is none of the server's business.
    for (interface, address) in [("cameras", "192.168.20.2/24"), ("house", "192.168.1.2/24")] {
        network.ip(&format!("link add {interface} type veth peer name {interface}-sw"));
        network.ip(&format!("link set {interface} up"));
        network.ip(&format!("link set {interface}-sw up"));
        network.ip(&format!("address add {address} dev {interface}"));
    }
    let text = fs::read_to_string(here("configs/camera-vlan.ron")).unwrap();
    let mut serve = network.command(env!("CARGO_BIN_EXE_lenslet"));
    let server = Server::run_text(serve.arg("serve"), &text);
    assert_eq!(server.address.to_string(), "192.168.20.2:554");
    let receive = |url: &str| {
        let mut command = network.command(env!("CARGO_BIN_EXE_lenslet"));
        let output = command.args(["receive", url, "--seconds", "1"]).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let said = receive("rtsp://192.168.20.2:554/cam");
    assert!(said.contains("503"), "{said}");
    let said = receive("rtsp://192.168.1.2:554/cam");
    assert!(said.to_lowercase().contains("refused"), "{said}");
}

#[test]
fn urls_have_every_address_of_the_host() {
    let Some(network) = Network::new() else { return };
    network.ip("link set lo up");
    network.ip("link add cam0 type veth peer name cam1");
    network.ip("link set cam0 up");
    network.ip("link set cam1 up");
    network.ip("address add 10.77.0.1/24 dev cam0");
    network.ip("address add 10.78.0.1/24 dev cam1");
    network.ip("address add 2001:db8:77::1/64 dev cam0 nodad");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lenslet.ron");
    fs::write(&file, "(mounts: {\"a\": Pattern()}, aliases: {\"/b?x=1\": \"a\"})").unwrap();
    let urls = |format: &str| {
        let mut command = network.command(env!("CARGO_BIN_EXE_lenslet"));
        let output = command.args(["urls", "--format", format, "--config"]).arg(&file).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let text = urls("text");
    let expected = ["10.77.0.1", "10.78.0.1", "[2001:db8:77::1]"]
        .map(|host| [format!("rtsp://{host}:8554/a"), format!("rtsp://{host}:8554/b?x=1")])
        .concat();
    for url in &expected {
        assert!(text.lines().any(|line| line == url), "{url}: {text}");
    }
    // What cannot be reached from elsewhere is none.
    assert!(!text.contains("127.0.0.1") && !text.contains("[::1]"), "{text}");
    for format in ["m3u", "json"] {
        let told = urls(format);
        assert!(expected.iter().all(|url| told.contains(url.as_str())), "{format}: {told}");
    }
    serde_json::from_str::<serde_json::Value>(&urls("json")).unwrap();
}

/// What a phone's camera reads: dark where nothing is drawn.
const READ_CODE: &str = "
import sys, numpy, cv2
rows = []
for line in sys.stdin.read().splitlines():
    rows += [[c in upper for c in line] for upper in ('\u{2588}\u{2580}', '\u{2588}\u{2584}')]
picture = cv2.resize(numpy.array(rows, numpy.uint8) * 255, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
print(cv2.QRCodeDetector().detectAndDecode(picture)[0])
";

#[test]
fn the_code_for_phones_is_the_url() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lenslet.ron");
    fs::write(&file, "(advertise: \"porch.example:8554\", mounts: {\"front/door\": Pattern()})").unwrap();
    let output = lenslet().args(["urls", "--format", "qr", "--config"]).arg(&file).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let (code, url) = told.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(url, "rtsp://porch.example:8554/front/door");
    let mut python = Command::new("python3");
    python.args(["-c", READ_CODE]).env("PYTHONIOENCODING", "utf-8");
    python.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut python = python.stderr(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut python.stdin.take().unwrap(), code.as_bytes()).unwrap();
    let read = python.wait_with_output().unwrap();
    if !read.status.success() && String::from_utf8_lossy(&read.stderr).contains("No module named") {
        assert!(std::env::var_os("LENSLET_REQUIRE_TOOLS").is_none(), "OpenCV is not there");
        println!("SKIPPED: no OpenCV");
        return;
    }
    assert_eq!(String::from_utf8(read.stdout).unwrap().trim(), url, "{code}");
}

#[test]
fn where_there_is_nothing_to_watch_urls_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lenslet.ron");
    let urls = |text: &str, more: &[&str]| {
        fs::write(&file, text).unwrap();
        let output = lenslet().arg("urls").args(more).arg("--config").arg(&file).output().unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    for text in ["(mounts: {})", "(mounts: {\"a\": Pattern(enabled: false)})"] {
        let said = urls(text, &[]);
        assert!(said.contains("there is nothing to watch") && said.contains("lenslet probe"), "{said}");
    }
    let said = urls("(mounts: {\"front\": Pattern()})", &["frnt"]);
    assert!(said.contains("there is no mount \"frnt\" that is served: front is nearest"), "{said}");
    let said = urls("(mounts: {\"front\": Pattern(), \"yard\": Pattern()})", &["zoo"]);
    assert!(said.contains("there are front, yard"), "{said}");
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
