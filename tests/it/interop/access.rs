//! Who may watch, held against real clients: each meets every kind of welcome by both transports, and its answers are
//! computed again from what it was seen to send.

mod again;
mod stale;
mod tap;

use std::process::Command;

use futures::StreamExt;
use lenslet::media::h264::nal_units;
use md5::Md5;
use retina::client::{Credentials, PlayOptions, Session, SessionOptions, SetupOptions, Transport};
use sha2::{Digest, Sha256};

use super::{has, run};
use crate::support::{PATIENCE, Server};
use crate::users::by_daemon;
use tap::{Answer, Tap};

/// Characters that URLs, shells and quoted strings trip over.
const PASSWORD: &str = "p:ss@w%rd/ \"é\\";
/// The same in a URL.
const IN_A_URL: &str = "p%3Ass%40w%25rd%2F%20%22%C3%A9%5C";

/// A kind of welcome.
struct Row {
    name: &'static str,
    door: Door,
    user: Option<User>,
    expected: Outcome,
}

/// Which server is met.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    /// One that has no users.
    Open,
    /// One with users: anna, who may watch everything, and guest, who may not watch this.
    Closed,
    /// The same, from an address that is banned.
    Banned,
    /// One whose networks hold no client of this test.
    Elsewhere,
    /// One with users, whose mount may not be watched from here.
    MountElsewhere,
}

/// Who a client is told to be.
#[derive(Clone, Copy)]
struct User {
    name: &'static str,
    password: &'static str,
    in_a_url: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Plays,
    /// It is answered so, and sees nothing.
    Refused(u16),
}

const fn user(name: &'static str) -> Option<User> {
    Some(User { name, password: PASSWORD, in_a_url: IN_A_URL })
}

const ROWS: [Row; 9] = [
    Row { name: "no users", door: Door::Open, user: None, expected: Outcome::Plays },
    Row { name: "no users, and a password", door: Door::Open, user: user("anna"), expected: Outcome::Plays },
    Row { name: "right user", door: Door::Closed, user: user("anna"), expected: Outcome::Plays },
    Row { name: "no password", door: Door::Closed, user: None, expected: Outcome::Refused(401) },
    Row {
        name: "wrong password",
        door: Door::Closed,
        user: Some(User { name: "anna", password: "wrong", in_a_url: "wrong" }),
        expected: Outcome::Refused(401),
    },
    Row { name: "wrong rights", door: Door::Closed, user: user("guest"), expected: Outcome::Refused(403) },
    Row { name: "banned", door: Door::Banned, user: user("anna"), expected: Outcome::Refused(403) },
    Row {
        name: "outside network",
        door: Door::Elsewhere,
        user: user("anna"),
        expected: Outcome::Refused(403),
    },
    Row {
        name: "mount of another network",
        door: Door::MountElsewhere,
        user: user("anna"),
        expected: Outcome::Refused(403),
    },
];

