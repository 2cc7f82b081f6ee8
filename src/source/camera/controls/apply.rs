//! Setting a camera's controls: those of the configuration when it starts, others while it streams.

use std::path::Path;

use super::{Control, Kind, find, written};
use crate::hub::{ControlRequest, ControlValue, Outlet};
use crate::v4l2::{self, Device};

/// What a camera's controls are to be, in the order in which they were written.
pub(in super::super) type Wished = Vec<(String, ControlValue)>;

/// Where controls are: a camera's driver.
pub(in super::super) trait Controls {
    /// Those that it has.
    fn list(&self) -> Vec<Control>;

    /// Sets one.
    fn set(&self, id: u32, number: i32) -> Result<(), String>;

    /// What one is now.
    fn is(&self, id: u32) -> Option<i64>;
}

impl Controls for Device {
    fn list(&self) -> Vec<Control> {
        list(self)
    }

    fn set(&self, id: u32, number: i32) -> Result<(), String> {
        self.set_control(id, number).map_err(|error| error.to_string())
    }

    fn is(&self, id: u32) -> Option<i64> {
        self.value(id).map(i64::from)
    }
}

/// What was done, in words.
#[derive(Debug, PartialEq)]
enum Done {
    /// It is so from now on.
    Set(String),
    /// A button, which is no state.
    Pressed(String),
}

/// Why one is not set.
#[derive(Debug, PartialEq)]
enum Unset {
    /// It cannot be that.
    Wrong(String),
    /// Not now; when others are set, or when the camera starts, it may be.
    Now(String),
}

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
fn set_all(device: &impl Controls, wished: &Wished) -> Vec<String> {
    let wished = wished.iter().map(|(name, value)| (name.as_str(), value));
    set_each(device, wished).into_iter().filter_map(Result::err).map(Unset::told).collect()
}

/// Sets each; one that another switches (exposure by `auto_exposure`) comes behind that, wherever it is written.
fn set_each<'a>(
    device: &impl Controls,
    wished: impl ExactSizeIterator<Item = (&'a str, &'a ControlValue)> + Clone,
) -> Vec<Result<Done, Unset>> {
    if wished.len() == 0 {
        return Vec::new();
    }
    let controls = device.list();
    let mut told: Vec<_> = wished.clone().map(|(name, value)| set(device, &controls, name, value)).collect();
    if told.len() > 1 && told.iter().any(|told| matches!(told, Err(Unset::Now(_)))) {
        let controls = device.list();
        for (told, (name, value)) in told.iter_mut().zip(wished) {
            if let Err(Unset::Now(_)) = told {
                *told = set(device, &controls, name, value);
            }
        }
    }
    told
}

impl Unset {
    fn told(self) -> String {
        match self {
            Self::Wrong(why) | Self::Now(why) => why,
        }
    }
}

