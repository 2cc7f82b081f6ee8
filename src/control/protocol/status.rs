//! Everything that can be seen. Units stand in the names; what a board, codec or transport has no figure of is absent.

use serde::{Deserialize, Serialize};

use super::access::{AccessState, AuditEntry};

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// When this was, by RFC 3339 in UTC.
    pub at: String,
    /// Since the daemon started.
    pub uptime_s: u64,
    /// Where RTSP is listened for: `[::]:8554`.
    pub addresses: Vec<String>,
    /// The box.
    pub board: Board,
    /// What there is to watch.
    pub mounts: Vec<MountStatus>,
    /// Who watches.
    pub sessions: Vec<SessionStatus>,
    /// Connections that are open.
    pub connections: u32,
    /// What is or was wrong, the newest first.
    pub alarms: Vec<Alarm>,
    /// Where the configuration comes from.
    pub config: ConfigState,
    /// Who is let in, as a whole.
    #[serde(default)]
    pub access: AccessState,
    /// What happened to access, the newest first.
    #[serde(default)]
    pub audit: Vec<AuditEntry>,
}

/// Something that a person should know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// The same as long as it is the same trouble: `box/under-voltage`, `mount/cam/failed`.
    pub id: String,
    /// How bad.
    pub level: AlarmLevel,
    /// The mount that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount: Option<String>,
    /// When it began, by RFC 3339 in UTC; of what comes and goes, when it came last.
    pub began_at: String,
    /// How long ago that was.
    pub began_s_ago: u64,
    /// How often it came, each time within a minute of its last end.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub times: u32,
    /// When it came first; none: once is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_at: Option<String>,
    /// When it ended; none: it has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// What is wrong, in a sentence.
    pub why: String,
    /// What a person does about it, in a sentence.
    pub what_to_do: String,
}

fn once() -> u32 {
    1
}

/// As serde asks it.
fn is_once(times: &u32) -> bool {
    *times == once()
}

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlarmLevel {
    /// Somebody sees nothing.
    Error,
    /// Somebody sees less than could be.
    Warning,
}

/// The box that it runs on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Board {
    /// Its name on the network.
    pub hostname: Option<String>,
    /// What the board is called by its maker.
    pub model: Option<String>,
    /// The kernel's version.
    pub kernel: Option<String>,
    /// Since it started.
    pub uptime_s: Option<u64>,
    /// Processors.
    pub cores: Option<u32>,
    /// Share of all processors that is used, 0 to 100.
    pub cpu_percent: Option<f32>,
    /// Share of one processor that this program uses; above 100 where it uses several.
    pub own_cpu_percent: Option<f32>,
    /// Tasks that ran or waited, over the last minute.
    pub load: Option<f32>,
    /// What the first processor runs at.
    pub clock_mhz: Option<u32>,
    /// All of the memory.
    pub memory_bytes: Option<u64>,
    /// What programs can still have of it.
    pub memory_available_bytes: Option<u64>,
    /// Of the part that cameras and encoders take their buffers from: all.
    pub contiguous_bytes: Option<u64>,
    /// And what of it is free.
    pub contiguous_free_bytes: Option<u64>,
    /// Resident memory of this program.
    pub own_memory_bytes: Option<u64>,
    /// Of the processor.
    pub temperature_celsius: Option<f32>,
    /// What a Raspberry Pi's firmware says of its supply and its heat.
    pub power: Option<Power>,
    /// Wireless interfaces.
    pub wifi: Vec<Wifi>,
    /// Where files are kept.
    pub disks: Vec<Disk>,
    /// Bytes written to the SD card or eMMC since the box started.
    pub card_written_bytes: Option<u64>,
    /// Whether something holds the wall clock to the true time.
    pub clock_synchronised: Option<bool>,
}

/// What a Raspberry Pi holds back, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Power {
    /// The supply is too low now.
    pub under_voltage: bool,
    /// The processor may not run at its full rate now.
    pub capped: bool,
    /// The processor is slowed down now.
    pub throttled: bool,
    /// It is so hot that it is slowed down a little now.
    pub soft_limit: bool,
    /// The supply was too low since the box started.
    pub under_voltage_before: bool,
    /// The processor was slowed down since the box started.
    pub throttled_before: bool,
}

/// A wireless interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wifi {
    /// Its name: `wlan0`.
    pub interface: String,
    /// The signal's level: -50 is good, -80 is hardly enough.
    pub level_dbm: f32,
}

/// Where files are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// A folder on it.
    pub path: String,
    /// In all.
    pub total_bytes: u64,
    /// What may still be written.
    pub free_bytes: u64,
    /// Nothing can be written.
    pub read_only: bool,
}

/// A mount.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MountStatus {
    /// Its path without the leading slash: `camera0`.
    pub name: String,
    /// What people call it.
    pub label: Option<String>,
    /// What feeds it: `camera`, `pattern`, `file`, `jpegs`, `command`.
    pub kind: String,
    /// Where it is in its life.
    pub state: MountState,
    /// Why it is not live, in a sentence.
    pub why: Option<String>,
    /// How its pictures come about, in steps: `YUYV 1280x720 at 30`, `bcm2835-codec H.264 High`.
    pub chain: Vec<String>,
    /// What it carries.
    pub tracks: Vec<TrackStatus>,
    /// What codes its pictures here; none: they come coded.
    pub encoder: Option<Encoder>,
    /// Measured, of all tracks.
    pub bitrate_bps: Option<u64>,
    /// Pictures a second, measured.
    pub fps: Option<f32>,
    /// Pictures from one keyframe to the next, measured.
    pub gop_pictures: Option<u32>,
    /// Since the newest keyframe.
    pub keyframe_age_ms: Option<u64>,
    /// Whether a keyframe can be made on request.
    pub forces_keyframes: bool,
    /// Pictures that were lost before they were coded, and why.
    pub source_dropped: Vec<Dropped>,
    /// Pictures that readers were not sent, and why; of all readers since the start.
    pub reader_dropped: Vec<Dropped>,
    /// How often its source began again.
    pub restarts: u32,
    /// Why, and how often for each reason; those that differ by numbers alone are one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restart_reasons: Vec<RestartReason>,
    /// Who plays it now.
    pub readers: u32,
    /// As many as may.
    pub max_readers: Option<u32>,
    /// Bytes that were sent to readers since the start.
    pub sent_bytes: u64,
    /// How long pictures take, stage by stage.
    pub latency: Vec<StageLatency>,
}

