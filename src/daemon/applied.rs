//! What another configuration changes, or would change.

use std::collections::BTreeMap;

use super::plan::Fate;
use crate::server;

/// What became, or would become, of each mount, by name, and of the server's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Their sources begin anew; their readers read on, unless the codec is another.
    pub restarted: Vec<String>,
    /// Something of them changes in the same stream.
    pub changed: Vec<String>,
    /// Nothing of them changes.
    pub kept: Vec<String>,
    /// They come.
    pub added: Vec<String>,
    /// They go, and their sessions end.
    pub removed: Vec<String>,
    /// They could not be added, or not be changed, and why.
    pub refused: Vec<(String, String)>,
    /// Of some that begin anew the reason, where that is not what is different.
    pub reasons: BTreeMap<String, String>,
    /// The server's settings.
    pub server: server::Changed,
}

impl Applied {
    /// What became of one mount.
    pub(super) fn note(&mut self, name: String, fate: &Fate) {
        let names = match fate {
            Fate::Kept => &mut self.kept,
            Fate::Changed(_) => &mut self.changed,
            Fate::Restarted(why) => {
                self.reasons.extend(why.clone().map(|why| (name.clone(), why)));
                &mut self.restarted
            }
            Fate::Added => &mut self.added,
            Fate::Removed => &mut self.removed,
        };
        names.push(name);
    }
}

impl std::fmt::Display for Applied {
    /// What is not as before, in a line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let server: Vec<String> = self.server.now.iter().map(|name| (*name).to_owned()).collect();
        let later: Vec<String> = self.server.after_restart.iter().map(|name| (*name).to_owned()).collect();
        let restarted = self.restarted.iter().map(|name| match self.reasons.get(name) {
            Some(why) => format!("{name} ({why})"),
            None => name.clone(),
        });
        let restarted = restarted.collect();
        let refused = self.refused.iter().map(|(name, why)| format!("{name} ({why})")).collect();
        write!(f, "{} kept", self.kept.len())?;
        for (what, names) in [
            ("changed", &self.changed),
            ("restarted", &restarted),
            ("added", &self.added),
            ("removed", &self.removed),
            ("refused", &refused),
            ("of the server", &server),
            ("only after a restart of the program", &later),
        ] {
            if !names.is_empty() {
                write!(f, "; {what}: {}", names.join(", "))?;
            }
        }
        Ok(())
    }
}
