//! How a client speaks: what tells one program from another on the same address.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Values that say how a client answers, not what.
const KEPT: [&str; 2] = ["algorithm", "qop"];

/// A client's manner, as a number: what program it says that it is, and in which order, with which blanks, quotes and names
/// it writes its `Authorization`. Another version of a player may have another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manner(u64);

impl Manner {
    /// That of a client that says this of itself, and writes this `Authorization`.
    pub fn of(agent: Option<&str>, authorization: Option<&str>) -> Self {
        let mut hash = Sha256::new();
        hash.update(agent.unwrap_or_default());
        hash.update([0]);
        authorization.into_iter().flat_map(pieces).for_each(|piece| hash.update(piece));
        let whole: [u8; 32] = hash.finalize().into();
        let mut first = [0; 8];
        first.copy_from_slice(&whole[..8]);
        Self(u64::from_be_bytes(first))
    }
}

/// What is the same in each of a client's answers: all but the values. Of hashes their length tells which was chosen.
fn pieces(value: &str) -> Vec<String> {
    let (scheme, parameters) = value.split_once(' ').unwrap_or((value, ""));
    let mut pieces = vec![scheme.to_owned()];
    if !scheme.eq_ignore_ascii_case("digest") {
        return pieces;
    }
    for part in parts(parameters) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let quotes = if value.trim_start().starts_with('"') { "\"" } else { "" };
        let kept = match name.trim() {
            known if KEPT.contains(&known) => value.to_owned(),
            "response" => value.len().to_string(),
            _ => String::new(),
        };
        pieces.push(format!("{name}={quotes}{kept},"));
    }
    pieces
}

/// The parameters, with the blanks around them: cut at commas outside of quotes.
fn parts(parameters: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    parameters.split(move |character| {
        let ends = character == ',' && !quoted;
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vlc(nonce: &str, user: &str) -> Manner {
        let answer = format!(
            "Digest username=\"{user}\", realm=\"L\", nonce=\"{nonce}\", uri=\"rtsp://h/a\", response=\"{nonce:032}\""
        );
        Manner::of(Some("LibVLC/3.0.20"), Some(&answer))
    }

    #[test]
    fn a_client_is_known_by_how_it_speaks_and_not_by_what_it_says() {
        let known = vlc("00", "anna");
        assert_eq!(vlc("11", "anna, the\\\"first\\\""), known);
        let of = |agent, answer: &str| Manner::of(agent, Some(answer));
        let long = format!("Digest username=\"\", realm=\"\", nonce=\"\", uri=\"\", response=\"{:064}\"", 0);
        let short = long.replace(&"0".repeat(64), &"0".repeat(32));
        let agent = Some("LibVLC/3.0.20");
        assert_eq!(of(agent, &short), known);
        for (agent, answer) in [
            (None, short.clone()),
            (Some("LibVLC/3.0.21"), short.clone()),
            (agent, long),
            (agent, short.replace(", ", ",")),
            (agent, short.replace("uri", "URI")),
            (agent, format!("{short}, algorithm=MD5")),
            (agent, format!("{short}, algorithm=\"MD5\"")),
            (agent, "Basic eA==".to_owned()),
            (agent, String::new()),
        ] {
            assert_ne!(of(agent, &answer), known, "{agent:?} {answer}");
        }
        assert_eq!(of(agent, "Basic eA=="), of(agent, "Basic eQ=="));
    }
}
