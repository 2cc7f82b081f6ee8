//! Hashes ([RFC 7616 section 3.4](https://www.rfc-editor.org/rfc/rfc7616#section-3.4)).

use md5::Md5;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

use super::credentials::Digest;

/// `H(user:realm:password)`: as good as the password in its realm, and only there. Its memory is wiped at its end.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1<const N: usize>(pub [u8; N]);

/// What is known of a user's password.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// For clients that know MD5 alone.
    pub md5: Ha1<16>,
    /// For the others.
    pub sha256: Ha1<32>,
}

/// What answers of unknown users are held against: no password has it but by a chance of 2^-256.
pub(super) static NOBODYS: Secret = Secret { md5: Ha1([0; 16]), sha256: Ha1([0; 32]) };

impl<const N: usize> Drop for Ha1<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Secret {
    /// Of a password, whatever its characters.
    pub fn of(user: &str, realm: &str, password: &str) -> Self {
        // As long as it will be from the beginning: what grows leaves a copy behind, and it is wiped at its end.
        let mut text = Zeroizing::new(String::with_capacity(user.len() + realm.len() + password.len() + 2));
        [user, ":", realm, ":", password].into_iter().for_each(|part| text.push_str(part));
        Self { md5: Ha1(Md5::digest(&*text).into()), sha256: Ha1(Sha256::digest(&*text).into()) }
    }
}

// A secret is in no log.
impl<const N: usize> std::fmt::Debug for Ha1<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ha1(..)")
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Digest {
    /// Whether it is the answer of who knows the secret. By which hash is told by its length: clients answer one that
    /// they were offered without naming it.
    pub(super) fn is_right(&self, secret: &Secret, method: &str) -> Choice {
        let expected = match self.response.len() {
            64 => self.expected::<Sha256>(&secret.sha256.0, method),
            _ => self.expected::<Md5>(&secret.md5.0, method),
        };
        expected.as_bytes().ct_eq(self.response.as_bytes())
    }

    fn expected<H: sha2::Digest>(&self, ha1: &[u8], method: &str) -> String {
        let ha1 = Zeroizing::new(hex(ha1));
        let ha2 = hex(&H::digest(format!("{method}:{}", self.uri)));
        let rest = match self.qop() {
            Some((qop, count, client_nonce)) => {
                format!(":{}:{count}:{client_nonce}:{qop}:{ha2}", self.nonce)
            }
            None => format!(":{}:{ha2}", self.nonce),
        };
        // Never in one text with the secret, which would be left in memory.
        let mut hash = H::new();
        [&**ha1, &rest].into_iter().for_each(|part| hash.update(part));
        hex(&hash.finalize())
    }
}

/// Two digits a byte, in lower case.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    // As long as it will be from the beginning: what grows leaves a copy of a secret behind.
    let mut text = String::with_capacity(2 * bytes.len());
    text.extend(
        bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]),
    );
    text
}
