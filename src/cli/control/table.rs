//! The status for people, in 80 columns.

use super::sessions;
use super::words::{WIDTH, bitrate, clip, plain, seconds, some, time, wrapped};
use crate::control::protocol::{
    AccessCount, AccessState, Alarm, Board, ConfigOrigin, ConfigState, MountState, MountStatus, OpenTo,
    Status,
};

/// Everything, the most urgent first.
pub(super) fn status(status: &Status) -> String {
    let mut lines = vec![heading(status)];
    lines.extend(board(&status.board));
    lines.extend(configuration(&status.config).iter().flat_map(|line| wrapped(line)));
    lines.push(access(&status.access));
    lines.extend(turned_away(&status.access));
    for alarm in status.alarms.iter().filter(|alarm| alarm.ended_at.is_none()) {
        lines.extend(self::alarm(alarm).iter().flat_map(|line| wrapped(line)));
    }
    lines.push(String::new());
    lines.extend(mounts(&status.mounts));
    lines.push(String::new());
    lines.extend(sessions::table(&status.sessions, status.mounts.iter().map(|mount| mount.readers).sum()));
    lines.iter().map(|line| clip(line, WIDTH).trim_end().to_owned() + "\n").collect()
}

fn heading(status: &Status) -> String {
    let mut line = format!("Lenslet {}, up {}", status.version, time(status.uptime_s));
    if let Some(hostname) = &status.board.hostname {
        line += &format!(", on {hostname}");
    }
    if let Some(model) = &status.board.model {
        line += &format!(" ({model})");
    }
    line
}

fn board(board: &Board) -> Option<String> {
    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
    let memory = board.memory_bytes.zip(board.memory_available_bytes);
    let figures = [
        board.cpu_percent.map(|percent| format!("CPU {percent:.0} %")),
        board.own_cpu_percent.map(|percent| format!("own {percent:.0} %")),
        memory.map(|(all, free)| format!("memory {:.1} of {:.1} GB free", gigabytes(free), gigabytes(all))),
        board.temperature_celsius.map(|degrees| format!("{degrees:.0} °C")),
        board.power.filter(|power| power.under_voltage).map(|_| "UNDER-VOLTAGE".to_owned()),
        board.power.filter(|power| power.throttled).map(|_| "THROTTLED".to_owned()),
        board.wifi.first().map(|wifi| format!("{} {:.0} dBm", wifi.interface, wifi.level_dbm)),
        board.clock_synchronised.filter(|synchronised| !synchronised).map(|_| "CLOCK NOT SET".to_owned()),
    ];
    let figures: Vec<String> = figures.into_iter().flatten().collect();
    (!figures.is_empty()).then(|| figures.join(", "))
}

fn configuration(config: &ConfigState) -> Vec<String> {
    let mut line = match &config.path {
        Some(path) => format!("Configuration {path}"),
        None => "No configuration file: the defaults are served".to_owned(),
    };
    if let Some(version) = config.version {
        line += &format!(", version {version}");
    }
    let mut lines = vec![line];
    if config.origin == ConfigOrigin::LastGood {
        let why = config.why.as_deref().unwrap_or("it is wrong");
        lines.push(format!("! the last good version is served, not the file: {why}"));
    }
    lines.extend(
        config
            .unkept
            .iter()
            .map(|why| format!("! it is served, and is no version that can be gone back to: {why}")),
    );
    lines.extend(config.read_only.iter().map(|why| format!("  it cannot be changed: {why}")));
    lines
}

fn access(access: &AccessState) -> String {
    let mut line = match (access.open_to, access.users) {
        (OpenTo::Private, _) => {
            "No users: private networks watch without a password, and nobody else".to_owned()
        }
        (OpenTo::World, _) => "No users: THE WHOLE WORLD watches without a password".to_owned(),
        (OpenTo::Users, 0) => {
            "The users' file is missing or cannot be read: this machine alone is answered".to_owned()
        }
        (OpenTo::Users, 1) => "1 user, who is asked for a password".to_owned(),
        (OpenTo::Users, users) => format!("{users} users, who are asked for passwords"),
    };
    match access.bans {
        0 => {}
        1 => line += "; 1 ban",
        bans => line += &format!("; {bans} bans"),
    }
    line
}

