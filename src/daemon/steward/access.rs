//! Users and bans, on request.

use std::sync::Arc;
use std::time::Duration;

use super::Steward;
use crate::access::Network;
use crate::control::protocol::{AccessRequest, Refusal, Reply};
use crate::control::{Answer, Caller};
use crate::daemon::access::{Edit, Error, Keeper, banned};

/// A ban by hand, where nobody says how long.
const DAY: Duration = Duration::from_secs(86_400);

impl Steward {
    /// Files are written: not on the thread that all clients share.
    pub(super) async fn access(&self, caller: &Caller, request: AccessRequest) -> Answer {
        let (keeper, who) = (self.rooms.keeper.clone(), super::who(caller));
        smol::unblock(move || answer(&keeper, &who, request)).await
    }
}

fn answer(keeper: &Arc<Keeper>, who: &str, request: AccessRequest) -> Answer {
    let said = match request {
        AccessRequest::UserList {} => return Ok(Reply::Users(keeper.users())),
        AccessRequest::BanList {} => return Ok(Reply::Bans(keeper.bans())),
        AccessRequest::BanAdd { address, seconds, why } => {
            let length = seconds.map_or(DAY, Duration::from_secs);
            let why = why.as_deref().unwrap_or("by hand");
            let full =
                |why| Refusal::new("too-many-bans", why, "write a `deny` into the configuration's `access`");
            keeper.ban(who, network(&address)?, length, why).map_err(full)?
        }
        AccessRequest::BanLift { address } => {
            let network = network(&address)?;
            let none = |why| Refusal::new("no-such-ban", why, "`lenslet ban list` shows who is");
            keeper.lift(who, network).map_err(none)?
        }
        request => {
            let edit =
                Edit::of(request).ok_or_else(|| Refusal::new("no-verb", "this changes no user", ""))?;
            keeper.edit(who, &edit).map_err(refusal)?
        }
    };
    Ok(Reply::Done { said })
}

fn network(text: &str) -> Result<Network, Refusal> {
    banned(text).map_err(|error| {
        Refusal::new("no-address", error.to_string(), "write it as the audit in `lenslet status` does")
    })
}

fn refusal(error: Error) -> Refusal {
    let (what, what_to_do) = match &error {
        Error::User(crate::access::Error::Nobody(_)) => ("no-such-user", "`lenslet user list` shows all"),
        Error::User(crate::access::Error::There(_)) => (
            "user-is-there",
            "`lenslet user passwd` gives another password, `lenslet user rights` other rights",
        ),
        Error::User(_) => ("no-name", "nothing was changed"),
        Error::Password(_) => ("no-password", "nothing was changed"),
        Error::Readable { .. } | Error::Text { .. } | Error::System { .. } => {
            ("users-file", "nothing was changed")
        }
        Error::Unwritten(_) => ("not-written", "nothing was changed"),
    };
    Refusal::new(what, error.of_daemon(), what_to_do)
}
