//! One mount: how its pictures come about, what can be set while it runs, how long it takes, what it sees.

use super::super::effect::Effect;
use super::super::keys::{Binding, Key, key};
use super::super::message::{Asked, Command, EVERY_MS};
use super::super::model::{Model, Notice, Overlay, Tab};
use super::super::picture::Picture;
use super::super::state::mount::State;
pub use super::mounts::{shown, url};
use super::{Effects, mounts, sessions};
use crate::control::protocol::{
    Act, Control, ControlKind, Encoder, Look, Outcome, Reply, SessionStatus, Value,
};
use ratatui::crossterm::event::KeyCode;

/// A picture is not asked for wider than this.
const WIDEST: u32 = 320;
/// No more is set by keys, in bits a second: as much as the daemon takes.
pub const GREATEST_BITRATE: u32 = 100_000_000;
/// And from one keyframe to the next, in pictures.
pub const GREATEST_GOP: u32 = 36_000;

/// Its keys.
pub const KEYS: &[Binding] = &[
    super::super::keys::UP,
    super::super::keys::DOWN,
    key(
        &[Key::Code(KeyCode::Left), Key::Sign('h'), Key::Sign('-')],
        "Left h -",
        Command::Less,
        "less, or off",
    )
    .with_footer("less"),
    key(
        &[Key::Code(KeyCode::Right), Key::Sign('l'), Key::Sign('+'), Key::Sign('=')],
        "Right l +",
        Command::More,
        "more, or on",
    )
    .with_footer("more"),
    key(&[Key::Sign('H')], "H", Command::PageDown, "much less"),
    key(&[Key::Sign('L')], "L", Command::PageUp, "much more"),
    key(&[Key::Sign('0')], "0", Command::Default, "as configured, as made").with_footer("default"),
    key(&[Key::Code(KeyCode::Enter), Key::Sign(' ')], "Enter Space", Command::Open, "switch it, press it"),
    key(&[Key::Sign('f')], "f", Command::Keyframe, "make a keyframe now").with_footer("keyframe"),
    key(&[Key::Sign('p')], "p", Command::Picture, "a new picture").with_footer("picture"),
    key(&[Key::Sign('v')], "v", Command::Live, "a picture every second, or not"),
    key(&[Key::Sign('u')], "u", Command::Url, "its URL, as text and QR code").with_footer("URL"),
    key(&[Key::Sign('s')], "s", Command::Viewers, "who watches it"),
    key(&[Key::Sign('d')], "d", Command::Toggle, "serve it no longer, or again"),
    key(&[Key::Sign('n'), Key::Sign(']')], "n ]", Command::NextMount, "the next mount").with_footer("next"),
    key(&[Key::Sign('b'), Key::Sign('[')], "b [", Command::PreviousMount, "the mount before"),
];

/// A line of what can be set.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting<'a> {
    /// The bitrate that its encoder aims at.
    Bitrate(u64),
    /// The pictures from one keyframe to the next that its encoder aims at.
    Gop(u32),
    /// Of its camera.
    Control(&'a Control),
}

/// What can be set on it.
pub fn settings(model: &Model) -> Vec<Setting<'_>> {
    let encoder = shown(model).and_then(|mount| mount.encoder.as_ref());
    let bitrate = encoder.and_then(|encoder| encoder.bitrate_bps).map(Setting::Bitrate);
    let gop = encoder.and_then(|encoder| encoder.gop_pictures).map(Setting::Gop);
    let controls = model.panes.mount.controls.as_ref().and_then(|controls| controls.as_ref().ok());
    let controls = controls.map_or(&[][..], Vec::as_slice).iter().map(Setting::Control);
    bitrate.into_iter().chain(gop).chain(controls).collect()
}

/// The one that keys act on.
pub fn chosen(model: &Model) -> Option<Setting<'_>> {
    let mut settings = settings(model);
    let last = settings.len().checked_sub(1)?;
    Some(settings.swap_remove(model.panes.mount.cursor.chosen.min(last)))
}

