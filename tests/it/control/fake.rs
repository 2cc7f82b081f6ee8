//! A steward whose answers are known.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use lenslet::control::protocol::*;
use lenslet::control::{Answer, Boxed, Caller, LogStream, Steward};
use smol::channel::{Receiver, Sender, unbounded};
use smol::stream::{self, StreamExt};

/// Remembers what was asked. `kick` of "slow" waits until [`Fake::let_go`], of "panics" panics.
pub(super) struct Fake {
    config: Mutex<(u64, String)>,
    pub(super) asked: AtomicUsize,
    hold: (Sender<()>, Receiver<()>),
    lines: (Sender<LogEvent>, Receiver<LogEvent>),
    /// Sessions in the status beside the one that is always there.
    pub(super) crowd: AtomicUsize,
}

impl Fake {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            config: Mutex::new((4, "(mounts: {\"cam\": Camera(device: \"/dev/video0\", fps: 30)})".into())),
            asked: AtomicUsize::new(0),
            hold: unbounded(),
            lines: unbounded(),
            crowd: AtomicUsize::new(0),
        })
    }

    pub(super) fn let_go(&self) {
        self.hold.0.try_send(()).unwrap();
    }

    pub(super) fn log(&self, text: &str) {
        self.lines.0.try_send(LogEvent::Line(line(text))).unwrap();
    }

    fn write(&self, text: String, base: Option<Base>) -> Answer {
        let mut config = self.config.lock().unwrap();
        let is = |base: &Base| match base {
            Base::Version(version) => *version == config.0,
            Base::Hash(seen) => *seen == hash(&config.1),
        };
        if !base.is_none_or(|base| is(&base)) {
            return Err(Refusal::new(
                "changed-meanwhile",
                format!(
                    "the file was changed meanwhile: it is version {} now; look at it and try again",
                    config.0
                ),
                "",
            ));
        }
        *config = (config.0 + 1, text);
        Ok(Reply::Plan(plan(Some(config.0))))
    }
}

fn hash(text: &str) -> String {
    lenslet::config::store::hash(text.as_bytes())
}

