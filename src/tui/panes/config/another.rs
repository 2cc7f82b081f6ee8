//! Another changed the file, while it is shown here or before what was changed here could be applied.

use super::super::super::effect::Effect;
use super::super::super::message::{Asked as Question, ConfigAsked as Asked};
use super::super::super::model::{Model, Notice};
use super::super::super::state::config::editor::Editor;
use super::super::super::state::config::review::Review;
use super::super::super::state::config::{Screen, State};
use super::super::Effects;
use super::asks::values;
use super::{access, deeds};
use crate::control::protocol::{ConfigRequest, ConfigText};

/// What was seen of the file before it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing, or what was written from here.
    First,
    /// Another text: that is told.
    Before,
    /// Another text, which a change was made of that was not applied for it.
    Late,
}

fn ask(asked: Asked, request: ConfigRequest) -> Effect {
    Effect::ask(Question::Config(asked), request)
}

/// Asks again for what a status says is another than what is shown.
pub fn tick(model: &mut Model) -> Effects {
    let mut effects = access::tick(model);
    let told = model.status.as_ref().and_then(|status| status.config.hash.clone());
    let state = &mut model.panes.config;
    let read = state.draft.hash.is_some() || state.draft.version.is_some();
    // What is being applied is answered.
    if !read || state.applying.is_some() || told.is_none() {
        return effects;
    }
    if state.draft.newest_hash() == told.as_deref() {
        state.noticed = None;
    } else if state.noticed != told {
        state.noticed = told;
        effects.push(ask(Asked::Another, ConfigRequest::Get { path: None }));
    }
    effects
}

/// The file came: what was changed here is changed in it, and what is open shows that.
pub(super) fn came(model: &mut Model, file: ConfigText, seen: Seen) -> Effects {
    let state = &mut model.panes.config;
    let own = state.draft.changed();
    let same = file.text == state.draft.newest();
    let fits = state.draft.rebase(file);
    if same && seen != Seen::Late {
        // What was forgotten here is in no form any more.
        return vec![values(&state.draft)];
    }
    let mut effects = if fits { vec![values(&state.draft)] } else { Vec::new() };
    let said = match state.screen {
        Screen::Review(_) => reviewed(state, own, fits, &mut effects),
        Screen::Raw(_) => typed(state, &mut effects),
        Screen::History => {
            effects.push(ask(Asked::History, ConfigRequest::History {}));
            said(own, fits, seen)
        }
        Screen::Sections | Screen::Form(_) | Screen::Access => said(own, fits, seen),
    };
    // What was tried was tried in another text.
    if let Some(Editor::Line(mut line)) = state.editor.take() {
        effects.extend(deeds::tried(&mut line, state));
        state.editor = Some(Editor::Line(line));
    }
    // Who comes to it, or wrote it, knows that.
    if own || seen != Seen::First {
        model.notice = Some(said);
    }
    effects
}

fn said(own: bool, fits: bool, seen: Seen) -> Notice {
    match (own, fits, seen) {
        (_, false, _) => Notice::refused(
            "The file was changed meanwhile, at the same place as here. R reads it again and drops what was changed here; \
             e shows your text, and what the other wrote.",
        ),
        (_, true, Seen::Late) => Notice::refused(
            "The file was changed meanwhile, so nothing was applied: w shows what yours does to it as it is now.",
        ),
        (true, true, _) => {
            Notice::done("The file was changed meanwhile: what was changed here is kept in it as it is now.")
        }
        (false, true, _) => Notice::done("The file was changed: this is what it says now."),
    }
}

/// What was to be applied: what that does is shown anew.
fn reviewed(state: &mut State, own: bool, fits: bool, effects: &mut Effects) -> Notice {
    let Screen::Review(Review { back_to, .. }) = state.screen else { return said(own, fits, Seen::Before) };
    if back_to.is_none() && !fits {
        state.screen = Screen::Sections;
        return said(own, fits, Seen::Late);
    }
    if back_to.is_none() && !state.draft.changed() {
        state.screen = Screen::Sections;
        return Notice::done("The file was changed meanwhile, and says all of this already.");
    }
    let forgets = own && back_to.is_some();
    state.screen = Screen::Review(Review { back_to, forgets, ..Review::default() });
    let text = back_to.is_none().then(|| state.draft.text.clone());
    effects.push(ask(Asked::Preview, ConfigRequest::Preview { text, to: back_to }));
    let this = if back_to.is_some() { "going back" } else { "yours" };
    Notice::refused(format!(
        "The file was changed meanwhile: this is what {this} does to it as it is now. Look, then y again."
    ))
}

/// The text that is open.
fn typed(state: &mut State, effects: &mut Effects) -> Notice {
    let Screen::Raw(raw) = &mut state.screen else { return said(false, true, Seen::Before) };
    let typed = raw.overtaken(&state.draft);
    effects.extend(deeds::text_changed(raw));
    match () {
        () if !raw.clashes.is_empty() => Notice::refused(
            "The file was changed meanwhile, at the same place as here. Your text stays as it is there; \
             below is what the other wrote.",
        ),
        () if typed || state.draft.changed() => {
            Notice::done("The file was changed meanwhile: what you typed is kept in it as it is now.")
        }
        () => Notice::done("The file was changed: this is what it says now."),
    }
}
