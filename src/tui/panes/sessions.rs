//! Who watches.

use tui_input::Input;

use super::super::effect::Effect;
use super::super::keys::{self, Binding, Key, key};
use super::super::message::{Asked, Command};
use super::super::model::{Deed, Model, Overlay, Prompt, Question, Tab};
pub use super::super::sort::{Sort, dropped};
use super::super::state::sessions::State;
use super::super::words::seconds;
use super::{Effects, mounts};
use crate::control::protocol::{AccessRequest, Act, SessionState, SessionStatus, Transport};

/// A state in a word.
pub fn state(state: SessionState) -> &'static str {
    match state {
        SessionState::Ready => "ready",
        SessionState::Waiting => "waiting",
        SessionState::Playing => "playing",
    }
}

/// A transport in a word.
pub fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
    }
}

/// Ends a session and lets its address in no more.
pub const BAN: Binding =
    key(&[Key::Sign('B')], "B", Command::Ban, "end it, ban its address").with_footer("ban");

/// Its keys.
pub const KEYS: &[Binding] = &[
    keys::UP,
    keys::DOWN,
    keys::PAGE_UP,
    keys::PAGE_DOWN,
    keys::FIRST,
    keys::LAST,
    keys::OPEN,
    key(&[Key::Sign('/')], "/", Command::Filter, "show only some of them").with_footer("filter"),
    key(&[Key::Sign('s')], "s", Command::Sort, "sort by the next column").with_footer("sort"),
    key(&[Key::Sign('r')], "r", Command::Reverse, "the other way round").with_footer("reverse"),
    key(&[Key::Sign('x')], "x", Command::Kick, "end the session").with_footer("kick"),
    BAN,
    key(&[Key::Sign('u')], "u", Command::Url, "the URL, as text and QR code").with_footer("URL"),
];

/// The sessions that are shown, in their order.
pub fn shown(model: &Model) -> Vec<&SessionStatus> {
    let State { filter, sort, reversed, .. } = &model.panes.sessions;
    let all = model.status.as_ref().map_or(&[][..], |status| &status.sessions);
    let words: Vec<String> = filter.split_whitespace().map(str::to_lowercase).collect();
    let mut shown: Vec<&SessionStatus> =
        all.iter().filter(|session| words.iter().all(|word| has(session, word))).collect();
    // By name where they are equal, so that none jumps about.
    shown.sort_by(|a, b| sort.compare(a, b).then_with(|| a.id.cmp(&b.id)));
    if *reversed {
        shown.reverse();
    }
    shown
}

/// Figures that a filter compares.
const FIGURES: [&str; 5] = ["loss", "jitter", "rtt", "behind", "drops"];

/// What of a filter is not understood, in a sentence.
pub fn not_understood(filter: &str) -> Option<String> {
    let wrong = |word: &&str| {
        // Without a number behind it one is typing still.
        word.split_once('>').is_some_and(|(figure, least)| {
            !FIGURES.contains(&figure.to_lowercase().as_str())
                || !least.is_empty() && least.parse::<f64>().is_err()
        })
    };
    let word = filter.split_whitespace().find(wrong)?;
    Some(format!("{word} is not understood: {} > a number, as in loss>1.", FIGURES.join(", ")))
}

/// Whether a word of the filter, in small letters, is true of a session.
fn has(session: &SessionStatus, word: &str) -> bool {
    if let Some(mount) = word.strip_prefix("mount:") {
        return session.mount.to_lowercase() == mount;
    }
    if let Some((figure, least)) = word.split_once('>')
        && let Ok(least) = least.parse::<f64>()
    {
        return value(session, figure).is_some_and(|value| value > least);
    }
    let text = |text: &str| text.to_lowercase().contains(word);
    transport(session.transport) == word
        || state(session.state) == word
        || [&session.id, &session.mount, &session.address].into_iter().any(|it| text(it))
        || [&session.user, &session.client].into_iter().flatten().any(|it| text(it))
}

fn value(session: &SessionStatus, figure: &str) -> Option<f64> {
    match figure {
        "loss" => session.loss_percent.map(f64::from),
        "jitter" => session.jitter_ms.map(f64::from),
        "rtt" => session.round_trip_ms.map(f64::from),
        "behind" => session.behind_live_ms.map(|ms| ms as f64),
        "drops" => Some(dropped(session) as f64),
        _ => None,
    }
}

/// The session that keys act on: the one that was chosen, wherever it is now, else what is in its place.
pub fn chosen(model: &Model) -> Option<&SessionStatus> {
    let State { chosen, open, cursor, .. } = &model.panes.sessions;
    if let Some(id) = open {
        return model.session(id);
    }
    let shown = shown(model);
    let by_name = chosen.as_ref().and_then(|id| shown.iter().find(|session| session.id == *id));
    by_name.or_else(|| shown.get(cursor.chosen.min(shown.len().saturating_sub(1)))).copied()
}

