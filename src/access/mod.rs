//! Who may: which users, from which networks, after how many failures. Without sockets, files and clocks.

mod bans;
mod networks;
mod users;

pub use bans::{Admission, Ban, Bans, Consequence, Policy};
pub use networks::{Network, Networks, NotANetwork, Refusal, is_private};
pub use users::{Error, Right, Rights, User, Users};