impl Steward for Fake {
    fn status(&self) -> Boxed<'_, Result<Status, Refusal>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut status = status();
        let one = status.sessions[0].clone();
        status.sessions.extend((0..self.crowd.load(Ordering::SeqCst)).map(|_| one.clone()));
        Box::pin(async { Ok(status) })
    }

    fn look(&self, look: Look) -> Boxed<'_, Answer> {
        Box::pin(async move {
            match look {
                Look::Probe {} => Ok(Reply::Probe(serde_json::json!({
                    "cameras": [{"path": "/dev/video0", "served": true}],
                    "encoders": [],
                    "rpicam": [{"camera": 0, "name": "imx708_wide",
                        "path": "/base/axi/pcie@120000/rp1/i2c@88000/imx708@1a",
                        "sizes": [{"width": 1536, "height": 864, "fps": 120.13}]}],
                }))),
                Look::Controls { .. } => Ok(Reply::Controls(controls())),
                Look::Snapshot { mount, .. } if mount == "sound" => {
                    let why = "sound has no pictures";
                    Err(Refusal::new("no-pictures", why, "ask for a mount with a video track"))
                }
                Look::Snapshot { .. } => {
                    let jpeg = "/9j/4AAQSkZJRgABAQ==".into();
                    Ok(Reply::Snapshot(Snapshot { width: 320, height: 180, age_ms: Some(40), jpeg }))
                }
            }
        })
    }

    fn act<'a>(&'a self, caller: &'a Caller, act: Act) -> Boxed<'a, Answer> {
        Box::pin(async move {
            let said = match act {
                Act::Kick { session } if session == "panics" => panic!("as it was asked to"),
                Act::Kick { session } if session == "slow" => {
                    self.hold.1.recv().await.unwrap();
                    "session slow was ended".into()
                }
                Act::Kick { session } if session == "who" => format!("user {}", caller.uid),
                Act::Kick { session } if session == "5f2a" => format!("session {session} was ended"),
                Act::Kick { session } => {
                    let why = format!("there is no session {session}");
                    return Err(Refusal::new("no-such-session", why, "`lenslet status` shows all"));
                }
                Act::Keyframe { mount } => format!("{mount} makes a keyframe"),
                Act::MountEnable { mount } => format!("{mount} is served"),
                Act::MountDisable { mount } => format!("{mount} is served no longer; 1 session ended"),
                Act::SetBitrate { mount, bitrate_bps } => {
                    format!("{mount} aims at {bitrate_bps} bits a second")
                }
                Act::SetGop { mount, pictures } => {
                    format!("{mount} makes a keyframe every {pictures} pictures")
                }
                Act::SetControl { mount, control, value } => format!("{mount}: {control} is {value}"),
                Act::LogLevels { levels } => format!("the log's levels are {levels}"),
                Act::Reload {} => return Ok(Reply::Plan(plan(Some(4)))),
                Act::Shutdown {} => "Lenslet ends".into(),
            };
            Ok(Reply::Done { said })
        })
    }

    fn config<'a>(&'a self, _caller: &'a Caller, request: ConfigRequest) -> Boxed<'a, Answer> {
        Box::pin(async move {
            let (version, text) = self.config.lock().unwrap().clone();
            let read = |version, text: &str| ConfigText {
                version,
                text: text.into(),
                hash: None,
                is_default: false,
            };
            match request {
                ConfigRequest::Schema {} => Ok(Reply::Schema(serde_json::json!({
                    "schema": 1,
                    "fields": [{"name": "workers", "type": "integer", "min": 1, "max": 64, "default": "1", "example": "2",
                        "help": "Threads that readers are spread over."}],
                    "kinds": [],
                }))),
                ConfigRequest::Get { path: None } => {
                    Ok(Reply::Config(ConfigText { hash: Some(hash(&text)), ..read(Some(version), &text) }))
                }
                ConfigRequest::Get { path: Some(_) } => Ok(Reply::Config(read(Some(version), "30"))),
                ConfigRequest::Values { .. } => Ok(Reply::Values(vec![
                    Written {
                        path: "mounts[\"cam\"]".to_owned(),
                        value: "Camera(device: \"/dev/video0\")".to_owned(),
                        kind: Some("Camera".to_owned()),
                    },
                    Written {
                        path: "mounts[\"cam\"].device".to_owned(),
                        value: "\"/dev/video0\"".to_owned(),
                        kind: None,
                    },
                ])),
                ConfigRequest::Edit { .. } => Ok(Reply::Config(read(None, &text.replace("30", "25")))),
                ConfigRequest::Check { text: None } => Ok(Reply::Checked(Checked::default())),
                ConfigRequest::Check { text: Some(_) } => Ok(Reply::Checked(Checked {
                    errors: vec![Problem {
                        line: Some(1),
                        column: Some(2),
                        path: Some("wokers".into()),
                        said: "1:2: there is no field `wokers`: `workers` is nearest".into(),
                    }],
                    warnings: vec!["mounts[\"cam\"]: there is no /dev/video0".into()],
                })),
                ConfigRequest::Preview { .. } => Ok(Reply::Plan(plan(None))),
                ConfigRequest::Set { base, .. } => self.write(text.replace("30", "25"), base),
                ConfigRequest::Apply { text, base } => self.write(text, Some(base)),
                ConfigRequest::Rollback { base, .. } => self.write(text, base),
                ConfigRequest::Diff { .. } => Ok(Reply::Diff(DIFF.into())),
                ConfigRequest::History {} => Ok(Reply::History(vec![
                    VersionEntry {
                        version: 4,
                        at: "2026-11-25T21:00:00Z".into(),
                        author: "pi".into(),
                        bytes: 54,
                        trouble: None,
                    },
                    VersionEntry {
                        version: 3,
                        trouble: Some("is damaged: it is not as it was written".into()),
                        ..VersionEntry::default()
                    },
                ])),
            }
        })
    }

    fn access<'a>(&'a self, _caller: &'a Caller, request: AccessRequest) -> Boxed<'a, Answer> {
        let said = match request {
            AccessRequest::UserList {} => {
                let users = vec![
                    UserEntry { name: "anna".into(), read: vec!["*".into()], control: vec!["cam".into()] },
                    UserEntry {
                        name: "nvr".into(),
                        read: vec!["floor1/*".into(), "cam".into()],
                        control: vec![],
                    },
                ];
                return Box::pin(async { Ok(Reply::Users(users)) });
            }
            AccessRequest::BanList {} => {
                let ban = BanEntry {
                    address: "203.0.113.7".into(),
                    until: "2026-11-25T21:09:05Z".into(),
                    for_s: 300,
                    why: "10 wrong passwords within a minute".into(),
                };
                return Box::pin(async { Ok(Reply::Bans(vec![ban])) });
            }
            // The password that came is told by its length alone.
            AccessRequest::UserAdd { name, password, read, control } => {
                format!("{name} ({} bytes) may {read:?} and {control:?}", password.0.len())
            }
            AccessRequest::UserPassword { name, password } => {
                format!("{name} has another password ({} bytes)", password.0.len())
            }
            AccessRequest::UserRights { name, read, control } => {
                format!("{name} may {read:?} and {control:?}")
            }
            AccessRequest::UserRemove { name } if name == "nobody" => {
                let refusal = Refusal::new(
                    "no-such-user",
                    "there is no user \"nobody\"",
                    "`lenslet user list` shows all",
                );
                return Box::pin(async { Err(refusal) });
            }
            AccessRequest::UserRemove { name } => format!("{name} is no user any more"),
            AccessRequest::BanAdd { address, seconds, why } => {
                format!("{address} is banned for {seconds:?} s: {why:?}")
            }
            AccessRequest::BanLift { address } => format!("{address} is not banned any more"),
        };
        Box::pin(async { Ok(Reply::Done { said }) })
    }

    fn logs(&self, wish: LogWish) -> Result<LogStream, Refusal> {
        if wish.rooms.iter().any(|room| room == "attic") {
            return Err(Refusal::new("no-such-room", "there is no room \"attic\"", "leave `rooms` out"));
        }
        let kept = stream::iter([LogEvent::Missed(12), LogEvent::Line(line("cam is live"))]);
        Ok(if wish.follow { Box::pin(kept.chain(self.lines.1.clone())) } else { Box::pin(kept) })
    }
}

