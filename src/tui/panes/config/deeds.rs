//! What keys do.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::super::command::{AccessCommand, ConfigCommand as Command};
use super::super::super::effect::Effect;
use super::super::super::input;
use super::super::super::message::{Asked as Question, ConfigAsked as Asked};
use super::super::super::model::{Deed, Model, Notice, Overlay, Question as Sure};
use super::super::super::state::config::draft::mount_path;
use super::super::super::state::config::editor::{Choice, Editor, Goal, Line, Of, Tried, Typed};
use super::super::super::state::config::form::{Form, Section};
use super::super::super::state::config::probed::Beside;
use super::super::super::state::config::raw::{self, Raw};
use super::super::super::state::config::review::Review;
use super::super::super::state::config::schema::Shape;
use super::super::super::state::config::{Applying, Screen, State};
use super::super::super::state::cursor::Cursor;
use super::super::Effects;
use super::access;
use super::asks::values;
use crate::control::protocol::{Base, ConfigRequest, Edit};

fn ask(asked: Asked, request: ConfigRequest) -> Effects {
    vec![Effect::ask(Question::Config(asked), request)]
}

fn sure(model: &mut Model, asks: impl Into<String>, then: Command) -> Effects {
    model.overlay = Some(Overlay::Question(Sure::sure(asks, Deed::Config(then))));
    Vec::new()
}

/// The draft with an edit, asked.
fn change(state: &State, edit: Edit) -> Effects {
    changes(state, vec![edit])
}

/// The same of several, which are right together alone.
fn changes(state: &State, edits: Vec<Edit>) -> Effects {
    ask(Asked::Change, ConfigRequest::Edit { text: Some(state.draft.text.clone()), edits })
}

/// Does what a key of this pane asks for.
pub(super) fn command(model: &mut Model, command: Command) -> Effects {
    let state = &mut model.panes.config;
    match command {
        Command::Read if state.draft.changed() => {
            return sure(model, "Read the file again and forget what was changed here?", Command::ReadNow);
        }
        Command::Read | Command::ReadNow => {
            state.draft.text.clone_from(&state.draft.file);
            state.draft.theirs = None;
            return ask(Asked::Text, ConfigRequest::Get { path: None });
        }
        Command::Add => {
            if let Some(schema) = &state.schema {
                state.editor = Some(Editor::Choice(Choice::kinds(&schema.kinds)));
            }
        }
        Command::Remove => {
            let Some(mount) = state.mount() else {
                model.notice = Some(Notice::refused("Only mounts can be taken out."));
                return Vec::new();
            };
            return change(state, Edit::Remove { path: mount_path(&mount, None) });
        }
        Command::Rename => {
            if let Some(mount) = state.mount() {
                return edit(state, Line::rename(&mount));
            }
        }
        Command::Reset => return reset(state),
        Command::Undo => return step(model, true),
        Command::Redo => return step(model, false),
        Command::Review => return review(model),
        Command::Apply => return apply(state),
        Command::Edit => {
            let raw = Raw::of(&state.draft);
            let text = Some(raw.text());
            state.screen = Screen::Raw(Box::new(raw));
            return ask(Asked::Check, ConfigRequest::Check { text });
        }
        Command::TakeText | Command::CloseText => {
            let taken = command == Command::TakeText;
            return in_text(model, if taken { raw::Typed::Taken } else { raw::Typed::Left });
        }
        Command::LeaveText => state.screen = Screen::Sections,
        Command::History => {
            state.screen = Screen::History;
            return ask(Asked::History, ConfigRequest::History {});
        }
        Command::Rollback => {
            if let Some(version) = state.versions.get(state.version.chosen) {
                let to = version.version;
                let request = ConfigRequest::Preview { text: None, to: Some(to) };
                let forgets = state.draft.changed();
                state.screen = Screen::Review(Review { back_to: Some(to), forgets, ..Review::default() });
                return ask(Asked::Preview, request);
            }
        }
        Command::Access(command) => return access::command(model, command),
    }
    Vec::new()
}

