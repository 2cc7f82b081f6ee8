//! What the configuration and the users' file say, and why somebody is refused by it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use super::{Networks, Policy, Refusal, Right, Users, is_private};
use crate::rtsp::auth::NONCE_LIVES;

/// The realm of who has not been given another one.
const REALM: &str = "Lenslet";

/// Who may what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Users, their rights, and the realm that their passwords are of.
    pub users: Users,
    /// From where clients may come.
    pub networks: Networks,
    /// From where those of a mount may come beside that, by the mount's own name.
    pub mounts: BTreeMap<String, Networks>,
    /// Without users the whole world may watch.
    pub open_to_world: bool,
    /// Who the users are is lost: without any, this machine alone may watch.
    pub lost: bool,
    /// Passwords may cross the network in the clear.
    pub basic: bool,
    /// What wrong passwords cost.
    pub policy: Policy,
    /// For how long an answer to a challenge is taken, in whole seconds; later the client is asked anew, and answers by itself.
    pub nonce_lives: Duration,
}

impl Default for Rules {
    /// Nobody is known: this machine and private networks alone may watch.
    fn default() -> Self {
        Self {
            users: Users::new(REALM),
            networks: Networks::default(),
            mounts: BTreeMap::new(),
            open_to_world: false,
            lost: false,
            basic: false,
            policy: Policy::default(),
            nonce_lives: NONCE_LIVES,
        }
    }
}

impl Rules {
    /// Whether clients may come from there, whoever they are.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, ip: IpAddr) -> Result<(), Reason> {
        self.networks.admit(ip).map_err(Reason::Network)?;
        if self.users.is_empty() && self.lost && !ip.to_canonical().is_loopback() {
            return Err(Reason::UsersLost);
        }
        if self.users.is_empty() && !self.open_to_world && !is_private(ip) {
            return Err(Reason::NoUsers);
        }
        Ok(())
    }

    /// Whether who comes from there and signed in as that user, or as nobody, has a right to a mount. What is about no
    /// mount everybody may who signed in.
    ///
    /// # Errors
    /// Why not.
    pub fn may(
        &self,
        ip: IpAddr,
        user: Option<&str>,
        right: Right,
        mount: Option<&str>,
    ) -> Result<(), Reason> {
        self.admit(ip)?;
        if let Some(networks) = mount.and_then(|mount| self.mounts.get(mount)) {
            networks.admit(ip).map_err(Reason::MountNetwork)?;
        }
        if self.users.is_empty() {
            return Ok(());
        }
        let user = user.filter(|user| self.users.secret(user).is_some()).ok_or(Reason::WrongPassword)?;
        match mount {
            Some(mount) if !self.users.may(user, right, mount) => Err(Reason::Rights(right)),
            _ => Ok(()),
        }
    }
}

/// Why somebody is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// His network may not come.
    Network(Refusal),
    /// His network may not come to that mount.
    MountNetwork(Refusal),
    /// There are no users, and he is of no private network.
    NoUsers,
    /// Who the users are is lost, and he is not of this machine.
    UsersLost,
    /// Of that address too many passwords were wrong, or somebody banned it.
    Banned(SystemTime),
    /// The password was wrong, or there is no such user.
    WrongPassword,
    /// Who is in was removed since, or has another password.
    Outdated,
    /// The user may not.
    Rights(Right),
}

impl Reason {
    /// What it is counted under.
    pub fn name(self) -> &'static str {
        match self {
            Self::Network(_) => "network not allowed",
            Self::MountNetwork(_) => "network not allowed to the mount",
            Self::NoUsers => "no users yet, not a private address",
            Self::UsersLost => "the users' file is missing",
            Self::Banned(_) => "banned",
            Self::WrongPassword => "wrong user or password",
            Self::Outdated => "user removed, or password changed",
            Self::Rights(_) => "no right to the mount",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(refusal) => refusal.fmt(f),
            Self::MountNetwork(refusal) => write!(f, "for this mount {refusal}"),
            Self::NoUsers => f.write_str(
                "there are no users yet, and without users private addresses alone are let in: \
                 `lenslet user add NAME`, or `open_to_world` in the configuration",
            ),
            Self::UsersLost => {
                f.write_str("the users' file is missing, and until it is there this machine alone is let in")
            }
            Self::Banned(_) => f.write_str("its address is banned: `lenslet ban list`"),
            Self::WrongPassword => f.write_str("the user or the password is wrong"),
            Self::Outdated => f.write_str("the user was removed, or has another password now"),
            Self::Rights(Right::Read) => f.write_str("the user may not watch this mount"),
            Self::Rights(Right::Control) => f.write_str("the user may not change this mount"),
        }
    }
}

