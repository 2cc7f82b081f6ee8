//! The terminal: taken over while this lives, given back however it ends.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ratatui::Terminal;
use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::crossterm::event::{self, Event};
use ratatui::crossterm::{cursor, execute, terminal};
use ratatui::layout::{Position, Size};
use smol::channel::Sender;

use super::happening::Happening;
use super::sgr::Sgr;
use super::theme::Colours;

/// Clicks, the wheel, and where a pressed button goes; nothing while the mouse only moves: a slow line carries none of that.
const MOUSE_ON: &[u8] = b"\x1b[?1002h\x1b[?1006h\x1b[?2004h";
const MOUSE_OFF: &[u8] = b"\x1b[?2004l\x1b[?1006l\x1b[?1002l";

/// A screen that is drawn on.
pub type Screen = Terminal<Quiet<CrosstermBackend<Sgr<BufWriter<Stdout>>>>>;

/// What is said where there is none.
pub const ABSENT: &str =
    "this needs a terminal: try `lenslet status --watch`, or `ssh -t` where it is run by SSH";

/// Whether there is a terminal to draw on and to read keys from.
pub fn is_there() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// What is said where `TERM` says that it is dumb.
pub const DUMB: &str = "this needs a terminal that puts signs where it is told to, and TERM says that yours is `dumb`: set TERM to \
                        what it is (`TERM=xterm-256color lenslet`), or try `lenslet status --watch`";

/// Whether signs cannot be put anywhere on the terminal, as `TERM` says of it.
pub fn is_dumb(term: Option<&str>) -> bool {
    term == Some("dumb")
}

/// Whether it is one that a screen can be drawn on.
///
/// # Errors
/// It is not, for a reason in a sentence.
pub fn check() -> io::Result<()> {
    match std::env::var("TERM") {
        _ if !is_there() => Err(io::Error::other(ABSENT)),
        Ok(term) if is_dumb(Some(&term)) => Err(io::Error::other(DUMB)),
        _ => Ok(()),
    }
}

/// Whether the terminal is ours. Given back twice it would put its cursor where it was when it was taken over, above what
/// a panic says, and the shell would write over that.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether an error says that the terminal is gone: its line was cut.
pub fn is_gone(error: &io::Error) -> bool {
    let gone = [nix::errno::Errno::EIO, nix::errno::Errno::ENXIO].map(|errno| errno as i32);
    error.raw_os_error().is_some_and(|error| gone.contains(&error))
}

/// The terminal is given back when this goes.
#[derive(Debug)]
pub struct Taken(());

impl Taken {
    /// Takes the terminal over: keys come as they are pressed, and what was on the screen comes back behind us.
    ///
    /// # Errors
    /// The terminal refuses.
    pub fn take(colours: Colours) -> io::Result<(Self, Screen)> {
        restore_after_panic();
        terminal::enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let taken = Self(());
        let mut out = io::stdout();
        execute!(out, terminal::EnterAlternateScreen, cursor::Hide)?;
        out.write_all(MOUSE_ON)?;
        out.flush()?;
        let backend =
            CrosstermBackend::new(Sgr::new(BufWriter::with_capacity(32 << 10, io::stdout()), colours));
        Ok((taken, Terminal::new(Quiet::new(backend))?))
    }
}

/// An answer to what it is comes by then, over a slow line too. One that comes later crossterm passes over.
const ANSWER_MS: u16 = 400;

/// What the terminal says of itself (`ESC [ c`), and before that to another question; nothing where it says nothing. Before
/// keys are heard.
///
/// # Errors
/// The terminal is gone.
pub fn attributes(also: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = io::stdout();
    // What every terminal answers comes last: who has not answered the other by then does not know it.
    out.write_all(&[also, b"\x1b[c"].concat())?;
    out.flush()?;
    let (stdin, mut answer) = (io::stdin(), Vec::new());
    let told = |answer: &[u8]| answer.ends_with(b"c") && answer.windows(3).any(|it| it == b"\x1b[?");
    while !told(&answer) && answer.len() < 256 {
        let mut waited = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        if poll(&mut waited, PollTimeout::from(ANSWER_MS))? == 0 {
            break;
        }
        // Past the standard library's buffer: what it took too much would be lost to those who hear keys.
        let mut byte = [0];
        match nix::unistd::read(stdin.as_fd(), &mut byte)? {
            0 => break,
            _ => answer.push(byte[0]),
        }
    }
    // Who does not know a question may have drawn it, where nobody would draw over it.
    out.write_all(b"\x1b[2J")?;
    out.flush()?;
    Ok(answer)
}

/// How many pixels a sign is wide and high; a VT340's little brother where the terminal does not say.
pub fn sign_size() -> (u16, u16) {
    let size = terminal::window_size().ok().filter(|size| size.columns > 0 && size.rows > 0);
    let sign = size.map(|size| (size.width / size.columns, size.height / size.rows));
    sign.filter(|(width, height)| *width > 0 && *height > 0).unwrap_or((8, 16))
}