/// Shows a mount.
pub fn open(model: &mut Model, name: String) -> Effects {
    if model.panes.mount.name.as_ref() != Some(&name) {
        // Pictures are counted on: the next one is another.
        let pictures = model.panes.mount.pictures;
        model.panes.mount = State { name: Some(name), pictures, ..State::default() };
    }
    model.tab = Tab::Mount;
    enter(model)
}

/// Asks for what the pane shows when one comes to it.
pub fn enter(model: &mut Model) -> Effects {
    let Some(name) = shown(model).map(|mount| mount.name.clone()) else { return Vec::new() };
    model.panes.mount.name = Some(name.clone());
    let controls = Effect::ask(Asked::Controls(name.clone()), Look::Controls { mount: name.clone() });
    vec![controls, snapshot(model, name)]
}

/// Asks for a new picture where the last one is a second old and more are wanted.
pub fn tick(model: &mut Model) -> Effects {
    let state = &mut model.panes.mount;
    if let Some(since) = &mut state.since {
        *since += 1;
    }
    let due = state.live && state.since.is_some_and(|since| since * EVERY_MS >= 1000);
    match state.name.clone() {
        Some(name) if due && model.tab == Tab::Mount => vec![snapshot(model, name)],
        _ => Vec::new(),
    }
}

fn snapshot(model: &mut Model, mount: String) -> Effect {
    model.panes.mount.since = None;
    Effect::ask(Asked::Snapshot(mount.clone()), Look::Snapshot { mount, max_width: Some(WIDEST) })
}

/// Takes the controls, or a picture.
pub fn answered(model: &mut Model, to: &Asked, outcome: Outcome) {
    let state = &mut model.panes.mount;
    if matches!(to, Asked::Snapshot(_)) {
        state.since = Some(0);
    }
    match (to, outcome) {
        (Asked::Controls(name) | Asked::Snapshot(name), _) if state.name.as_ref() != Some(name) => {}
        (_, Ok(Reply::Controls(controls))) => state.controls = Some(Ok(controls)),
        (_, Ok(Reply::Snapshot(snapshot))) => {
            state.picture = Some(Picture::read(&snapshot));
            state.pictures += 1;
        }
        (Asked::Controls(_), Err(refusal)) => state.controls = Some(Err(refusal.to_string())),
        (Asked::Snapshot(_), Err(refusal)) => state.picture = Some(Err(refusal.to_string())),
        _ => {}
    }
}

/// What it sees, with a number that no other picture of it has.
pub fn picture(model: &Model) -> Option<(u64, &Picture)> {
    let state = &model.panes.mount;
    Some((state.pictures, state.picture.as_ref()?.as_ref().ok()?))
}

/// Does what a key asks for.
pub fn command(model: &mut Model, command: Command) -> Effects {
    let Some(mount) = shown(model).cloned() else { return Vec::new() };
    let name = mount.name.clone();
    match command {
        Command::Keyframe => vec![Effect::ask(Asked::Deed, Act::Keyframe { mount: name })],
        Command::Picture => vec![snapshot(model, name)],
        Command::Live => {
            model.panes.mount.live = !model.panes.mount.live;
            Vec::new()
        }
        Command::Url => {
            model.overlay = url(model, &name).map(Overlay::Url);
            Vec::new()
        }
        Command::Viewers => {
            sessions::of_mount(model, &name);
            Vec::new()
        }
        Command::Toggle => mounts::toggle(model, &mount),
        Command::NextMount => neighbour(model, &name, 1),
        Command::PreviousMount => neighbour(model, &name, -1),
        Command::Less => change(model, &name, -1),
        Command::More => change(model, &name, 1),
        Command::Open => {
            let on = matches!(chosen(model), Some(Setting::Control(it)) if it.kind == ControlKind::Switch && it.value == Some(1));
            change(model, &name, if on { -1 } else { 1 })
        }
        Command::PageDown => change(model, &name, -10),
        Command::PageUp => change(model, &name, 10),
        Command::Default => default(model, &name),
        command => {
            let (length, page) = (settings(model).len(), model.places.page);
            model.panes.mount.cursor.go(command, length, page);
            Vec::new()
        }
    }
}