/// Who is not let in, and what he is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: Reason,
    /// He may try again after this time.
    pub retry_after: Option<Duration>,
}

impl Refused {
    /// The sentence for who is refused: nothing that helps an attacker.
    pub fn told(&self) -> &'static str {
        match self.reason {
            Reason::NoUsers => {
                "This server has no users yet: until then it answers its own and private networks alone."
            }
            Reason::Banned(_) => "Your address is banned for now.",
            _ => "Your network is not allowed here.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Rights;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn without_users_private_networks_alone_are_let_in_unless_it_is_opened() {
        let mut rules = Rules::default();
        for (address, admitted) in [
            ("127.0.0.1", Ok(())),
            ("192.168.3.4", Ok(())),
            ("100.64.9.9", Ok(())),
            ("fd12::1", Ok(())),
            ("::ffff:10.1.1.1", Ok(())),
            ("203.0.113.9", Err(Reason::NoUsers)),
            ("2001:db8::1", Err(Reason::NoUsers)),
        ] {
            assert_eq!(rules.admit(ip(address)), admitted, "{address}");
        }
        rules.open_to_world = true;
        assert_eq!(rules.admit(ip("203.0.113.9")), Ok(()));
        rules.lost = true;
        for (address, admitted) in [
            ("127.0.0.1", Ok(())),
            ("::1", Ok(())),
            ("::ffff:127.0.0.1", Ok(())),
            ("192.168.3.4", Err(Reason::UsersLost)),
            ("203.0.113.9", Err(Reason::UsersLost)),
        ] {
            assert_eq!(
                rules.admit(ip(address)),
                admitted,
                "{address}: who was asked before is not let in unasked"
            );
        }
        rules.open_to_world = false;
        rules.users.add("alice", "x", Rights::default()).unwrap();
        assert_eq!(rules.admit(ip("203.0.113.9")), Ok(()), "who comes from there has to sign in");
    }

    #[test]
    fn a_mount_has_networks_of_its_own_and_users_their_rights() {
        let mut rules = Rules::default();
        let only = |text: &str| Networks { allow: vec![text.parse().unwrap()], deny: Vec::new() };
        rules.mounts.insert("door".into(), only("10.0.0.0/8"));
        let here = ip("192.168.0.1");
        assert_eq!(rules.may(here, None, Right::Control, Some("cam")), Ok(()));
        let refused = Err(Reason::MountNetwork(Refusal::NotAllowed));
        assert_eq!(rules.may(here, None, Right::Read, Some("door")), refused);
        let rights = Rights { read: vec!["cam".into(), "door".into()], control: vec!["cam".into()] };
        rules.users.add("alice", "x", rights).unwrap();
        let may = |user, right, mount| rules.may(here, user, right, mount);
        assert_eq!(may(None, Right::Read, Some("cam")), Err(Reason::WrongPassword));
        assert_eq!(may(Some("bob"), Right::Read, None), Err(Reason::WrongPassword), "he is there no more");
        assert_eq!(may(Some("alice"), Right::Read, Some("cam")), Ok(()));
        assert_eq!(may(Some("alice"), Right::Control, Some("cam")), Ok(()));
        assert_eq!(may(Some("alice"), Right::Read, None), Ok(()));
        assert_eq!(may(Some("alice"), Right::Read, Some("other")), Err(Reason::Rights(Right::Read)));
        assert_eq!(may(Some("alice"), Right::Read, Some("door")), refused);
        let inside = rules.may(ip("10.1.1.1"), Some("alice"), Right::Control, Some("door"));
        assert_eq!(inside, Err(Reason::Rights(Right::Control)));
    }
}