/// The draft becomes the file, or a version becomes it again; not before it was seen what that does.
fn apply(state: &mut State) -> Effects {
    // Once is enough, however long it takes.
    if state.applying.is_some() {
        return Vec::new();
    }
    let text = state.draft.text.clone();
    let (applying, request) = match (&state.screen, state.draft.base()) {
        (Screen::Review(Review { plan: Some(_), back_to: Some(to), .. }), base) => {
            // What was changed here is forgotten, whatever it is made of.
            let seen = state.draft.theirs.as_ref().and_then(|theirs| theirs.hash.clone()).map(Base::Hash);
            (Applying::Version, ConfigRequest::Rollback { to: *to, base: seen.or(base) })
        }
        (Screen::Review(Review { plan: Some(_), back_to: None, .. }), Some(base)) => {
            (Applying::Draft(text.clone()), ConfigRequest::Apply { text, base })
        }
        _ => return Vec::new(),
    };
    state.applying = Some(applying);
    ask(Asked::Apply, request)
}

/// Opens what is chosen: a section, or a setting for a change.
pub(super) fn open(model: &mut Model) -> Effects {
    let state = &mut model.panes.config;
    match &state.screen {
        Screen::Sections => {
            let section = state.section();
            if section == Some(Section::Access) {
                return access::command(model, AccessCommand::Show);
            }
            if let Some(section) = section {
                state.screen = Screen::Form(Form { section, cursor: Cursor::default() });
            }
            Vec::new()
        }
        Screen::Form(form) => {
            let place = form.cursor.chosen;
            setting(state, place)
        }
        Screen::History => command(model, Command::Rollback),
        Screen::Access => access::command(model, AccessCommand::Rights),
        Screen::Review(_) | Screen::Raw(_) => Vec::new(),
    }
}

/// Changes a setting: a switch at once, a choice by a list, all else by a line.
fn setting(state: &mut State, place: usize) -> Effects {
    let settings = state.settings();
    let Some(setting) = settings.get(place.min(settings.len().saturating_sub(1))).cloned() else {
        return Vec::new();
    };
    match &setting.field.shape {
        Shape::Switch => {
            let now = setting.written.or(setting.field.default.as_deref());
            let value = if now == Some("true") { "false" } else { "true" };
            let edit = Edit::Set { path: setting.path, value: value.to_owned() };
            change(state, edit)
        }
        Shape::Choice { choices } => {
            let (field, beside) = (setting.field, beside(state, &setting.path));
            let mut choice = Choice::value(setting.path.clone(), field, choices, setting.written);
            for (value, about) in choice.choices.iter_mut().filter(|(value, _)| !value.is_empty()) {
                *about = state.probed.about(field, value, beside);
            }
            state.editor = Some(Editor::Choice(choice));
            Vec::new()
        }
        _ => {
            let line = Line::value(setting.path, setting.field, setting.written);
            edit(state, line)
        }
    }
}

/// Has a line typed.
fn edit(state: &mut State, mut line: Line) -> Effects {
    if let Some(field) = &line.field {
        let beside = match &line.goal {
            Goal::Value(path) => beside(state, path),
            Goal::Required { kind, .. } => Beside { kind: Some(&kind.name), ..Beside::default() },
            _ => Beside::default(),
        };
        line.suggestions = state.probed.suggestions(field, beside);
    }
    let trial = tried(&mut line, state);
    state.editor = Some(Editor::Line(Box::new(line)));
    trial
}

/// Has what is typed tried; nothing is nothing to try.
pub(super) fn tried(line: &mut Line, state: &State) -> Effects {
    line.warning = None;
    if line.is_missing() {
        let said = if line.plain { "it may not be empty" } else { "type a value, or leave it as it is" };
        line.tried = Tried::Wrong(said.to_owned());
        return vec![Effect::Cancel(Question::Config(Asked::Try))];
    }
    line.tried = Tried::Asked;
    ask(Asked::Try, line.trial(&state.draft))
}

/// What is written beside a setting of a mount, and of itself.
fn beside<'a>(state: &'a State, path: &str) -> Beside<'a> {
    let (Some(values), Some((mount, _))) = (&state.draft.values, path.rsplit_once('.')) else {
        return Beside::default();
    };
    let at = |name: &str| values.at(&format!("{mount}.{name}"));
    Beside {
        kind: values
            .mounts()
            .iter()
            .find(|(name, _)| mount_path(name, None) == mount)
            .map(|(_, kind)| &**kind),
        camera: at("camera"),
        // Cameras have no paths that are written otherwise.
        device: at("device").and_then(|it| it.strip_prefix('"')?.strip_suffix('"')),
        format: at("format"),
        size: at("width").zip(at("height")),
        written: values.at(path),
    }
}