fn neighbour(model: &mut Model, name: &str, by: isize) -> Effects {
    let mounts = model.status.as_ref().map_or(&[][..], |status| &status.mounts);
    let Some(here) = mounts.iter().position(|mount| mount.name == name) else { return Vec::new() };
    let there = here.saturating_add_signed(by).min(mounts.len().saturating_sub(1));
    let name = mounts[there].name.clone();
    model.panes.dashboard.cursor.set(there, mounts.len(), 1);
    open(model, name)
}

/// Changes the chosen setting by so many steps, at once.
fn change(model: &mut Model, mount: &str, steps: i64) -> Effects {
    match chosen(model) {
        None => Vec::new(),
        Some(Setting::Bitrate(now)) => {
            let step = (now / 20).max(50_000) as i64;
            let bitrate_bps = i64::try_from(now)
                .unwrap_or(i64::MAX)
                .saturating_add(steps.saturating_mul(step))
                .clamp(50_000, i64::from(GREATEST_BITRATE)) as u32;
            set_bitrate(model, mount, bitrate_bps)
        }
        Some(Setting::Gop(now)) => {
            let step = i64::from(now / 20).max(1);
            let pictures = (i64::from(now) + steps * step).clamp(1, i64::from(GREATEST_GOP)) as u32;
            set_gop(model, mount, pictures)
        }
        Some(Setting::Control(control)) if control.read_only => {
            model.notice = Some(Notice::refused(format!("{} can only be read", control.name)));
            Vec::new()
        }
        Some(Setting::Control(control)) => {
            let (name, value) = (control.name.clone(), stepped(control, steps));
            set(model, mount, &name, value)
        }
    }
}

/// A scale from 1 to 1000 on which each tenfold has a third: what matters is by how much. The share of it that a value has.
pub fn share(value: f64) -> f64 {
    value.max(1.0).log10() / 3.0
}

/// Bits a second that the scale of bitrates begins with: it ends at 50 Mbit/s.
pub const LEAST_BITRATE: u32 = 50_000;

/// Sets a line to what a place of its slider means, of so many: the first is the least, the last the greatest.
pub fn slide(model: &mut Model, line: usize, place: u16, of: u16) -> Effects {
    let Some(mount) = shown(model).map(|mount| mount.name.clone()) else { return Vec::new() };
    model.panes.mount.cursor.chosen = line;
    let share = f64::from(place) / f64::from(of.saturating_sub(1).max(1));
    let scaled = 1000f64.powf(share);
    match chosen(model) {
        None => Vec::new(),
        Some(Setting::Bitrate(now)) => {
            // As the keys leave it: nobody means single bits.
            let bits = (scaled * f64::from(LEAST_BITRATE) / 50_000.0).round() as u32 * 50_000;
            if u64::from(bits) == now { Vec::new() } else { set_bitrate(model, &mount, bits) }
        }
        Some(Setting::Gop(now)) => {
            let pictures = scaled.round() as u32;
            if pictures == now { Vec::new() } else { set_gop(model, &mount, pictures) }
        }
        Some(Setting::Control(control)) if control.read_only => change(model, &mount, 0),
        Some(Setting::Control(control)) => {
            let ControlKind::Number { least, greatest, step } = control.kind else { return Vec::new() };
            let (step, span) = (step.max(1), greatest as f64 - least as f64);
            let steps = (share * span / step as f64).round() as i64;
            let value = within(least.saturating_add(steps.saturating_mul(step)), least, greatest);
            let (name, now) = (control.name.clone(), control.value);
            if now == Some(value) { Vec::new() } else { set(model, &mount, &name, value) }
        }
    }
}