/// What was refused since the start, the most frequent first.
fn turned_away(access: &AccessState) -> Option<String> {
    let refusal = |counter: &&AccessCount| !NO_REFUSALS.contains(&counter.what.as_str());
    let mut counters: Vec<_> = access.counters.iter().filter(refusal).collect();
    counters.sort_by_key(|counter| std::cmp::Reverse(counter.times));
    let told: Vec<String> =
        counters.iter().map(|counter| format!("{} {}", counter.times, plain(&counter.what))).collect();
    (!told.is_empty()).then(|| format!("Turned away: {}", told.join(", ")))
}

/// Counters of something else.
const NO_REFUSALS: [&str; 3] = ["signed in", "bans", "bans lifted"];

fn alarm(alarm: &Alarm) -> [String; 2] {
    let mount = alarm.mount.as_ref().map(|mount| format!("{mount}: ")).unwrap_or_default();
    let again = alarm.first_at.as_ref().map(|first| format!("; {} times since {first}", alarm.times));
    let since = time(alarm.began_s_ago) + &again.unwrap_or_default();
    [format!("! {mount}{} (for {since})", alarm.why), format!("  {}", alarm.what_to_do)]
}

fn mounts(mounts: &[MountStatus]) -> Vec<String> {
    if mounts.is_empty() {
        return vec!["No mounts.".to_owned()];
    }
    let mut lines =
        vec![mount_row("MOUNT", "STATE", "SIZE", ["FPS", "BITRATE", "KEY", "READERS", "DROPS", "P99"])];
    for mount in mounts {
        let size = mount.tracks.iter().find_map(|track| Some(format!("{}x{}", track.width?, track.height?)));
        let first = mount.latency.iter().find(|stage| stage.stage.starts_with("first packet"));
        let readers = match mount.max_readers {
            Some(most) => format!("{}/{most}", mount.readers),
            None => mount.readers.to_string(),
        };
        let dropped: u64 =
            mount.source_dropped.iter().chain(&mount.reader_dropped).map(|drop| drop.pictures).sum();
        let figures = [
            some(mount.fps, |fps| format!("{fps:.1}")),
            some(mount.bitrate_bps, bitrate),
            some(mount.keyframe_age_ms, seconds),
            readers,
            dropped.to_string(),
            some(first.and_then(|stage| stage.p99_ms), |ms| format!("{ms:.0}ms")),
        ];
        let figures = figures.each_ref().map(String::as_str);
        lines.push(mount_row(&mount.name, state(mount.state), size.as_deref().unwrap_or("-"), figures));
        let told = mount.why.as_ref().filter(|_| mount.state != MountState::Live);
        lines.extend(told.map(|why| format!("  {}", plain(why))));
    }
    lines
}

fn mount_row(name: &str, state: &str, size: &str, figures: [&str; 6]) -> String {
    let [fps, bitrate, key, readers, dropped, p99] = figures;
    format!(
        "{:<17} {state:<8} {size:<9} {fps:>5} {bitrate:>7} {key:>6} {readers:>8} {dropped:>6} {p99:>6}",
        clip(name, 17),
    )
}

