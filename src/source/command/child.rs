//! The program: started with pipes, waited for, ended with its children by its keeper.

use std::io::{self, ErrorKind, PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{self, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{AccessFlags, Pid, access};

use super::keeper::Keeper;
use crate::clock;
use crate::source::{Error, rest, sys};

/// A keyframe fits, so that the program never waits for us in the middle of one.
const PIPE: i32 = 1 << 20;

/// A program that was asked to end has so long.
const GRACE: Duration = Duration::from_secs(2);

const MISSING: &str = "there is no such program: install it, or name it with its whole path";
const FOLDER: &str = "it is a folder: name a program in it";
const FORBIDDEN: &str = "it may not be run: is it executable for this user?";

/// Why there is no such program to run; none if there is one.
pub(super) fn unfit(program: &str) -> Option<&'static str> {
    let runs = |path: &Path| access(path, AccessFlags::X_OK).is_ok();
    if program.contains('/') {
        let path = Path::new(program);
        return match path.metadata() {
            Err(_) => Some(MISSING),
            Ok(found) if found.is_dir() => Some(FOLDER),
            Ok(_) => (!runs(path)).then_some(FORBIDDEN),
        };
    }
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found: Vec<_> = std::env::split_paths(&paths)
        .map(|folder| folder.join(program))
        .filter(|path| path.is_file())
        .collect();
    if found.is_empty() { Some(MISSING) } else { (!found.iter().any(|path| runs(path))).then_some(FORBIDDEN) }
}

/// A running program; ended when dropped.
#[derive(Debug)]
pub(super) struct Child {
    name: String,
    process: Process,
    pictures: PipeReader,
    said: Option<PipeReader>,
    /// It was seen to be over: what it started may still write.
    over: bool,
    ended: bool,
}

/// Who runs it.
#[derive(Debug)]
enum Process {
    Kept(Keeper),
    /// Where there can be no keeper: those who leave its process group are not reached.
    Own(process::Child),
}

/// What ended it.
enum Ended {
    Itself(ExitStatus),
    Us,
    /// With its keeper, which ended like this.
    Keeper(Option<ExitStatus>),
}

/// What there is to do after a wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) pictures: bool,
    pub(super) said: bool,
    pub(super) woken: bool,
    /// The program ended: told once.
    pub(super) over: bool,
}

impl Child {
    /// Starts a program with its arguments, in a process group of its own.
    ///
    /// # Errors
    /// It cannot be started: which and why.
    pub(super) fn start(words: &[String]) -> Result<Self, Error> {
        let [program, ..] = words else { return Err(Error::new("command: it is empty")) };
        let failed = |error: io::Error| Error::new(format!("{program}: {}", sentence(program, &error)));
        let (pictures, output) = io::pipe().map_err(failed)?;
        let (said, errors) = io::pipe().map_err(failed)?;
        for pipe in [pictures.as_fd(), said.as_fd()] {
            fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(|error| failed(error.into()))?;
        }
        // Less is a matter of comfort: `/proc/sys/fs/pipe-max-size`, or a user with too many pipes.
        let _ = fcntl(&pictures, FcntlArg::F_SETPIPE_SZ(PIPE));
        let process = Process::start(words, output.into(), errors.into()).map_err(failed)?;
        Ok(Self { name: program.clone(), process, pictures, said: Some(said), over: false, ended: false })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Waits until the program wrote something or ended, or the bell rang; at most `timeout`. What it says is looked for if
    /// that is `heard`.
    ///
    /// # Errors
    /// The kernel's, when it has no memory left.
    pub(super) fn wait(&mut self, bell: BorrowedFd<'_>, heard: bool, timeout: Duration) -> io::Result<Ready> {
        let look = |descriptor| PollFd::new(descriptor, PollFlags::POLLIN);
        let said = self.said.as_ref().filter(|_| heard).map(AsFd::as_fd);
        let leash = self.process.leash().filter(|_| !self.over);
        let mut descriptors = [
            look(bell),
            look(self.pictures.as_fd()),
            look(said.unwrap_or(bell)),
            look(leash.unwrap_or(bell)),
        ];
        let (hears, is_kept) = (said.is_some(), leash.is_some());
        let millis = timeout.as_nanos().div_ceil(1_000_000);
        match poll(&mut descriptors, PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)) {
            Ok(_) => {}
            Err(nix::errno::Errno::EINTR) => return Ok(Ready::default()),
            Err(error) => return Err(error.into()),
        }
        let [woken, pictures, said, leash] = descriptors.map(|descriptor| descriptor.any() == Some(true));
        // Without a keeper nobody says so.
        let look = !self.over && (is_kept && leash || matches!(self.process, Process::Own(_)));
        let over = look && self.process.is_over();
        self.over |= over;
        Ok(Ready { woken, pictures, said: said && hears, over })
    }

    /// Reads pictures: `None` if there are no more bytes now, zero if there are none ever.
    ///
    /// # Errors
    /// The kernel's.
    pub(super) fn read(&mut self, bytes: &mut [u8]) -> io::Result<Option<usize>> {
        some(self.pictures.read(bytes))
    }