fn set_bitrate(model: &mut Model, mount: &str, bitrate_bps: u32) -> Effects {
    aims(model, mount, |encoder| encoder.bitrate_bps = Some(bitrate_bps.into()));
    vec![Effect::ask(Asked::Deed, Act::SetBitrate { mount: mount.to_owned(), bitrate_bps })]
}

fn set_gop(model: &mut Model, mount: &str, pictures: u32) -> Effects {
    aims(model, mount, |encoder| encoder.gop_pictures = Some(pictures));
    vec![Effect::ask(Asked::Deed, Act::SetGop { mount: mount.to_owned(), pictures })]
}

/// What an encoder is to aim at is shown at once: who presses a key twice means two steps.
fn aims(model: &mut Model, mount: &str, aim: impl FnOnce(&mut Encoder)) {
    let mounts = model.status.as_mut().map(|status| &mut status.mounts);
    let mount = mounts.and_then(|mounts| mounts.iter_mut().find(|other| other.name == mount));
    if let Some(encoder) = mount.and_then(|mount| mount.encoder.as_mut()) {
        aim(encoder);
    }
}

/// A driver may say of a control that its least is more than its greatest.
fn within(value: i64, least: i64, greatest: i64) -> i64 {
    value.min(greatest).max(least)
}

/// The value so many steps on.
fn stepped(control: &Control, steps: i64) -> i64 {
    let now = control.value.unwrap_or(control.default);
    match &control.kind {
        ControlKind::Number { least, greatest, step } => {
            // Large ranges in a hundred steps: nobody presses a key 10 000 times.
            let step = (*step).max(1);
            let hundredth = greatest.saturating_sub(*least) / 100 / step * step;
            within(now.saturating_add(steps.saturating_mul(hundredth.max(step))), *least, *greatest)
        }
        ControlKind::Switch => i64::from(steps > 0),
        ControlKind::Menu(entries) => {
            let here = entries.iter().position(|(number, _)| i64::from(*number) == now).unwrap_or_default();
            let there = here.saturating_add_signed(steps.signum() as isize);
            entries.get(there).map_or(now, |(number, _)| i64::from(*number))
        }
        ControlKind::Button => 1,
    }
}

fn default(model: &mut Model, mount: &str) -> Effects {
    let encoder = shown(model).and_then(|mount| mount.encoder.as_ref());
    let bitrate = encoder.and_then(|encoder| u32::try_from(encoder.configured_bitrate_bps?).ok());
    let gop = encoder.and_then(|encoder| encoder.configured_gop_pictures);
    match chosen(model) {
        Some(Setting::Control(control)) => {
            let (name, value) = (control.name.clone(), control.default);
            set(model, mount, &name, value)
        }
        Some(Setting::Bitrate(_)) => bitrate.map_or_else(Vec::new, |bits| set_bitrate(model, mount, bits)),
        Some(Setting::Gop(_)) => gop.map_or_else(Vec::new, |pictures| set_gop(model, mount, pictures)),
        None => Vec::new(),
    }
}

/// Sets a control; what is shown changes at once, and is read again behind it.
fn set(model: &mut Model, mount: &str, name: &str, value: i64) -> Effects {
    let controls = model.panes.mount.controls.as_mut().and_then(|controls| controls.as_mut().ok());
    let control = controls.and_then(|controls| controls.iter_mut().find(|control| control.name == name));
    let Some(control) = control else { return Vec::new() };
    control.value = Some(value);
    let value =
        if control.kind == ControlKind::Switch { Value::Switch(value != 0) } else { Value::Number(value) };
    let act = Act::SetControl { mount: mount.to_owned(), control: name.to_owned(), value };
    let read = Look::Controls { mount: mount.to_owned() };
    vec![Effect::ask(Asked::Deed, act), Effect::ask(Asked::Controls(mount.to_owned()), read)]
}

/// Those who watch it.
pub fn viewers<'a>(model: &'a Model, mount: &'a str) -> impl Iterator<Item = &'a SessionStatus> {
    let all = model.status.as_ref().map_or(&[][..], |status| &status.sessions);
    all.iter().filter(move |session| session.mount == mount)
}