fn state(state: MountState) -> &'static str {
    match state {
        MountState::Idle => "idle",
        MountState::Starting => "starting",
        MountState::Live => "live",
        MountState::StandIn => "stand-in",
        MountState::Failed => "FAILED",
        MountState::Disabled => "disabled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::protocol::{AlarmLevel, SessionStatus, StageLatency, TrackStatus, Transport};

    fn typical() -> Status {
        let mut status = Status { version: "0.1.0".into(), uptime_s: 86_400, ..Status::default() };
        status.board = Board {
            hostname: Some("porch".into()),
            model: Some("Raspberry Pi 4 Model B Rev 1.4".into()),
            cpu_percent: Some(12.4),
            memory_bytes: Some(4_000_000_000),
            memory_available_bytes: Some(3_000_000_000),
            temperature_celsius: Some(51.5),
            ..Board::default()
        };
        let track = TrackStatus { width: Some(1280), height: Some(720), ..TrackStatus::default() };
        let live = MountStatus {
            name: "cam".into(),
            state: MountState::Live,
            tracks: vec![track],
            fps: Some(29.97),
            bitrate_bps: Some(3_950_000),
            keyframe_age_ms: Some(800),
            readers: 1,
            max_readers: Some(20),
            latency: vec![StageLatency {
                stage: "first packet out".into(),
                p99_ms: Some(57.5),
                ..StageLatency::default()
            }],
            ..MountStatus::default()
        };
        let failed = MountStatus {
            name: "a/very/long/name/of/a/mount".into(),
            state: MountState::Failed,
            why: Some("/dev/video9 is not there".into()),
            ..MountStatus::default()
        };
        status.mounts = vec![live, failed];
        status.sessions = vec![SessionStatus {
            id: "5f2a".into(),
            mount: "cam".into(),
            address: "[2001:db8:1234:5678:9abc:def0:1234:5678]:51234".into(),
            transport: Transport::Tcp,
            client: Some("LibVLC/3.0.21 \x1b[2J(LIVE555 Streaming Media v2016.11.28) and a long tail".into()),
            bitrate_bps: 3_950_000,
            loss_percent: Some(0.5),
            behind_live_ms: Some(40),
            ..SessionStatus::default()
        }];
        status.alarms = vec![Alarm {
            id: "x".into(),
            level: AlarmLevel::Error,
            mount: Some("cam".into()),
            began_at: String::new(),
            began_s_ago: 60,
            times: 1,
            first_at: None,
            ended_at: None,
            why: "it is dark".into(),
            what_to_do: "switch the light on".into(),
        }];
        status
    }

    #[test]
    fn the_table_fits_80_columns_and_a_terminal_takes_no_orders_from_it() {
        let told = status(&typical());
        for line in told.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        assert!(!told.contains('\x1b'));
        let expected = "\
Lenslet 0.1.0, up 24 h, on porch (Raspberry Pi 4 Model B Rev 1.4)
CPU 12 %, memory 3.0 of 4.0 GB free, 52 °C
No configuration file: the defaults are served
No users: private networks watch without a password, and nobody else
! cam: it is dark (for 60 s)
  switch the light on

MOUNT             STATE    SIZE        FPS BITRATE    KEY  READERS  DROPS    P99
cam               live     1280x720   30.0   3.95M   0.8s     1/20      0   58ms
a/very/long/name… FAILED   -             -       -      -        0      0      -
  /dev/video9 is not there
";
        assert!(told.starts_with(expected), "{told}");
    }

    #[test]
    fn of_what_comes_and_goes_it_is_said_how_often_and_since_when() {
        let mut status = typical();
        (status.alarms[0].times, status.alarms[0].first_at) = (20, Some("2026-11-25T20:58:00Z".into()));
        let told = self::status(&status);
        let expected = "! cam: it is dark (for 60 s; 20 times since 2026-11-25T20:58:00Z)\n";
        assert!(told.contains(expected), "{told}");
    }

    #[test]
    fn long_sentences_are_told_to_their_end() {
        let why = "/etc/lenslet/lenslet.ron:2:5: lisen: there is no setting lisen of the configuration: is listen \
                   meant?; /etc/lenslet/lenslet.ron:3:14: workers: a whole number between 1 and 64 is expected, and \
                   this is a text";
        let mut status = typical();
        (status.config.origin, status.config.why) = (ConfigOrigin::LastGood, Some(why.to_owned()));
        let told = self::status(&status);
        assert!(told.lines().all(|line| line.chars().count() <= WIDTH), "{told}");
        let whole = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(whole.contains(why), "{told}");
        assert_eq!(wrapped("  what to do"), ["  what to do"]);
    }

    #[test]
    fn what_there_is_nothing_of_is_said() {
        let told = status(&Status::default());
        assert!(told.contains("No mounts.") && told.contains("Nobody watches."), "{told}");
    }

    #[test]
    fn figures_are_short() {
        let told: Vec<String> = [0, 64_000, 999_999, 3_949_000, 250_000_000].map(bitrate).into();
        assert_eq!(told, ["0k", "64k", "999k", "3.95M", "250M"]);
        assert_eq!([0, 900, 99_900, 600_000].map(seconds), ["0.0s", "0.9s", "99.9s", "10min"]);
    }
}
