//! Controls of cameras, matched by name with what a driver has. Pure; `apply` does the calls.

pub(super) mod apply;

use serde::Serialize;

use crate::hub::ControlValue;

/// A control as its driver has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Control {
    /// Its name as `v4l2-ctl -l` shows it: `white_balance_automatic`.
    pub name: String,
    /// What it takes.
    pub kind: Kind,
    /// The least and the greatest value, and from one to the next.
    pub range: (i64, i64, i64),
    /// The value it has unless set.
    pub default: i64,
    /// The value it has; none where it cannot be read.
    pub current: Option<i64>,
    /// Whether it can be set at all.
    pub read_only: bool,
    /// Whether another control keeps it from having an effect now.
    pub inactive: bool,
    #[serde(skip)]
    pub(super) id: u32,
}

/// What a control takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// A number of its range.
    Integer,
    /// On or off.
    Boolean,
    /// An entry of a menu, by number and name.
    Menu(Vec<(u32, String)>),
    /// It is pressed, whatever the value.
    Button,
    /// What is not one number of 32 bits, and is not set here.
    Other,
}

/// The kernel's name of a control as it is written: letters and digits in lower case, whatever is between them `_`.
pub(super) fn written(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_")
}

impl Control {
    /// The number that sets it to a value.
    ///
    /// # Errors
    /// It cannot be that, with what it can be, in words.
    pub(super) fn number(&self, value: &ControlValue) -> Result<i32, String> {
        let number = self.value(value)?;
        // Bits that have no sign are a number in the driver's 32 all the same.
        let bits = || u32::try_from(number).map(u32::cast_signed);
        i32::try_from(number).or_else(|_| bits()).map_err(|_| self.beyond(number))
    }

    /// What the driver's number is, which has no sign where none can be in it.
    pub(super) fn read(&self, number: i32) -> i64 {
        if self.range.0 >= 0 { number.cast_unsigned().into() } else { number.into() }
    }

    fn value(&self, value: &ControlValue) -> Result<i64, String> {
        let name = &self.name;
        match (&self.kind, value) {
            (Kind::Button, _) => Ok(1),
            (Kind::Other, _) => Err(format!("{name} is {OTHER}")),
            (Kind::Boolean, ControlValue::Boolean(on)) => Ok((*on).into()),
            (Kind::Boolean, ControlValue::Integer(number @ 0..=1)) => Ok(*number),
            (Kind::Boolean, other) => Err(format!("{name} is true or false, not {other}")),
            (Kind::Menu(entries), ControlValue::Entry(asked)) => {
                let same = |(_, entry): &&(u32, String)| written(entry) == written(asked);
                let found = entries.iter().find(same).map(|(number, _)| (*number).into());
                found.ok_or_else(|| format!("{name} has {}, no {value}", menu(entries)))
            }
            (Kind::Menu(entries), ControlValue::Integer(number)) => {
                let has = entries.iter().any(|(entry, _)| i64::from(*entry) == *number);
                has.then_some(*number).ok_or_else(|| format!("{name} has {}, no {value}", menu(entries)))
            }
            (Kind::Menu(entries), ControlValue::Boolean(_)) => {
                Err(format!("{name} is one of {}, not {value}", menu(entries)))
            }
            (Kind::Integer, ControlValue::Integer(number)) => self.integer(*number),
            (Kind::Integer, other) => {
                Err(format!("{name} is a number from {} to {}, not {other}", self.range.0, self.range.1))
            }
        }
    }

    /// Between two steps the one below.
    fn integer(&self, number: i64) -> Result<i64, String> {
        let (least, greatest, step) = self.range;
        if !(least..=greatest).contains(&number) {
            return Err(self.beyond(number));
        }
        // A driver may claim a range that is wider than numbers are.
        Ok(number - number.saturating_sub(least) % step.max(1))
    }

    fn beyond(&self, number: i64) -> String {
        let (least, greatest, step) = self.range;
        let steps = if step > 1 { format!(" in steps of {step}") } else { String::new() };
        format!("{} goes from {least} to {greatest}{steps}, and {number} is not in it", self.name)
    }