impl Drop for Taken {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back; where it is gone nobody minds.
fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    let _ = out.write_all(MOUSE_OFF);
    let _ = execute!(out, terminal::LeaveAlternateScreen, cursor::Show);
    let _ = terminal::disable_raw_mode();
}

/// A panic is told on the screen that the shell has. One of another thread would be drawn over: it ends the program.
fn restore_after_panic() {
    let before = std::panic::take_hook();
    let drawing = thread::current().id();
    std::panic::set_hook(Box::new(move |panic| {
        restore();
        before(panic);
        if thread::current().id() != drawing {
            std::process::exit(101);
        }
    }));
}

/// A backend that says nothing where there is nothing to say.
#[derive(Debug)]
pub struct Quiet<B> {
    to: B,
    cursor: Position,
    cursor_seen: Option<bool>,
    said: bool,
}

impl<B> Quiet<B> {
    /// Before a backend.
    pub fn new(to: B) -> Self {
        Self { to, cursor: Position::ORIGIN, cursor_seen: None, said: false }
    }

    /// Writes what no cell can hold.
    ///
    /// # Errors
    /// The terminal takes nothing.
    pub fn write_through(&mut self, bytes: &[u8]) -> io::Result<()>
    where
        B: Write,
    {
        self.to.write_all(bytes)?;
        Write::flush(&mut self.to)
    }
}

impl<B: Backend> Backend for Quiet<B> {
    type Error = B::Error;

    fn draw<'a, I>(&mut self, content: I) -> Result<(), B::Error>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut content = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        self.said = true;
        self.to.draw(content)
    }

    fn hide_cursor(&mut self) -> Result<(), B::Error> {
        if self.cursor_seen == Some(false) {
            return Ok(());
        }
        (self.cursor_seen, self.said) = (Some(false), true);
        self.to.hide_cursor()
    }

    fn show_cursor(&mut self) -> Result<(), B::Error> {
        if self.cursor_seen == Some(true) {
            return Ok(());
        }
        (self.cursor_seen, self.said) = (Some(true), true);
        // A terminal that is gone is noticed by the next that is drawn. At the end the library shows the cursor once more, and
        // would write to standard error that it cannot, which panics where that is the same terminal.
        let _ = self.to.show_cursor();
        Ok(())
    }

    fn get_cursor_position(&mut self) -> Result<Position, B::Error> {
        // Where it was put: the terminal is not asked. Its answer would come among the keys, which another thread hears, and
        // who is asked by a program that draws anew may not answer at all.
        Ok(self.cursor)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> Result<(), B::Error> {
        self.said = true;
        self.cursor = position.into();
        self.to.set_cursor_position(self.cursor)
    }

    fn clear(&mut self) -> Result<(), B::Error> {
        self.said = true;
        self.to.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> Result<(), B::Error> {
        self.said = true;
        self.to.clear_region(clear_type)
    }

    fn size(&self) -> Result<Size, B::Error> {
        self.to.size()
    }

    fn window_size(&mut self) -> Result<WindowSize, B::Error> {
        self.to.window_size()
    }

    fn flush(&mut self) -> Result<(), B::Error> {
        if std::mem::take(&mut self.said) { self.to.flush() } else { Ok(()) }
    }
}

/// The thread that hears keys.
#[derive(Debug)]
pub struct Keys {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Keys {
    /// Tells of keys, clicks and sizes until it is stopped or the terminal is gone, which it tells too.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(happenings: Sender<Happening>) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let hear = move || {
            while !stopped.load(Ordering::Relaxed) {
                let Ok(events) = heard() else {
                    let _ = happenings.send_blocking(Happening::Gone);
                    return;
                };
                for event in events {
                    if happenings.send_blocking(Happening::Terminal(event)).is_err() {
                        return;
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("lenslet-keys".to_owned()).spawn(hear)?;
        Ok(Self { stop, thread })
    }

    /// Ends it.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        // A panic there has been told of by its message.
        let _ = self.thread.join();
    }
}

/// A size that changed is seen this late, and the end of this thread, in milliseconds.
const LATE_MS: u16 = 100;

/// What came within [`LATE_MS`].
///
/// # Errors
/// The terminal is gone. Crossterm does not say so: it would look for keys without a pause.
fn heard() -> io::Result<Vec<Event>> {
    let stdin = io::stdin();
    let mut waited = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    match poll(&mut waited, PollTimeout::from(LATE_MS)) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => {}
        Err(error) => return Err(error.into()),
    }
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
    if waited[0].revents().is_some_and(|came| came.intersects(gone)) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut events = Vec::new();
    while event::poll(std::time::Duration::ZERO)? {
        events.push(event::read()?);
    }
    Ok(events)
}
