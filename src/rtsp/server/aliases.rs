//! Other names of mounts, some of which depend on the query: recorders have the paths of cameras that
//! they know built in (`/Streaming/Channels/101`, `/cam/realmonitor?channel=1&subtype=0`).

use std::collections::BTreeSet;
use std::fmt;

use crate::rtsp::url::{self, Target};

/// Another name of a mount: a path, and what a request's query has to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    written: String,
    path: String,
    query: BTreeSet<(String, String)>,
}

impl Alias {
    /// Reads `/path` or `/path?key=value&key=value`; the first slash may be missing.
    ///
    /// # Errors
    /// What makes it unfit for a request's path.
    pub fn parse(text: &str) -> Result<Self, AliasError> {
        let written = if text.starts_with('/') { text.to_owned() } else { format!("/{text}") };
        let unfit = |character: char| character.is_whitespace() || character.is_control() || character == '#';
        if text.is_empty() || text.contains("://") || written.contains(unfit) {
            return Err(AliasError::NoPath);
        }
        let target = Target::parse(&written).map_err(|_| AliasError::NoPath)?;
        if target.track.is_some() {
            return Err(AliasError::Track);
        }
        let query = target.query.as_deref().map(pairs).unwrap_or_default();
        if written.contains('?') && query.is_empty() {
            return Err(AliasError::NoQuery);
        }
        Ok(Self { written, path: target.path, query })
    }

    /// Its path as a mount's name is written: decoded, without slashes at its ends.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// As it was written, with a slash at its beginning.
impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// The aliases of a server, and the mount of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases(Vec<(Alias, String)>);

impl Aliases {
    /// Adds a name of a mount.
    ///
    /// # Errors
    /// It is known already, however it was written.
    pub fn add(&mut self, alias: Alias, mount: &str) -> Result<(), AliasError> {
        let same = |(known, _): &&(Alias, String)| known.path == alias.path && known.query == alias.query;
        if let Some((known, _)) = self.0.iter().find(same) {
            return Err(AliasError::Twice(known.written.clone()));
        }
        self.0.push((alias, mount.to_owned()));
        // The most specific first; among equals the order of the alphabet, so that there is one.
        self.0.sort_by(|(one, _), (other, _)| {
            other.query.len().cmp(&one.query.len()).then_with(|| one.written.cmp(&other.written))
        });
        Ok(())
    }

    /// The mount that a request means by another name. Of several the one that asks most of the query is meant;
    /// what else stands in the query does not matter (Dahua recorders add `&unicast=true&proto=Onvif`).
    pub fn mount_of(&self, target: &Target) -> Option<&str> {
        let asked = target.query.as_deref().map(pairs).unwrap_or_default();
        let meant =
            |(alias, _): &&(Alias, String)| alias.path == target.path && alias.query.is_subset(&asked);
        self.0.iter().find(meant).map(|(_, mount)| mount.as_str())
    }

    /// The mount that is meant by who writes an alias as a name: `path?key=value`.
    pub fn mount_called(&self, name: &str) -> Option<&str> {
        let target = Target::parse(&format!("/{}", name.trim_start_matches('/'))).ok()?;
        self.mount_of(&target)
    }

    /// All of them, each with its mount's name.
    pub fn iter(&self) -> impl Iterator<Item = (&Alias, &str)> {
        self.0.iter().map(|(alias, mount)| (alias, mount.as_str()))
    }
}

/// Why there cannot be such an alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AliasError {
    /// It is no path that a request can have.
    NoPath,
    /// It has a question mark and nothing behind it.
    NoQuery,
    /// Its last segment names a track: requests for it would mean what stands before.
    Track,
    /// It is written as this already.
    Twice(String),
}

impl fmt::Display for AliasError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPath => {
                f.write_str("an alias is a path such as /Streaming/Channels/101, without host or blanks")
            }
            Self::NoQuery => f.write_str("behind `?` stands what the query has to hold: key=value&key=value"),
            Self::Track => f.write_str("its last part would be read as the name of a track"),
            Self::Twice(known) => write!(f, "it is the same as {known:?}"),
        }
    }
}

