//! Where things are kept.

use std::path::PathBuf;

/// What decides it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Whether this is root, or a service that systemd gave folders to.
    pub privileged: bool,
    /// `$HOME`.
    pub home: Option<PathBuf>,
    /// `$XDG_CONFIG_HOME`.
    pub config_home: Option<PathBuf>,
    /// `$XDG_STATE_HOME`.
    pub state_home: Option<PathBuf>,
    /// `$STATE_DIRECTORY`, of systemd.
    pub state_directory: Option<PathBuf>,
}

/// Where things are kept where nobody says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The configuration.
    pub config: PathBuf,
    /// What is kept across starts.
    pub state: PathBuf,
}

impl Environment {
    /// That of this process.
    pub fn read() -> Self {
        let folder = |name: &str| {
            let path = PathBuf::from(std::env::var_os(name)?);
            // The specification has relative ones passed over.
            path.is_absolute().then_some(path)
        };
        // Several folders of a service are separated by colons.
        let first = |name: &str| {
            let text = std::env::var(name).ok()?;
            let path = PathBuf::from(text.split(':').next().unwrap_or_default());
            path.is_absolute().then_some(path)
        };
        Self {
            privileged: nix::unistd::geteuid().is_root() || std::env::var_os("STATE_DIRECTORY").is_some(),
            home: folder("HOME"),
            config_home: folder("XDG_CONFIG_HOME"),
            state_home: folder("XDG_STATE_HOME"),
            state_directory: first("STATE_DIRECTORY"),
        }
    }
}

impl Paths {
    /// The system's folders for root and services; for everybody else those of the
    /// [XDG specification](https://specifications.freedesktop.org/basedir-spec/latest/).
    pub fn of(environment: &Environment) -> Self {
        let Environment { privileged, home, config_home, state_home, .. } = environment;
        let under_home = |path: &str| home.as_ref().map(|home| home.join(path));
        if *privileged || home.is_none() {
            let state = environment.state_directory.clone();
            return Self {
                config: "/etc/lenslet/lenslet.ron".into(),
                state: state.unwrap_or_else(|| "/var/lib/lenslet".into()),
            };
        }
        let config = config_home.clone().or_else(|| under_home(".config")).unwrap_or_default();
        let state = state_home.clone().or_else(|| under_home(".local/state")).unwrap_or_default();
        let state = state.join("lenslet");
        Self { config: config.join("lenslet/lenslet.ron"), state }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(environment: &Environment) -> [String; 2] {
        let Paths { config, state } = Paths::of(environment);
        [config, state].map(|path| path.display().to_string())
    }

    #[test]
    fn root_has_the_systems_folders_and_others_their_own() {
        let root = Environment { privileged: true, home: Some("/root".into()), ..Environment::default() };
        let systems = ["/etc/lenslet/lenslet.ron", "/var/lib/lenslet"];
        assert_eq!(paths(&root), systems);
        let state_directory = Some("/var/lib/private/lenslet".into());
        let service = Environment { privileged: true, state_directory, ..Environment::default() };
        assert_eq!(paths(&service), ["/etc/lenslet/lenslet.ron", "/var/lib/private/lenslet"]);
        let user = Environment { home: Some("/home/u".into()), ..Environment::default() };
        let expected = ["/home/u/.config/lenslet/lenslet.ron", "/home/u/.local/state/lenslet"];
        assert_eq!(paths(&user), expected);
        let session = Environment { config_home: Some("/c".into()), state_home: Some("/s".into()), ..user };
        assert_eq!(paths(&session), ["/c/lenslet/lenslet.ron", "/s/lenslet"]);
        assert_eq!(paths(&Environment::default()), systems, "nobody's home");
    }
}
