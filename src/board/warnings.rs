//! What of the figures a person should know at once.

use super::Health;

/// Free memory below this: the next thing that starts may be killed.
const LITTLE_MEMORY: u64 = 32 << 20;
/// Free space below this: a configuration cannot be kept.
const LITTLE_SPACE: u64 = 16 << 20;
/// A Raspberry Pi slows down from here.
const HOT: f32 = 80.0;
/// Below this Wi-Fi repeats more than it sends.
const WEAK_DBM: f32 = -75.0;

/// Something is wrong with the box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// A word for programs, the same as long as it is the same trouble: `under-voltage`.
    pub what: &'static str,
    /// What is wrong, in a sentence.
    pub why: String,
    /// What a person does about it, in a sentence.
    pub what_to_do: &'static str,
}

impl Health {
    /// What is wrong now, the worst first.
    pub fn warnings(&self) -> Vec<Warning> {
        let found = [
            self.supply(),
            self.slowed(),
            self.hot(),
            self.memory_low(),
            self.disk_full(),
            self.weak(),
            self.clock(),
        ];
        found.into_iter().flatten().collect()
    }

    fn supply(&self) -> Option<Warning> {
        self.power.filter(|power| power.under_voltage).map(|_| Warning {
            what: "under-voltage",
            why: "the supply is below 4.63 V".to_owned(),
            what_to_do: "use the board's own power supply and a short, thick cable; unplug what draws from its USB ports",
        })
    }

    fn slowed(&self) -> Option<Warning> {
        self.power.filter(|power| power.throttled && !power.under_voltage).map(|_| Warning {
            what: "throttled",
            why: "the firmware slows the processor down".to_owned(),
            what_to_do: "cool the board: a heat sink, a fan, a larger case",
        })
    }

    fn hot(&self) -> Option<Warning> {
        self.temperature.filter(|degrees| *degrees >= HOT).map(|degrees| Warning {
            what: "hot",
            why: format!("the processor has {degrees:.0} °C"),
            what_to_do: "cool the board: a heat sink, a fan, a larger case",
        })
    }

    fn memory_low(&self) -> Option<Warning> {
        self.memory.filter(|memory| memory.available < LITTLE_MEMORY).map(|memory| Warning {
            what: "memory",
            why: format!("{} MB of memory are left", memory.available >> 20),
            what_to_do: "end other programs, serve fewer or smaller streams",
        })
    }

    fn disk_full(&self) -> Option<Warning> {
        let full = self.disks.iter().find(|disk| !disk.read_only && disk.free < LITTLE_SPACE)?;
        Some(Warning {
            what: "disk",
            why: format!("{} MB are left where {} is", full.free >> 20, full.path.display()),
            what_to_do: "delete what is not needed: changes of the configuration cannot be kept on a full disk",
        })
    }

    fn weak(&self) -> Option<Warning> {
        let weak = self.wifi.iter().find(|wifi| wifi.level_dbm < WEAK_DBM)?;
        Some(Warning {
            what: "wifi",
            why: format!("{} hears its access point with {:.0} dBm", weak.interface, weak.level_dbm),
            what_to_do: "move the board or the access point, or use a cable",
        })
    }

    fn clock(&self) -> Option<Warning> {
        (self.clock_synchronised == Some(false)).then(|| Warning {
            what: "clock",
            why: "nothing holds the clock to the true time".to_owned(),
            what_to_do: "start a time service (systemd-timesyncd, chrony): recorders take their times from this clock",
        })
    }
}
