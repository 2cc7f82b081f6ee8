//! A file behind a passphrase, in the format of [age](https://age-encryption.org/v1), so that other programs open it too.
//!
//! Of that format this is the recipient `scrypt` alone, and no armour.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead, AeadInPlace, Tag};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// What such a file begins with.
pub const BEGINNING: &[u8] = b"age-encryption.org/v1\n";
/// scrypt's work: two to this power, which takes 32 MB and a second or two on the smallest board. age's own 18 takes 256 MB.
const WORK: u8 = 15;
/// What is opened at most: 256 MB. What asks for more is after this board's memory.
const MOST_WORK: u8 = 18;
const LABEL: &[u8] = b"age-encryption.org/v1/scrypt";
const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;

/// Why it was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The passphrase is another one, or its stanza was damaged.
    Passphrase,
    /// It is not for a passphrase, or not whole at its beginning.
    Head,
    /// Opening it would take more memory than a board has.
    Work,
    /// What it holds was changed, or it was cut.
    Contents,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passphrase => "the passphrase is wrong",
            Self::Head => "it is encrypted, but not with a passphrase, or its beginning is damaged",
            Self::Work => "opening it would take more than 256 MB of memory: it was not made by this program",
            Self::Contents => "it was changed or cut after it was made: take another copy",
        })
    }
}

impl std::error::Error for Error {}

/// Random bytes, new for each file.
pub struct Chance {
    /// The file's own key.
    pub key: [u8; 16],
    /// The passphrase's salt.
    pub salt: [u8; 16],
    /// The contents' nonce.
    pub nonce: [u8; 16],
}

/// The bytes, which nobody reads without the passphrase.
pub fn seal(plain: &[u8], passphrase: &str, chance: &Chance) -> Vec<u8> {
    let mut head = BEGINNING.to_vec();
    head.extend_from_slice(format!("-> scrypt {} {WORK}\n", BASE64.encode(chance.salt)).as_bytes());
    // Neither a key of this length nor the work can be refused.
    let wrapped = wrapping(passphrase, &chance.salt, WORK)
        .and_then(|cipher| cipher.encrypt(&[0; 12].into(), chance.key.as_slice()).ok())
        .unwrap_or_default();
    head.extend_from_slice(format!("{}\n---", BASE64.encode(wrapped)).as_bytes());
    let mac = mac(&chance.key, &head).finalize().into_bytes();
    head.extend_from_slice(format!(" {}\n", BASE64.encode(mac)).as_bytes());
    head.extend_from_slice(&chance.nonce);
    let cipher = contents(&chance.key, &chance.nonce);
    let last = plain.len().div_ceil(CHUNK).max(1) - 1;
    for (number, chunk) in pieces(plain, CHUNK).enumerate() {
        let sealed = cipher.encrypt(&nonce(number, number == last).into(), chunk).unwrap_or_default();
        head.extend_from_slice(&sealed);
    }
    head
}

/// What [`seal`] was given.
///
/// # Errors
/// See [`Error`].
pub fn open(sealed: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let head = Head::read(sealed).ok_or(Error::Head)?;
    if head.work > MOST_WORK {
        return Err(Error::Work);
    }
    let key = wrapping(passphrase, &head.salt, head.work)
        .and_then(|cipher| cipher.decrypt(&[0; 12].into(), head.wrapped.as_slice()).ok())
        .ok_or(Error::Passphrase)?;
    let key: [u8; 16] = key.try_into().map_err(|_| Error::Head)?;
    mac(&key, head.signed).verify_slice(&head.mac).map_err(|_| Error::Head)?;
    let (nonce_, sealed) = head.rest.split_first_chunk::<16>().ok_or(Error::Contents)?;
    let cipher = contents(&key, nonce_);
    // As large as it becomes: what grows leaves a copy behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(sealed.len()));
    let last = sealed.len().div_ceil(CHUNK + TAG).max(1) - 1;
    for (number, piece) in pieces(sealed, CHUNK + TAG).enumerate() {
        let nonce = nonce(number, number == last);
        let (piece, tag) = piece.split_last_chunk::<TAG>().ok_or(Error::Contents)?;
        let at = plain.len();
        plain.extend_from_slice(piece);
        let tag = Tag::<ChaCha20Poly1305>::from_slice(tag);
        let opened = cipher.decrypt_in_place_detached(&nonce.into(), b"", &mut plain[at..], tag);
        opened.map_err(|_| Error::Contents)?;
    }
    Ok(plain)
}

struct Head<'a> {
    salt: [u8; 16],
    work: u8,
    wrapped: Vec<u8>,
    signed: &'a [u8],
    mac: Vec<u8>,
    rest: &'a [u8],
}

