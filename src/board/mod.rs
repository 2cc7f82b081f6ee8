//! The box that it runs on: what a person would look for when pictures falter.
//!
//! Everything is read from `/proc` and `/sys`, at the root that is given, and is absent where the board has none of it.

mod cpu;
mod health;
mod memory;
mod power;
mod storage;
mod sys;
mod warnings;
mod wifi;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use health::{Disk, Health, Memory, Power, Wifi};
pub use warnings::Warning;

/// Reads the box's figures; keeps what the next reading is held against.
#[derive(Debug)]
pub struct Board {
    root: PathBuf,
    disks: Vec<PathBuf>,
    before: Option<cpu::Times>,
    own_before: Option<(Instant, Duration)>,
    /// What a box is called, and its kernel: that does not change while it runs.
    named: Option<[Option<String>; 2]>,
}

impl Board {
    /// The box whose `/proc` and `/sys` are under `root`: `/`. Of `disks` the free space is told: the folder of the
    /// configuration, the state's.
    pub fn new(root: impl Into<PathBuf>, disks: Vec<PathBuf>) -> Self {
        Self { root: root.into(), disks, before: None, own_before: None, named: None }
    }

    /// How it is now. Shares of the processor are those since the last look; the first has none.
    pub fn look(&mut self, now: Instant) -> Health {
        let root = self.root.as_path();
        let stat = text(root, "proc/stat");
        let times = cpu::times(&stat);
        let cpu_percent = times.zip(self.before).and_then(|(now, before)| now.busy_percent_since(before));
        self.before = times.or(self.before);
        let spent = sys::own_cpu_time();
        let own_cpu_percent = spent.zip(self.own_before).and_then(|(spent, (then, before))| {
            let elapsed = now.saturating_duration_since(then).as_secs_f64();
            (elapsed > 0.0).then(|| (spent.saturating_sub(before).as_secs_f64() / elapsed * 100.0) as f32)
        });
        self.own_before = spent.map(|spent| (now, spent)).or(self.own_before);
        let named = || [model(root), line(root, "proc/sys/kernel/osrelease")];
        let [model, kernel] = self.named.get_or_insert_with(named).clone();
        Health {
            model,
            kernel,
            uptime: uptime(root),
            cores: cpu::cores(&stat),
            cpu_percent,
            own_cpu_percent,
            load: cpu::load(&text(root, "proc/loadavg")),
            clock_mhz: number(root, "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")
                .map(|khz: u32| khz / 1000),
            memory: memory::memory(&text(root, "proc/meminfo")),
            own_memory: memory::resident(&text(root, "proc/self/status")),
            temperature: power::temperature(root),
            power: power::power(root),
            wifi: wifi::wifi(&text(root, "proc/net/wireless")),
            disks: self.disks.iter().filter_map(|path| storage::disk(path)).collect(),
            card_written: storage::card_written(root),
            clock_synchronised: sys::clock_synchronised(),
        }
    }
}

/// `Raspberry Pi 4 Model B Rev 1.4`, or what a PC's maker calls it.
fn model(root: &Path) -> Option<String> {
    line(root, "proc/device-tree/model").or_else(|| line(root, "sys/class/dmi/id/product_name"))
}

fn uptime(root: &Path) -> Option<Duration> {
    let seconds: f64 = text(root, "proc/uptime").split_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Files of the kernel's are shorter, or what counts stands before.
const LONGEST: usize = 16 << 10;

/// A file's text; empty where there is none or it is not to be read. The kernel's files say that they are empty, and who
/// believes it asks for a few bytes more each time: a dozen calls for each file, each second.
fn text(root: &Path, path: &str) -> String {
    let Ok(mut file) = fs::File::open(root.join(path)) else { return String::new() };
    let (mut bytes, mut length) = (vec![0; LONGEST], 0);
    while length < LONGEST {
        match file.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return String::new(),
        }
    }
    bytes.truncate(length);
    String::from_utf8(bytes).unwrap_or_default()
}

/// A file's only line, without what ends it; the device tree's strings end with a zero byte.
fn line(root: &Path, path: &str) -> Option<String> {
    let text = text(root, path);
    let line = text.trim_matches(|character: char| character == '\0' || character.is_whitespace());
    (!line.is_empty()).then(|| line.to_owned())
}

fn number<T: std::str::FromStr>(root: &Path, path: &str) -> Option<T> {
    line(root, path)?.parse().ok()
}

#[cfg(test)]
mod tests;
