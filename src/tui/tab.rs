//! The screens, as tabs.

/// The screens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// Mounts, the box, alarms.
    #[default]
    Dashboard,
    /// Who watches.
    Sessions,
    /// One mount.
    Mount,
    /// The configuration.
    Config,
    /// The log.
    Logs,
    /// What is or was wrong.
    Alarms,
}

impl Tab {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Dashboard, Self::Sessions, Self::Mount, Self::Config, Self::Logs, Self::Alarms];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dashboard => "Dashboard",
            Self::Sessions => "Sessions",
            Self::Mount => "Mount",
            Self::Config => "Configuration",
            Self::Logs => "Log",
            Self::Alarms => "Alarms",
        }
    }

    /// The one so many places on, round and round.
    #[must_use]
    pub fn after(self, places: usize) -> Self {
        let here = Self::ALL.iter().position(|tab| *tab == self).unwrap_or_default();
        Self::ALL[(here + places) % Self::ALL.len()]
    }
}