impl<'a> Head<'a> {
    fn read(sealed: &'a [u8]) -> Option<Self> {
        let mut rest = sealed.strip_prefix(BEGINNING)?;
        let mut line = || {
            let end = memchr::memchr(b'\n', rest)?;
            let line = std::str::from_utf8(&rest[..end]).ok()?;
            rest = &rest[end + 1..];
            Some(line)
        };
        let (salt, work) = line()?.strip_prefix("-> scrypt ")?.split_once(' ')?;
        let salt = BASE64.decode(salt).ok()?.try_into().ok()?;
        let wrapped = BASE64.decode(line()?).ok()?;
        let mac = BASE64.decode(line()?.strip_prefix("--- ")?).ok()?;
        let signed =
            &sealed[..sealed.len() - rest.len() - " ".len() - BASE64.encode(&mac).len() - "\n".len()];
        let plain = work.bytes().all(|byte| byte.is_ascii_digit());
        let work = work.parse().ok().filter(|work| plain && *work > 0)?;
        Some(Self { salt, work, wrapped, signed, mac, rest })
    }
}

/// What the file's own key is kept with.
fn wrapping(passphrase: &str, salt: &[u8; 16], work: u8) -> Option<ChaCha20Poly1305> {
    let salt = [LABEL, salt].concat();
    let mut key = [0; 32];
    let parameters = scrypt::Params::new(work, 8, 1, key.len()).ok()?;
    scrypt::scrypt(passphrase.as_bytes(), &salt, &parameters, &mut key).ok()?;
    Some(ChaCha20Poly1305::new(&key.into()))
}

fn contents(key: &[u8; 16], nonce: &[u8; 16]) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(&derived(key, Some(nonce), b"payload").into())
}

fn mac(key: &[u8; 16], head: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new(&wide(derived(key, None, b"header")).into());
    mac.update(head);
    mac
}

/// HMAC's key is filled up with zeros to its block's size.
fn wide(key: [u8; 32]) -> [u8; 64] {
    let mut wide = [0; 64];
    wide[..32].copy_from_slice(&key);
    wide
}

fn derived(key: &[u8; 16], salt: Option<&[u8; 16]>, what: &[u8]) -> [u8; 32] {
    let mut derived = [0; 32];
    // 32 bytes are within what HKDF can give.
    let _ = Hkdf::<Sha256>::new(salt.map(<[u8; 16]>::as_slice), key).expand(what, &mut derived);
    derived
}

fn nonce(number: usize, last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&(number as u64).to_be_bytes());
    nonce[11] = u8::from(last);
    nonce
}

/// The bytes in pieces, of which there is always one.
fn pieces(bytes: &[u8], size: usize) -> impl Iterator<Item = &[u8]> {
    let empty = bytes.is_empty().then_some(bytes);
    bytes.chunks(size).chain(empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANCE: Chance = Chance { key: [1; 16], salt: [2; 16], nonce: [3; 16] };

    #[test]
    fn what_is_sealed_is_opened_by_its_passphrase_alone() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let plain: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
            let sealed = seal(&plain, "pass wörd ", &CHANCE);
            assert_eq!(*open(&sealed, "pass wörd ").unwrap(), plain, "{length}");
        }
        assert_eq!(open(&seal(b"x", "right", &CHANCE), "wrong"), Err(Error::Passphrase));
    }

    #[test]
    fn what_was_changed_or_cut_anywhere_is_not_opened() {
        let plain = vec![7; CHUNK + 9];
        let sealed = seal(&plain, "p", &CHANCE);
        // Each place of the head costs scrypt's work once; of the contents some are enough.
        let head = BEGINNING.len() + 10;
        let contents = sealed.len() - plain.len() - 2 * TAG;
        for at in [3, head, contents - 20, contents - 1, contents, contents + CHUNK, sealed.len() - 1] {
            let mut wrong = sealed.clone();
            wrong[at] ^= 1;
            assert!(open(&wrong, "p").is_err(), "{at}");
        }
        for length in [0, 10, contents - 16, contents + CHUNK + TAG, sealed.len() - 1] {
            assert!(open(&sealed[..length], "p").is_err(), "{length}");
        }
        let longer = [&sealed[..], b"x"].concat();
        assert_eq!(open(&longer, "p"), Err(Error::Contents));
    }

    #[test]
    fn what_would_take_this_boards_memory_is_refused() {
        let sealed = seal(b"x", "p", &CHANCE);
        let text = String::from_utf8_lossy(&sealed).replacen(" 15\n", " 30\n", 1);
        assert_eq!(open(text.as_bytes(), "p"), Err(Error::Work));
    }
}
