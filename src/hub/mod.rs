//! Where sources and readers meet: rings with one writer and any number of cursors, and the mount
//! that carries demand one way and access units the other. No I/O, no codec.

mod control;
mod flow;
mod latency;
mod making;
mod mount;
mod reasons;
mod ring;
mod shared;
mod stand_in;

pub use control::{ControlAnswer, ControlRequest, ControlValue};
pub use flow::Flow;
pub use latency::{Counts, Histogram, Latency, Stage};
pub use making::{Coder, Instead, Making};
pub use mount::{Demand, Mount, Outlet, mount};
pub use reasons::alike;
pub use ring::{Bounds, Cursor, Ring, Slot, Weigh};
pub use shared::State;
pub use stand_in::{Need, StandIn};
