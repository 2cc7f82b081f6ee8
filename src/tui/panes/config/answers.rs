//! What the daemon answered.

use super::super::super::effect::Effect;
use super::super::super::message::{Asked as Question, ConfigAsked as Asked};
use super::super::super::model::{Model, Notice};
use super::super::super::state::config::draft::Values;
use super::super::super::state::config::editor::{Editor, Tried};
use super::super::super::state::config::probed::Probed;
use super::super::super::state::config::review::Review;
use super::super::super::state::config::schema::Schema;
use super::super::super::state::config::{Applying, Screen, State};
use super::super::Effects;
use super::asks::values;
use super::{access, deeds};
use crate::control::protocol::{ConfigRequest, ConfigText, Outcome, Plan, Refusal, Reply};

/// How a refusal is called where the file is another than the draft began with.
const CHANGED: &str = "changed-meanwhile";

/// Takes an answer.
pub fn answered(model: &mut Model, asked: &Asked, outcome: Outcome) -> Effects {
    let state = &mut model.panes.config;
    let applying = if *asked == Asked::Apply { state.applying.take() } else { None };
    match (asked, outcome) {
        (Asked::Text, Ok(Reply::Config(file))) => return read(state, file),
        (Asked::Schema, Ok(Reply::Schema(schema))) => state.schema = Schema::read(schema),
        (Asked::Probe, Ok(Reply::Probe(found))) => state.probed = Probed(Some(found)),
        // A form without choices is a form still.
        (Asked::Probe, Err(_)) => {}
        (Asked::Values, Ok(Reply::Values(written))) => state.draft.values = Some(Values::of(written)),
        (Asked::Try, outcome) => return tried(model, outcome),
        (Asked::Warn, Ok(Reply::Checked(checked))) => {
            if let Some(Editor::Line(line)) = &mut state.editor {
                // The rest of the file is not what is asked about here.
                let typed = line.input.value();
                line.warning =
                    checked.warnings.into_iter().find(|said| !typed.is_empty() && said.contains(typed));
            }
        }
        (Asked::Warn, Err(_)) => {}
        (Asked::Change, Ok(Reply::Config(text))) => return deeds::take(state, text.text),
        (Asked::Preview, Ok(Reply::Plan(plan))) => {
            let Screen::Review(review) = &mut state.screen else { return Vec::new() };
            match review.back_to.filter(|_| plan.diff.is_empty()) {
                None => review.plan = Some(plan),
                Some(to) => {
                    state.screen = Screen::History;
                    let said = format!("Version {to} says what the file says already.");
                    model.notice = Some(Notice::refused(said));
                }
            }
        }
        (asked @ (Asked::Users | Asked::Bans | Asked::Access), outcome) => {
            return access::answered(model, asked, outcome);
        }
        (Asked::Preview, Err(refusal)) => {
            let back = matches!(&state.screen, Screen::Review(review) if review.back_to.is_some());
            state.screen = if back { Screen::History } else { Screen::Sections };
            model.notice = Some(Notice::refused(refusal.to_string()));
        }
        (Asked::Apply, Err(refusal)) if refusal.what == CHANGED => {
            return vec![Effect::ask(Question::Config(Asked::Rebase), ConfigRequest::Get { path: None })];
        }
        (Asked::Rebase, Ok(Reply::Config(file))) => return rebased(model, file),
        (Asked::Apply, Ok(Reply::Plan(plan))) => return applied(model, &plan, applying),
        (Asked::Check, Ok(Reply::Checked(checked))) => {
            if let Screen::Raw(raw) = &mut state.screen {
                raw.checked = Some(checked);
                if raw.wanted {
                    return deeds::take_text(model);
                }
            }
        }
        (Asked::History, Ok(Reply::History(versions))) => state.versions = versions,
        (_, Err(refusal)) => model.notice = Some(Notice::refused(refusal.to_string())),
        _ => {}
    }
    Vec::new()
}

/// The file came; what is being worked on is kept.
fn read(state: &mut State, file: ConfigText) -> Effects {
    if state.draft.changed() {
        return Vec::new();
    }
    state.draft.read(file);
    vec![values(&state.draft)]
}

