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
        processes().filter(|pid| has_open(*pid, &device)).min().map(|pid| Self { pid, name: name(pid) })
    }

    /// Whether who has a device open, or who may where that cannot be seen, is this program run by somebody else: the daemon, say,
    /// for who checks its configuration.
    pub fn may_be_this_program(holder: Option<&Self>) -> bool {
        let own = name(std::process::id());
        match holder {
            Some(holder) => holder.name == own,
            None => processes().any(|pid| name(pid) == own && descriptors(pid).is_err()),
        }
    }
}

/// All but this one.
fn processes() -> impl Iterator<Item = u32> {
    let own = std::process::id();
    let number = |entry: std::io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse::<u32>().ok();
    fs::read_dir("/proc").into_iter().flatten().filter_map(number).filter(move |pid| *pid != own)
}

fn name(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

fn descriptors(pid: u32) -> std::io::Result<fs::ReadDir> {
    fs::read_dir(format!("/proc/{pid}/fd"))
}

fn has_open(pid: u32, device: &Path) -> bool {
    let Ok(descriptors) = descriptors(pid) else { return false };
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
        assert!(!Holder::may_be_this_program(holder.as_ref()));
        let this = Holder { pid: 1, name: name(std::process::id()) };
        assert!(Holder::may_be_this_program(Some(&this)));
    }
}
