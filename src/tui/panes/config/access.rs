//! Users and bans. They are no part of the file: what is done to them holds at once.

use std::fmt;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_input::Input;

use super::super::super::effect::Effect;
use super::super::super::input;
use super::super::super::keys::{self, Binding, Key};
use super::super::super::message::Asked as Question;
use super::super::super::model::{Deed, Model, Notice, Overlay, Question as Sure};
use super::super::super::words::seconds;
use super::super::Effects;
use super::super::cursor::Cursor;
use super::super::sessions::NO_TIME;
use super::editor::Editor;
use super::{Asked, Screen, State, own};
use crate::control::protocol::{AccessRequest, BanEntry, Outcome, Password, Reply, UserEntry};

/// What is known of users and bans.
#[derive(Debug, Default)]
pub struct Access {
    /// Who may watch what; none: it is being asked.
    pub users: Option<Vec<UserEntry>>,
    /// Whose attempts are not looked at; none: it is being asked.
    pub bans: Option<Vec<BanEntry>>,
    /// The user or ban that keys act on: first users, then bans.
    pub cursor: Cursor,
    /// How many there were by the status when it was asked last.
    counted: (u32, u32),
}

/// What keys of this screen ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Shows it.
    Show,
    /// Another user.
    Add,
    /// What a user may.
    Rights,
    /// Another password.
    Password,
    /// A user is none any more, or a ban ends; after a question.
    Remove,
    /// An address is let in no more.
    Ban,
}

const fn key(keys: &'static [Key], shown: &'static str, does: Command, help: &'static str) -> Binding {
    own(keys, shown, super::Command::Access(does), help)
}

/// Its keys.
pub const KEYS: &[Binding] = &[
    keys::UP,
    keys::DOWN,
    keys::PAGE_UP,
    keys::PAGE_DOWN,
    keys::FIRST,
    keys::LAST,
    key(&[Key::Sign('a')], "a", Command::Add, "add a user").with_footer("add user"),
    key(&[Key::Code(KeyCode::Enter), Key::Sign('r')], "Enter r", Command::Rights, "what the user may")
        .with_footer("rights"),
    key(&[Key::Sign('p')], "p", Command::Password, "another password for the user").with_footer("password"),
    key(&[Key::Sign('x'), Key::Code(KeyCode::Delete)], "x Del", Command::Remove, "remove it, lift the ban")
        .with_footer("remove"),
    key(&[Key::Sign('b')], "b", Command::Ban, "ban an address").with_footer("ban"),
];

/// What a line of the list is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Row<'a> {
    /// A user.
    User(&'a UserEntry),
    /// A ban.
    Ban(&'a BanEntry),
}

impl Access {
    /// All that can be chosen.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let users = self.users.iter().flatten().map(Row::User);
        users.chain(self.bans.iter().flatten().map(Row::Ban)).collect()
    }

    /// How many those are.
    pub fn length(&self) -> usize {
        self.rows().len()
    }

    /// The one that keys act on.
    pub fn chosen(&self) -> Option<Row<'_>> {
        let rows = self.rows();
        rows.get(self.cursor.chosen.min(rows.len().saturating_sub(1))).copied()
    }
}

/// Asks for both lists.
pub(super) fn ask(model: &mut Model) -> Effects {
    model.panes.config.access.counted = counted(model);
    let ask = |to, request| Effect::ask(Question::Config(to), request);
    vec![ask(Asked::Users, AccessRequest::UserList {}), ask(Asked::Bans, AccessRequest::BanList {})]
}

fn counted(model: &Model) -> (u32, u32) {
    model.status.as_ref().map_or((0, 0), |status| (status.access.users, status.access.bans))
}

/// Asks again where a status says that there are more or fewer than there were.
pub fn tick(model: &mut Model) -> Effects {
    let seen = matches!(model.panes.config.screen, Screen::Access);
    if seen && counted(model) != model.panes.config.access.counted { ask(model) } else { Vec::new() }
}

/// Does what a key asks for.
pub(super) fn command(model: &mut Model, command: Command) -> Effects {
    let access = &model.panes.config.access;
    let steps = match (command, access.chosen()) {
        (Command::Show, _) => {
            model.panes.config.screen = Screen::Access;
            return ask(model);
        }
        (Command::Add, _) => Steps::new(Goal::Add),
        (Command::Ban, _) => Steps::new(Goal::Ban),
        (Command::Rights, Some(Row::User(user))) => Steps::rights(user),
        (Command::Password, Some(Row::User(user))) => Steps::new(Goal::Password(user.name.clone())),
        (Command::Remove, Some(row)) => {
            let question = remove(row);
            model.overlay = Some(Overlay::Question(question));
            return Vec::new();
        }
        (Command::Rights | Command::Password, Some(Row::Ban(_))) => {
            model.notice = Some(Notice::refused("That is an address: x lifts its ban."));
            return Vec::new();
        }
        (_, None) => {
            model.notice = Some(Notice::refused("There is nobody yet: a adds a user."));
            return Vec::new();
        }
    };
    model.panes.config.editor = Some(Editor::Steps(Box::new(steps)));
    Vec::new()
}

