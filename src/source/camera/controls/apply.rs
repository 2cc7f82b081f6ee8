//! Setting a camera's controls: those of the configuration when it starts, others while it streams.

use std::path::Path;

use super::{Control, Kind, find, written};
use crate::hub::{ControlRequest, ControlValue, Outlet};
use crate::v4l2::{self, Device};

/// What a camera's controls are to be.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Wished {
    /// In the order in which they were written.
    all: Vec<(String, ControlValue)>,
    /// Those of them that could not be set as things were: tried again when another was set.
    waiting: Vec<String>,
}

/// Why a control is not what it is to be.
#[derive(Debug, PartialEq, Eq)]
struct Unset {
    why: String,
    /// It may be set later: when another control is, or when the camera starts anew.
    later: bool,
}

/// What has controls.
trait Controlled {
    /// All, in the driver's order.
    fn list(&self) -> Vec<Control>;
    fn set(&self, id: u32, number: i32) -> Result<(), v4l2::Error>;
    fn value(&self, id: u32) -> Option<i32>;
}

impl Controlled for Device {
    fn list(&self) -> Vec<Control> {
        list(self)
    }

    fn set(&self, id: u32, number: i32) -> Result<(), v4l2::Error> {
        self.set_control(id, number)
    }

    fn value(&self, id: u32) -> Option<i32> {
        Device::value(self, id)
    }
}

impl Wished {
    /// What is configured.
    pub(in super::super) fn new(all: Vec<(String, ControlValue)>) -> Self {
        Self { all, waiting: Vec::new() }
    }

    fn keep(&mut self, name: &str, value: &ControlValue) {
        let name = written(name);
        self.forget(&name);
        self.all.push((name, value.clone()));
    }

    fn wait(&mut self, name: &str) {
        self.waiting.push(written(name));
    }

    fn forget(&mut self, name: &str) {
        self.all.retain(|(known, _)| written(known) != name);
        self.waiting.retain(|known| known != name);
    }
}

/// The controls that a camera has, in the driver's order.
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
        v4l2::Kind::Other => Kind::Other,
        v4l2::Kind::Title => return None,
    };
    let mut control = Control {
        name: written(&name),
        kind,
        range: (control.least, control.greatest, control.step),
        default: control.default,
        current: None,
        read_only,
        inactive,
        id,
    };
    control.current = device.value(id).map(|number| control.read(number));
    Some(control)
}

/// Sets what is wished; says of each that could not be set why, in a sentence.
fn set_all(device: &impl Controlled, wished: &mut Wished) -> Vec<String> {
    wished.waiting.clear();
    if wished.all.is_empty() {
        return Vec::new();
    }
    let controls = device.list();
    // One that another switches (exposure by `auto_exposure`) comes behind that, wherever it is written.
    let switched = |name: &str| find(&controls, name).is_ok_and(|control| control.inactive);
    let (later, first): (Vec<_>, Vec<_>) = wished.all.iter().partition(|(name, _)| switched(name));
    let mut told = Vec::new();
    for wishes in [first, later].into_iter().filter(|wishes| !wishes.is_empty()) {
        let controls = device.list();
        for (name, value) in wishes {
            if let Err(Unset { why, later }) = set(device, &controls, name, value) {
                wished.waiting.extend(later.then(|| written(name)));
                told.push(why);
            }
        }
    }
    told
}

/// Sets one; says what it is now.
fn set(
    device: &impl Controlled,
    controls: &[Control],
    name: &str,
    value: &ControlValue,
) -> Result<String, Unset> {
    let never = |why: String| Unset { why, later: false };
    let control = find(controls, name).map_err(never)?;
    let number = possible(control, value).map_err(never)?;
    let name = &control.name;
    let pressed = control.kind == Kind::Button;
    // An inactive one keeps the value for later, says the kernel; not every driver does.
    device.set(control.id, number).map_err(|error| Unset {
        why: format!("{name} stays as it is: {error}"),
        later: !pressed && !matches!(error, v4l2::Error::Gone(_)),
    })?;
    if pressed {
        return Ok(format!("{name} pressed"));
    }
    let (asked, is) = (control.read(number), device.value(control.id));
    let is = is.map_or(asked, |is| control.read(is));
    let told = control.told(is);
    if control.inactive {
        let why = format!("{name} is {told}, without an effect as long as another control sets it");
        return Err(Unset { why, later: true });
    }
    Ok(if is == asked {
        format!("{name} is {told}")
    } else {
        format!("{name} is {told}: the driver has it so")
    })
}