/// Sets one; says what it is now.
fn set(
    device: &impl Controls,
    controls: &[Control],
    name: &str,
    value: &ControlValue,
) -> Result<Done, Unset> {
    let control = find(controls, name).map_err(Unset::Wrong)?;
    let name = &control.name;
    if control.read_only {
        return Err(Unset::Wrong(format!("{name} is read-only")));
    }
    let number = control.number(value).map_err(Unset::Wrong)?;
    // An inactive one keeps the value for later, says the kernel; not every driver does.
    let button = control.kind == Kind::Button;
    device.set(control.id, number).map_err(|error| match button {
        true => Unset::Wrong(format!("{name} is not pressed: {error}")),
        false => Unset::Now(format!("{name} stays as it is: {error}")),
    })?;
    if button {
        return Ok(Done::Pressed(format!("{name} pressed")));
    }
    let is = device.is(control.id).unwrap_or(i64::from(number));
    let told = control.told(is);
    if control.inactive {
        return Err(Unset::Now(format!(
            "{name} is {told}, without an effect as long as another control sets it"
        )));
    }
    Ok(Done::Set(if is == i64::from(number) {
        format!("{name} is {told}")
    } else {
        format!("{name} is {told}: the driver has it so")
    }))
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

/// Sets what was asked for since the last call. What was set is kept for when the camera starts anew, and so is what can be set
/// then alone.
pub(in super::super) fn serve(device: &Device, wished: &mut Wished, outlet: &Outlet) {
    let requests = outlet.take_controls();
    let (mount, path) = (outlet.name(), device.path().display());
    let told = take(device, wished, &requests);
    for (request, told) in requests.into_iter().zip(told) {
        match &told {
            Ok(what) => tracing::info!(mount, "{path}: controls: {what}"),
            Err(why) => tracing::warn!(mount, "{path}: controls: {why}"),
        }
        request.answer(told);
    }
}

/// Sets what is asked for; what is to be answered to each.
fn take(
    device: &impl Controls,
    wished: &mut Wished,
    requests: &[ControlRequest],
) -> Vec<Result<String, String>> {
    let told = set_each(device, requests.iter().map(|request| (request.name.as_str(), &request.value)));
    let answer = |(request, told): (&ControlRequest, Result<Done, Unset>)| match told {
        Ok(Done::Set(what)) => {
            keep(wished, request);
            Ok(what)
        }
        Ok(Done::Pressed(what)) => Ok(what),
        Err(Unset::Wrong(why)) => Err(why),
        Err(Unset::Now(why)) => {
            keep(wished, request);
            Err(format!("{why}; it is set again when the camera starts"))
        }
    };
    requests.iter().zip(told).map(answer).collect()
}

/// Keeps what is asked of a camera that rests for when it starts; what it cannot be, if it is there to be asked, is refused.
pub(in super::super) fn put_off(device: &Path, wished: &mut Wished, outlet: &Outlet) {
    for request in outlet.take_controls() {
        let one = vec![(request.name.clone(), request.value.clone())];
        let can_be = Device::open(device).map_or(Ok(()), |there| check(&there, &one));
        let told = can_be.map(|()| {
            keep(wished, &request);
            format!("set when {} starts", device.display())
        });
        request.answer(told);
    }
}

fn keep(wished: &mut Wished, request: &ControlRequest) {
    let name = written(&request.name);
    wished.retain(|(known, _)| written(known) != name);
    wished.push((name, request.value.clone()));
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;
    use crate::hub::mount;

    /// A camera as uvcvideo has it: its exposure cannot be set while `auto_exposure` is on, a flip not while it streams.
    #[derive(Default)]
    struct Camera {
        auto: Cell<i64>,
        exposure: Cell<i64>,
        calls: RefCell<Vec<(u32, i32)>>,
    }

    const AUTO: u32 = 1;
    const EXPOSURE: u32 = 2;
    const FLIP: u32 = 3;

    impl Controls for Camera {
        fn list(&self) -> Vec<Control> {
            let control = |id, name: &str, kind, current| Control {
                name: name.to_owned(),
                kind,
                range: (0, 1000, 1),
                default: 0,
                current: Some(current),
                read_only: false,
                inactive: id == EXPOSURE && self.auto.get() == 1,
                id,
            };
            vec![
                control(AUTO, "auto_exposure", Kind::Boolean, self.auto.get()),
                control(EXPOSURE, "exposure", Kind::Integer, self.exposure.get()),
                control(FLIP, "flip", Kind::Boolean, 0),
            ]
        }

        fn set(&self, id: u32, number: i32) -> Result<(), String> {
            self.calls.borrow_mut().push((id, number));
            match id {
                AUTO => self.auto.set(number.into()),
                EXPOSURE if self.auto.get() == 0 => self.exposure.set(number.into()),
                _ => return Err("not now".to_owned()),
            }
            Ok(())
        }

        fn is(&self, id: u32) -> Option<i64> {
            self.list().into_iter().find(|control| control.id == id)?.current
        }
    }

    fn wished(list: &[(&str, i64)]) -> Wished {
        list.iter().map(|(name, value)| ((*name).to_owned(), ControlValue::Integer(*value))).collect()
    }

    fn requests(list: &[(&str, i64)]) -> Vec<ControlRequest> {
        let (outlet, mount) = mount("cam");
        outlet.take_controls();
        for (name, value) in list {
            drop(mount.set_control(name, ControlValue::Integer(*value)));
        }
        outlet.take_controls()
    }

    #[test]
    fn what_another_switches_is_set_behind_it_wherever_it_is_written() {
        for list in [[("exposure", 70), ("auto_exposure", 0)], [("auto_exposure", 0), ("exposure", 70)]] {
            let camera = Camera { auto: Cell::new(1), ..Camera::default() };
            assert_eq!(set_all(&camera, &wished(&list)), Vec::<String>::new(), "{list:?}");
            let camera = Camera { auto: Cell::new(1), ..Camera::default() };
            let told = take(&camera, &mut Wished::new(), &requests(&list));
            assert!(told.iter().all(Result::is_ok), "{told:?}");
            assert_eq!(camera.exposure.get(), 70, "{list:?}");
        }
    }

    #[test]
    fn what_cannot_be_set_now_is_kept_for_the_next_start_and_what_never_can_is_not() {
        let camera = Camera { auto: Cell::new(1), ..Camera::default() };
        let mut kept = wished(&[("flip", 0)]);
        let asked = requests(&[("flip", 1), ("exposure", 30), ("flop", 1), ("exposure", 2000)]);
        let told: Vec<String> =
            take(&camera, &mut kept, &asked).into_iter().map(Result::unwrap_err).collect();
        assert_eq!(told[0], "flip stays as it is: not now; it is set again when the camera starts");
        assert_eq!(told[1], "exposure stays as it is: not now; it is set again when the camera starts");
        assert!(told[2].starts_with("the camera has no flop"), "{told:?}");
        assert!(told[3].starts_with("exposure goes from 0 to 1000"), "{told:?}");
        assert_eq!(kept, wished(&[("flip", 1), ("exposure", 30)]));
        camera.auto.set(0);
        assert_eq!(set_all(&camera, &kept), ["flip stays as it is: not now"], "as when it starts");
        assert_eq!(camera.exposure.get(), 30);
    }
}