/// Puts the cursor where the chosen session is now.
pub fn settle(model: &mut Model) {
    let shown = shown(model);
    let (length, state) = (shown.len(), &model.panes.sessions);
    let place = state.chosen.as_ref().and_then(|id| shown.iter().position(|session| session.id == *id));
    let place = place.unwrap_or(state.cursor.chosen);
    let page = model.places.page;
    model.panes.sessions.cursor.set(place, length, page);
}

/// Goes to another session; false: the key is none of those.
pub fn go(model: &mut Model, command: Command) -> bool {
    settle(model);
    let (length, page) = (shown(model).len(), model.places.page);
    if !model.panes.sessions.cursor.go(command, length, page) {
        return false;
    }
    choose(model, model.panes.sessions.cursor.chosen);
    true
}

/// Has keys act on the session in a place.
pub fn choose(model: &mut Model, place: usize) {
    let id = shown(model).get(place).map(|session| session.id.clone());
    model.panes.sessions.chosen = id;
    settle(model);
}

/// Shows those who watch a mount.
pub fn of_mount(model: &mut Model, mount: &str) {
    model.panes.sessions.filter = format!("mount:{mount}");
    model.panes.sessions.open = None;
    model.tab = Tab::Sessions;
    settle(model);
}

/// Ends a session whose address is let in no more for a time (`2h`); none where that is no time.
pub fn ban(session: &str, address: &str, time: &str) -> Option<Effects> {
    let seconds = Some(seconds(time)?);
    let why = Some("by the screen".to_owned());
    let ban = AccessRequest::BanAdd { address: address.to_owned(), seconds, why };
    let kick = Act::Kick { session: session.to_owned() };
    Some(vec![Effect::ask(Asked::Deed, ban), Effect::ask(Asked::Deed, kick)])
}

/// Does what a key asks for.
pub fn command(model: &mut Model, command: Command) -> Effects {
    if go(model, command) {
        return Vec::new();
    }
    let session = chosen(model).cloned();
    let state = &mut model.panes.sessions;
    match (command, session) {
        (Command::Filter, _) => {
            let input = Input::new(state.filter.clone());
            model.overlay = Some(Overlay::Prompt { what: Prompt::FilterSessions, input });
        }
        (Command::Back, _) => state.filter.clear(),
        (Command::Sort, _) => (state.sort, state.reversed) = (state.sort.next(), false),
        (Command::SortBy(sort), _) if sort == state.sort => state.reversed = !state.reversed,
        (Command::SortBy(sort), _) => (state.sort, state.reversed) = (sort, false),
        (Command::Reverse, _) => state.reversed = !state.reversed,
        (Command::Open, Some(session)) => {
            state.chosen = Some(session.id.clone());
            state.open = Some(session.id);
        }
        (Command::Kick, Some(session)) => {
            model.overlay = Some(Overlay::Question(Question::sure(
                format!(
                    "End session {} of {} on {}? It may come again.",
                    session.id, session.address, session.mount
                ),
                Deed::Act(Act::Kick { session: session.id }),
            )));
        }
        (Command::Ban, Some(session)) => {
            let address = session.address.parse::<std::net::SocketAddr>();
            let address =
                address.map_or_else(|_| session.address.clone(), |address| address.ip().to_string());
            let what = Prompt::Ban { session: session.id, address };
            model.overlay = Some(Overlay::Prompt { what, input: Input::new("1h".to_owned()) });
        }
        (Command::Url, Some(session)) => model.overlay = mounts::url(model, &session.mount).map(Overlay::Url),
        _ => {}
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> SessionStatus {
        SessionStatus {
            id: "5f2a".into(),
            mount: "cam".into(),
            address: "192.168.1.20:51234".into(),
            transport: Transport::Tcp,
            client: Some("LibVLC/3.0.21".into()),
            loss_percent: Some(1.5),
            ..SessionStatus::default()
        }
    }

    #[test]
    fn a_filter_is_words_and_figures() {
        for (word, true_of_it) in [
            ("vlc", true),
            ("ffmpeg", false),
            ("192.168", true),
            ("mount:cam", true),
            ("mount:ca", false),
            ("tcp", true),
            ("udp", false),
            ("ready", true),
            ("loss>1", true),
            ("loss>2", false),
            ("jitter>0", false),
            ("drops>0", false),
        ] {
            assert_eq!(has(&session(), word), true_of_it, "{word}");
        }
    }

    #[test]
    fn a_filter_with_a_slip_of_the_finger_is_not_understood() {
        for word in ["loss>abc", "los>1", "drops>1x"] {
            let said = not_understood(&format!("tcp {word}")).unwrap();
            assert!(said.starts_with(&format!("{word} is not understood")), "{said}");
        }
        assert_eq!(not_understood("tcp vlc loss>1 RTT>2.5 drops>"), None);
    }
}
