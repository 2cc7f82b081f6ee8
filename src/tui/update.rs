//! How the model changes by what happens. Nothing here talks to anybody: what is to be done is told as effects.

use ratatui::crossterm::event::{
    KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

use super::effect::Effect;
use super::history::{self, figure};
use super::keys::Key;
use super::message::{Asked, Command, EVERY_MS, Message};
use super::model::{Deed, Model, Notice, Overlay, Prompt, Question, Spot, Tab};
use super::panes::{self, Effects};
use super::{bindings, input, keys, words};
use crate::control::protocol::{Ask, Outcome, Reply, Status};

/// Changes the model; what is to be done for it is the answer.
pub fn update(model: &mut Model, message: Message) -> Effects {
    match message {
        Message::Key(key) if key.kind == KeyEventKind::Release => Vec::new(),
        Message::Key(key) => pressed(model, key),
        Message::Mouse(mouse) => pointed(model, mouse),
        Message::Pasted(text) => pasted(model, &text),
        Message::Resized => Vec::new(),
        Message::Connected => connected(model),
        Message::Lost(why) => {
            model.link.lost = Some(why);
            Vec::new()
        }
        Message::Answered { to, outcome } => answered(model, to, outcome),
        Message::End => vec![Effect::Leave],
    }
}

/// Asks for everything that is watched: the daemon that came back knows nothing of what another was asked.
fn connected(model: &mut Model) -> Effects {
    let mut effects = vec![Effect::ask(Asked::Status, Ask::Status { every_ms: Some(EVERY_MS) })];
    effects.extend(panes::logs::again(model));
    panes::config::connected(model);
    effects.extend(entered(model));
    effects
}

/// What the screen that one comes to asks for.
fn entered(model: &mut Model) -> Effects {
    match model.tab {
        Tab::Mount => panes::mount::enter(model),
        Tab::Config => panes::config::enter(model),
        Tab::Logs => panes::logs::enter(model),
        Tab::Dashboard | Tab::Sessions | Tab::Alarms => Vec::new(),
    }
}

fn answered(model: &mut Model, to: Asked, outcome: Outcome) -> Effects {
    match (to, outcome) {
        (Asked::Status, Ok(Reply::Status(status))) => return seen(model, status),
        (Asked::Log, Ok(Reply::Log(event))) => panes::logs::came(model, event),
        (to @ (Asked::Controls(_) | Asked::Snapshot(_)), outcome) => {
            panes::mount::answered(model, &to, outcome)
        }
        (Asked::Config(asked), outcome) => return panes::config::answered(model, &asked, outcome),
        (Asked::Deed, Ok(Reply::Done { said })) => model.notice = Some(Notice::done(said)),
        (_, Err(refusal)) => model.notice = Some(Notice::refused(refusal.to_string())),
        _ => {}
    }
    Vec::new()
}

/// Takes a status.
fn seen(model: &mut Model, status: Box<Status>) -> Effects {
    let first = model.status.is_none();
    // Not before: what can be connected to may be another program, or another version.
    if model.link.lost.take().is_some() && !first {
        model.notice = Some(Notice::done("Lenslet answers again."));
    }
    remember(model, &status);
    if let Some(notice) = &mut model.notice {
        notice.left = notice.left.saturating_sub(1);
        if notice.left == 0 {
            model.notice = None;
        }
    }
    model.status = Some(status);
    panes::sessions::settle(model);
    // The mount's pane could not ask before it was known which mounts there are.
    match model.tab {
        Tab::Mount if first => panes::mount::enter(model),
        Tab::Mount => panes::mount::tick(model),
        Tab::Config => panes::config::tick(model),
        Tab::Dashboard | Tab::Sessions | Tab::Logs | Tab::Alarms => Vec::new(),
    }
}

/// Adds to the charts, where it is time; those who are gone are forgotten.
fn remember(model: &mut Model, status: &Status) {
    let past = &mut model.past;
    let due = past.at_s.is_none_or(|at| status.uptime_s < at || status.uptime_s - at >= history::STEP_S);
    if !due {
        return;
    }
    past.at_s = Some(status.uptime_s);
    past.mounts.retain(|name, _| status.mounts.iter().any(|mount| mount.name == *name));
    for mount in &status.mounts {
        let bitrate = figure(mount.bitrate_bps.map(|bits| bits as f64));
        let sample = [bitrate, figure(mount.fps), mount.readers as f32];
        past.mounts.entry(mount.name.clone()).or_default().add(sample);
    }
    let here: std::collections::HashSet<&str> = status.sessions.iter().map(|it| it.id.as_str()).collect();
    past.sessions.retain(|id, _| here.contains(id.as_str()));
    for session in &status.sessions {
        let sample = [
            session.bitrate_bps as f32,
            figure(session.loss_percent),
            figure(session.jitter_ms),
            figure(session.round_trip_ms),
            figure(session.behind_live_ms.map(|ms| ms as f64)),
            panes::sessions::dropped(session) as f32,
        ];
        past.sessions.entry(session.id.clone()).or_default().add(sample);
    }
}

fn pressed(model: &mut Model, key: KeyEvent) -> Effects {
    // What nobody sees nobody answers by the way.
    if model.places.too_small {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let leaves = key.code == KeyCode::Char('q') || control && key.code == KeyCode::Char('c');
        return if leaves { vec![Effect::Leave] } else { Vec::new() };
    }
    if model.overlay.is_some() {
        return over(model, key);
    }
    if panes::config::takes(model, key) {
        return panes::config::typed(model, key);
    }
    model.notice = None;
    bindings::command(model, key).map_or_else(Vec::new, |it| command(model, it))
}

/// A key while something lies over the screen.
fn over(model: &mut Model, key: KeyEvent) -> Effects {
    let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    let closes = control_c || key.code == KeyCode::Esc;
    match model.overlay.take() {
        _ if closes => Vec::new(),
        Some(Overlay::Question(question)) => match key.code {
            KeyCode::Char('y' | 'Y') => does(model, question.yes),
            KeyCode::Char('n' | 'N') => question.no.map_or_else(Vec::new, |no| does(model, no)),
            KeyCode::Char('q') => Vec::new(),
            // Enter too: what is asked here cannot be taken back, so nobody shall say yes by the way.
            _ => {
                model.overlay = Some(Overlay::Question(question));
                Vec::new()
            }
        },
        Some(Overlay::Prompt { what, mut input }) => {
            let line = input.value().trim().to_owned();
            match (&what, key.code) {
                (Prompt::Ban { session, address }, KeyCode::Enter) => {
                    match panes::sessions::ban(session, address, &line) {
                        Some(effects) => return effects,
                        None => model.notice = Some(Notice::refused(words::NO_TIME)),
                    }
                }
                (_, KeyCode::Enter) => return Vec::new(),
                _ => {
                    model.notice = None;
                    input::typed(&mut input, key);
                    follow(model, &what, input.value().trim());
                }
            }
            model.overlay = Some(Overlay::Prompt { what, input });
            Vec::new()
        }
        Some(Overlay::Help(from)) => {
            model.overlay = scrolled(from, key, model.places.hidden).map(Overlay::Help);
            Vec::new()
        }
        Some(Overlay::Text { text, from }) => {
            let from = scrolled(from, key, model.places.hidden);
            model.overlay = from.map(|from| Overlay::Text { text, from });
            Vec::new()
        }
        Some(Overlay::Url(_)) | None => Vec::new(),
    }
}

/// The help from another line on; none: the key closes it.
fn scrolled(from: u16, key: KeyEvent, hidden: u16) -> Option<u16> {
    let command = keys::LIST.iter().find(|binding| Key::of(key).is_some_and(|it| binding.keys.contains(&it)));
    // A page of it is as many lines as the smallest screen shows.
    Some(match command.filter(|_| hidden > 0)?.does {
        Command::Up => from.saturating_sub(1),
        Command::Down => from.saturating_add(1).min(hidden),
        Command::PageUp => from.saturating_sub(8),
        Command::PageDown => from.saturating_add(8).min(hidden),
        Command::First => 0,
        Command::Last => hidden,
        _ => return None,
    })
}

/// What is shown follows what is typed.
fn follow(model: &mut Model, what: &Prompt, line: &str) {
    match what {
        Prompt::FilterSessions => {
            line.clone_into(&mut model.panes.sessions.filter);
            model.notice = panes::sessions::not_understood(line).map(Notice::refused);
            panes::sessions::settle(model);
        }
        Prompt::SearchLog => {
            line.clone_into(&mut model.panes.logs.search);
            if !panes::logs::is_found(model) {
                panes::logs::find(model, true);
            }
        }
        Prompt::Ban { .. } => {}
    }
}

fn does(model: &mut Model, deed: Deed) -> Effects {
    match deed {
        Deed::Act(act) => vec![Effect::ask(Asked::Deed, act)],
        Deed::Leave => vec![Effect::Leave],
        Deed::End => vec![Effect::End],
        Deed::Access(request) => panes::config::access::does(model, request),
        Deed::Config(it) => panes::config::command(model, Command::Config(it)),
    }
}

/// What keys and clicks ask for: what all screens know, else what this one knows.
pub fn command(model: &mut Model, command: Command) -> Effects {
    match command {
        Command::Leave => return leave(model),
        Command::Redraw => return vec![Effect::Redraw],
        Command::Help => model.overlay = Some(Overlay::Help(0)),
        Command::NextTab => return show(model, model.tab.after(1)),
        Command::PreviousTab => return show(model, model.tab.after(Tab::ALL.len() - 1)),
        Command::Show(tab) => return show(model, tab),
        command => return here(model, command),
    }
    Vec::new()
}

fn show(model: &mut Model, tab: Tab) -> Effects {
    model.tab = tab;
    entered(model)
}

fn here(model: &mut Model, command: Command) -> Effects {
    match model.tab {
        Tab::Dashboard => panes::dashboard::command(model, command),
        Tab::Sessions if model.panes.sessions.open.is_some() => panes::session::command(model, command),
        Tab::Sessions => panes::sessions::command(model, command),
        Tab::Mount if command == Command::Back => show(model, Tab::Dashboard),
        Tab::Mount => panes::mount::command(model, command),
        Tab::Config => panes::config::command(model, command),
        Tab::Logs => panes::logs::command(model, command),
        Tab::Alarms if command == Command::Back => show(model, Tab::Dashboard),
        Tab::Alarms => panes::alarms::command(model, command),
    }
}

/// Leaves at once; not before it was said what is forgotten, and of a daemon that was started with it whether that ends too.
fn leave(model: &mut Model) -> Effects {
    // One that has ended by itself is told of by whoever started it.
    let ours = model.link.ours && model.link.lost.is_none();
    let changed = model.panes.config.draft.changed();
    let forgets =
        if changed { "What was changed in the configuration is not applied yet (4, w). " } else { "" };
    let question = match (ours, changed) {
        (false, false) => return vec![Effect::Leave],
        (false, true) => Question::sure(format!("{forgets}Leave and forget it?"), Deed::Leave),
        (true, _) => {
            let viewers = match model.status.as_ref().map_or(0, |status| status.sessions.len()) {
                0 => "nobody watches".to_owned(),
                1 => "1 viewer is told goodbye".to_owned(),
                viewers => format!("{viewers} viewers are told goodbye"),
            };
            let asks = format!(
                "{forgets}This Lenslet was started here. Does it end too? {viewers}. Else it goes on serving: \
                 `lenslet` shows it again, and `lenslet shutdown` ends it."
            );
            Question { asks, yes: Deed::End, no: Some(Deed::Leave) }
        }
    };
    model.overlay = Some(Overlay::Question(question));
    Vec::new()
}

fn pasted(model: &mut Model, text: &str) -> Effects {
    match model.overlay.take() {
        Some(Overlay::Prompt { what, mut input }) => {
            input::pasted(&mut input, text);
            follow(model, &what, input.value().trim());
            model.overlay = Some(Overlay::Prompt { what, input });
        }
        None if panes::config::types(model) => return panes::config::pasted(model, text),
        overlay => model.overlay = overlay,
    }
    Vec::new()
}

fn pointed(model: &mut Model, mouse: MouseEvent) -> Effects {
    let wheel = match mouse.kind {
        MouseEventKind::ScrollUp => Command::Up,
        MouseEventKind::ScrollDown => Command::Down,
        MouseEventKind::Down(MouseButton::Left) => return clicked(model, mouse.column, mouse.row),
        MouseEventKind::Drag(MouseButton::Left) => return dragged(model, mouse.column, mouse.row),
        _ => return Vec::new(),
    };
    if let Some(Overlay::Help(from) | Overlay::Text { from, .. }) = &mut model.overlay {
        let down = wheel == Command::Down;
        *from = if down { (*from + 3).min(model.places.hidden) } else { from.saturating_sub(3) };
    }
    // What is typed or chosen lies over what the wheel would move.
    if model.overlay.is_some() || model.tab == Tab::Config && model.panes.config.editor.is_some() {
        return Vec::new();
    }
    (0..3).flat_map(|_| command(model, wheel)).collect()
}

/// What is there, the topmost.
fn spot(model: &Model, column: u16, row: u16) -> Option<Spot> {
    let at = ratatui::layout::Position::new(column, row);
    model.places.spots.iter().rev().find(|(area, _)| area.contains(at)).map(|(_, spot)| *spot)
}

/// Sliders go with the mouse; nothing else does.
fn dragged(model: &mut Model, column: u16, row: u16) -> Effects {
    match spot(model, column, row) {
        Some(Spot::Slider(line, place, of)) if model.overlay.is_none() => {
            panes::mount::slide(model, line, place, of)
        }
        _ => Vec::new(),
    }
}

fn clicked(model: &mut Model, column: u16, row: u16) -> Effects {
    let spot = spot(model, column, row);
    if matches!(model.overlay, Some(Overlay::Help(_) | Overlay::Url(_) | Overlay::Text { .. })) {
        model.overlay = None;
        return Vec::new();
    }
    match spot {
        Some(Spot::Answer(yes)) => {
            let sign = if yes { 'y' } else { 'n' };
            over(model, KeyEvent::new(KeyCode::Char(sign), KeyModifiers::NONE))
        }
        _ if model.overlay.is_some() => Vec::new(),
        Some(Spot::Command(it)) => command(model, it),
        Some(Spot::Row(place)) => chosen(model, place),
        Some(Spot::Slider(line, place, of)) => panes::mount::slide(model, line, place, of),
        Some(Spot::Nothing) | None => Vec::new(),
    }
}

/// A click chooses a line, another one opens it.
fn chosen(model: &mut Model, place: usize) -> Effects {
    let page = model.places.page;
    let length = usize::MAX;
    let before = match model.tab {
        Tab::Dashboard => std::mem::replace(&mut model.panes.dashboard.cursor.chosen, place),
        Tab::Sessions => {
            let before = model.panes.sessions.cursor.chosen;
            panes::sessions::choose(model, place);
            before
        }
        Tab::Mount => std::mem::replace(&mut model.panes.mount.cursor.chosen, place),
        Tab::Alarms => std::mem::replace(&mut model.panes.alarms.cursor.chosen, place),
        Tab::Logs => {
            model.panes.logs.cursor.set(place, length, page);
            model.panes.logs.follows = false;
            return Vec::new();
        }
        Tab::Config => return panes::config::clicked(model, place),
    };
    if before == place { command(model, Command::Open) } else { Vec::new() }
}