/// The number that sets a control to a value, if it can ever be set to that.
fn possible(control: &Control, value: &ControlValue) -> Result<i32, String> {
    let number = control.number(value)?;
    if control.read_only { Err(format!("{} is read-only", control.name)) } else { Ok(number) }
}

/// Says of a camera that is there what its configured controls cannot be.
pub(in super::super) fn check(device: &Device, wished: &[(String, ControlValue)]) -> Result<(), String> {
    let controls = if wished.is_empty() { Vec::new() } else { list(device) };
    wished.iter().try_for_each(|(name, value)| possible(find(&controls, name)?, value).map(drop))
}

/// Sets the configured ones when a camera starts, and logs what cannot be: it streams all the same.
pub(in super::super) fn begin(device: &Device, wished: &mut Wished, outlet: &Outlet) {
    for why in set_all(device, wished) {
        tracing::warn!(mount = outlet.name(), "{}: controls: {why}", device.path().display());
    }
}

/// Sets what was asked for since the last call. What was set, or may be later, is kept for when the camera starts anew.
pub(in super::super) fn serve(device: &Device, wished: &mut Wished, outlet: &Outlet) {
    let requests = outlet.take_controls();
    if requests.is_empty() {
        return;
    }
    let (mount, path) = (outlet.name(), device.path().display());
    let asked = requests.iter().map(|request| (request.name.as_str(), &request.value));
    let (told, others) = set_some(device, wished, asked);
    for told in told.iter().chain(&others) {
        match told {
            Ok(what) => tracing::info!(mount, "{path}: controls: {what}"),
            Err(why) => tracing::warn!(mount, "{path}: controls: {why}"),
        }
    }
    requests.into_iter().zip(told).for_each(|(request, told)| request.answer(told));
}

/// What became of one, in a sentence.
type Told = Result<String, String>;

/// Sets these, and tries those again that waited for others; says what became of the former, and which of the latter are
/// set now.
fn set_some<'a>(
    device: &impl Controlled,
    wished: &mut Wished,
    asked: impl Iterator<Item = (&'a str, &'a ControlValue)>,
) -> (Vec<Told>, Vec<Told>) {
    let (mut told, mut names) = (Vec::new(), Vec::new());
    for (name, value) in asked {
        let controls = device.list();
        let done = set(device, &controls, name, value);
        let pressed = find(&controls, name).is_ok_and(|control| control.kind == Kind::Button);
        let later = done.as_ref().is_err_and(|unset| unset.later);
        if (done.is_ok() || later) && !pressed {
            wished.keep(name, value);
        }
        if later {
            wished.wait(name);
        }
        names.push(written(name));
        told.push(done.map_err(|Unset { why, later }| if later { format!("{why}; {KEPT}") } else { why }));
    }
    let mut others = Vec::new();
    if told.iter().any(Result::is_ok) && !wished.waiting.is_empty() {
        let controls = device.list();
        for name in std::mem::take(&mut wished.waiting) {
            let Some((_, value)) = wished.all.iter().find(|(known, _)| written(known) == name) else {
                continue;
            };
            match (set(device, &controls, &name, value), names.iter().rposition(|asked| *asked == name)) {
                (Ok(what), Some(place)) => told[place] = Ok(what),
                (Ok(what), None) => others.push(Ok(what)),
                (Err(_), _) => wished.waiting.push(name),
            }
        }
    }
    (told, others)
}

/// What becomes of what cannot be set now.
const KEPT: &str = "it is kept, and set when another control allows it or the camera starts anew";

/// Keeps what is asked of a camera that rests for when it starts, unless that can never be; `look` says what it has, if it
/// can be looked at now.
pub(in super::super) fn put_off(
    device: &Path,
    wished: &mut Wished,
    outlet: &Outlet,
    look: impl FnOnce() -> Option<Vec<Control>>,
) {
    let requests = outlet.take_controls();
    if requests.is_empty() {
        return;
    }
    let controls = look();
    for request in requests {
        let told = may_wait(controls.as_deref(), &request, device);
        if told.is_ok() {
            wished.keep(&request.name, &request.value);
        }
        request.answer(told);
    }
}

fn may_wait(controls: Option<&[Control]>, request: &ControlRequest, device: &Path) -> Told {
    let starts = format!("set when {} starts", device.display());
    let Some(controls) = controls else {
        return Ok(format!("{starts}, if that has it: it cannot be seen now"));
    };
    let control = find(controls, &request.name)?;
    possible(control, &request.value)?;
    if control.kind == Kind::Button {
        return Err(format!(
            "{} is pressed while the camera runs, and it rests: nobody watches",
            control.name
        ));
    }
    Ok(starts)
}

#[cfg(test)]
mod tests;