    /// A value in words: a menu's entry by its name.
    pub(super) fn told(&self, value: i64) -> String {
        match &self.kind {
            Kind::Boolean => (value != 0).to_string(),
            Kind::Menu(entries) => {
                let entry = entries.iter().find(|(number, _)| i64::from(*number) == value);
                entry.map_or_else(|| value.to_string(), |(_, name)| format!("{name:?}"))
            }
            Kind::Integer | Kind::Button | Kind::Other => value.to_string(),
        }
    }
}

impl std::fmt::Display for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (least, greatest, step) = self.range;
        write!(f, "{}: ", self.name)?;
        match &self.kind {
            Kind::Button => return f.write_str("a button"),
            Kind::Other => return f.write_str(OTHER),
            Kind::Boolean => f.write_str("true or false")?,
            Kind::Menu(entries) => f.write_str(&menu(entries))?,
            Kind::Integer if step > 1 => write!(f, "{least} to {greatest} in steps of {step}")?,
            Kind::Integer => write!(f, "{least} to {greatest}")?,
        }
        write!(f, ", {} by itself", self.told(self.default))?;
        if let Some(current) = self.current {
            write!(f, ", {} now", self.told(current))?;
        }
        f.write_str(if self.read_only { " (read-only)" } else { "" })?;
        f.write_str(if self.inactive { " (inactive: another control sets it)" } else { "" })
    }
}

/// What is said of the last kind.
const OTHER: &str = "text, a number of 64 bits, or more numbers than one: it is not set here";

fn menu(entries: &[(u32, String)]) -> String {
    entries.iter().map(|(_, name)| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

/// The control of this name.
///
/// # Errors
/// There is none; the nearest names are told.
pub(super) fn find<'a>(controls: &'a [Control], name: &str) -> Result<&'a Control, String> {
    let asked = written(name);
    if let Some(control) = controls.iter().find(|control| control.name == asked) {
        return Ok(control);
    }
    let mut near: Vec<(usize, &str)> =
        controls.iter().map(|control| (distance(&control.name, &asked), control.name.as_str())).collect();
    near.sort_unstable();
    let names: Vec<&str> = near.into_iter().take(3).map(|(_, name)| name).collect();
    Err(match names[..] {
        [] => format!("the camera has no controls, and so no {asked}"),
        _ => format!("the camera has no {asked}; the nearest are {}", names.join(", ")),
    })
}

