use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::clock;

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// What a Raspberry Pi 4 under Raspberry Pi OS has in these files.
fn raspberry_pi(root: &Path) {
    write(root, "proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0");
    write(root, "proc/sys/kernel/osrelease", "6.12.47+rpt-rpi-v8\n");
    write(root, "proc/uptime", "3725.50 14000.11\n");
    write(
        root,
        "proc/stat",
        "cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 25 0 25 175 25 0 0 0\ncpu1 0 0 0 0\nintr 1\n",
    );
    write(root, "proc/loadavg", "0.52 0.58 0.59 1/467 12345\n");
    write(
        root,
        "proc/meminfo",
        "MemTotal:  1918976 kB\nMemFree: 1 kB\nMemAvailable: 1500000 kB\nCmaTotal: 65536 kB\nCmaFree: 40000 kB\n",
    );
    write(root, "proc/self/status", "Name:\tlenslet\nVmRSS:\t    9876 kB\n");
    write(
        root,
        "proc/net/wireless",
        "Inter-| sta-|   Quality\n face | tus | link level noise\n wlan0: 0000   54.  -56.  -256        0      0\n",
    );
    write(root, "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1500000\n");
    write(root, "sys/class/thermal/thermal_zone0/type", "cpu-thermal\n");
    write(root, "sys/class/thermal/thermal_zone0/temp", "48312\n");
    write(root, "sys/class/thermal/thermal_zone1/type", "nvme\n");
    write(root, "sys/class/thermal/thermal_zone1/temp", "70000\n");
    write(root, "sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n");
    write(root, "sys/block/mmcblk0/stat", "  1000 0 20000 300 400 0 2048 700 0 0 0\n");
}

#[test]
fn a_raspberry_pi_tells_how_it_is() {
    let root = tempfile::tempdir().unwrap();
    raspberry_pi(root.path());
    let mut board = Board::new(root.path(), vec![root.path().to_owned(), "/nowhere".into()]);
    let now = clock::now();
    let first = board.look(now);
    assert_eq!(first.model.as_deref(), Some("Raspberry Pi 4 Model B Rev 1.4"));
    assert_eq!(first.kernel.as_deref(), Some("6.12.47+rpt-rpi-v8"));
    assert_eq!(first.uptime, Some(Duration::from_millis(3_725_500)));
    assert_eq!((first.cores, first.cpu_percent, first.load), (Some(2), None, Some(0.52)));
    assert_eq!((first.clock_mhz, first.temperature), (Some(1500), Some(48.312)));
    let memory =
        Memory { total: 1_965_031_424, available: 1_536_000_000, contiguous: Some((67_108_864, 40_960_000)) };
    assert_eq!((first.memory, first.own_memory), (Some(memory), Some(9876 << 10)));
    assert_eq!(first.wifi, [Wifi { interface: "wlan0".to_owned(), level_dbm: -56.0 }]);
    assert_eq!(first.card_written, Some(1 << 20));
    assert_eq!(first.disks.len(), 1, "of a folder that is not there nothing is told");
    assert!(first.disks[0].free <= first.disks[0].total && !first.disks[0].read_only);
    let power = Power {
        under_voltage: true,
        throttled: true,
        under_voltage_before: true,
        throttled_before: true,
        ..Power::default()
    };
    assert_eq!(first.power, Some(power));
    // 300 ticks later, 75 of them idle.
    write(root.path(), "proc/stat", "cpu  200 25 200 750 125 0 0 0 50 0\n");
    let second = board.look(now + Duration::from_secs(1));
    assert_eq!(second.cpu_percent, Some(75.0));
    assert!(second.own_cpu_percent.is_some_and(|percent| (0.0..1000.0).contains(&percent)));
}

#[test]
fn what_a_box_has_not_is_absent() {
    let root = tempfile::tempdir().unwrap();
    let look = || Board::new(root.path(), Vec::new()).look(clock::now());
    let told = look();
    let clock_synchronised = told.clock_synchronised;
    assert_eq!(told, Health { clock_synchronised, ..Health::default() });
    for (path, text) in [
        ("proc/stat", "cpu 1 2\n"),
        ("proc/uptime", "-5\n"),
        ("proc/meminfo", "MemTotal: 99999999999999999999 kB\nMemAvailable: 1 kB\n"),
        ("proc/net/wireless", "a\nb\nwlan0 0000\nwlan1: x\n"),
        ("sys/class/thermal/thermal_zone0/temp", "NaN\n"),
        ("sys/devices/platform/soc/soc:firmware/get_throttled", "zz\n"),
        ("sys/block/mmcblk0/stat", "1 2 3\n"),
    ] {
        write(root.path(), path, text);
    }
    let told = look();
    assert_eq!(told, Health { clock_synchronised, ..Health::default() }, "what makes no sense is no figure");
}

#[test]
fn the_supply_is_known_by_the_kernels_sensor_too() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "sys/class/hwmon/hwmon1/name", "rpi_volt\n");
    write(root.path(), "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n");
    let told = Board::new(root.path(), Vec::new()).look(clock::now());
    assert_eq!(told.power, Some(Power { under_voltage: true, ..Power::default() }));
}

#[test]
fn this_machine_is_read_as_it_is() {
    let told = Board::new("/", vec!["/".into()]).look(clock::now());
    assert!(told.kernel.is_some() && told.uptime.is_some() && told.cores.is_some());
    let memory = told.memory.unwrap();
    assert!(told.own_memory.unwrap() < memory.total && memory.available <= memory.total);
    assert!(told.clock_synchronised.is_some());
}

#[test]
fn each_trouble_is_told_with_what_to_do() {
    let healthy = Health {
        temperature: Some(50.0),
        power: Some(Power { under_voltage_before: true, ..Power::default() }),
        wifi: vec![Wifi { interface: "wlan0".to_owned(), level_dbm: -60.0 }],
        disks: vec![
            Disk { path: "/etc".into(), total: 1 << 30, free: 1 << 29, read_only: false },
            Disk { path: "/usr".into(), total: 1 << 30, free: 0, read_only: true },
        ],
        memory: Some(Memory { total: 1 << 30, available: 1 << 29, contiguous: None }),
        clock_synchronised: Some(true),
        ..Health::default()
    };
    assert_eq!(healthy.warnings(), []);
    assert_eq!(Health::default().warnings(), [], "what is not known is no trouble");
    let told = |change: &dyn Fn(&mut Health)| {
        let mut health = healthy.clone();
        change(&mut health);
        let found = health.warnings();
        assert!(found.iter().all(|warning| !warning.why.is_empty() && !warning.what_to_do.is_empty()));
        found.iter().map(|warning| warning.what).collect::<Vec<_>>()
    };
    let power = |under_voltage, throttled| Some(Power { under_voltage, throttled, ..Power::default() });
    assert_eq!(
        told(&|health| health.power = power(true, true)),
        ["under-voltage"],
        "the cause, not its effect"
    );
    assert_eq!(told(&|health| health.power = power(false, true)), ["throttled"]);
    assert_eq!(told(&|health| health.temperature = Some(81.0)), ["hot"]);
    assert_eq!(told(&|health| health.disks[0].free = 1 << 20), ["disk"]);
    assert_eq!(told(&|health| health.wifi[0].level_dbm = -82.0), ["wifi"]);
    assert_eq!(told(&|health| health.clock_synchronised = Some(false)), ["clock"]);
    assert_eq!(
        told(&|health| health.memory = Some(Memory { total: 1 << 29, available: 1 << 20, contiguous: None })),
        ["memory"]
    );
}
