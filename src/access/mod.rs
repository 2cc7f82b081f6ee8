//! Who may: from which networks, after how many failures. Without sockets, files and clocks.

mod bans;
mod networks;

pub use bans::{Admission, Ban, Bans, Consequence, Policy};
pub use networks::{Network, Networks, NotANetwork, Refusal, is_private};
