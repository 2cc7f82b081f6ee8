//! Whoever wants, describes, steers and takes over.

use super::*;

#[test]
fn a_source_is_wanted_while_any_demand_lives() {
    let (outlet, mount) = mount("test");
    let first = mount.want();
    let second = mount.want();
    drop(first);
    assert!(outlet.wanted());
    drop(second);
    assert!(!outlet.wanted());
}

#[test]
fn describing_the_same_tracks_again_changes_nothing() {
    let (outlet, mount) = mount("test");
    outlet.describe(Vec::new(), true);
    let mut context = Context::from_waker(std::task::Waker::noop());
    let Poll::Ready(seen) = mount.poll_changed(0, &mut context) else { panic!("it was described") };
    outlet.describe(Vec::new(), true);
    assert_eq!((mount.poll_changed(seen, &mut context), mount.version()), (Poll::Pending, 1));
}

#[test]
fn a_control_is_asked_of_a_source_that_takes_them() {
    let (outlet, mount) = mount("test");
    let mut context = Context::from_waker(std::task::Waker::noop());
    let mut ask = || {
        let answer = mount.set_control("focus", ControlValue::Integer(3));
        (answer.poll(&mut context).map(|told| told.is_ok()), answer)
    };
    assert_eq!(ask().0, Poll::Ready(false), "nobody takes it");
    assert!(outlet.take_controls().is_empty());
    let (pending, answer) = ask();
    assert_eq!(pending, Poll::Pending);
    let request = outlet.take_controls().pop().unwrap();
    assert_eq!((request.name.as_str(), &request.value), ("focus", &ControlValue::Integer(3)));
    request.answer(Ok("done".to_owned()));
    assert!(answer.poll(&mut Context::from_waker(std::task::Waker::noop())).is_ready());
    let asked = [(); CONTROLS + 1].map(|()| ask().0);
    assert_eq!(asked.iter().filter(|told| told.is_ready()).count(), 1, "one too many");
    let (pending, answer) = ask();
    assert_eq!(pending, Poll::Ready(false));
    drop((outlet, answer));
    assert_eq!(ask().0, Poll::Ready(false), "it has ended");
}

#[test]
fn a_source_takes_over_from_another_and_the_mount_goes_on() {
    let (outlet, mount) = mount("test");
    let _demand = mount.want();
    outlet.describe(Vec::new(), true);
    mount.set_bitrate(7);
    mount.stop_source();
    assert!(outlet.stopped() && !outlet.stand_in().stopped());
    outlet.renew();
    assert!(!outlet.stopped() && outlet.wanted());
    assert_eq!((outlet.take_bitrate(), mount.tracks().is_some()), (None, true));
    mount.stop();
    outlet.renew();
    assert!(outlet.stopped(), "a mount that has ended has no other source");
}

#[test]
fn a_source_that_fails_is_counted_and_may_fail_again() {
    let (outlet, mount) = mount("test");
    outlet.fail("no signal");
    outlet.fail("no signal");
    assert_eq!((mount.flow().failures, mount.state()), (2, State::Failed("no signal".into())));
}

#[test]
fn a_keyframe_request_is_taken_once() {
    let (outlet, mount) = mount("test");
    mount.request_keyframe();
    assert!(outlet.take_keyframe_request());
    assert!(!outlet.take_keyframe_request());
}
