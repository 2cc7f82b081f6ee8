//! `lenslet user`.

use clap::Subcommand;

use super::password::new_password;
use super::{Done, ELSE, PlaceArguments, asked, columns, print};
use crate::control::protocol::{AccessRequest, Password, Reply, UserEntry};
use crate::daemon::{UserEdit, UsersFile, keep_out_of_core_dumps};

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
    /// Give a user other rights.
    Rights {
        /// Whose.
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
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct PasswordArgument {
    /// The password is piped in, whole, but for the last line's end.
    #[arg(long)]
    password_stdin: bool,
}

/// `lenslet user`.
pub(in crate::cli) fn user(command: UserCommand) -> Done {
    keep_out_of_core_dumps();
    let (place, request) = match command {
        UserCommand::Add { name, rights, password, place } => {
            let password = Password(new_password(&name, password.password_stdin)?);
            let (read, control) = rights.said();
            (place, AccessRequest::UserAdd { name, password, read, control })
        }
        UserCommand::Passwd { name, password, place } => {
            let password = Password(new_password(&name, password.password_stdin)?);
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
        return Ok(());
    }
    let first = file(&place)?.load()?.is_empty();
    file(&place)?.change(&edit)?;
    print(edit.said())?;
    if first && matches!(edit, UserEdit::Add { .. }) {
        print("No daemon answers; one that starts with this file asks everybody for a password.".to_owned())?;
    }
    Ok(())
}

fn list(json: bool, place: &PlaceArguments) -> Done {
    let users = match place.daemon()? {
        Some(mut daemon) => match daemon.ask(AccessRequest::UserList {})? {
            Reply::Users(users) => users,
            _ => return Err(ELSE.into()),
        },
        None => crate::daemon::entries(&file(place)?.load()?),
    };
    if json {
        return Ok(print(serde_json::to_string_pretty(&users)?)?);
    }
    if users.is_empty() {
        let none =
            "There are no users: who reaches this machine from a private network watches without a password.";
        return Ok(print(none.to_owned())?);
    }
    let heading = ["USER", "MAY READ", "MAY CONTROL"].map(str::to_owned);
    let row = |user: &UserEntry| {
        let list = |mounts: &[String]| if mounts.is_empty() { "-".to_owned() } else { mounts.join(", ") };
        [user.name.clone(), list(&user.read), list(&user.control)]
    };
    Ok(print(columns(&std::iter::once(heading).chain(users.iter().map(row)).collect::<Vec<_>>()))?)
}

/// The file of the configuration that is meant.
fn file(place: &PlaceArguments) -> Result<UsersFile, crate::config::Error> {
    Ok(UsersFile::of(&place.file().load()?.access, &place.file().state()))
}

impl RightsArguments {
    fn said(self) -> (Option<Vec<String>>, Option<Vec<String>>) {
        let said = |mounts: Vec<String>| Some(mounts).filter(|mounts| !mounts.is_empty());
        (said(self.may_read), said(self.may_control))
    }
}
