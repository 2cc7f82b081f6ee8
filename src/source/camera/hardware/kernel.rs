//! What the kernel says of an encoder.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;

use nix::libc::O_NONBLOCK;

/// A record of the log is no longer.
const RECORD: usize = 8 << 10;
/// Records that are read at most: more than the kernel keeps.
const RECORDS: usize = 100_000;

/// The kernel's newest line about an encoder's driver: of `/dev/kmsg`, if this process may read it.
pub(super) fn line(driver: &str) -> Option<String> {
    let mut log = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open("/dev/kmsg").ok()?;
    let mut record = vec![0; RECORD];
    let mut newest = None;
    for _ in 0..RECORDS {
        match log.read(&mut record) {
            Ok(0) => break,
            Ok(length) => {
                let text = String::from_utf8_lossy(record.get(..length).unwrap_or_default());
                newest = said(&text, driver).map(str::to_owned).or(newest);
            }
            // What was overwritten meanwhile.
            Err(error) if error.raw_os_error() == Some(nix::libc::EPIPE) => {}
            Err(_) => break,
        }
    }
    newest
}

/// The line of a [record](https://www.kernel.org/doc/Documentation/ABI/testing/dev-kmsg) if it is about the driver.
fn said<'a>(record: &'a str, driver: &str) -> Option<&'a str> {
    let text = record.split_once(';')?.1.lines().next()?;
    // The firmware of the Raspberry Pi's encoder is spoken to by others.
    let others: &[&str] =
        if driver.starts_with("bcm2835") { &["vchiq", "mmal", "bcm2835-v4l2"] } else { &[] };
    let about = std::iter::once(driver).chain(others.iter().copied()).any(|name| text.contains(name));
    about.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_driver_are_found_and_others_are_not() {
        for (record, driver, line) in [
            (
                "3,1207,5140900,-;bcm2835_mmal_vchiq: timed out waiting for sync completion\n SUBSYSTEM=x\n",
                "bcm2835-codec",
                Some("bcm2835_mmal_vchiq: timed out waiting for sync completion"),
            ),
            (
                "4,1,2,-;bcm2835-codec bcm2835-codec: driver bug: buf 0",
                "bcm2835-codec",
                Some("bcm2835-codec bcm2835-codec: driver bug: buf 0"),
            ),
            ("3,1,2,-;bcm2835_mmal_vchiq: timed out", "qcom-venus", None),
            ("6,1,2,-;usb 1-1: USB disconnect", "bcm2835-codec", None),
            ("6,1,2,-;usb 1-1\n DRIVER=bcm2835-codec", "bcm2835-codec", None),
            ("no record", "bcm2835-codec", None),
        ] {
            assert_eq!(said(record, driver), line, "{record}");
        }
    }
}