/// Why a mount's source began again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RestartReason {
    /// In a sentence.
    pub why: String,
    /// How often since the start.
    pub times: u32,
}

/// Where a mount is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MountState {
    /// Nobody wants it.
    #[default]
    Idle,
    /// Wanted; nothing came yet.
    Starting,
    /// Pictures come.
    Live,
    /// Something is shown instead of its source.
    StandIn,
    /// Its source cannot run now.
    Failed,
    /// It was disabled.
    Disabled,
}

/// One elementary stream of a mount.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrackStatus {
    /// `H.264`, `H.265`, `JPEG`, `AAC`.
    pub codec: String,
    /// Of the coded picture, in pixels.
    pub width: Option<u32>,
    /// Of the coded picture, in pixels.
    pub height: Option<u32>,
    /// Pictures a second, where the stream says so.
    pub fps: Option<f32>,
    /// The RTP clock.
    pub clock_rate_hz: u32,
}

/// What codes a mount's pictures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Encoder {
    /// `bcm2835-codec`, `openh264`.
    pub name: String,
    /// Whether it runs.
    pub running: bool,
    /// The bitrate that it aims at.
    pub bitrate_bps: Option<u64>,
    /// Pictures from one keyframe to the next that it aims at.
    pub gop_pictures: Option<u32>,
    /// The bitrate that it was begun with, which follows from the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configured_bitrate_bps: Option<u64>,
    /// The pictures from one keyframe to the next that it was begun with, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configured_gop_pictures: Option<u32>,
    /// The profile that is coded: `High`.
    pub profile: Option<String>,
}

/// Pictures that were left out, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// `behind live`, `socket full`.
    pub reason: String,
    /// How many.
    pub pictures: u64,
}

/// How long one stage takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StageLatency {
    /// `captured`, `coded`, `first packet out`, `last packet out`, `coded to first packet`.
    pub stage: String,
    /// Pictures that were counted.
    pub pictures: u64,
    /// Half are not above it.
    pub p50_ms: Option<f32>,
    /// Nine of ten are not above it.
    pub p90_ms: Option<f32>,
    /// All but one of a hundred are not above it.
    pub p99_ms: Option<f32>,
    /// The histogram: each bucket's upper end and how many pictures are in it; empty ones are left out.
    pub buckets_ms: Vec<(f32, u64)>,
}

/// A session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionStatus {
    /// Its name for `kick`. It is not the session's identifier of RTSP, which only the client may know.
    pub id: String,
    /// What it plays.
    pub mount: String,
    /// Who it is; none where nobody is asked.
    pub user: Option<String>,
    /// From where: `192.168.1.20:51234`.
    pub address: String,
    /// How packets go out.
    pub transport: Transport,
    /// What program, as it says itself.
    pub client: Option<String>,
    /// Where it is in its life.
    pub state: SessionState,
    /// Since its SETUP.
    pub duration_s: u64,
    /// Sent, of RTP.
    pub bytes: u64,
    /// Sent, of RTP.
    pub packets: u64,
    /// What it is sent now.
    pub bitrate_bps: u64,
    /// As the client reports (RFC 3550 section 6.4.1): the share that was lost since its last report.
    pub loss_percent: Option<f32>,
    /// As the client reports: since the start.
    pub lost_packets: Option<i64>,
    /// As the client reports.
    pub jitter_ms: Option<f32>,
    /// From a sender report to the receiver report that answers it.
    pub round_trip_ms: Option<f32>,
    /// Pictures that it was not sent, and why.
    pub dropped: Vec<Dropped>,
    /// Pictures that its socket did not take in one write, a keyframe larger than its buffer among them; none by UDP.
    pub parted: Option<u64>,
    /// How far what it is sent is behind the newest picture.
    pub behind_live_ms: Option<u64>,
}

/// How packets go out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// RTP and RTCP by UDP.
    #[default]
    Udp,
    /// Interleaved in the RTSP connection.
    Tcp,
}

/// Where a session is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionState {
    /// Set up, not playing.
    #[default]
    Ready,
    /// It waits for a keyframe.
    Waiting,
    /// It plays.
    Playing,
}

/// Where the configuration comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigState {
    /// The file; none: the defaults are served.
    pub path: Option<String>,
    /// The version that is served; none: what is served is none.
    pub version: Option<u64>,
    /// Why what is served could not be made a version, in a sentence; none: that is not so. It is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unkept: Option<String>,
    /// What the file's text is known by, as `config get` tells it: whoever shows the text sees that it is another.
    pub hash: Option<String>,
    /// Whether it is what the file says.
    pub origin: ConfigOrigin,
    /// Why it is not, in a sentence.
    pub why: Option<String>,
    /// Why changes cannot be written, in a sentence; none: they can.
    pub read_only: Option<String>,
    /// The folder of what is kept across starts: versions, users, bans.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_dir: Option<String>,
}

/// What is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfigOrigin {
    /// No file.
    #[default]
    Default,
    /// What the file says.
    File,
    /// The last version that was right: the file is not.
    LastGood,
}