/// A column of the table.
struct Client {
    name: &'static str,
    tool: Option<(&'static str, &'static [&'static str])>,
    /// What it answers a challenge of both by.
    answers: &'static str,
    /// Watches a few pictures.
    watch: fn(&Visit<'_>) -> Result<(), String>,
}

struct Visit<'a> {
    /// Without a user.
    url: &'a str,
    user: Option<User>,
    transport: &'a str,
}

impl Visit<'_> {
    fn url_of_user(&self) -> String {
        match self.user {
            None => self.url.to_owned(),
            Some(User { name, in_a_url, .. }) => {
                self.url.replace("rtsp://", &format!("rtsp://{name}:{in_a_url}@"))
            }
        }
    }

    fn name_and_password(&self) -> [&str; 2] {
        self.user.map_or(["", ""], |user| [user.name, user.password])
    }
}

const CLIENTS: [Client; 7] = [
    Client { name: "ffmpeg", tool: Some(("ffmpeg", &["-version"])), answers: "MD5", watch: ffmpeg },
    Client { name: "PyAV", tool: Some(("python3", &["-c", "import av"])), answers: "MD5", watch: pyav },
    Client {
        name: "GStreamer",
        tool: Some(("gst-inspect-1.0", &["rtspsrc"])),
        answers: "MD5",
        watch: gstreamer,
    },
    Client { name: "mpv", tool: Some(("mpv", &["--version"])), answers: "MD5", watch: mpv },
    Client { name: "retina", tool: None, answers: "SHA-256", watch: retina },
    Client {
        name: "aiortsp",
        tool: Some(("python3", &["-c", "import aiortsp"])),
        answers: "SHA-256",
        watch: aiortsp,
    },
    Client { name: "lenslet", tool: None, answers: "SHA-256", watch: lenslet },
];

/// Clients that cannot be told apart in a row, or not be told what it says, and why.
const UNTOLD: [(&str, &str, &str); 0] = [];

fn ffmpeg(visit: &Visit<'_>) -> Result<(), String> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-rtsp_transport", visit.transport, "-i"]).arg(visit.url_of_user());
    run(ffmpeg.args(["-map", "0:v", "-frames:v", "3", "-f", "null", "-"])).map(drop)
}

fn pyav(visit: &Visit<'_>) -> Result<(), String> {
    const SCRIPT: &str = "
import sys, av
pictures = av.open(sys.argv[1], options={'rtsp_transport': sys.argv[2]}).decode(video=0)
[next(pictures) for _ in range(3)]";
    run(Command::new("python3").args(["-c", SCRIPT, &visit.url_of_user(), visit.transport])).map(drop)
}

/// By the pictures that it got and not by its exit status: where its thread for requests is late, it finds a connection closed
/// at its end that it has closed itself, behind a TEARDOWN that was answered.
fn gstreamer(visit: &Visit<'_>) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let stream = folder.path().join("stream");
    let mut gst = Command::new("gst-launch-1.0");
    gst.args(["-q", "rtspsrc", &format!("location={}", visit.url_of_user())]);
    gst.arg(format!("protocols={}", visit.transport));
    gst.args("! rtph264depay ! h264parse ! video/x-h264,stream-format=byte-stream,alignment=au".split(' '));
    gst.args("! identity eos-after=4 ! filesink".split(' ')).arg(format!("location={}", stream.display()));
    let done = run(&mut gst);
    let got = std::fs::read(&stream).unwrap_or_default();
    // Those that begin a picture: their first macroblock is 0 (H.264 7.3.3).
    let begins =
        |nal: &&[u8]| matches!(nal, [kind, first, ..] if matches!(kind & 0x1f, 1 | 5) && first & 0x80 != 0);
    match nal_units(&got).filter(begins).count() {
        3.. => Ok(()),
        few => Err(format!("{few} pictures, {:?}", done.err())),
    }
}

fn mpv(visit: &Visit<'_>) -> Result<(), String> {
    let mut mpv = Command::new("mpv");
    mpv.args(["--no-config", "--vo=null", "--ao=null", "--frames=3", "--msg-level=all=error"]);
    run(mpv.arg(format!("--rtsp-transport={}", visit.transport)).arg(visit.url_of_user())).map(drop)
}

fn lenslet(visit: &Visit<'_>) -> Result<(), String> {
    let mut lenslet = crate::support::lenslet();
    let url = visit.url_of_user();
    let output =
        run(lenslet.args(["receive", &url, "--transport", visit.transport, "--seconds", "1", "--json"]))?;
    let told: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    let pictures = told["tracks"][0]["pictures"].as_u64();
    if pictures.is_some_and(|pictures| pictures > 2) { Ok(()) } else { Err(format!("{told}")) }
}

fn aiortsp(visit: &Visit<'_>) -> Result<(), String> {
    const SCRIPT: &str = "
import asyncio, sys
from aiortsp.rtsp.connection import RTSPConnection
from aiortsp.rtsp.session import RTSPMediaSession
from aiortsp.transport import RTPTransportClient, transport_for_scheme
url, transport, name, password = sys.argv[1:]

class Reader(RTPTransportClient):
    def __init__(self):
        self.left, self.done = 3, asyncio.Event()
    def handle_rtp(self, rtp):
        self.left -= rtp.m
        if self.left <= 0:
            self.done.set()
    def handle_closed(self, error):
        pass

async def main():
    host, port = url.split('/')[2].split(':')
    way = transport_for_scheme('rtspt' if transport == 'tcp' else 'rtsp')
    async with RTSPConnection(host, int(port), name or None, password or None) as connection, way(connection) as packets:
        reader = Reader()
        packets.subscribe(reader)
        async with RTSPMediaSession(connection, url, packets) as session:
            await session.play()
            await reader.done.wait()

asyncio.run(main())";
    let [name, password] = visit.name_and_password();
    run(Command::new("python3").args(["-c", SCRIPT, visit.url, visit.transport, name, password])).map(drop)
}

fn retina(visit: &Visit<'_>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let plays = async {
        let said = |error: retina::Error| error.to_string();
        let url = url::Url::parse(visit.url).map_err(|error| error.to_string())?;
        let creds = visit.user.map(|User { name, password, .. }| Credentials {
            username: name.to_owned(),
            password: password.to_owned(),
        });
        let options = SessionOptions::default().creds(creds);
        let mut session = Session::describe(url, options).await.map_err(said)?;
        let transport = match visit.transport {
            "udp" => Transport::Udp(Default::default()),
            _ => Transport::Tcp(Default::default()),
        };
        session.setup(0, SetupOptions::default().transport(transport)).await.map_err(said)?;
        let session = session.play(PlayOptions::default()).await.map_err(said)?;
        let mut demuxed = session.demuxed().map_err(said)?;
        for _ in 0..3 {
            demuxed.next().await.ok_or("it ended")?.map_err(said)?;
        }
        Ok(())
    };
    runtime.map_err(|error| error.to_string())?.block_on(async {
        tokio::time::timeout(PATIENCE, plays).await.map_err(|_| "nothing comes".to_owned())?
    })
}