fn remove(row: Row<'_>) -> Sure {
    match row {
        Row::User(UserEntry { name, .. }) => Sure::sure(
            format!("Is {name} no user any more? What {name} watches ends."),
            Deed::Access(AccessRequest::UserRemove { name: name.clone() }),
        ),
        Row::Ban(BanEntry { address, why, .. }) => Sure::sure(
            format!("Look at what comes from {address} again? It was banned for this: {why}"),
            Deed::Access(AccessRequest::BanLift { address: address.clone() }),
        ),
    }
}

/// Asks for a deed.
pub fn does(request: AccessRequest) -> Effects {
    vec![Effect::ask(Question::Config(Asked::Access), request)]
}

/// Takes an answer.
pub(super) fn answered(model: &mut Model, asked: &Asked, outcome: Outcome) -> Effects {
    let State { access, editor, .. } = &mut model.panes.config;
    match (asked, outcome) {
        (Asked::Users, Ok(Reply::Users(users))) => access.users = Some(users),
        (Asked::Bans, Ok(Reply::Bans(bans))) => access.bans = Some(bans),
        (Asked::Access, Ok(reply)) => {
            if matches!(editor, Some(Editor::Steps(_))) {
                *editor = None;
            }
            if let Reply::Done { said } = reply {
                model.notice = Some(Notice::done(said));
            }
            return ask(model);
        }
        (Asked::Access, Err(refusal)) => match editor {
            Some(Editor::Steps(steps)) => {
                (steps.wrong, steps.sent) = (Some(refusal.to_string()), false);
            }
            _ => model.notice = Some(Notice::refused(refusal.to_string())),
        },
        (_, Err(refusal)) => model.notice = Some(Notice::refused(refusal.to_string())),
        _ => {}
    }
    Vec::new()
}

/// What is typed line by line, and then asked of the daemon as one.
pub struct Steps {
    /// What for.
    pub goal: Goal,
    /// The lines.
    pub lines: Vec<(Step, Input)>,
    /// The one that keys act on.
    pub at: usize,
    /// Why it cannot be so.
    pub wrong: Option<String>,
    /// The daemon is being asked.
    pub sent: bool,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Another user.
    Add,
    /// Another password of a user.
    Password(String),
    /// Other rights of a user.
    Rights(String),
    /// An address is banned.
    Ban,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// How a user is called.
    Name,
    /// What the user types.
    Password,
    /// The same once more.
    Again,
    /// Mounts that the user may watch.
    Read,
    /// Mounts that the user may steer.
    Control,
    /// An address.
    Address,
    /// For how long.
    Time,
    /// Why.
    Why,
}

impl Step {
    /// What stands before the line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "Name",
            Self::Password => "Password",
            Self::Again => "Once more",
            Self::Read => "May watch",
            Self::Control => "May steer",
            Self::Address => "Address",
            Self::Time => "For",
            Self::Why => "Why",
        }
    }

    /// What may be typed.
    pub fn help(self) -> &'static str {
        match self {
            Self::Name => "By which a player or recorder signs in.",
            Self::Password => "It is not shown. Players ask for it, or it stands in their URL.",
            Self::Again => "The same password, so that no slip of the finger shuts anybody out.",
            Self::Read => "Mounts, with spaces between them: cam floor1/*; * is all.",
            Self::Control => "Mounts whose settings the user may change; nothing is none.",
            Self::Address => "Of IPv6 its network of 64 bits is meant. What plays goes on.",
            Self::Time => "30m, 2h, 7d.",
            Self::Why => "For those who read the list later; may be left empty.",
        }
    }

    /// Whether nobody may see it.
    pub fn is_hidden(self) -> bool {
        matches!(self, Self::Password | Self::Again)
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Passwords stand in the lines.
        f.debug_struct("Steps").field("goal", &self.goal).field("at", &self.at).finish_non_exhaustive()
    }
}

impl Steps {
    fn new(goal: Goal) -> Self {
        let steps: &[(Step, &str)] = match goal {
            Goal::Add => &[
                (Step::Name, ""),
                (Step::Password, ""),
                (Step::Again, ""),
                (Step::Read, "*"),
                (Step::Control, ""),
            ],
            Goal::Password(_) => &[(Step::Password, ""), (Step::Again, "")],
            Goal::Rights(_) => &[(Step::Read, ""), (Step::Control, "")],
            Goal::Ban => &[(Step::Address, ""), (Step::Time, "1d"), (Step::Why, "")],
        };
        let lines = steps.iter().map(|(step, value)| (*step, Input::new((*value).to_owned()))).collect();
        Self { goal, lines, at: 0, wrong: None, sent: false }
    }

