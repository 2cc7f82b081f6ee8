//! Bans, and who signed in from where, kept across starts.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::access::{Ban, Bans, Memory, Network};
use crate::clock;
use crate::config::store;
use crate::control::protocol::BanEntry;

/// Networks that are told one by one.
const TOLD: usize = 20;

/// The file of bans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BansFile {
    path: PathBuf,
}

impl BansFile {
    /// In the folder of what is kept across starts.
    pub fn in_state(state: &Path) -> Self {
        Self { path: state.join("bans.ron") }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was kept; nothing where there is no file. One that is damaged is told and passed over: it keeps nobody out.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn load(&self) -> io::Result<Memory> {
        let text = match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Memory::default()),
            read => read?,
        };
        Ok(Self::parse(&text).unwrap_or_else(|why| {
            tracing::warn!("{}: {why}, and nobody is banned", self.path.display());
            Memory::default()
        }))
    }

    /// What stands in a file of bans.
    ///
    /// # Errors
    /// It is none, in a sentence.
    pub fn parse(text: &str) -> Result<Memory, String> {
        ron::from_str(text).map_err(|error| format!("these are no bans: {error}"))
    }

    /// Keeps this.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, memory: &Memory) -> Result<(), store::Error> {
        // Strings and numbers are never refused.
        let text = ron::ser::to_string_pretty(memory, ron::ser::PrettyConfig::default()).unwrap_or_default();
        let state = self.path.parent().unwrap_or(Path::new("."));
        store::replace_secret_for(state, &self.path, format!("{text}\n").as_bytes())
    }

    /// Lifts bans where no daemon runs; what is said of it.
    ///
    /// # Errors
    /// The network is not banned, or the file cannot be read or written.
    pub fn lift(&self, network: Network, now: SystemTime) -> Result<String, Box<dyn std::error::Error>> {
        let mut bans = Bans::default();
        bans.restore(self.load()?, now);
        let covering = bans.covering(network, now);
        let within = within(network, &bans.list(now));
        if !bans.lift(network, now) {
            return Err(not_lifted(network, covering).into());
        }
        self.save(&bans.memory(now))?;
        Ok(lifted(network, &within, covering))
    }

    /// The bans that last, in control's words.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn entries(&self, now: SystemTime) -> io::Result<Vec<BanEntry>> {
        let mut bans = Bans::default();
        bans.restore(self.load()?, now);
        Ok(bans.list(now).iter().map(|ban| entry(ban, now)).collect())
    }
}

/// The banned networks in a network.
pub(super) fn within(network: Network, bans: &[Ban]) -> Vec<Network> {
    let mut within: Vec<Network> =
        bans.iter().map(|ban| ban.network).filter(|banned| network.covers(banned)).collect();
    within.sort();
    within.dedup();
    within
}

/// Bans were lifted, these ones; that of a network around them is another matter.
pub(super) fn lifted(network: Network, within: &[Network], covering: Option<Network>) -> String {
    match covering {
        None => {
            let more = match within.len().saturating_sub(TOLD) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            match within {
                [] => format!("{network} is not banned any more"),
                [one] => format!("{one} is not banned any more"),
                _ => {
                    let told: Vec<String> = within.iter().take(TOLD).map(Network::to_string).collect();
                    format!("{}{more} are not banned any more", told.join(", "))
                }
            }
        }
        Some(covering) => {
            format!("{network} is banned only as a part of {covering} now: `lenslet ban lift {covering}`")
        }
    }
}

/// Why none was.
pub(super) fn not_lifted(network: Network, covering: Option<Network>) -> String {
    match covering {
        None => format!("{network} is not banned"),
        Some(covering) => {
            format!(
                "{network} is not banned by itself, but as a part of {covering}: `lenslet ban lift {covering}`"
            )
        }
    }
}

/// A ban in control's words.
pub(super) fn entry(ban: &Ban, now: SystemTime) -> BanEntry {
    BanEntry {
        address: ban.network.to_string(),
        until: clock::rfc3339(ban.until),
        for_s: ban.until.duration_since(now).unwrap_or_default().as_secs(),
        why: ban.why.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn bans_are_kept_until_they_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = BansFile::in_state(folder.path());
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(file.load().unwrap(), Memory::default());
        let ban = |network: &str, until| Ban {
            network: network.parse().unwrap(),
            until: at(until),
            why: "\"why\"".into(),
        };
        let (one, other) = (ban("203.0.113.7", 100), ban("2001:db8::/64", 200));
        let memory = Memory { bans: vec![one], by_hand: vec![other], ..Memory::default() };
        file.save(&memory).unwrap();
        assert_eq!(file.load().unwrap(), memory);
        let listed = |seconds| -> Vec<(String, u64)> {
            let entries = file.entries(at(seconds)).unwrap();
            entries.into_iter().map(|entry| (entry.address, entry.for_s)).collect()
        };
        assert_eq!(listed(50), [("203.0.113.7".into(), 50), ("2001:db8::/64".into(), 150)]);
        assert_eq!(listed(150), [("2001:db8::/64".into(), 50)]);
        let network = || "2001:db8::/64".parse().unwrap();
        assert!(file.lift(network(), at(50)).is_ok());
        assert!(file.lift(network(), at(50)).is_err());
        assert_eq!(listed(50), [("203.0.113.7".into(), 50)]);
        fs::write(folder.path().join("bans.ron"), "[(").unwrap();
        assert!(listed(50).is_empty(), "it is told, and the server starts");
    }
}
