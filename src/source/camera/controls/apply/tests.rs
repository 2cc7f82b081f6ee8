use std::cell::RefCell;

use super::*;
use crate::hub::mount;

/// A camera whose exposure is automatic, and whose flip cannot be set while it streams.
struct Camera(RefCell<State>);

#[derive(Default)]
struct State {
    auto: i32,
    exposure: i32,
    flip: i32,
    streams: bool,
    /// Whether an exposure is refused, and not kept, while it is automatic.
    refuses: bool,
}

impl Camera {
    fn new(refuses: bool) -> Self {
        Self(RefCell::new(State { auto: 1, exposure: 10, refuses, ..State::default() }))
    }

    fn is(&self) -> (i32, i32, i32) {
        let state = self.0.borrow();
        (state.auto, state.exposure, state.flip)
    }
}

impl Controlled for Camera {
    fn list(&self) -> Vec<Control> {
        let inactive = self.0.borrow().auto == 1;
        let control = |id: u32, name: &str, kind: Kind, inactive: bool, read_only: bool| Control {
            name: name.to_owned(),
            kind,
            range: (0, 255, 1),
            default: 0,
            current: None,
            read_only,
            inactive,
            id,
        };
        vec![
            control(1, "auto_exposure", Kind::Integer, false, false),
            control(2, "exposure", Kind::Integer, inactive, false),
            control(3, "flip", Kind::Boolean, false, false),
            control(4, "serial", Kind::Integer, false, true),
            control(5, "focus_once", Kind::Button, false, false),
        ]
    }

    fn set(&self, id: u32, number: i32) -> Result<(), v4l2::Error> {
        let mut state = self.0.borrow_mut();
        let held = |why| Err(v4l2::Error::Held("/dev/video0".into(), why));
        match id {
            1 => state.auto = number,
            2 if state.auto == 1 && state.refuses => return held("automatic"),
            2 => state.exposure = number,
            3 if state.streams => return held("streams"),
            3 => state.flip = number,
            _ => {}
        }
        Ok(())
    }

    fn value(&self, id: u32) -> Option<i32> {
        let (auto, exposure, flip) = self.is();
        [auto, exposure, flip].get(id as usize - 1).copied()
    }
}

fn number(number: i64) -> ControlValue {
    ControlValue::Integer(number)
}

fn set_one(camera: &Camera, wished: &mut Wished, name: &str, value: i64) -> (Told, Vec<Told>) {
    let (mut told, others) = set_some(camera, wished, std::iter::once((name, &number(value))));
    (told.remove(0), others)
}

#[test]
fn an_exposure_is_set_behind_the_switch_that_it_hangs_on_wherever_it_is_written() {
    for refuses in [false, true] {
        let camera = Camera::new(refuses);
        let wishes =
            [("exposure", 77), ("auto_exposure", 0)].map(|(name, value)| (name.to_owned(), number(value)));
        let mut wished = Wished::new(wishes.to_vec());
        assert_eq!((set_all(&camera, &mut wished), camera.is()), (vec![], (0, 77, 0)));
    }
}

#[test]
fn what_cannot_be_set_now_is_set_once_it_can_be() {
    for refuses in [false, true] {
        let camera = Camera::new(refuses);
        let mut wished = Wished::default();
        let (told, _) = set_one(&camera, &mut wished, "exposure", 77);
        assert!(told.clone().unwrap_err().ends_with(KEPT), "{told:?}");
        let (told, others) = set_one(&camera, &mut wished, "auto_exposure", 0);
        assert_eq!((told, others), (Ok("auto_exposure is 0".into()), vec![Ok("exposure is 77".into())]));
        assert_eq!(camera.is(), (0, 77, 0));
        // Once: what is set by somebody else behind it stays.
        camera.set(2, 5).unwrap();
        assert_eq!(set_one(&camera, &mut wished, "auto_exposure", 0).1, []);
        assert_eq!(camera.is(), (0, 5, 0));
    }
}

#[test]
fn what_is_asked_for_together_is_answered_by_what_became_of_it() {
    let (camera, mut wished) = (Camera::new(true), Wished::default());
    let asked = [("exposure", number(77)), ("auto_exposure", number(0)), ("nonsense", number(1))];
    let (told, others) = set_some(&camera, &mut wished, asked.iter().map(|(name, value)| (*name, value)));
    assert_eq!(told[..2], [Ok("exposure is 77".into()), Ok("auto_exposure is 0".into())]);
    assert!(told[2].clone().unwrap_err().starts_with("the camera has no nonsense"), "{told:?}");
    assert_eq!((others, camera.is()), (vec![], (0, 77, 0)));
}

#[test]
fn what_cannot_be_set_while_it_streams_is_set_when_the_camera_starts_anew() {
    let (camera, mut wished) = (Camera::new(true), Wished::default());
    camera.0.borrow_mut().streams = true;
    let (told, _) = set_one(&camera, &mut wished, "flip", 1);
    let expected =
        format!("flip stays as it is: /dev/video0: the driver refuses that for now: streams; {KEPT}");
    assert_eq!((told, camera.is().2), (Err(expected), 0));
    camera.0.borrow_mut().streams = false;
    assert_eq!((set_all(&camera, &mut wished), camera.is().2), (vec![], 1));
    // What can never be is not kept.
    for (name, value) in [("serial", 3), ("exposure", 999), ("focus_once", 1)] {
        let _ = set_one(&camera, &mut wished, name, value);
    }
    let names: Vec<&str> = wished.all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["flip"]);
}

#[test]
fn of_a_camera_that_rests_only_what_can_be_is_put_off() {
    let (outlet, mount) = mount("cam");
    assert!(outlet.take_controls().is_empty());
    let device = Path::new("/dev/video0");
    for (name, value, there, expected) in [
        ("exposure", 77, true, Ok("set when /dev/video0 starts")),
        ("nonsense", 1, true, Err("the camera has no nonsense; the nearest are ")),
        ("exposure", 256, true, Err("exposure goes from 0 to 255, and 256 is not in it")),
        ("serial", 3, true, Err("serial is read-only")),
        ("focus_once", 1, true, Err("focus_once is pressed while the camera runs")),
        ("nonsense", 1, false, Ok("set when /dev/video0 starts, if that has it")),
    ] {
        let mut wished = Wished::default();
        let answer = mount.set_control(name, number(value));
        put_off(device, &mut wished, &outlet, || there.then(|| Camera::new(true).list()));
        let told = smol::block_on(std::future::poll_fn(|context| answer.poll(context)));
        match (&told, expected) {
            (Ok(told), Ok(part)) | (Err(told), Err(part)) => assert!(told.starts_with(part), "{told}"),
            _ => panic!("{name}: {told:?}"),
        }
        assert_eq!(wished.all.len(), usize::from(told.is_ok()), "{name}");
    }
}
