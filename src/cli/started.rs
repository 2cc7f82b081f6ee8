//! The daemon that `lenslet` alone starts: a process in a session of its own, which a terminal that is closed does not end.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{AccessFlags, Pid, access};

use super::Done;
use super::control::own_folder;
use crate::control::Usual;
use crate::control::client::Blocking;

/// Where its socket is: where others look for it first, or, where that cannot be written, in a folder of this user alone, where
/// they look last.
pub(super) fn place() -> io::Result<PathBuf> {
    let usual = Usual::read().path();
    let folder = usual.parent().unwrap_or(Path::new("/"));
    if std::fs::create_dir_all(folder).is_ok() && access(folder, AccessFlags::W_OK).is_ok() {
        return Ok(usual);
    }
    let (folder, ours) = own_folder();
    if !ours {
        std::fs::DirBuilder::new().mode(0o700).create(&folder).map_err(|error| {
            let why = match error.kind() {
                io::ErrorKind::AlreadyExists => "it is not this user's alone: take it away".to_owned(),
                _ => error.to_string(),
            };
            io::Error::new(error.kind(), format!("{}, for the control socket: {why}", folder.display()))
        })?;
    }
    Ok(folder.join("control.sock"))
}

/// It goes on when this goes.
pub(super) struct Server {
    child: Child,
    said: Option<JoinHandle<VecDeque<String>>>,
}

/// Lines of its log that are told where it ends by itself.
const LAST_LINES: usize = 5;
/// It answers by then, or has said why not.
const START: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);

impl Server {
    /// Starts it, and waits until it answers.
    pub(super) fn start(socket: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", "--apart", "--control"]).arg(socket);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let errors = child.stderr.take();
        // Once nobody reads it any more its log is kept where `lenslet log` finds it.
        let said = thread::Builder::new()
            .name("lenslet-said".to_owned())
            .spawn(move || errors.map(last_lines).unwrap_or_default());
        let mut server = Self { child, said: said.ok() };
        server.until_it_answers(socket)?;
        Ok(server)
    }

    fn until_it_answers(&mut self, socket: &Path) -> Done {
        let mut looks = START.as_millis() / LOOK.as_millis();
        while Blocking::connect(socket).is_err() {
            looks = looks.saturating_sub(1);
            if let Some(said) = self.ended_by_itself() {
                return Err(format!("the server did not start:\n{said}").into());
            }
            if looks == 0 {
                self.end();
                return Err("the server did not start: it does not answer".into());
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// What it said last, where it has ended and nobody asked it to.
    pub(super) fn ended_by_itself(&mut self) -> Option<String> {
        self.child.try_wait().ok().flatten()?;
        let said: Vec<String> = self.said.take().and_then(|said| said.join().ok()).unwrap_or_default().into();
        Some(said.join("\n"))
    }

    /// Ends it: it says goodbye to its readers first.
    pub(super) fn end(&mut self) {
        // It fails only where there is no such process.
        let _ = kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

fn last_lines(errors: ChildStderr) -> VecDeque<String> {
    let mut last = VecDeque::new();
    for line in BufReader::new(errors).lines().map_while(Result::ok) {
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
    last
}