fn reset(state: &State) -> Effects {
    let settings = state.settings();
    let Screen::Form(form) = &state.screen else { return Vec::new() };
    let chosen = settings.get(form.cursor.chosen.min(settings.len().saturating_sub(1)));
    let Some(setting) = chosen.filter(|setting| setting.written.is_some()) else { return Vec::new() };
    // Neither side of a size is right without the other.
    let other = match setting.path.rsplit_once('.') {
        Some((mount, "width")) => Some(format!("{mount}.height")),
        Some((mount, "height")) => Some(format!("{mount}.width")),
        _ => None,
    };
    let is_written = |path: &String| settings.iter().any(|it| it.path == *path && it.written.is_some());
    let paths = std::iter::once(setting.path.clone()).chain(other.filter(is_written));
    changes(state, paths.map(|path| Edit::Remove { path }).collect())
}

fn step(model: &mut Model, back: bool) -> Effects {
    let draft = &mut model.panes.config.draft;
    if !(if back { draft.undo() } else { draft.redo() }) {
        let what = if back { "Nothing was changed since it was read." } else { "Nothing was undone." };
        model.notice = Some(Notice::refused(what));
        return Vec::new();
    }
    vec![values(draft)]
}

fn review(model: &mut Model) -> Effects {
    let state = &mut model.panes.config;
    if !state.draft.changed() {
        model.notice = Some(Notice::refused("Nothing was changed."));
        return Vec::new();
    }
    state.screen = Screen::Review(Review::default());
    ask(Asked::Preview, ConfigRequest::Preview { text: Some(state.draft.text.clone()), to: None })
}

/// Takes a text as the draft.
pub(super) fn take(state: &mut State, text: String) -> Effects {
    state.draft.take(text);
    vec![values(&state.draft)]
}

/// A key while something is being typed or chosen.
pub(super) fn typed(model: &mut Model, key: KeyEvent) -> Effects {
    // As everywhere: it leaves what is typed, as Esc does.
    let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    let key = if control_c { KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE) } else { key };
    let state = &mut model.panes.config;
    match state.editor.take() {
        Some(Editor::Line(mut line)) => {
            let typed = line.typed(key);
            line.touched |= matches!(typed, Typed::Changed | Typed::Taken);
            let effects = if typed == Typed::Changed { tried(&mut line, state) } else { Vec::new() };
            state.editor = Some(Editor::Line(line));
            match typed {
                Typed::Taken => taken(model),
                Typed::Left => leave(state),
                Typed::Changed | Typed::Nothing => effects,
            }
        }
        Some(Editor::Choice(mut choice)) => {
            let typed = choice.typed(key);
            state.editor = Some(Editor::Choice(choice));
            match typed {
                Typed::Taken => chosen(state),
                Typed::Left => leave(state),
                Typed::Changed | Typed::Nothing => Vec::new(),
            }
        }
        Some(Editor::Steps(mut steps)) => {
            let (stays, request) = steps.typed(key);
            state.editor = stays.then_some(Editor::Steps(steps));
            request.map_or_else(Vec::new, |it| access::done(model, it))
        }
        None => match &mut state.screen {
            Screen::Raw(raw) => {
                let typed = raw.typed(key, model.places.page);
                in_text(model, typed)
            }
            _ => Vec::new(),
        },
    }
}

/// Text from the clipboard, where something is being typed.
pub(super) fn pasted(model: &mut Model, text: &str) -> Effects {
    let state = &mut model.panes.config;
    match state.editor.take() {
        Some(Editor::Line(mut line)) => {
            input::pasted(&mut line.input, text);
            line.touched = true;
            let effects = tried(&mut line, state);
            state.editor = Some(Editor::Line(line));
            effects
        }
        Some(Editor::Steps(mut steps)) => {
            steps.pasted(text);
            state.editor = Some(Editor::Steps(steps));
            Vec::new()
        }
        Some(choice @ Editor::Choice(_)) => {
            state.editor = Some(choice);
            Vec::new()
        }
        None => match &mut state.screen {
            Screen::Raw(raw) => {
                // Terminals end lines as the key Enter does.
                let lines = text.replace("\r\n", "\n").replace('\r', "\n");
                raw.area
                    .insert_str(lines.replace(|sign: char| sign.is_control() && !"\n\t".contains(sign), ""));
                text_changed(raw)
            }
            _ => Vec::new(),
        },
    }
}

