//! Nonces: when which challenge was made and for whom, signed, so that nothing has to be kept of those that are not counted.
//! Each challenge has its own: the uses of two clients behind one address are told apart.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::digest::hex;

/// Nonces whose uses are counted at once; of more the first is over before its time.
const COUNTED: usize = 1024;
/// Bytes of the signature.
const SIGNATURE: usize = 16;
/// Digits of the time and the number.
const MADE: usize = 16;

pub(super) struct Nonces {
    secret: [u8; 32],
    /// The next challenge's. It may begin anew: the time tells those of the same number apart.
    number: AtomicU32,
    counted: Mutex<Uses>,
}

/// The uses of nonces that are counted.
#[derive(Default)]
struct Uses {
    nonces: VecDeque<Counted>,
    /// The youngest nonce whose uses are forgotten: of those that were made before it none is taken any more.
    forgotten: Option<Made>,
}

/// Which uses of a nonce there were: the highest, and which of the 63 before it. Two connections of one client may come
/// across each other.
struct Counted {
    made: Made,
    highest: u32,
    before: u64,
}

/// When a nonce was made, in seconds, and its number: of two the later one is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Made {
    time: u32,
    number: u32,
}

/// Whether an answer to a nonce is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validity {
    Good,
    /// Ours, of this peer, and too old.
    Old,
    /// Not ours, another peer's, or that use was there.
    Over,
}

impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nonces").field("counted", &self.counted().nonces.len()).finish_non_exhaustive()
    }
}

impl Nonces {
    pub(super) fn new(secret: [u8; 32]) -> Self {
        Self { secret, number: AtomicU32::new(0), counted: Mutex::default() }
    }

    /// Another nonce for a peer: the time in seconds and a number, and all of it signed.
    pub(super) fn make(&self, peer: IpAddr, now: Duration) -> String {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let made = Made { time: now.as_secs() as u32, number };
        let mut text = format!("{:08x}{:08x}", made.time, made.number);
        text.push_str(&hex(&self.sign(made, peer)));
        text
    }

    /// Whether an answer to it is taken, which is so for as long as a nonce `lives`.
    pub(super) fn look(
        &self,
        nonce: &str,
        count: Option<u32>,
        peer: IpAddr,
        now: Duration,
        lives: Duration,
    ) -> Validity {
        let Some(made) = Made::read(nonce) else { return Validity::Over };
        let signed = hex(&self.sign(made, peer)).as_bytes().ct_eq(&nonce.as_bytes()[MADE..]);
        // What is of a time to come was made by no clock of ours.
        let age = (now.as_secs() as u32).wrapping_sub(made.time);
        if !bool::from(signed) || age > u32::MAX / 2 {
            return Validity::Over;
        }
        if u64::from(age) > lives.as_secs() {
            return Validity::Old;
        }
        match count {
            Some(count) if !self.counted().count(made, count, now.as_secs() as u32, lives) => Validity::Over,
            _ => Validity::Good,
        }
    }

    fn sign(&self, made: Made, peer: IpAddr) -> [u8; SIGNATURE] {
        // Shorter keys are filled with zeros to a block of the hash (RFC 2104 section 2).
        let mut key = [0; 64];
        key[..self.secret.len()].copy_from_slice(&self.secret);
        let mut signing = <Hmac<Sha256> as Mac>::new(&key.into());
        signing.update(&made.time.to_be_bytes());
        signing.update(&made.number.to_be_bytes());
        match peer.to_canonical() {
            IpAddr::V4(ip) => signing.update(&ip.octets()),
            IpAddr::V6(ip) => signing.update(&ip.octets()),
        }
        let whole: [u8; 32] = signing.finalize().into_bytes().into();
        let mut signature = [0; SIGNATURE];
        signature.copy_from_slice(&whole[..SIGNATURE]);
        signature
    }

    fn counted(&self) -> MutexGuard<'_, Uses> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Made {
    /// Of a nonce that is as long as ours, in lower case as ours: each has one way of being written.
    fn read(nonce: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if nonce.len() != MADE + 2 * SIGNATURE || !nonce.bytes().all(plain) {
            return None;
        }
        let made = u64::from_str_radix(&nonce[..MADE], 16).ok()?;
        Some(Self { time: (made >> 32) as u32, number: made as u32 })
    }
}

impl Uses {
    /// Whether this use is a new one.
    fn count(&mut self, made: Made, count: u32, now: u32, lives: Duration) -> bool {
        if let Some(counted) = self.nonces.iter_mut().find(|counted| counted.made == made) {
            return counted.take(count);
        }
        if self.forgotten.is_some_and(|forgotten| made <= forgotten) {
            return false;
        }
        self.make_room(now, lives);
        self.nonces.push_back(Counted { made, highest: count, before: 0 });
        true
    }

    /// Forgets those that are over in any case, and the one that was there first if there are too many still.
    fn make_room(&mut self, now: u32, lives: Duration) {
        if self.nonces.len() < COUNTED {
            return;
        }
        self.nonces.retain(|counted| u64::from(now.wrapping_sub(counted.made.time)) <= lives.as_secs());
        if self.nonces.len() >= COUNTED {
            let first = self.nonces.pop_front().map(|counted| counted.made);
            self.forgotten = self.forgotten.max(first);
        }
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

#[cfg(test)]
mod tests {
    use super::super::NONCE_LIVES;
    use super::*;

    #[test]
    fn a_nonce_whose_uses_are_forgotten_is_over() {
        let nonces = Nonces::new([7; 32]);
        let peer = |number: u32| IpAddr::V4((0x0a00_0000 + number).into());
        let second = |second: u64| Duration::from_secs(1_000_000 + second);
        let made: Vec<String> =
            (0..=COUNTED as u32).map(|number| nonces.make(peer(number), second(0))).collect();
        for (number, nonce) in made.iter().enumerate() {
            assert_eq!(
                nonces.look(nonce, Some(1), peer(number as u32), second(0), NONCE_LIVES),
                Validity::Good
            );
        }
        let again = nonces.look(&made[0], Some(1), peer(0), second(1), NONCE_LIVES);
        assert_eq!(again, Validity::Over, "used before, as is forgotten");
        assert_eq!(
            nonces.look(&made[0], None, peer(0), second(1), NONCE_LIVES),
            Validity::Good,
            "it is not counted"
        );
        // One of the same second is another, and no time has to go by for it.
        for fresh in [nonces.make(peer(0), second(0)), nonces.make(peer(0), second(1))] {
            assert_eq!(nonces.look(&fresh, Some(1), peer(0), second(1), NONCE_LIVES), Validity::Good);
        }
        // What is over in any case makes room, and costs nobody his nonce.
        let later = nonces.make(peer(0), second(700));
        assert_eq!(nonces.look(&later, Some(1), peer(0), second(700), NONCE_LIVES), Validity::Good);
        assert_eq!(nonces.counted().nonces.len(), 1);
    }
}