/// The servers of the table.
struct Doors(Vec<(Door, Server)>);

impl Doors {
    fn open() -> Self {
        let mounts = |more: &str| {
            format!(
                "mounts: {{\"test\": Pattern(width: 64, height: 48, fps: 30, bitrate: 100000, gop: 30, {more})}}"
            )
        };
        let elsewhere = "allow: [\"192.0.2.0/24\"],";
        // Wrong passwords of all clients together are no reason to keep out the right ones.
        let patient = "access: (exempt: [\"127.0.0.0/8\"]),";
        let server = |door| match door {
            Door::Open => Server::with(&mounts("")),
            Door::Closed => Server::on("127.0.0.1", patient, &mounts("")),
            Door::Banned => Server::with(&mounts("")),
            Door::Elsewhere => Server::on("127.0.0.1", &format!("access: ({elsewhere}),"), &mounts("")),
            Door::MountElsewhere => Server::on("127.0.0.1", patient, &mounts(elsewhere)),
        };
        let doors = [Door::Open, Door::Closed, Door::Banned, Door::Elsewhere, Door::MountElsewhere];
        let doors: Vec<_> = doors.map(|door| (door, server(door))).into();
        for (door, server) in &doors {
            if *door != Door::Open {
                by_daemon(server, &["user", "add", "anna", "--password-stdin"], PASSWORD);
                let guest = ["user", "add", "guest", "--password-stdin", "--may-read", "other"];
                by_daemon(server, &guest, PASSWORD);
            }
            if *door == Door::Banned {
                by_daemon(server, &["ban", "add", "127.0.0.1"], "");
            }
        }
        Self(doors)
    }

    fn server(&self, door: Door) -> &Server {
        &self.0.iter().find(|(known, _)| *known == door).unwrap().1
    }
}

