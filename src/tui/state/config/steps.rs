//! Lines that are typed of a user or a ban, one after the other.

use std::fmt;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_input::Input;
use zeroize::Zeroize;

use super::super::super::input;
use super::super::super::words::{NO_TIME, seconds};
use crate::control::protocol::{AccessRequest, Password, UserEntry};

/// So many rights of no mount are told one by one, of one line: the other lines are to be seen.
const DOUBTS: usize = 3;

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

impl Drop for Steps {
    fn drop(&mut self) {
        for (_, input) in self.lines.iter_mut().filter(|(step, _)| step.is_hidden()) {
            input.value_and_reset().zeroize();
        }
    }
}

impl Steps {
    pub(in crate::tui) fn new(goal: Goal) -> Self {
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

    pub(in crate::tui) fn rights(user: &UserEntry) -> Self {
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
    pub(in crate::tui) fn go_to(&mut self, place: usize) {
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

    /// Rights of no mount that there is: a slip, perhaps, but cameras come and go.
    pub fn doubts(&self, mounts: &[String]) -> Vec<String> {
        let lines = self.lines.iter().filter(|(step, _)| matches!(step, Step::Read | Step::Control));
        let mut doubts: Vec<String> = lines.flat_map(|(step, _)| self.doubt(*step, mounts)).collect();
        doubts.dedup();
        doubts
    }

    /// The same of one line.
    pub fn doubt(&self, step: Step, mounts: &[String]) -> Vec<String> {
        if !matches!(step, Step::Read | Step::Control) {
            return Vec::new();
        }
        let of_none = |right: &&str| !mounts.iter().any(|mount| covers(right, mount));
        let said = |right: &str| match right.ends_with('*') && !right.ends_with("/*") {
            true => format!("{right} names no mount: all under a folder are folder/*, and all there are *."),
            false => format!("There is no mount {right} now; the right holds once there is."),
        };
        let mut rights: Vec<&str> = Vec::new();
        for right in words(self.of(step)).filter(of_none) {
            if !rights.contains(&right) {
                rights.push(right);
            }
        }
        let more = rights.split_off(rights.len().min(DOUBTS)).len();
        let more = (more > 0).then(|| format!("Nor are there mounts of {more} more of these now."));
        rights.into_iter().map(said).chain(more).collect()
    }

    /// The first line that cannot be so, and why.
    fn first_mistake(&self) -> Option<(usize, &'static str)> {
        let mistake = |(place, (step, _)): (usize, &(Step, Input))| Some((place, self.mistake(*step)?));
        self.lines.iter().enumerate().find_map(mistake)
    }

    /// What the daemon is asked.
    fn request(&self) -> AccessRequest {
        let mounts = |step| Some(words(self.of(step)).map(str::to_owned).collect::<Vec<_>>());
        let password = || Password::from(self.of(Step::Password));
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

    /// Takes a key; false: it is to be forgotten. What is to be asked of the daemon comes with it.
    pub(in crate::tui) fn typed(&mut self, key: KeyEvent) -> (bool, Option<AccessRequest>) {
        let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return (false, None),
            _ if control_c => return (false, None),
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
        (true, None)
    }

    /// Takes text from the clipboard.
    pub(in crate::tui) fn pasted(&mut self, text: &str) {
        if let (false, Some((_, input))) = (self.sent, self.lines.get_mut(self.at)) {
            input::pasted(input, text);
            self.wrong = None;
        }
    }

    /// To the next line, from the last one to the daemon.
    fn entered(&mut self) -> Option<AccessRequest> {
        let last = self.at + 1 >= self.lines.len();
        let wrong = match last {
            true => self.first_mistake(),
            false => self.mistake(self.lines[self.at].0).map(|why| (self.at, why)),
        };
        self.wrong = wrong.map(|(_, why)| why.to_owned());
        match wrong {
            Some((place, _)) => self.at = place,
            None if last => return Some(self.request()),
            None => self.at += 1,
        }
        None
    }
}

/// Of a line, what has spaces between it.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split([' ', ',']).filter(|word| !word.is_empty())
}

/// Whether a right is one to a mount, as the daemon says: by its name, all under a folder, or all.
fn covers(right: &str, mount: &str) -> bool {
    let right = right.trim_matches('/');
    let under = |folder: &str| mount.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    right == "*" || right == mount || right.strip_suffix("/*").is_some_and(under)
}
