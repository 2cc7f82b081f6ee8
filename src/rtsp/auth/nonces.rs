//! Nonces: when which challenge was made and for whom, signed, so that nothing has to be kept of those that nobody answers.
//! Each challenge has its own: the uses of two clients behind one address are told apart. The first right answer binds it to its
//! connection, whether it counts or not: who heard that answer cannot say it again on one of his. It is not bound to the connection
//! that it was made on, for a client may have one for each request
//! ([RFC 2326 section 9](https://www.rfc-editor.org/rfc/rfc2326#section-9)).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::digest::hex;

/// Nonces whose uses are kept at once; of more the first is over before its time.
const USED: usize = 2048;
/// Bytes of the signature.
const SIGNATURE: usize = 16;
/// Digits of the time and the number.
const MADE: usize = 16;

pub(super) struct Nonces {
    secret: [u8; 32],
    /// The next challenge's. It may begin anew: the time tells those of the same number apart.
    number: AtomicU32,
    uses: Mutex<Uses>,
}

/// The uses of nonces.
#[derive(Default)]
struct Uses {
    nonces: BTreeMap<Made, Used>,
    /// The youngest nonce whose uses are forgotten: of those that were made before it none is taken any more.
    forgotten: Option<Made>,
}

struct Used {
    /// By its number, on which connection.
    connection: u64,
    counted: Option<Counted>,
}

/// Which counted uses of a nonce there were: the highest, and which of the 63 before it. Requests of one client may come across
/// each other.
struct Counted {
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
    /// Not ours, another peer's, used on another connection, or that use was there.
    Over,
}

impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nonces").field("used", &self.uses().nonces.len()).finish_non_exhaustive()
    }
}

impl Nonces {
    pub(super) fn new(secret: [u8; 32]) -> Self {
        Self { secret, number: AtomicU32::new(0), uses: Mutex::default() }
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
        (peer, connection): (IpAddr, u64),
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
        let is_new = self.uses().take(made, count, connection, now.as_secs() as u32, lives);
        if is_new { Validity::Good } else { Validity::Over }
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

    fn uses(&self) -> MutexGuard<'_, Uses> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// Whether this use is taken: the nonce's first, or another on the same connection, which is a new one where it counts.
    fn take(&mut self, made: Made, count: Option<u32>, connection: u64, now: u32, lives: Duration) -> bool {
        if let Some(used) = self.nonces.get_mut(&made) {
            return used.connection == connection && count.is_none_or(|count| used.take(count));
        }
        if self.forgotten.is_some_and(|forgotten| made <= forgotten) {
            return false;
        }
        self.make_room(now, lives);
        let counted = count.map(|count| Counted { highest: count, before: 0 });
        self.nonces.insert(made, Used { connection, counted });
        true
    }

    /// Forgets those that are over in any case, and the one that was made first if there are too many still.
    fn make_room(&mut self, now: u32, lives: Duration) {
        if self.nonces.len() < USED {
            return;
        }
        self.nonces.retain(|made, _| u64::from(now.wrapping_sub(made.time)) <= lives.as_secs());
        if self.nonces.len() >= USED {
            let first = self.nonces.pop_first().map(|(made, _)| made);
            self.forgotten = self.forgotten.max(first);
        }
    }
}

impl Used {
    fn take(&mut self, count: u32) -> bool {
        match &mut self.counted {
            Some(counted) => counted.take(count),
            None => {
                self.counted = Some(Counted { highest: count, before: 0 });
                true
            }
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

    const SECOND: fn(u64) -> Duration = |second| Duration::from_secs(1_000_000 + second);

    fn peer(number: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 + number).into())
    }

    #[test]
    fn a_nonce_whose_uses_are_forgotten_is_over() {
        for count in [Some(1), None] {
            let nonces = Nonces::new([7; 32]);
            let made: Vec<String> =
                (0..=USED as u32).map(|number| nonces.make(peer(number), SECOND(0))).collect();
            for (number, nonce) in made.iter().enumerate() {
                let from = (peer(number as u32), number as u64);
                assert_eq!(nonces.look(nonce, count, from, SECOND(0), NONCE_LIVES), Validity::Good);
            }
            let look = |nonce: &str, connection, second| {
                nonces.look(nonce, count, (peer(0), connection), SECOND(second), NONCE_LIVES)
            };
            assert_eq!(look(&made[0], 0, 1), Validity::Over, "used before, as is forgotten");
            // One of the same second is another, and no time has to go by for it.
            for fresh in [nonces.make(peer(0), SECOND(0)), nonces.make(peer(0), SECOND(1))] {
                assert_eq!(look(&fresh, 1, 1), Validity::Good);
            }
            // What is over in any case makes room, and costs nobody his nonce.
            let later = nonces.make(peer(0), SECOND(700));
            assert_eq!(look(&later, 1, 700), Validity::Good);
            assert_eq!(nonces.uses().nonces.len(), 1);
        }
    }

    #[test]
    fn a_nonce_is_of_the_connection_that_it_was_answered_on_first() {
        let nonces = Nonces::new([7; 32]);
        let nonce = nonces.make(peer(0), SECOND(0));
        let look =
            |count, connection| nonces.look(&nonce, count, (peer(0), connection), SECOND(1), NONCE_LIVES);
        // Whether it counts, or does not, or begins to: as retina and others do it.
        for (count, expected) in [
            (None, Validity::Good),
            (None, Validity::Good),
            (Some(1), Validity::Good),
            (Some(1), Validity::Over),
            (None, Validity::Good),
        ] {
            assert_eq!(look(count, 5), expected);
            assert_eq!(look(count, 6), Validity::Over);
            assert_eq!(look(Some(9), 6), Validity::Over);
        }
        // Behind another peer's nothing is said of whose it is.
        assert_eq!(nonces.look(&nonce, None, (peer(1), 5), SECOND(1), NONCE_LIVES), Validity::Over);
    }
}