/// One client's visit; what is not as it has to be.
fn cell(client: &Client, row: &Row, transport: &str, server: &Server) -> Result<String, String> {
    let tap = Tap::before(server.address);
    let url = format!("rtsp://{}/test", tap.address());
    let done = (client.watch)(&Visit { url: &url, user: row.user, transport });
    // What it says last is why.
    let done = done.map_err(|error| error.lines().last().unwrap_or_default().to_owned());
    let talk = tap.talk();
    let told = format!("{:?}, {:?}", talk.statuses, done);
    match (row.expected, &done) {
        (Outcome::Plays, Ok(())) => {}
        (Outcome::Refused(status), Err(_)) if talk.statuses.contains(&status) && !talk.described => {}
        (expected, _) => return Err(format!("expected {expected:?}, and {told}")),
    }
    let asked = row.user.filter(|_| talk.statuses.contains(&401));
    let answers: Vec<&'static str> =
        talk.answers.iter().map(|answer| checked(answer, asked)).collect::<Result<_, _>>()?;
    if asked.is_some() && (answers.is_empty() || answers.iter().any(|by| *by != client.answers)) {
        return Err(format!("it is asked, and answers by {answers:?} instead of {}: {told}", client.answers));
    }
    Ok(format!("{told}, {} answers", answers.len()))
}

/// What an answer was computed by: it is computed again, from the password that the client was given.
fn checked(answer: &Answer, user: Option<User>) -> Result<&'static str, String> {
    let User { name, password, .. } = user.ok_or("it answers and was not asked")?;
    let field = |name: &str| answer.fields.get(name).map(String::as_str);
    let whole = |name: &str| field(name).ok_or_else(|| format!("its answer has no {name}: {answer:?}"));
    let (response, realm, nonce) = (whole("response")?, whole("realm")?, whole("nonce")?);
    let (by, hash): (_, fn(&str) -> String) = match response.len() {
        32 => ("MD5", |text| hex(&Md5::digest(text))),
        64 => ("SHA-256", |text| hex(&Sha256::digest(text))),
        _ => return Err(format!("its answer has a strange length: {answer:?}")),
    };
    let ha1 = hash(&format!("{name}:{realm}:{password}"));
    let ha2 = hash(&format!("{}:{}", answer.method, whole("uri")?));
    let counted =
        field("qop").map(|qop| Ok::<_, String>(format!("{}:{}:{qop}:", whole("nc")?, whole("cnonce")?)));
    let expected = hash(&format!("{ha1}:{nonce}:{}{ha2}", counted.transpose()?.unwrap_or_default()));
    if field("username") == Some(name) && expected == response {
        Ok(by)
    } else {
        Err(format!("its answer is {expected}, computed again: {answer:?}"))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_client_is_let_in_or_not_as_it_should_be() {
    let doors = Doors::open();
    let there = |client: &&Client| client.tool.is_none_or(|(tool, arguments)| has(tool, arguments));
    let there: Vec<&Client> = CLIENTS.iter().filter(there).collect();
    let mut failed = Vec::new();
    for row in &ROWS {
        let server = doors.server(row.door);
        let cells = std::thread::scope(|scope| {
            let visits = there.iter().flat_map(|client| ["udp", "tcp"].map(|transport| (*client, transport)));
            let runs: Vec<_> = visits
                .map(|(client, transport)| {
                    (client, transport, scope.spawn(move || cell(client, row, transport, server)))
                })
                .collect();
            let joined =
                runs.into_iter().map(|(client, transport, run)| (client, transport, run.join().unwrap()));
            joined.collect::<Vec<_>>()
        });
        for (client, transport, outcome) in cells {
            println!("{}: {} {transport}: {outcome:?}", row.name, client.name);
            let untold = UNTOLD.iter().any(|(of, whom, _)| (*of, *whom) == (row.name, client.name));
            if outcome.is_err() != untold {
                failed.push(format!("{}: {} {transport}: {outcome:?}", row.name, client.name));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
