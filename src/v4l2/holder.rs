//! Who has a device open.

use std::fs;
use std::path::Path;

/// A process that has a device open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its name, as the kernel has it.
    pub name: String,
}

impl Holder {
    /// Another process that has `device` open, by `/proc`: the first one whose descriptors may be read. Those
    /// of other users may not.
    pub(super) fn of(device: &Path) -> Option<Self> {
        let device = fs::canonicalize(device).ok()?;
        let own = std::process::id();
        let processes = fs::read_dir("/proc").ok()?.filter_map(|entry| {
            entry.ok()?.file_name().to_str()?.parse::<u32>().ok().filter(|pid| *pid != own)
        });
        processes.filter(|pid| has_open(*pid, &device)).min().map(|pid| {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            Self { pid, name: name.trim().to_owned() }
        })
    }
}

fn has_open(pid: u32, device: &Path) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    descriptors.filter_map(Result::ok).any(|entry| fs::read_link(entry.path()).is_ok_and(|to| to == device))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_process_that_has_a_file_open_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(Holder::of(file.path()), None, "this process alone has it");
        let input = fs::File::open(file.path()).unwrap();
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::from(input)).spawn().unwrap();
        let holder = Holder::of(file.path());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(holder, Some(Holder { pid: child.id(), name: "sleep".to_owned() }));
    }
}