impl std::error::Error for AliasError {}

/// Keys and values of a query, decoded where that can be done.
fn pairs(query: &str) -> BTreeSet<(String, String)> {
    let decoded = |text: &str| url::decode(text).unwrap_or_else(|_| text.to_owned());
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (decoded(key), decoded(value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases() -> Aliases {
        let mut aliases = Aliases::default();
        for (alias, mount) in [
            ("/Streaming/Channels/101", "door"),
            ("cam/realmonitor", "any"),
            ("/cam/realmonitor?channel=1", "one"),
            ("/cam/realmonitor?channel=1&subtype=0", "door"),
            ("/cam/realmonitor?subtype=0", "main"),
            ("/cam/realmonitor?channel=2&subtype=0", "yard"),
            ("/", "door"),
        ] {
            aliases.add(Alias::parse(alias).unwrap(), mount).unwrap();
        }
        aliases
    }

    #[test]
    fn a_request_means_the_mount_whose_alias_asks_most_of_it() {
        let aliases = aliases();
        for (uri, mount) in [
            ("rtsp://h/Streaming/Channels/101", Some("door")),
            ("rtsp://h/Streaming/Channels/101/", Some("door")),
            ("rtsp://h//Streaming/Channels/101?transportmode=unicast", Some("door")),
            ("rtsp://h/Streaming/Channels/101/trackID=1", Some("door")),
            ("rtsp://h/streaming/channels/101", None),
            ("rtsp://h/Streaming/Channels/1", None),
            ("rtsp://h/cam/realmonitor", Some("any")),
            ("rtsp://h/cam/realmonitor?channel=3", Some("any")),
            ("rtsp://h/cam/realmonitor?channel=1&subtype=1", Some("one")),
            ("rtsp://h/cam/realmonitor?channel=3&subtype=0", Some("main")),
            ("rtsp://h/cam/realmonitor?channel=1&subtype=0", Some("door")),
            ("rtsp://h/cam/realmonitor?subtype=0&channel=1", Some("door")),
            ("rtsp://h/cam/realmonitor?channel=1&subtype=0&unicast=true&proto=Onvif", Some("door")),
            ("rtsp://h/cam/realmonitor?channel=1&subtype=0/trackID=0", Some("door")),
            ("rtsp://h/cam/realmonitor/trackID=0?channel=1&subtype=0", Some("door")),
            ("rtsp://h/cam/realmonitor?channel=%31&&subtype=0/", Some("door")),
            ("rtsp://h/cam/realmonitor?channel=11&subtype=00", Some("any")),
            ("rtsp://h/cam/realmonitor?subtype=0&channel=2", Some("yard")),
            ("rtsp://h/", Some("door")),
            ("rtsp://h", Some("door")),
        ] {
            assert_eq!(aliases.mount_of(&Target::parse(uri).unwrap()), mount, "{uri}");
        }
    }

    #[test]
    fn what_no_request_could_mean_is_refused() {
        for (text, why) in [
            ("", AliasError::NoPath),
            ("rtsp://h/x", AliasError::NoPath),
            ("/a b", AliasError::NoPath),
            ("/../x", AliasError::NoPath),
            ("/%zz", AliasError::NoPath),
            ("/x#y", AliasError::NoPath),
            ("/x?", AliasError::NoQuery),
            ("/x?&", AliasError::NoQuery),
            ("/live/trackID=1", AliasError::Track),
            ("/track1", AliasError::Track),
            ("/x?a=1/stream=0", AliasError::Track),
        ] {
            assert_eq!(Alias::parse(text), Err(why), "{text}");
        }
        for text in ["/streaming/channels/101/", "/cam/realmonitor?subtype=%30&channel=1"] {
            let mut aliases = aliases();
            aliases.add(Alias::parse("/streaming/channels/101").unwrap(), "x").unwrap();
            let again = aliases.add(Alias::parse(text).unwrap(), "yard");
            assert!(matches!(again, Err(AliasError::Twice(_))), "{text}");
        }
    }
}
