//! Heat and supply.

use std::fs;
use std::path::Path;

use super::{Power, line, number};

/// Where the firmware of a Raspberry Pi tells what it holds back, in hexadecimal without `0x`.
const THROTTLED: &str = "sys/devices/platform/soc/soc:firmware/get_throttled";

/// The processor's own zone, or the hottest of those that there are, in degrees Celsius.
pub(super) fn temperature(root: &Path) -> Option<f32> {
    let zones = fs::read_dir(root.join("sys/class/thermal")).ok()?;
    let mut hottest: Option<(bool, f32)> = None;
    for zone in
        zones.flatten().filter(|zone| zone.file_name().as_encoded_bytes().starts_with(b"thermal_zone"))
    {
        let path = zone.path();
        let Some(thousandths) = number::<f32>(&path, "temp") else { continue };
        let name = line(&path, "type").unwrap_or_default();
        let of_cpu = name.contains("cpu") || name.contains("soc") || name == "x86_pkg_temp";
        let found = (of_cpu, thousandths / 1000.0);
        if hottest.is_none_or(|hottest| found > hottest) {
            hottest = Some(found);
        }
    }
    hottest.map(|(_, degrees)| degrees).filter(|degrees| (-60.0..200.0).contains(degrees))
}

/// What the firmware says; without it, what the kernel's voltage sensor says.
pub(super) fn power(root: &Path) -> Option<Power> {
    if let Some(bits) = line(root, THROTTLED).and_then(|text| u32::from_str_radix(&text, 16).ok()) {
        let bit = |number: u32| bits & (1 << number) != 0;
        return Some(Power {
            under_voltage: bit(0),
            capped: bit(1),
            throttled: bit(2),
            soft_limit: bit(3),
            under_voltage_before: bit(16),
            throttled_before: bit(18),
        });
    }
    let sensors = fs::read_dir(root.join("sys/class/hwmon")).ok()?;
    let volt =
        sensors.flatten().find(|sensor| line(&sensor.path(), "name").as_deref() == Some("rpi_volt"))?;
    let alarm: u32 = number(&volt.path(), "in0_lcrit_alarm")?;
    Some(Power { under_voltage: alarm != 0, ..Power::default() })
}
