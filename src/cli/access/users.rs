//! `lenslet user`.

use std::io::Write;

use clap::Subcommand;

use super::needed::needed;
use super::password::new_password;
use super::{Done, ELSE, PlaceArguments, asked, columns, print, words};
use crate::access::Rights;
use crate::control::protocol::{AccessRequest, Ask, OpenTo, Reply, UserEntry};
use crate::daemon::{UserEdit, UsersFile};

const RIGHTS_HELP: &str = "\
Examples:
  lenslet user rights anna --may-read cam --may-read 'floor1/*'    these, and no others
  lenslet user rights anna --may-read '*'                          every mount, those to come too
  lenslet user rights anna --may-control cam                       steer cam; watch as before
  lenslet user rights anna --may-control ''                        steer nothing";

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum UserCommand {
    /// Let another user in, with a password that is asked for.
    Add {
        /// How the user is called: no colon, at most 64 characters.
        name: String,
        #[command(flatten)]
        rights: RightsArguments,
        #[command(flatten)]
        password: PasswordArgument,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Give a user another password.
    Passwd {
        /// Whose.
        name: String,
        #[command(flatten)]
        password: PasswordArgument,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Change what a user may watch and steer; what is not named stays as it is.
    ///
    /// --may-read names the mounts that the user may watch from now on, and --may-control those that the user may steer
    /// too; each replaces its whole list. A mount is named as in the configuration: `cam`, `floor1/*` for all under
    /// floor1, `*` for all there are. What the user watches and may not any more ends at once.
    #[command(after_help = RIGHTS_HELP)]
    Rights {
        /// Whose rights: a name of `lenslet user list`.
        name: String,
        #[command(flatten)]
        rights: RightsArguments,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Let a user in no longer; what the user watches ends.
    Remove {
        /// Who.
        name: String,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// List users and what they may.
    List {
        /// For scripts: one array.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: PlaceArguments,
    },
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct RightsArguments {
    /// A mount that the user may watch: `cam`, `floor1/*`, `*`; may be given again. If not said of a new user, all.
    #[arg(long, value_name = "MOUNT")]
    may_read: Vec<String>,
    /// A mount that the user may steer too; may be given again. If not said of a new user, none.
    #[arg(long, value_name = "MOUNT")]
    may_control: Vec<String>,
    /// Reserved: nobody publishes yet.
    #[arg(long, value_name = "MOUNT", hide = true, value_parser = no_publishing)]
    may_publish: Vec<String>,
}

fn no_publishing(_mount: &str) -> Result<String, &'static str> {
    Err("Lenslet takes no streams from others yet: the right to publish is reserved until it does")
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct PasswordArgument {
    /// The password is piped in, whole, but for the last line's end.
    #[arg(long)]
    password_stdin: bool,
}

/// `lenslet user`.
pub(in crate::cli) fn user(command: UserCommand) -> Done {
    let (place, request) = match command {
        UserCommand::Add { name, rights, password, place } => {
            let password = new_password(&name, password.password_stdin)?;
            let (read, control) = rights.said();
            (place, AccessRequest::UserAdd { name, password, read, control })
        }
        UserCommand::Passwd { name, password, place } => {
            let password = new_password(&name, password.password_stdin)?;
            (place, AccessRequest::UserPassword { name, password })
        }
        UserCommand::Rights { name, rights, place } => {
            let (read, control) = rights.said();
            if read.is_none() && control.is_none() {
                return Err("which rights? --may-read MOUNT, --may-control MOUNT".into());
            }
            (place, AccessRequest::UserRights { name, read, control })
        }
        UserCommand::Remove { name, place } => (place, AccessRequest::UserRemove { name }),
        UserCommand::List { json, place } => return list(json, &place),
    };
    let Some(edit) = UserEdit::of(request.clone()) else { return Err(ELSE.into()) };
    if asked(&place, request)? {
        return doubt(&edit, &place);
    }
    let first = file(&place)?.load()?.is_empty();
    file(&place)?.change(&edit)?;
    print(edit.said())?;
    if first && matches!(edit, UserEdit::Add { .. }) {
        print("No daemon answers; one that starts with this file asks everybody for a password, and answers whoever knows \
             one from outside private networks too, unless `access.allow` in the configuration says otherwise.".to_owned())?;
    }
    doubt(&edit, &place)
}

/// Says which rights are of no mount that there is: a slip, perhaps, but cameras come and go.
fn doubt(edit: &UserEdit, place: &PlaceArguments) -> Done {
    let rights = edit.rights();
    // Who changed something is not told that it failed because the mounts cannot be asked for.
    let Some(mounts) =
        Some(&rights).filter(|rights| **rights != Rights::default()).and_then(|_| mounts(place))
    else {
        return Ok(());
    };
    for right in rights.of_none(&mounts) {
        let right = words::plain(right);
        let why = if right.ends_with('*') && !right.ends_with("/*") {
            format!("{right:?} names no mount: all under a folder are `folder/*`, and all there are `*`")
        } else {
            format!("there is no mount {right:?} now; the right holds once there is")
        };
        writeln!(std::io::stderr().lock(), "lenslet: {why}")?;
    }
    Ok(())
}

/// The mounts that there are, by the daemon or else by the configuration.
fn mounts(place: &PlaceArguments) -> Option<Vec<String>> {
    match place.daemon().ok()? {
        Some(mut daemon) => match daemon.ask(Ask::Status { every_ms: None }).ok()? {
            Reply::Status(status) => Some(status.mounts.into_iter().map(|mount| mount.name).collect()),
            _ => None,
        },
        // Which cameras will be found nobody knows.
        None => {
            let config = place.file().load().ok().filter(|config| !config.discover_cameras)?;
            Some(config.mounts.into_keys().collect())
        }
    }
}

fn list(json: bool, place: &PlaceArguments) -> Done {
    let mut daemon = place.daemon()?;
    let users = match &mut daemon {
        Some(daemon) => match daemon.ask(AccessRequest::UserList {})? {
            Reply::Users(users) => users,
            _ => return Err(ELSE.into()),
        },
        None => crate::daemon::entries(&file(place)?.load()?),
    };
    if json {
        return Ok(print(serde_json::to_string_pretty(&users)?)?);
    }
    if users.is_empty() {
        return Ok(print(match daemon {
            Some(mut daemon) => match daemon.ask(Ask::Status { every_ms: None })? {
                Reply::Status(status) => without_users(status.access.open_to).to_owned(),
                _ => return Err(ELSE.into()),
            },
            None => needed(&place.file().load()?, &place.file().state())?.said,
        })?);
    }
    let heading = ["USER", "MAY READ", "MAY CONTROL"].map(str::to_owned);
    let row = |user: &UserEntry| {
        let list = |mounts: &[String]| if mounts.is_empty() { "-".to_owned() } else { mounts.join(", ") };
        [user.name.clone(), list(&user.read), list(&user.control)]
    };
    Ok(print(columns(&std::iter::once(heading).chain(users.iter().map(row)).collect::<Vec<_>>()))?)
}

/// Who watches where there is nobody, as the daemon has it.
fn without_users(open_to: OpenTo) -> &'static str {
    match open_to {
        OpenTo::Private => {
            "There are no users: this machine and private networks watch without a password, nobody else."
        }
        OpenTo::World => "There are no users: everybody in the world may watch, without a password.",
        OpenTo::Users => {
            "There are no users, though there should be: nobody but this machine watches. `lenslet status` says why."
        }
    }
}

/// The file of the configuration that is meant.
fn file(place: &PlaceArguments) -> Result<UsersFile, crate::config::Error> {
    Ok(UsersFile::of(&place.file().load()?.access, &place.file().state()))
}

impl RightsArguments {
    fn said(self) -> (Option<Vec<String>>, Option<Vec<String>>) {
        // An empty name is how to say none.
        let names = |mounts: Vec<String>| mounts.into_iter().filter(|mount| !mount.is_empty()).collect();
        let said = |mounts: Vec<String>| Some(mounts).filter(|mounts| !mounts.is_empty()).map(names);
        (said(self.may_read), said(self.may_control))
    }
}
