//! Nonces: what was asked, of whom and when, signed, so that nothing has to be kept of those that are not counted.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::NONCE_LIVES;
use super::digest::hex;

/// Nonces whose uses are counted at once; the oldest then are over before their time.
const COUNTED: usize = 1024;
/// Bytes of the signature.
const SIGNATURE: usize = 16;
/// Digits of the time.
const TIME: usize = 8;

pub(super) struct Nonces {
    secret: [u8; 32],
    counted: Mutex<VecDeque<Counted>>,
}

/// Which uses of a nonce there were: the highest, and which of the 63 before it. Two connections of one client may come
/// across each other.
struct Counted {
    nonce: String,
    highest: u32,
    before: u64,
}

/// Whether an answer to a nonce is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validity {
    Good,
    /// Not ours, another peer's, too old, or that use was there.
    Over,
}

impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nonces").field("counted", &self.counted().len()).finish_non_exhaustive()
    }
}

impl Nonces {
    pub(super) fn new(secret: [u8; 32]) -> Self {
        Self { secret, counted: Mutex::default() }
    }

    /// A nonce for a peer: the time in seconds, and both signed.
    pub(super) fn make(&self, peer: IpAddr, now: Duration) -> String {
        let time = now.as_secs() as u32;
        let mut text = format!("{time:08x}");
        text.push_str(&hex(&self.sign(time, peer)));
        text
    }

    pub(super) fn look(&self, nonce: &str, count: Option<u32>, peer: IpAddr, now: Duration) -> Validity {
        let time = nonce.get(..TIME).and_then(|time| u32::from_str_radix(time, 16).ok());
        let Some(time) = time.filter(|_| nonce.is_ascii() && nonce.len() == TIME + 2 * SIGNATURE) else {
            return Validity::Over;
        };
        let age = (now.as_secs() as u32).wrapping_sub(time);
        let signed = hex(&self.sign(time, peer)).as_bytes().ct_eq(&nonce.as_bytes()[TIME..]);
        if u64::from(age) > NONCE_LIVES.as_secs() || !bool::from(signed) {
            return Validity::Over;
        }
        match count {
            Some(count) if !self.count(nonce, count) => Validity::Over,
            _ => Validity::Good,
        }
    }

    fn sign(&self, time: u32, peer: IpAddr) -> [u8; SIGNATURE] {
        // Shorter keys are filled with zeros to a block of the hash (RFC 2104 section 2).
        let mut key = [0; 64];
        key[..self.secret.len()].copy_from_slice(&self.secret);
        let mut signing = <Hmac<Sha256> as Mac>::new(&key.into());
        signing.update(&time.to_be_bytes());
        match peer.to_canonical() {
            IpAddr::V4(ip) => signing.update(&ip.octets()),
            IpAddr::V6(ip) => signing.update(&ip.octets()),
        }
        let whole: [u8; 32] = signing.finalize().into_bytes().into();
        let mut signature = [0; SIGNATURE];
        signature.copy_from_slice(&whole[..SIGNATURE]);
        signature
    }

    /// Whether this use is a new one.
    fn count(&self, nonce: &str, count: u32) -> bool {
        let mut all = self.counted();
        let Some(counted) = all.iter_mut().find(|counted| counted.nonce == nonce) else {
            if all.len() >= COUNTED {
                all.pop_front();
            }
            all.push_back(Counted { nonce: nonce.to_owned(), highest: count, before: 0 });
            return true;
        };
        counted.take(count)
    }

    fn counted(&self) -> MutexGuard<'_, VecDeque<Counted>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    fn take(&mut self, count: u32) -> bool {
        if let Some(ahead) = count.checked_sub(self.highest).filter(|ahead| *ahead > 0) {
            // The highest so far becomes one of those before.
            self.before =
                self.before.checked_shl(ahead).unwrap_or(0) | 1_u64.checked_shl(ahead - 1).unwrap_or(0);
            self.highest = count;
            return true;
        }
        let back = self.highest - count;
        let bit = back.checked_sub(1).and_then(|back| 1_u64.checked_shl(back)).unwrap_or(0);
        // The highest itself, and what is too far back, was there or may have been.
        let new = bit != 0 && self.before & bit == 0;
        self.before |= bit;
        new
    }
}
