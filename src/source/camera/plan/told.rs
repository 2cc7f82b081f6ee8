//! What is done with a plan: the rate that is asked for, and what is said of it.

use super::Plan;
use crate::hub::Outlet;
use crate::v4l2::{Device, Interval};

impl Plan {
    /// The time between pictures to ask for.
    pub(in super::super) fn interval(&self) -> Option<Interval> {
        self.rate.and_then(Interval::from_rate)
    }

    /// Where it differs from the wish, and what may not go well, a sentence each.
    pub(in super::super) fn otherwise(&self) -> impl Iterator<Item = String> {
        let camera = self.departures.iter().map(|departure| format!("the camera {departure}"));
        let limits = self.limits.iter().map(|limit| format!("the processor codes it: {limit}"));
        camera.chain(limits).chain(self.doubts.iter().cloned())
    }

    /// Says where it differs from the wish, and why it is so.
    pub(in super::super) fn tell(&self, device: &Device, outlet: &Outlet) {
        let (mount, name) = (outlet.name(), device.path().display());
        for otherwise in self.otherwise() {
            tracing::warn!(mount, "{name}: {otherwise}");
        }
        for reason in &self.reasons {
            tracing::info!(mount, "{name}: {reason}");
        }
    }
}
