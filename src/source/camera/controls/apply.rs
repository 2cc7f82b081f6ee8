//! Setting a camera's controls: those of the configuration when it starts, others while it streams.

use std::path::Path;

use super::{Control, Kind, find, written};
use crate::hub::{ControlRequest, ControlValue, Outlet};
use crate::v4l2::{self, Device};

/// What a camera's controls are to be, in the order in which they were written.
pub(in super::super) type Wished = Vec<(String, ControlValue)>;

/// The controls that a camera has, in the driver's order; those of kinds that nobody sets by one number are left out.
pub(in super::super) fn list(device: &Device) -> Vec<Control> {
    device.controls().into_iter().filter_map(|described| control(device, described)).collect()
}

fn control(device: &Device, described: v4l2::Described) -> Option<Control> {
    let v4l2::Described { id, name, kind, control, read_only, inactive, .. } = described;
    let kind = match kind {
        v4l2::Kind::Integer => Kind::Integer,
        v4l2::Kind::Boolean => Kind::Boolean,
        v4l2::Kind::Menu => Kind::Menu(device.menu(id)),
        v4l2::Kind::Button => Kind::Button,
        v4l2::Kind::Other => return None,
    };
    Some(Control {
        name: written(&name),
        kind,
        range: (control.least, control.greatest, control.step),
        default: control.default,
        current: device.value(id).map(i64::from),
        read_only,
        inactive,
        id,
    })
}

/// Sets what is wished; says of each that could not be set why, in a sentence.
pub(in super::super) fn set_all(device: &Device, wished: &Wished) -> Vec<String> {
    if wished.is_empty() {
        return Vec::new();
    }
    let controls = list(device);
    // One that another switches (exposure by `auto_exposure`) comes behind that, wherever it is written.
    let (later, first): (Vec<_>, Vec<_>) =
        wished.iter().partition(|(name, _)| find(&controls, name).is_ok_and(|control| control.inactive));
    let mut told: Vec<String> =
        first.into_iter().filter_map(|(name, value)| set(device, &controls, name, value).err()).collect();
    if !later.is_empty() {
        let controls = list(device);
        told.extend(later.into_iter().filter_map(|(name, value)| set(device, &controls, name, value).err()));
    }
    told
}

/// Sets one; says what it is now.
fn set(device: &Device, controls: &[Control], name: &str, value: &ControlValue) -> Result<String, String> {
    let control = find(controls, name)?;
    let name = &control.name;
    if control.read_only {
        return Err(format!("{name} is read-only"));
    }
    let number = control.number(value)?;
    // An inactive one keeps the value for later, says the kernel; not every driver does.
    device.set_control(control.id, number).map_err(|error| format!("{name} stays as it is: {error}"))?;
    if control.kind == Kind::Button {
        return Ok(format!("{name} pressed"));
    }
    let is = device.value(control.id).map_or(i64::from(number), i64::from);
    let told = control.told(is);
    if control.inactive {
        return Err(format!("{name} is {told}, without an effect as long as another control sets it"));
    }
    Ok(if is == i64::from(number) {
        format!("{name} is {told}")
    } else {
        format!("{name} is {told}: the driver has it so")
    })
}

/// Says of a camera that is there what its configured controls cannot be.
pub(in super::super) fn check(device: &Device, wished: &Wished) -> Result<(), String> {
    let controls = if wished.is_empty() { Vec::new() } else { list(device) };
    wished.iter().try_for_each(|(name, value)| {
        let control = find(&controls, name)?;
        control.number(value).map(drop)?;
        if control.read_only { Err(format!("{} is read-only", control.name)) } else { Ok(()) }
    })
}

/// Sets the configured ones when a camera starts, and logs what cannot be: it streams all the same.
pub(in super::super) fn begin(device: &Device, wished: &Wished, outlet: &Outlet) {
    for why in set_all(device, wished) {
        tracing::warn!(mount = outlet.name(), "{}: controls: {why}", device.path().display());
    }
}

/// Sets what was asked for since the last call. What was set is kept for when the camera starts anew.
pub(in super::super) fn serve(device: &Device, wished: &mut Wished, outlet: &Outlet) {
    for request in outlet.take_controls() {
        let controls = list(device);
        let told = set(device, &controls, &request.name, &request.value);
        let (mount, path) = (outlet.name(), device.path().display());
        match &told {
            Ok(what) => tracing::info!(mount, "{path}: controls: {what}"),
            Err(why) => tracing::warn!(mount, "{path}: controls: {why}"),
        }
        let pressed = find(&controls, &request.name).is_ok_and(|control| control.kind == Kind::Button);
        if told.is_ok() && !pressed {
            keep(wished, &request);
        }
        request.answer(told);
    }
}

/// Keeps what is asked of a camera that rests for when it starts.
pub(in super::super) fn put_off(device: &Path, wished: &mut Wished, outlet: &Outlet) {
    for request in outlet.take_controls() {
        keep(wished, &request);
        request.answer(Ok(format!("set when {} starts", device.display())));
    }
}

fn keep(wished: &mut Wished, request: &ControlRequest) {
    let name = written(&request.name);
    wished.retain(|(known, _)| written(known) != name);
    wished.push((name, request.value.clone()));
}