/// What is wrong with the text now, asked.
pub(super) fn text_changed(raw: &mut Raw) -> Effects {
    raw.compare();
    (raw.checked, raw.wanted) = (None, false);
    ask(Asked::Check, ConfigRequest::Check { text: Some(raw.text()) })
}

fn leave(state: &mut State) -> Effects {
    state.editor = None;
    Vec::new()
}

/// Enter: what is typed is taken if it fits, now or once that is known.
pub(super) fn taken(model: &mut Model) -> Effects {
    let state = &mut model.panes.config;
    let Some(Editor::Line(line)) = &mut state.editor else { return Vec::new() };
    let text = match &line.tried {
        Tried::Asked | Tried::Wanted => {
            line.tried = Tried::Wanted;
            return Vec::new();
        }
        Tried::Wrong(_) => return Vec::new(),
        Tried::Fits(text) => text.clone(),
    };
    let (next, name) = match &line.goal {
        Goal::Value(_) => (None, None),
        Goal::Rename(_) => (None, Some(line.input.value().to_owned())),
        Goal::Name(kind) => {
            let (kind, name) = (state.probed.asking(kind), line.input.value());
            (Line::required(&kind, name, &[]), Some(name.to_owned()))
        }
        Goal::Required { kind, name, said, field } => {
            let said = [&said[..], &[(field.clone(), line.written())]].concat();
            (Line::required(kind, name, &said), Some(name.clone()))
        }
    };
    if let Some(next) = next {
        return edit(state, next);
    }
    state.editor = None;
    if let Some(name) = name {
        state.screen = Screen::Form(Form { section: Section::Mount(name), cursor: Cursor::default() });
    }
    take(state, text)
}

/// Enter in a list.
pub(super) fn chosen(state: &mut State) -> Effects {
    let Some(Editor::Choice(choice)) = state.editor.take() else { return Vec::new() };
    if choice.of == Of::Kind {
        let kind = state.schema.as_ref().and_then(|schema| schema.kinds.get(choice.chosen)).cloned();
        let mounts = state.draft.values.as_ref().map(|values| values.mounts()).unwrap_or_default();
        let taken: Vec<String> = mounts.iter().map(|(name, _)| name.clone()).collect();
        return kind.map_or_else(Vec::new, |kind| edit(state, Line::name(kind, &taken)));
    }
    let is_written = |path: &str| state.draft.values.as_ref().is_some_and(|values| values.at(path).is_some());
    match choice.edit() {
        // It is so already.
        Some(Edit::Remove { path }) if !is_written(&path) => Vec::new(),
        Some(edit) => change(state, edit),
        None => Vec::new(),
    }
}

/// What a key in the text came to.
fn in_text(model: &mut Model, typed: raw::Typed) -> Effects {
    let Screen::Raw(raw) = &mut model.panes.config.screen else { return Vec::new() };
    match typed {
        raw::Typed::Changed => text_changed(raw),
        raw::Typed::Taken if raw.checked.is_none() => {
            raw.wanted = true;
            Vec::new()
        }
        raw::Typed::Taken => take_text(model),
        raw::Typed::Left if raw.changed() => sure(model, "Forget what was typed?", Command::LeaveText),
        raw::Typed::Left => command(model, Command::LeaveText),
        raw::Typed::Nothing => Vec::new(),
    }
}

/// The text is taken as the draft, if nothing is wrong with it.
pub(super) fn take_text(model: &mut Model) -> Effects {
    let state = &mut model.panes.config;
    let Screen::Raw(raw) = &mut state.screen else { return Vec::new() };
    raw.wanted = false;
    if raw.checked.as_ref().is_some_and(|checked| !checked.errors.is_empty()) {
        raw.to_mistake();
        model.notice = Some(Notice::refused("There is something wrong with it still."));
        return Vec::new();
    }
    let text = raw.text();
    state.screen = Screen::Sections;
    // What another wrote meanwhile was in it, or told below it.
    state.draft.settle(text);
    vec![values(&state.draft)]
}