    fn rights(user: &UserEntry) -> Self {
        let mut steps = Self::new(Goal::Rights(user.name.clone()));
        for ((_, input), mounts) in steps.lines.iter_mut().zip([&user.read, &user.control]) {
            *input = Input::new(mounts.join(" "));
        }
        steps
    }

    /// What stands above the lines.
    pub fn title(&self) -> String {
        match &self.goal {
            Goal::Add => "Another user".to_owned(),
            Goal::Password(name) => format!("Another password for {name}: what {name} watches ends"),
            Goal::Rights(name) => format!("What {name} may"),
            Goal::Ban => "An address that is let in no more".to_owned(),
        }
    }

    fn of(&self, step: Step) -> &str {
        self.lines.iter().find(|(it, _)| *it == step).map_or("", |(_, input)| input.value())
    }

    /// To a line.
    pub(super) fn go_to(&mut self, place: usize) {
        if !self.sent {
            self.at = place.min(self.lines.len().saturating_sub(1));
        }
    }

    /// Why a line cannot be so, as far as that can be told from here.
    fn mistake(&self, step: Step) -> Option<&'static str> {
        match step {
            Step::Name if self.of(step).trim().is_empty() => Some("A user has a name."),
            Step::Password if self.of(step).is_empty() => Some("The password is empty."),
            Step::Again if self.of(step) != self.of(Step::Password) => Some("The two passwords differ."),
            Step::Address if self.of(step).trim().parse::<std::net::IpAddr>().is_err() => {
                Some("That is no address: 192.168.1.9, or 2001:db8::9.")
            }
            Step::Time if seconds(self.of(step).trim()).is_none() => Some(NO_TIME),
            _ => None,
        }
    }

    /// The first line that cannot be so, and why.
    fn first_mistake(&self) -> Option<(usize, &'static str)> {
        let mistake = |(place, (step, _)): (usize, &(Step, Input))| Some((place, self.mistake(*step)?));
        self.lines.iter().enumerate().find_map(mistake)
    }

    /// What the daemon is asked.
    fn request(&self) -> AccessRequest {
        let mounts = |step| {
            let words = self.of(step).split([' ', ',']).filter(|word| !word.is_empty());
            Some(words.map(str::to_owned).collect::<Vec<_>>())
        };
        let password = || Password(self.of(Step::Password).to_owned());
        match &self.goal {
            Goal::Add => AccessRequest::UserAdd {
                name: self.of(Step::Name).trim().to_owned(),
                password: password(),
                read: mounts(Step::Read),
                control: mounts(Step::Control),
            },
            Goal::Password(name) => AccessRequest::UserPassword { name: name.clone(), password: password() },
            Goal::Rights(name) => AccessRequest::UserRights {
                name: name.clone(),
                read: mounts(Step::Read),
                control: mounts(Step::Control),
            },
            Goal::Ban => {
                let why = self.of(Step::Why).trim();
                AccessRequest::BanAdd {
                    address: self.of(Step::Address).trim().to_owned(),
                    seconds: seconds(self.of(Step::Time).trim()),
                    why: Some(if why.is_empty() { "by the screen" } else { why }.to_owned()),
                }
            }
        }
    }

    /// Takes a key; false: it is to be forgotten.
    pub(super) fn typed(&mut self, key: KeyEvent) -> (bool, Effects) {
        let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return (false, Vec::new()),
            _ if control_c => return (false, Vec::new()),
            // The answer says how it goes on.
            _ if self.sent => {}
            KeyCode::Up | KeyCode::BackTab => self.at = self.at.saturating_sub(1),
            KeyCode::Down | KeyCode::Tab => self.go_to(self.at + 1),
            KeyCode::Enter => return (true, self.entered()),
            _ => {
                if let Some((_, input)) = self.lines.get_mut(self.at) {
                    input::typed(input, key);
                    self.wrong = None;
                }
            }
        }
        (true, Vec::new())
    }

    /// Takes text from the clipboard.
    pub(super) fn pasted(&mut self, text: &str) {
        if let (false, Some((_, input))) = (self.sent, self.lines.get_mut(self.at)) {
            input::pasted(input, text);
            self.wrong = None;
        }
    }

    /// To the next line, from the last one to the daemon.
    fn entered(&mut self) -> Effects {
        let last = self.at + 1 >= self.lines.len();
        let wrong = match last {
            true => self.first_mistake(),
            false => self.mistake(self.lines[self.at].0).map(|why| (self.at, why)),
        };
        self.wrong = wrong.map(|(_, why)| why.to_owned());
        match wrong {
            Some((place, _)) => self.at = place,
            None if last => {
                self.sent = true;
                return does(self.request());
            }
            None => self.at += 1,
        }
        Vec::new()
    }
}