/// Letters to change, put in or leave out to make one name of another; little where one holds the other.
fn distance(have: &str, asked: &str) -> usize {
    if !asked.is_empty() && (have.contains(asked) || asked.contains(have)) {
        return 1;
    }
    let mut row: Vec<usize> = (0..=asked.len()).collect();
    for (line, letter) in have.bytes().enumerate() {
        let mut before = std::mem::replace(&mut row[0], line + 1);
        for (column, other) in asked.bytes().enumerate() {
            let change = before + usize::from(letter != other);
            before = row[column + 1];
            row[column + 1] = change.min(before + 1).min(row[column] + 1);
        }
    }
    row[asked.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(name: &str, kind: Kind, range: (i64, i64, i64)) -> Control {
        Control {
            name: name.to_owned(),
            kind,
            range,
            default: range.0,
            current: None,
            read_only: false,
            inactive: false,
            id: 1,
        }
    }

    fn camera() -> Vec<Control> {
        // A menu with an entry left out, as uvcvideo has it.
        let exposure = vec![(1, "Manual Mode".to_owned()), (3, "Aperture Priority Mode".to_owned())];
        vec![
            control("brightness", Kind::Integer, (0, 255, 1)),
            control("zoom_absolute", Kind::Integer, (100, 500, 25)),
            control("auto_exposure", Kind::Menu(exposure), (0, 3, 1)),
            control("horizontal_flip", Kind::Boolean, (0, 1, 1)),
            control("white_balance_automatic", Kind::Boolean, (0, 1, 1)),
            control("do_white_balance", Kind::Button, (0, 0, 0)),
            control("pixel_rate", Kind::Other, (0, 1 << 40, 1)),
        ]
    }

    #[test]
    fn names_are_those_that_v4l2_ctl_shows() {
        for (name, shown) in [
            ("Brightness", "brightness"),
            ("White Balance, Automatic", "white_balance_automatic"),
            ("Exposure Time, Absolute", "exposure_time_absolute"),
            ("Focus (absolute)", "focus_absolute"),
            ("  --", ""),
        ] {
            assert_eq!(written(name), shown);
        }
    }

    #[test]
    fn a_value_becomes_the_number_that_the_driver_takes() {
        use ControlValue::{Boolean, Entry, Integer};
        let camera = camera();
        for (name, value, number) in [
            ("brightness", Integer(140), Ok(140)),
            ("Brightness", Integer(0), Ok(0)),
            ("brightness", Integer(256), Err("brightness goes from 0 to 255, and 256 is not in it")),
            ("brightness", Boolean(true), Err("brightness is a number from 0 to 255, not true")),
            ("zoom_absolute", Integer(149), Ok(125)),
            (
                "zoom_absolute",
                Integer(99),
                Err("zoom_absolute goes from 100 to 500 in steps of 25, and 99 is not in it"),
            ),
            ("auto_exposure", Entry("Manual Mode".into()), Ok(1)),
            ("auto_exposure", Entry("aperture_priority_mode".into()), Ok(3)),
            ("auto_exposure", Integer(3), Ok(3)),
            (
                "auto_exposure",
                Integer(2),
                Err("auto_exposure has \"Manual Mode\", \"Aperture Priority Mode\", no 2"),
            ),
            (
                "auto_exposure",
                Entry("Auto".into()),
                Err("auto_exposure has \"Manual Mode\", \"Aperture Priority Mode\", no \"Auto\""),
            ),
            ("horizontal_flip", Boolean(true), Ok(1)),
            ("horizontal_flip", Integer(0), Ok(0)),
            ("horizontal_flip", Integer(2), Err("horizontal_flip is true or false, not 2")),
            ("do_white_balance", Boolean(true), Ok(1)),
            (
                "pixel_rate",
                Integer(1),
                Err("pixel_rate is text, a number of 64 bits, or more numbers than one: it is not set here"),
            ),
        ] {
            let made = find(&camera, name).and_then(|control| control.number(&value));
            assert_eq!(made, number.map_err(str::to_owned), "{name}: {value}");
        }
    }

    #[test]
    fn a_bitmask_takes_all_its_bits_and_is_told_as_it_is_set() {
        let bits = control("bitmask", Kind::Integer, (0, 0x8040_2010, 0));
        for (value, number) in
            [(0x8040_2010, Ok(-0x7fbf_dff0)), (0x10, Ok(0x10)), (0x8000_2000, Ok(-0x7fff_e000))]
        {
            assert_eq!(bits.number(&ControlValue::Integer(value)), number);
            assert_eq!(number.map(|number| bits.read(number)), Ok::<_, String>(value));
        }
        assert!(bits.number(&ControlValue::Integer(0x8040_2011)).is_err());
        assert_eq!(control("tilt", Kind::Integer, (-180, 180, 1)).read(-5), -5);
    }

    #[test]
    fn of_an_unknown_name_the_nearest_are_told() {
        let camera = camera();
        for (asked, first) in
            [("brightnes", "brightness"), ("flip", "horizontal_flip"), ("exposure_auto", "auto_exposure")]
        {
            let told = find(&camera, asked).unwrap_err();
            assert!(
                told.contains(&format!("no {asked}; the nearest are ")) && told.contains(first),
                "{told}"
            );
        }
        assert_eq!(find(&[], "focus").unwrap_err(), "the camera has no controls, and so no focus");
    }

    #[test]
    fn a_driver_that_claims_too_much_breaks_nothing() {
        let wild = control("wild", Kind::Integer, (i64::MIN, i64::MAX, i64::MIN));
        assert_eq!(wild.number(&ControlValue::Integer(7)), Ok(7));
        assert!(wild.number(&ControlValue::Integer(i64::MAX)).is_err());
    }
}