/// The file that another changed came: what was changed here is changed in it, and what that does is shown anew.
fn rebased(model: &mut Model, file: ConfigText) -> Effects {
    let state = &mut model.panes.config;
    let reviewed = match &state.screen {
        Screen::Review(review) => Some(review.back_to),
        _ => None,
    };
    let changed = state.draft.changed();
    let fits = state.draft.rebase(file);
    if !fits {
        if reviewed.is_some() {
            state.screen = Screen::Sections;
        }
        model.notice = Some(Notice::refused(
            "The file was changed meanwhile, at the same place as here. R reads it again and drops what was changed here; \
             e shows your text, to keep some of it.",
        ));
        return Vec::new();
    }
    let Some(back_to) = reviewed else {
        let said = "The file was changed meanwhile, so nothing was applied: w shows what yours does to it as it is now.";
        model.notice = Some(Notice::refused(said));
        return vec![values(&state.draft)];
    };
    if back_to.is_none() && !state.draft.changed() {
        state.screen = Screen::Sections;
        model.notice = Some(Notice::done("The file was changed meanwhile, and says all of this already."));
        return vec![values(&state.draft)];
    }
    let forgets = changed && back_to.is_some();
    state.screen = Screen::Review(Review { back_to, forgets, ..Review::default() });
    model.notice = Some(Notice::refused(
        "The file was changed meanwhile: this is what yours does to it as it is now. Look, then y again.",
    ));
    let text = back_to.is_none().then(|| state.draft.text.clone());
    let preview = ConfigRequest::Preview { text, to: back_to };
    vec![values(&state.draft), Effect::ask(Question::Config(Asked::Preview), preview)]
}

/// What is being typed was tried.
fn tried(model: &mut Model, outcome: Outcome) -> Effects {
    let Some(Editor::Line(line)) = &mut model.panes.config.editor else { return Vec::new() };
    let wanted = matches!(line.tried, Tried::Wanted);
    line.tried = match outcome {
        Ok(Reply::Config(text)) => Tried::Fits(text.text),
        Ok(_) => Tried::Wrong("the daemon answers something else".to_owned()),
        Err(Refusal { why, .. }) => Tried::Wrong(why),
    };
    match &line.tried {
        Tried::Fits(_) if wanted => deeds::taken(model),
        // Only texts name what may not be there.
        Tried::Fits(text) if line.plain && line.field.is_some() => {
            let check = ConfigRequest::Check { text: Some(text.clone()) };
            vec![Effect::ask(Question::Config(Asked::Warn), check)]
        }
        _ => Vec::new(),
    }
}

/// What was applied is the file now; what was changed after it was asked for is a change of that.
fn applied(model: &mut Model, plan: &Plan, applying: Option<Applying>) -> Effects {
    let version = plan.version.map(|version| format!(" as version {version}")).unwrap_or_default();
    let refused: Vec<&str> = plan
        .mounts
        .iter()
        .filter(|mount| mount.change == crate::control::protocol::Change::Refused)
        .map(|mount| mount.mount.as_str())
        .collect();
    model.notice = Some(if refused.is_empty() {
        Notice::done(format!("It is served{version}."))
    } else {
        Notice::refused(format!("It is written{version}, but cannot all be served: {}", refused.join(", ")))
    });
    let state = &mut model.panes.config;
    let reviewed = matches!(state.screen, Screen::Review(_));
    if reviewed {
        state.screen = Screen::Sections;
    }
    match applying {
        Some(Applying::Draft(text)) => {
            state.draft.file = text;
            state.draft.version = plan.version.or(state.draft.version);
            // The file is asked for below, and this with it.
            state.draft.hash = None;
        }
        // What was changed before is forgotten, as it was said; what was changed after is held against it when it is applied.
        _ if reviewed => state.draft.file.clone_from(&state.draft.text),
        _ => {}
    }
    let ask = |asked, request| Effect::ask(Question::Config(asked), request);
    vec![ask(Asked::Text, ConfigRequest::Get { path: None }), ask(Asked::History, ConfigRequest::History {})]
}
