//! The value of `Authorization`.

use base64::engine::general_purpose::STANDARD;
use base64::{Engine, decoded_len_estimate};
use zeroize::Zeroizing;

/// Who is said to ask, and the proof of it.
#[derive(Debug)]
pub(super) enum Credentials {
    Basic { user: String, password: Zeroizing<String> },
    Digest(Digest),
}

/// An answer to a challenge, each value without its quotes.
#[derive(Debug, Default)]
pub(super) struct Digest {
    pub(super) user: String,
    pub(super) realm: String,
    pub(super) nonce: String,
    pub(super) uri: String,
    /// In lower case.
    pub(super) response: String,
    /// How often the nonce was used, where it is counted.
    pub(super) count: Option<u32>,
    qop: Option<String>,
    count_text: String,
    client_nonce: String,
}

/// The names that are known; of others, and of names that stand there twice, the value is passed over or refused.
const NAMES: [&str; 8] = ["username", "realm", "nonce", "uri", "response", "qop", "nc", "cnonce"];

impl Credentials {
    /// `None`: it is neither Basic nor Digest, or lacks something, or has something twice.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let (scheme, rest) = value.trim().split_once(|character: char| character.is_ascii_whitespace())?;
        if scheme.eq_ignore_ascii_case("basic") {
            // Here, and not where it decodes to: what it gives up half way it would not wipe.
            let mut bytes = Zeroizing::new(vec![0_u8; decoded_len_estimate(rest.len())]);
            let length = STANDARD.decode_slice(rest.trim(), &mut bytes).ok()?;
            let (user, password) = std::str::from_utf8(&bytes[..length]).ok()?.split_once(':')?;
            return Some(Self::Basic {
                user: user.to_owned(),
                password: Zeroizing::new(password.to_owned()),
            });
        }
        if scheme.eq_ignore_ascii_case("digest") { Digest::parse(rest).map(Self::Digest) } else { None }
    }
}

impl Digest {
    fn parse(parameters: &str) -> Option<Self> {
        let mut values: [Option<String>; NAMES.len()] = Default::default();
        let mut rest = parameters;
        while let Some((name, value, behind)) = parameter(rest)? {
            rest = behind;
            let Some(index) = NAMES.iter().position(|known| known.eq_ignore_ascii_case(name)) else {
                continue;
            };
            if values[index].replace(value).is_some() {
                return None;
            }
        }
        let [user, realm, nonce, uri, response, qop, count_text, client_nonce] = values;
        let response = response?.to_ascii_lowercase();
        let count_text = count_text.unwrap_or_default();
        let count = match &qop {
            None => None,
            Some(qop) if qop.eq_ignore_ascii_case("auth") => Some(u32::from_str_radix(&count_text, 16).ok()?),
            // The body's hash was not asked for.
            Some(_) => return None,
        };
        let hexadecimal = response.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !hexadecimal || !matches!(response.len(), 32 | 64) {
            return None;
        }
        Some(Self {
            user: user?,
            realm: realm?,
            nonce: nonce?,
            uri: uri?,
            response,
            count,
            qop,
            count_text,
            client_nonce: client_nonce.unwrap_or_default(),
        })
    }

    /// What goes into the hash of a client that counts: as it wrote it.
    pub(super) fn qop(&self) -> Option<(&str, &str, &str)> {
        self.qop.as_deref().map(|qop| (qop, self.count_text.as_str(), self.client_nonce.as_str()))
    }
}

type Parameter<'a> = (&'a str, String, &'a str);

/// The first of `name="value", name=value`, and what is behind it; `Some(None)`: there is no more, `None`: it is none.
fn parameter(text: &str) -> Option<Option<Parameter<'_>>> {
    let text = text.trim_start_matches(|character: char| character == ',' || character.is_ascii_whitespace());
    if text.is_empty() {
        return Some(None);
    }
    let (name, rest) = text.split_once('=')?;
    let rest = rest.trim_start();
    let Some(quoted) = rest.strip_prefix('"') else {
        let end = rest.find(',').unwrap_or(rest.len());
        return Some(Some((name.trim(), rest[..end].trim().to_owned(), &rest[end..])));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some(Some((name.trim(), value, &quoted[at + 1..]))),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}
