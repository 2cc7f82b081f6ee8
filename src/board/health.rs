//! The figures.

use std::path::PathBuf;
use std::time::Duration;

/// How the box is. What it has no figure of is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// What the board is called by its maker.
    pub model: Option<String>,
    /// The kernel's version.
    pub kernel: Option<String>,
    /// Since it started.
    pub uptime: Option<Duration>,
    /// Processors.
    pub cores: Option<u32>,
    /// Share of all processors that was used since the last look, 0 to 100.
    pub cpu_percent: Option<f32>,
    /// Share of one processor that this program used since the last look; above 100 where it uses several.
    pub own_cpu_percent: Option<f32>,
    /// Tasks that ran or waited, over the last minute.
    pub load: Option<f32>,
    /// What the first processor runs at, in MHz.
    pub clock_mhz: Option<u32>,
    /// Memory of the box.
    pub memory: Option<Memory>,
    /// Resident memory of this program, in bytes.
    pub own_memory: Option<u64>,
    /// Of the processor, in degrees Celsius.
    pub temperature: Option<f32>,
    /// What a Raspberry Pi's firmware says about its supply and its heat.
    pub power: Option<Power>,
    /// Wireless interfaces.
    pub wifi: Vec<Wifi>,
    /// Free space.
    pub disks: Vec<Disk>,
    /// Bytes written to the SD card or eMMC since the box started.
    pub card_written: Option<u64>,
    /// Whether something holds the wall clock to the true time.
    pub clock_synchronised: Option<bool>,
}

/// Memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// All.
    pub total: u64,
    /// What programs can still have.
    pub available: u64,
    /// Of the part that cameras and encoders take their buffers from: all, and what is free.
    pub contiguous: Option<(u64, u64)>,
}

/// What a Raspberry Pi holds back, and why
/// ([the firmware's bits](https://www.raspberrypi.com/documentation/computers/os.html#get_throttled)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Power {
    /// The supply is below 4.63 V now.
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
#[derive(Clone, Debug, PartialEq)]
pub struct Wifi {
    /// Its name: `wlan0`.
    pub interface: String,
    /// The signal's level, in dBm: -50 is good, -80 is hardly enough.
    pub level_dbm: f32,
}

/// Where files are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// A folder on it.
    pub path: PathBuf,
    /// Bytes in all.
    pub total: u64,
    /// Bytes that this program may still write.
    pub free: u64,
    /// Nothing can be written.
    pub read_only: bool,
}
