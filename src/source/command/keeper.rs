//! The keeper: a process of ours between us and a program, so that nothing of the program outlives us.
//!
//! The kernel ends with us only who is our own child (`PR_SET_PDEATHSIG`), and a signal to a process group reaches
//! nobody who left it (`setsid`). A keeper is who gets all orphans beneath it (`PR_SET_CHILD_SUBREAPER`), and holds
//! one end of a leash, two sockets: when nobody has the other end any more, for whatever reason, it ends all of them.
//! It is this program begun anew, so that it has nothing of our memory, and under another name:
//!
//! ```text
//! lenslet ----leash----> lenslet-keeper rpicam-vid -t 0 ... ----> rpicam-vid ----> whatever that starts
//!     'T'                                                   SIGTERM to all of them
//!     closed                                                SIGKILL until none is left
//!            <---- b'+', its number                         it runs
//!            <---- b'-', number of the error                it could not be started
//!            <---- b'=', status                             it ended
//! ```
//!
//! A keeper that is killed can end nobody: the kernel ends the program then, and lenslet who is left in the program's process
//! group. Who left that too goes on.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{self, Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout};

use super::processes::{Group, all, descendants};
use crate::clock;
use crate::source::panics::{may_panic, message};
use crate::source::sys;

/// What a keeper is called; the kernel shows 15 bytes.
const NAME: &str = "lenslet-keeper";

/// Its program is found by whatever name, and after an upgrade has replaced the file.
const OURSELVES: &str = "/proc/self/exe";

/// A board that is busy reads the program from its card again.
const START: Duration = Duration::from_secs(20);

/// Who hangs in the kernel cannot be ended, and is not waited for longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// From one look for those who are left to the next.
const AGAIN: Duration = Duration::from_millis(10);

const TERMINATE: u8 = b'T';
const RUNS: u8 = b'+';
const FAILED: u8 = b'-';
const ENDED: u8 = b'=';
type Word = [u8; 5];

/// Whether this program can be its own keeper: a test's cannot.
static KEEPS: AtomicBool = AtomicBool::new(false);

/// To be called first thing by a program that runs others: does what a keeper does if this process was started as one.
pub fn keep() -> Option<ExitCode> {
    let mut words = std::env::args_os();
    if words.next().is_none_or(|name| name != NAME) {
        KEEPS.store(true, Ordering::Relaxed);
        return None;
    }
    let done = Keeping::start(words.collect()).and_then(|kept| kept.map_or(Ok(()), Keeping::run));
    // Nobody is there to be told.
    Some(if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Our end of the leash.
#[derive(Debug)]
pub(super) struct Keeper {
    process: process::Child,
    leash: UnixStream,
    group: Group,
    status: Option<ExitStatus>,
}

impl Keeper {
    /// Has a keeper run a program, in process groups of their own. None if this program cannot keep.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(super) fn start(words: &[String], output: &OwnedFd, errors: &OwnedFd) -> io::Result<Option<Self>> {
        if !KEEPS.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let (leash, theirs) = UnixStream::pair()?;
        let mut command = Command::new(OURSELVES);
        command.arg0(NAME).args(words).process_group(0).stdin(OwnedFd::from(theirs));
        let spawned = command.stdout(output.try_clone()?).stderr(errors.try_clone()?).spawn();
        // The command holds our copy of their end.
        drop(command);
        // Under an emulator, or without `/proc`.
        let Ok(process) = spawned else { return Ok(None) };
        let mut keeper = Self { process, leash, group: Group::default(), status: None };
        keeper.leash.set_read_timeout(Some(START))?;
        let mut word = Word::default();
        let read = keeper.leash.read_exact(&mut word);
        keeper.leash.set_nonblocking(true)?;
        match (read, word[0]) {
            (Ok(()), RUNS) => {
                keeper.group = Group::of(number(word).cast_unsigned());
                Ok(Some(keeper))
            }
            (Ok(()), FAILED) => Err(io::Error::from_raw_os_error(number(word))),
            _ => {
                let _ = keeper.process.kill();
                Ok(None)
            }
        }
    }

    /// How the program ended, once it did.
    pub(super) fn status(&mut self) -> Option<ExitStatus> {
        let mut word = Word::default();
        if self.status.is_none() && self.leash.read_exact(&mut word).is_ok() && word[0] == ENDED {
            self.status = Some(ExitStatus::from_raw(number(word)));
        }
        self.status
    }

    /// Whether the program ended, or the keeper, which nothing of it outlives for long.
    pub(super) fn is_over(&mut self) -> bool {
        self.status().is_some() || matches!(self.process.try_wait(), Ok(Some(_)))
    }

    /// What there is to be read of once the program ended, or the keeper.
    pub(super) fn leash(&self) -> BorrowedFd<'_> {
        self.leash.as_fd()
    }

    /// Asks all that runs to end.
    pub(super) fn ask(&mut self) {
        // Who is not there any more has nobody who runs.
        let _ = self.leash.write_all(&[TERMINATE]);
    }

    /// Ends all that runs, and waits until it has; how the keeper itself ended, if not as it should.
    pub(super) fn end(&mut self) -> Option<ExitStatus> {
        let _ = self.leash.shutdown(Shutdown::Both);
        let failed = self.process.wait().ok().filter(|status| !status.success());
        if failed.is_some() {
            self.group.kill();
        }
        failed
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.end();
    }
}

