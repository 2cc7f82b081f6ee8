//! What the daemon answered.

use super::super::super::effect::Effect;
use super::super::super::message::{Asked as Question, ConfigAsked as Asked};
use super::super::super::model::{Model, Notice};
use super::super::super::state::config::draft::Values;
use super::super::super::state::config::editor::{Editor, Tried};
use super::super::super::state::config::form::{Form, Section};
use super::super::super::state::config::probed::Probed;
use super::super::super::state::config::schema::Schema;
use super::super::super::state::config::{Applying, Screen};
use super::super::Effects;
use super::another::{self, Seen};
use super::{access, deeds};
use crate::control::protocol::{ConfigRequest, Outcome, Plan, Refusal, Reply};

/// How a refusal is called where the file is another than the draft began with.
const CHANGED: &str = "changed-meanwhile";

/// Takes an answer.
pub fn answered(model: &mut Model, asked: &Asked, outcome: Outcome) -> Effects {
    let state = &mut model.panes.config;
    let applying = if *asked == Asked::Apply { state.applying.take() } else { None };
    match (asked, outcome) {
        (Asked::Text, Ok(Reply::Config(file))) => return another::came(model, file, Seen::First),
        (Asked::Another, Ok(Reply::Config(file))) => return another::came(model, file, Seen::Before),
        (Asked::Rebase, Ok(Reply::Config(file))) => return another::came(model, file, Seen::Late),
        (Asked::Schema, Ok(Reply::Schema(schema))) => state.schema = Schema::read(schema),
        (Asked::Probe, Ok(Reply::Probe(found))) => state.probed = Probed(Some(found)),
        // A form without choices is a form still.
        (Asked::Probe, Err(_)) => {}
        (Asked::Values, Ok(Reply::Values(written))) => values_came(model, Values::of(written)),
        (Asked::Values, Err(refusal)) => state.unread = Some(refusal.to_string()),
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

/// What is written in the draft came: a form of what is not there any more is left.
fn values_came(model: &mut Model, values: Values) {
    let state = &mut model.panes.config;
    state.unread = None;
    if let Screen::Form(Form { section: Section::Mount(name), .. }) = &state.screen
        && values.kind(name).is_none()
    {
        model.notice = Some(Notice::refused(format!("{name} is not in the configuration any more.")));
        (state.screen, state.editor) = (Screen::Sections, None);
    }
    state.draft.values = Some(values);
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
    model.notice = Some(if let Some(why) = &plan.unkept {
        Notice::refused(format!("It is served{version}; {why}"))
    } else if refused.is_empty() {
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