fn line(text: &str) -> LogLine {
    LogLine {
        at: "2026-11-25T21:04:05.123Z".into(),
        level: Level::Info,
        room: "source".into(),
        text: text.into(),
    }
}

fn controls() -> Vec<Control> {
    let control = |name: &str, kind, value| Control {
        name: name.into(),
        kind,
        value,
        default: 0,
        read_only: false,
        inactive: false,
    };
    let number = ControlKind::Number { least: -64, greatest: 64, step: 1 };
    let menu = ControlKind::Menu(vec![(0, "Auto Mode".into()), (1, "Manual Mode".into())]);
    vec![
        control("brightness", number, Some(10)),
        control("horizontal_flip", ControlKind::Switch, Some(0)),
        control("auto_exposure", menu, Some(1)),
        control("focus_once", ControlKind::Button, None),
    ]
}

const DIFF: &str = "@@ -1 +1 @@\n-fps: 30\n+fps: 25\n";

fn plan(version: Option<u64>) -> Plan {
    let change = |mount: &str, change, why: Option<&str>, interrupts: &[&str]| MountChange {
        mount: mount.into(),
        change,
        why: why.map(Into::into),
        interrupts: interrupts.iter().map(|name| (*name).into()).collect(),
    };
    Plan {
        version,
        diff: DIFF.into(),
        mounts: vec![
            change("cam", Change::Restarted, Some("fps: 30 -> 25"), &["5f2a"]),
            change("test", Change::Kept, None, &[]),
        ],
        changed: vec!["max_sessions".into()],
        after_restart: vec!["listen".into()],
        unkept: None,
    }
}

