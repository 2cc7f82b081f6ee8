//! Clients that come back by themselves: their connection is cut, or their session ended, and they play on. What they answered
//! before is of another connection by then, and a nonce belongs to the connection of its first right answer.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use futures::StreamExt;
use lenslet::control::client::Blocking;
use lenslet::control::protocol::Act;
use retina::client::{Credentials, PlayOptions, Session, SessionOptions, SetupOptions, Transport};

use super::tap::Tap;
use crate::interop::has;
use crate::support::{PATIENCE, Server};
use crate::users::{by_daemon, status};

const PASSWORD: &str = "secret";
/// Seconds after which a session that says nothing ends, with half as long a grace.
const TIMEOUT: u64 = 6;
/// Pictures that show that it plays.
const SOME: usize = 15;

/// A client that plays for as long as it is let, and comes back as it does.
struct Client {
    name: &'static str,
    tool: Option<(&'static str, &'static [&'static str])>,
    plays: Plays,
    /// Whether it makes another connection after a cut and goes on with its session, by UDP.
    keeps_session: bool,
    /// Whether it ends its former session, by UDP, on another connection: with the nonce that it had.
    says_the_old_one: bool,
}

enum Plays {
    /// A command, and what it writes for each picture. `URL` and `TRANSPORT` stand for what they say.
    Command(&'static [&'static str], &'static [u8]),
    /// In a thread, which counts.
    Thread(fn(&str, &str, &Seen)),
}

/// How far a client is.
#[derive(Default)]
struct Seen {
    pictures: AtomicUsize,
    enough: AtomicBool,
}

const CLIENTS: [Client; 6] = [
    // As recorders do, which run it again when it ends.
    Client {
        name: "ffmpeg, run again",
        tool: Some(("ffmpeg", &["-version"])),
        plays: Plays::Command(
            &[
                "sh",
                "-c",
                "while :; do ffmpeg -v error -rtsp_transport TRANSPORT -i URL -map 0:v -f framemd5 -; done",
            ],
            b"\n0, ",
        ),
        keeps_session: false,
        says_the_old_one: false,
    },
    Client {
        name: "mpv, its list over and over",
        tool: Some(("mpv", &["--version"])),
        plays: Plays::Command(
            &[
                "mpv",
                "--no-config",
                "--vo=null",
                "--ao=null",
                "--loop-playlist=inf",
                "--msg-level=all=error,ffmpeg=v",
                "--vf=lavfi=[showinfo]",
                "--rtsp-transport=TRANSPORT",
                "URL",
            ],
            b" pts_time:",
        ),
        keeps_session: false,
        says_the_old_one: false,
    },
    Client {
        name: "PyAV, opened again",
        tool: Some(("python3", &["-c", "import av"])),
        plays: Plays::Command(
            &[
                "python3",
                "-uc",
                "
import av
while True:
    try:
        with av.open('URL', options={'rtsp_transport': 'TRANSPORT'}) as container:
            for _ in container.decode(video=0):
                print('picture')
    except av.error.FFmpegError:
        pass",
            ],
            b"picture\n",
        ),
        keeps_session: false,
        says_the_old_one: false,
    },
    // By UDP it makes another connection by itself, says nothing there, and its reports keep its session.
    Client {
        name: "GStreamer",
        tool: Some(("gst-inspect-1.0", &["rtspsrc"])),
        plays: Plays::Command(
            &[
                "sh",
                "-c",
                "while :; do gst-launch-1.0 -q rtspsrc location=URL protocols=TRANSPORT ! rtph264depay ! avdec_h264 \
               ! videoconvert ! jpegenc ! fdsink fd=1; done",
            ],
            b"\xff\xd8\xff",
        ),
        keeps_session: true,
        says_the_old_one: false,
    },
    Client {
        name: "aiortsp",
        tool: Some(("python3", &["-c", "import aiortsp"])),
        plays: Plays::Command(
            &[
                "python3",
                "-uc",
                "
import asyncio
from aiortsp.rtsp.reader import RTSPReader
url = 'URL' if 'TRANSPORT' == 'udp' else 'URL'.replace('rtsp:', 'rtspt:')
async def main():
    async with RTSPReader(url, run_loop=True) as reader:
        async for packet in reader.iter_packets():
            if packet.m:
                print('picture')
asyncio.run(main())",
            ],
            b"picture\n",
        ),
        keeps_session: false,
        says_the_old_one: false,
    },
    Client {
        name: "retina",
        tool: None,
        plays: Plays::Thread(retina),
        keeps_session: false,
        says_the_old_one: true,
    },
];

fn retina(url: &str, transport: &str, seen: &Seen) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url: url::Url = url.parse().unwrap();
    let once = async || -> Result<(), retina::Error> {
        let mut bare = url.clone();
        let (_, _) = (bare.set_username(""), bare.set_password(None));
        let creds = Credentials { username: "anna".into(), password: PASSWORD.into() };
        let mut session = Session::describe(bare, SessionOptions::default().creds(Some(creds))).await?;
        let transport = match transport {
            "udp" => Transport::Udp(Default::default()),
            _ => Transport::Tcp(Default::default()),
        };
        session.setup(0, SetupOptions::default().transport(transport)).await?;
        let mut demuxed = session.play(PlayOptions::default()).await?.demuxed()?;
        while let Some(item) = demuxed.next().await.transpose()? {
            drop(item);
            seen.pictures.fetch_add(1, Ordering::Relaxed);
            if seen.enough.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(())
    };
    runtime.block_on(async {
        while !seen.enough.load(Ordering::Relaxed) {
            // What it says is not asked: it comes again.
            let _ = once().await;
        }
    });
}

/// How it is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interruption {
    /// Its TCP connection is closed from the server's side.
    Cut,
    /// Its session is ended by whoever steers the server.
    Kick,
}

impl Client {
    /// Plays until it is enough, and counts.
    fn play(&self, url: &str, transport: &str, seen: &Arc<Seen>) {
        let (words, mark) = match self.plays {
            Plays::Thread(plays) => return plays(url, transport, seen),
            Plays::Command(words, mark) => (words, mark),
        };
        let words: Vec<String> =
            words.iter().map(|word| word.replace("URL", url).replace("TRANSPORT", transport)).collect();
        // With all that it starts it ends: its group is its own.
        let mut command = Command::new("timeout");
        command.args(["--kill-after=1", "100"]).args(words).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        let ended = seen.clone();
        let pid = nix::unistd::Pid::from_raw(child.id() as i32);
        let (mut tail, mut bytes) = (Vec::new(), [0; 4096]);
        while !ended.enough.load(Ordering::Relaxed) {
            let read = out.read(&mut bytes).unwrap_or(0);
            if read == 0 {
                break;
            }
            tail.extend_from_slice(&bytes[..read]);
            let found = memchr::memmem::find_iter(&tail, mark).count();
            seen.pictures.fetch_add(found, Ordering::Relaxed);
            let kept = memchr::memmem::rfind(&tail, mark).map_or(0, |at| at + mark.len());
            tail.drain(..kept.max(tail.len().saturating_sub(mark.len() - 1)));
        }
        // `timeout` leads the group and hands the signal on.
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        drop(out);
        child.wait().unwrap();
    }
}

/// Waits until it is so; what is the matter if it is not in time.
fn until(what: &str, so: impl Fn() -> bool) -> Result<(), String> {
    let begun = Instant::now();
    while !so() {
        if begun.elapsed() > 3 * PATIENCE {
            return Err(what.to_owned());
        }
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    Ok(())
}

fn cell(client: &Client, transport: &str, interruption: Interruption) -> Result<String, String> {
    let settings = format!("session_timeout: {TIMEOUT},");
    let mounts = "mounts: {\"test\": Pattern(width: 64, height: 48, fps: 30, bitrate: 100000, gop: 10)}";
    let server = Server::on("127.0.0.1", &settings, mounts);
    by_daemon(&server, &["user", "add", "anna", "--password-stdin"], PASSWORD);
    let tap = Tap::before(server.address);
    let url = format!("rtsp://anna:{PASSWORD}@{}/test", tap.address());
    let seen: Arc<Seen> = Arc::default();
    std::thread::scope(|scope| {
        scope.spawn(|| client.play(&url, transport, &seen));
        let done = interrupted(client, transport, interruption, &server, &tap, &seen);
        seen.enough.store(true, Ordering::Relaxed);
        done
    })
}

fn interrupted(
    client: &Client,
    transport: &str,
    interruption: Interruption,
    server: &Server,
    tap: &Tap,
    seen: &Seen,
) -> Result<String, String> {
    let pictures = || seen.pictures.load(Ordering::Relaxed);
    until("it never played", || pictures() >= SOME)?;
    let first = status(server).sessions;
    let [session] = &first[..] else { return Err(format!("{first:?}")) };
    let connections = tap.connections();
    match interruption {
        Interruption::Cut => tap.cut(),
        Interruption::Kick => {
            let kick = Act::Kick { session: session.id.clone() };
            Blocking::connect(&server.control()).unwrap().ask(kick).unwrap();
        }
    }
    let told = || {
        let talk = tap.talk();
        let (first, old, stale) = (talk.statuses.iter().take(30).collect::<Vec<_>>(), talk.old, talk.stale);
        format!("{} connections, {first:?}, {old} old nonces, {stale} stale", tap.connections())
    };
    let keeps = client.keeps_session && interruption == Interruption::Cut && transport == "udp";
    until("it did not come back", || tap.connections() > connections)
        .map_err(|why| format!("{why}: {}", told()))?;
    let plays = || status(server).sessions.iter().any(|one| (one.id == session.id) == keeps);
    until("it has no session", plays).map_err(|why| format!("{why}: {}", told()))?;
    let so_far = pictures();
    until("it does not play again", || pictures() >= so_far + SOME)
        .map_err(|why| format!("{why}: {}", told()))?;
    if keeps {
        // Past its session's end, if it did not keep it.
        let (begun, so_far) = (Instant::now(), pictures());
        let longer = std::time::Duration::from_secs(2 * TIMEOUT);
        let on = || begun.elapsed() > longer && pictures() >= so_far + SOME;
        until("it does not play on", on).map_err(|why| format!("{why}: {}", told()))?;
        if !status(server).sessions.iter().any(|one| one.id == session.id) {
            return Err(format!("its session is another: {}", told()));
        }
    }
    if client.says_the_old_one && transport == "udp" {
        let stale = || tap.talk().old > 0 && tap.talk().stale >= tap.talk().old;
        until("the old nonce is not answered as one", stale).map_err(|why| format!("{why}: {}", told()))?;
    }
    let counters = status(server).access.counters;
    if counters.iter().any(|counter| counter.what == "wrong user or password") {
        return Err(format!("it counts as a guess: {}, {counters:?}", told()));
    }
    Ok(told())
}

#[test]
fn clients_that_come_back_are_let_in_again() {
    let there = |client: &&Client| client.tool.is_none_or(|(tool, arguments)| has(tool, arguments));
    let there: Vec<&Client> = CLIENTS.iter().filter(there).collect();
    let mut failed = Vec::new();
    for interruption in [Interruption::Cut, Interruption::Kick] {
        let cells: Vec<_> = std::thread::scope(|scope| {
            let visits = there.iter().flat_map(|client| ["udp", "tcp"].map(|transport| (*client, transport)));
            let runs: Vec<_> = visits
                .map(|(client, transport)| {
                    (client.name, transport, scope.spawn(move || cell(client, transport, interruption)))
                })
                .collect();
            runs.into_iter().map(|(name, transport, run)| (name, transport, run.join().unwrap())).collect()
        });
        for (name, transport, outcome) in cells {
            println!("{interruption:?}: {name} {transport}: {outcome:?}");
            if outcome.is_err() {
                failed.push(format!("{interruption:?}: {name} {transport}: {outcome:?}"));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
