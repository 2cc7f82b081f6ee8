//! A node that takes HDMI: it captures what comes in, and begins anew when that changes.

use super::edid;
use super::signal::Signal;
use crate::hub::Outlet;
use crate::source::Error;
use crate::v4l2::{self, Device, Incoming};

/// What comes in; none where the node takes no HDMI, or does not say.
pub(super) fn signal(device: &Device) -> Option<Signal> {
    let incoming = device.incoming().ok()??;
    Some(Signal::new(&incoming, device.has_power()))
}

/// Has the node capture what comes in, and tell when that changes.
///
/// # Errors
/// Nothing comes in that can be captured, in a sentence, or the driver's.
pub(super) fn begin(device: &Device, outlet: &Outlet) -> Result<(), Error> {
    if device.incoming().map_err(sentence)?.is_none() {
        return Ok(());
    }
    let (mount, name) = (outlet.name(), device.path().display());
    if device.has_edid() == Some(false) {
        // Here alone: who only looks changes nothing. The source needs a while to see it.
        match device.set_edid(&edid::blocks()) {
            Ok(()) => tracing::info!(
                mount,
                "{name}: the HDMI input had no EDID, without which sources send nothing: it has one now, for 1080p at up to 50 a second and less"
            ),
            Err(error) => {
                tracing::warn!(mount, "the HDMI input has no EDID, and sources may send nothing: {error}")
            }
        }
    }
    // Before it is asked what comes in: what comes later is told.
    if !device.watch_source() {
        tracing::debug!(mount, "{name}: the driver does not tell when another signal comes in");
    }
    let Some(incoming) = device.incoming().map_err(sentence)? else { return Ok(()) };
    let signal = Signal::new(&incoming, device.has_power());
    match &incoming {
        Incoming::Pictures(timings) if signal.is_good() => {
            device.set_timings(timings).map_err(sentence)?;
            tracing::info!(mount, "{name}: {signal} comes in by HDMI");
            Ok(())
        }
        _ => Err(Error::new(format!("{name}: {signal}"))),
    }
}

/// Looks what comes in now, after the driver told that this changed.
///
/// # Errors
/// It is not what is captured: the source is to begin anew.
pub(super) fn look(device: &Device) -> Result<(), Error> {
    if !device.source_changed() {
        return Ok(());
    }
    let (Some(set), Some(now)) = (device.timings().map(Incoming::Pictures), signal(device)) else {
        return Ok(());
    };
    let (name, set) = (device.path().display(), Signal::new(&set, None));
    match now.is_good() {
        _ if now.is_captured_as(&set) => Ok(()),
        true => Err(Error::new(format!("{name}: the signal changed from {set} to {now}: it begins anew"))),
        false => Err(Error::new(format!("{name}: {now}"))),
    }
}

fn sentence(error: v4l2::Error) -> Error {
    Error::new(error.to_string())
}