/// Every field of it is there: the documentation shows it.
pub(super) fn status() -> Status {
    Status {
        version: "0.1.0".into(),
        at: "2026-11-25T21:04:05Z".into(),
        uptime_s: 86_400,
        addresses: vec!["[::]:8554".into()],
        board: board(),
        mounts: vec![mount()],
        sessions: vec![SessionStatus {
            id: "5f2a".into(),
            mount: "cam".into(),
            user: Some("anna".into()),
            address: "192.168.1.20:51234".into(),
            transport: Transport::Tcp,
            client: Some("LibVLC/3.0.21".into()),
            state: SessionState::Playing,
            duration_s: 754,
            bytes: 372_000_000,
            packets: 310_000,
            bitrate_bps: 3_950_000,
            loss_percent: Some(0.5),
            lost_packets: Some(1550),
            jitter_ms: Some(1.5),
            round_trip_ms: Some(3.25),
            dropped: drops("socket full", 12),
            parted: Some(3),
            behind_live_ms: Some(40),
        }],
        connections: 2,
        alarms: vec![Alarm {
            id: "mount/cam/failed".into(),
            level: AlarmLevel::Error,
            mount: Some("cam".into()),
            began_at: "2026-11-25T21:03:05Z".into(),
            began_s_ago: 60,
            times: 3,
            first_at: Some("2026-11-25T20:58:00Z".into()),
            ended_at: Some("2026-11-25T21:04:00Z".into()),
            why: "/dev/video0 was unplugged".into(),
            what_to_do: "plug it in again".into(),
        }],
        config: ConfigState {
            path: Some("/etc/lenslet/lenslet.ron".into()),
            version: Some(4),
            unkept: None,
            hash: Some("046c441dbf3c43ea0b66afff1f1f188a".into()),
            origin: ConfigOrigin::LastGood,
            why: Some("3:1: a bracket is not closed".into()),
            read_only: Some("/etc is mounted read-only".into()),
            state_dir: Some("/var/lib/lenslet".into()),
        },
        access: AccessState {
            users: 2,
            open_to: OpenTo::Users,
            users_file: Some("/var/lib/lenslet/users.ron".into()),
            bans: 1,
            counters: vec![AccessCount { what: "wrong user or password".into(), times: 10 }],
        },
        audit: vec![AuditEntry {
            at: "2026-11-25T21:04:00Z".into(),
            who: Some("anna".into()),
            address: Some("203.0.113.7".into()),
            what: "a wrong password".into(),
            times: 3,
        }],
    }
}

fn mount() -> MountStatus {
    MountStatus {
        name: "cam".into(),
        label: Some("Front door".into()),
        kind: "camera".into(),
        state: MountState::StandIn,
        why: Some("/dev/video0 was unplugged".into()),
        chain: vec!["/dev/video0".into(), "YUYV 1280x720 at 30".into(), "bcm2835-codec".into()],
        tracks: vec![TrackStatus {
            codec: "H.264".into(),
            width: Some(1280),
            height: Some(720),
            fps: Some(30.0),
            clock_rate_hz: 90_000,
        }],
        encoder: Some(Encoder {
            name: "bcm2835-codec".into(),
            running: true,
            bitrate_bps: Some(4_000_000),
            gop_pictures: Some(60),
            profile: Some("High".into()),
            ..Encoder::default()
        }),
        bitrate_bps: Some(3_950_000),
        fps: Some(29.5),
        gop_pictures: Some(60),
        keyframe_age_ms: Some(800),
        forces_keyframes: true,
        source_dropped: drops("overtaken", 3),
        reader_dropped: drops("behind live", 12),
        restarts: 2,
        restart_reasons: vec![RestartReason { why: "/dev/video0 was unplugged".into(), times: 2 }],
        readers: 1,
        max_readers: Some(20),
        sent_bytes: 1_234_567_890,
        latency: vec![StageLatency {
            stage: "first packet out".into(),
            pictures: 100,
            p50_ms: Some(41.5),
            p90_ms: Some(49.0),
            p99_ms: Some(57.5),
            buckets_ms: vec![(41.5, 60), (49.0, 31), (57.5, 9)],
        }],
    }
}

fn drops(reason: &str, pictures: u64) -> Vec<Dropped> {
    vec![Dropped { reason: reason.into(), pictures }]
}

fn board() -> Board {
    Board {
        hostname: Some("porch".into()),
        model: Some("Raspberry Pi 4 Model B Rev 1.4".into()),
        kernel: Some("6.12.47+rpt-rpi-v8".into()),
        uptime_s: Some(90_000),
        cores: Some(4),
        cpu_percent: Some(12.5),
        own_cpu_percent: Some(8.0),
        load: Some(0.5),
        clock_mhz: Some(1500),
        memory_bytes: Some(3_978_018_816),
        memory_available_bytes: Some(3_221_225_472),
        contiguous_bytes: Some(536_870_912),
        contiguous_free_bytes: Some(503_316_480),
        own_memory_bytes: Some(12_582_912),
        temperature_celsius: Some(51.5),
        power: Some(Power { under_voltage_before: true, ..Power::default() }),
        wifi: vec![Wifi { interface: "wlan0".into(), level_dbm: -58.0 }],
        disks: vec![Disk {
            path: "/".into(),
            total_bytes: 31_268_536_320,
            free_bytes: 20_000_000_000,
            read_only: false,
        }],
        card_written_bytes: Some(1_048_576),
        clock_synchronised: Some(true),
    }
}