fn number(word: Word) -> i32 {
    i32::from_ne_bytes([word[1], word[2], word[3], word[4]])
}

/// A keeper at work.
struct Keeping {
    leash: UnixStream,
    signals: SignalFd,
    program: u32,
}

impl Keeping {
    /// Starts the program; none if it cannot be, which is told.
    fn start(words: Vec<OsString>) -> io::Result<Option<Self>> {
        // The kernel shows it where it shows no arguments; that is all it is for.
        let _ = prctl::set_name(c"lenslet-keeper");
        prctl::set_child_subreaper(true)?;
        // Whoever ends everything that is called like this ends lenslet, and that ends us, after the program.
        let signals = SigSet::all();
        signals.thread_block()?;
        let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let mut leash = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        let [program, arguments @ ..] = words.as_slice() else { return Ok(None) };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).process_group(0);
        sys::die_with_us(&mut command);
        sys::with_signals(&mut command);
        let spawned = command.spawn();
        // With us its pipes would never end.
        let nowhere = std::fs::File::options().read(true).write(true).open("/dev/null")?;
        dup2_stdin(&nowhere)?;
        dup2_stdout(&nowhere)?;
        dup2_stderr(&nowhere)?;
        match spawned {
            Ok(child) => {
                leash.write_all(&word(RUNS, child.id().cast_signed()))?;
                Ok(Some(Self { leash, signals, program: child.id() }))
            }
            Err(error) => {
                leash.write_all(&word(FAILED, error.raw_os_error().unwrap_or(libc::EINVAL)))?;
                Ok(None)
            }
        }
    }

    fn run(mut self) -> io::Result<()> {
        // Whatever becomes of this, all are ended.
        let kept = catch_unwind(AssertUnwindSafe(|| self.keep()));
        self.end()?;
        kept.unwrap_or_else(|panic| Err(io::Error::other(message(&*panic).to_owned())))
    }

    fn keep(&mut self) -> io::Result<()> {
        while self.is_held()? {
            self.wait(None)?;
            may_panic("keeper");
            self.reap();
        }
        Ok(())
    }

    /// Waits until something happened.
    fn wait(&self, timeout: Option<Duration>) -> io::Result<()> {
        let look = |descriptor| PollFd::new(descriptor, PollFlags::POLLIN);
        let mut descriptors = [look(self.signals.as_fd()), look(self.leash.as_fd())];
        let some = if timeout.is_some() { 1 } else { 2 };
        let timeout = timeout
            .map_or(PollTimeout::NONE, |timeout| PollTimeout::try_from(timeout).unwrap_or(PollTimeout::ZERO));
        match poll(&mut descriptors[..some], timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        while let Ok(Some(_)) = self.signals.read_signal() {}
        Ok(())
    }

    /// Does what is asked; whether the other end of the leash is held.
    fn is_held(&mut self) -> io::Result<bool> {
        self.leash.set_nonblocking(true)?;
        let mut asked = [0; 16];
        match self.leash.read(&mut asked) {
            Ok(0) => return Ok(false),
            Ok(length) if asked[..length].contains(&TERMINATE) => {
                self.signal_all(Signal::SIGTERM);
            }
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Ok(false);
            }
            Ok(_) | Err(_) => {}
        }
        Ok(true)
    }

    fn reap(&mut self) {
        while let Some((pid, status)) = sys::reap() {
            if pid == self.program {
                let _ = self.leash.write_all(&word(ENDED, status.into_raw()));
            }
        }
    }

    /// Ends all, also those who come meanwhile: who loses its parent is ours.
    fn end(self) -> io::Result<()> {
        let until: Instant = clock::now() + PATIENCE;
        while clock::now() < until && self.signal_all(Signal::SIGKILL) {
            self.wait(Some(AGAIN))?;
            // Not told: it did not end by itself.
            while sys::reap().is_some() {}
        }
        Ok(())
    }

    /// Says whether there were any.
    fn signal_all(&self, signal: Signal) -> bool {
        let all = descendants(process::id(), &all());
        for pid in &all {
            let _ = kill(Pid::from_raw(*pid as i32), signal);
        }
        !all.is_empty()
    }
}

fn word(kind: u8, number: i32) -> Word {
    let [a, b, c, d] = number.to_ne_bytes();
    [kind, a, b, c, d]
}
