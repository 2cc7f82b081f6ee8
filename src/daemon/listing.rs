//! The mounts as those see them who only look.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::MountSettings;
use crate::hub;
use crate::source::camera::VideoNode;

/// What there is to watch, for those who only look. Clones are the same list.
#[derive(Clone, Debug, Default)]
pub struct Listing(Arc<Mutex<Lists>>);

#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) served: BTreeMap<String, Listed>,
    pub(super) disabled: BTreeMap<String, MountSettings>,
    pub(super) denied: Vec<VideoNode>,
}

/// A mount, as it was last set up.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its server's end.
    pub mount: hub::Mount,
    /// Its source.
    pub settings: MountSettings,
}

impl Listing {
    /// The mounts, by name.
    pub fn all(&self) -> Vec<Listed> {
        self.lock().served.values().cloned().collect()
    }

    /// Those that are served no longer, or not yet, and their sources.
    pub fn disabled(&self) -> Vec<(String, MountSettings)> {
        let disabled = &self.lock().disabled;
        disabled.iter().map(|(name, settings)| (name.clone(), settings.clone())).collect()
    }

    /// Nodes that may not be opened, where every camera is to be a mount.
    pub fn denied(&self) -> Vec<VideoNode> {
        self.lock().denied.clone()
    }

    /// The names of those that are served.
    pub fn names(&self) -> Vec<String> {
        self.lock().served.keys().cloned().collect()
    }

    /// The mount of that name.
    pub fn find(&self, name: &str) -> Option<Listed> {
        self.lock().served.get(name).cloned()
    }

    /// These, from now on.
    pub(super) fn replace(&self, lists: Lists) {
        *self.lock() = lists;
    }

    fn lock(&self) -> MutexGuard<'_, Lists> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