    /// Reads what the program says: `None` if that is nothing now.
    pub(super) fn read_said(&mut self, bytes: &mut [u8]) -> Option<usize> {
        let read = some(self.said.as_mut()?.read(bytes));
        if matches!(read, Ok(Some(0)) | Err(_)) {
            self.said = None;
        }
        read.ok().flatten()
    }

    /// How it ended, in words; ends it if it did not.
    pub(super) fn end(&mut self) -> String {
        match self.stop() {
            None => format!("{} ended", self.name),
            Some(Ended::Itself(status)) => format!("{} ended: {}", self.name, told(status)),
            Some(Ended::Keeper(how)) => {
                let killed = how.is_none_or(|status| status.signal().is_some());
                let why = if killed { "that somebody ended" } else { "in which there was an error" };
                format!("{} ended with its keeper, a process of Lenslet's {why}", self.name)
            }
            Some(Ended::Us) => format!(
                "{} closed its output, did not end within {} s, and was ended by Lenslet",
                self.name,
                GRACE.as_secs()
            ),
        }
    }

    /// Ends it and its children.
    fn stop(&mut self) -> Option<Ended> {
        if std::mem::replace(&mut self.ended, true) {
            return None;
        }
        let until = clock::now() + GRACE;
        let mut asked = false;
        while !self.process.is_over() && clock::now() < until {
            // One that closed its output is about to end by itself, and its own status says more.
            if !asked && !self.is_closed() {
                asked = true;
                self.process.ask();
            }
            rest(Duration::from_millis(5));
        }
        // Also those whom it leaves behind.
        Some(self.process.end())
    }

    fn is_closed(&mut self) -> bool {
        matches!(self.pictures.read(&mut [0; 512]), Ok(0))
    }
}

impl Process {
    fn start(words: &[String], output: OwnedFd, errors: OwnedFd) -> io::Result<Self> {
        if let Some(keeper) = Keeper::start(words, &output, &errors)? {
            return Ok(Self::Kept(keeper));
        }
        let [program, arguments @ ..] = words else { return Err(ErrorKind::NotFound.into()) };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        sys::die_with_us(&mut command);
        // With the command go our copies of the writing ends: with them the pipes would never end.
        command.spawn().map(Self::Own)
    }

    fn is_over(&mut self) -> bool {
        match self {
            Self::Kept(keeper) => keeper.is_over(),
            Self::Own(child) => over(id(child)),
        }
    }

    fn leash(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Kept(keeper) => Some(keeper.leash()),
            Self::Own(_) => None,
        }
    }

    /// Asks it and its children to end.
    fn ask(&mut self) {
        match self {
            Self::Kept(keeper) => keeper.ask(),
            Self::Own(child) => drop(killpg(id(child), Signal::SIGTERM)),
        }
    }

    /// Ends it, and whom it leaves behind.
    fn end(&mut self) -> Ended {
        match self {
            Self::Kept(keeper) => {
                let (over, status) = (keeper.is_over(), keeper.status());
                let failed = keeper.end();
                status.map_or(if over { Ended::Keeper(failed) } else { Ended::Us }, Ended::Itself)
            }
            Self::Own(child) => {
                let itself = over(id(child));
                // Until it is waited for, no other group has this number.
                let _ = killpg(id(child), Signal::SIGKILL);
                child.wait().ok().filter(|_| itself).map_or(Ended::Us, Ended::Itself)
            }
        }
    }
}

fn id(child: &process::Child) -> Pid {
    Pid::from_raw(child.id() as i32)
}

/// Whether it ended; it is not waited for yet.
fn over(id: Pid) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    !matches!(waitid(Id::Pid(id), flags), Ok(WaitStatus::StillAlive))
}

impl Drop for Child {
    fn drop(&mut self) {
        self.stop();
    }
}

fn some(read: io::Result<usize>) -> io::Result<Option<usize>> {
    match read {
        Ok(length) => Ok(Some(length)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}

fn sentence(program: &str, error: &io::Error) -> String {
    match error.kind() {
        _ if Path::new(program).is_dir() && program.contains('/') => FOLDER.to_owned(),
        ErrorKind::NotFound => MISSING.to_owned(),
        ErrorKind::PermissionDenied => FORBIDDEN.to_owned(),
        _ => error.to_string(),
    }
}

fn told(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "it has nothing more to show".to_owned(),
        (Some(127), _) => "exit status 127 (a shell found no such program)".to_owned(),
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(libc::SIGKILL)) => {
            "killed by SIGKILL, and not by Lenslet: where memory is short the kernel does so (`dmesg` says)"
                .to_owned()
        }
        (None, Some(signal)) => match Signal::try_from(signal) {
            Ok(signal) => format!("killed by {signal}"),
            Err(_) => format!("killed by signal {signal}"),
        },
        (None, None) => status.to_string(),
    }
}
