//! Who may: which users, from which networks, after how many failures. Without sockets, files and clocks.

mod audit;
mod bans;
mod gate;
mod networks;
mod rules;
mod users;

pub use audit::{Audit, Counters, What};
pub use bans::{Admission, Ban, Bans, Consequence, Failures, Guest, Memory, Policy, Record};
pub use gate::{Attempt, Gate, Now, Ruling};
pub use networks::{Network, Networks, NotANetwork, Refusal, is_private};
pub use rules::{Reason, Refused, Rules};
pub use users::{Error, Right, Rights, User, Users};
