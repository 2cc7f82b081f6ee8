//! All readers in one loop: who comes, who leaves, whose socket is ready.

use std::collections::VecDeque;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use async_signal::{Signal, Signals};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::figures::{Figures, Part, Summary, Total, Window};
use super::reader::{Reader, Socket, State, Wish};
use super::sockets::Buffers;
use super::{Options, Target, alone, machine};
use crate::client;
use crate::clock;

/// Readers a second, if not said: no server takes that for an attack.
const RATE: f64 = 100.0;

/// Timers of all readers are looked at this often.
const SWEEP: Duration = Duration::from_millis(50);

/// Who has not begun to play this long after the last one came will not.
const SETTLE: Duration = Duration::from_secs(12);

/// Goodbyes take at most this long.
const GOODBYE: Duration = Duration::from_secs(2);

const SECOND: Duration = Duration::from_secs(1);

/// Sockets told of at once.
const EVENTS: usize = 1024;

/// The token of Ctrl-C.
const INTERRUPT: u64 = u64::MAX;

/// All readers.
pub(super) struct Fleet<'a> {
    options: &'a Options,
    target: Target,
    epoll: Epoll,
    interrupted: Signals,
    buffers: Buffers,
    members: Vec<Option<Member>>,
    free: Vec<usize>,
    /// Viewers in the order in which they leave.
    queue: VecDeque<usize>,
    figures: Figures,
    began: Instant,
    /// The first reader is to be alone for a moment.
    alone: bool,
    /// Others come from then on.
    ramp_began: Instant,
    opened: usize,
    last_opened: Instant,
    churned: usize,
    next_sweep: Instant,
    window: Option<Window>,
    window_began: Option<Instant>,
    overflows: u64,
    told: (Instant, Total, Duration),
}

struct Member {
    reader: Reader,
    part: Part,
    /// It was counted: what comes now is goodbye.
    counted: bool,
}

impl<'a> Fleet<'a> {
    pub(super) fn new(options: &'a Options, target: Target) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let interrupted = Signals::new([Signal::Int, Signal::Term])?;
        epoll.add(&interrupted, EpollEvent::new(EpollFlags::EPOLLIN, INTERRUPT))?;
        let now = clock::now();
        Ok(Self {
            options,
            target,
            epoll,
            interrupted,
            buffers: Buffers::new(),
            members: Vec::new(),
            free: Vec::new(),
            queue: VecDeque::new(),
            figures: Figures::default(),
            began: now,
            alone: options.readers + options.slow > 1,
            ramp_began: now,
            opened: 0,
            last_opened: now,
            churned: 0,
            next_sweep: now,
            window: None,
            window_began: None,
            overflows: machine::overflows(),
            told: (now, Total::default(), machine::own_cpu()),
        })
    }

    /// Plays until it has been seen enough, or nobody is left.
    pub(super) fn run(mut self) -> io::Result<Summary> {
        let lines = !self.options.json && io::stderr().is_terminal();
        loop {
            let now = clock::now();
            self.come(now);
            self.sweep(now);
            self.begin_window(now);
            self.churn(now);
            if lines {
                self.tell(now);
            }
            if self.is_over(now) || self.wait(now)? {
                break;
            }
        }
        let now = clock::now();
        let window = self.window.unwrap_or_else(|| Window::begin(self.total(), self.options.pid, now));
        let slots: Vec<usize> = (0..self.members.len()).collect();
        slots.iter().for_each(|slot| self.count(*slot, None));
        let overflows = machine::overflows().saturating_sub(self.overflows);
        let figures = std::mem::take(&mut self.figures);
        let summary = figures.summary(self.options, self.target.url.request(), window, overflows, now);
        self.say_goodbye()?;
        Ok(summary)
    }

    /// How many are asked for at first, and how many a second come.
    fn ramp(&self) -> (usize, f64) {
        let all = self.options.readers + self.options.slow;
        let rate = self.options.ramp.map_or(RATE, |ramp| all as f64 / ramp.as_secs_f64().max(1e-3));
        (all, rate)
    }

    /// Lets those come whose time it is: viewers, then the slow ones.
    fn come(&mut self, now: Instant) {
        self.end_alone(now);
        let (all, rate) = self.ramp();
        let due = 1 + (now.saturating_duration_since(self.ramp_began).as_secs_f64() * rate) as usize;
        let due = if self.alone { 1 } else { due };
        while self.opened < all.min(due) {
            let part = if self.opened < self.options.readers { Part::Viewer } else { Part::Slow };
            self.opened += 1;
            self.last_opened = now;
            self.open(part, now);
        }
    }

    /// Lets others come if the first reader was alone long enough, or is no more.
    fn end_alone(&mut self, now: Instant) {
        if !self.alone || self.opened == 0 {
            return;
        }
        let first = self.members.first().and_then(Option::as_ref).filter(|member| !member.counted);
        if first.is_some_and(|member| !alone::is_over(&member.reader, now)) {
            return;
        }
        self.figures.alone = first.and_then(|member| alone::rate(&member.reader));
        (self.alone, self.ramp_began) = (false, now);
    }

    fn next_comer(&self) -> Option<Instant> {
        let (all, rate) = self.ramp();
        let next = || self.ramp_began + Duration::from_secs_f64(self.opened as f64 / rate);
        (self.opened < all && !self.alone).then(next)
    }

    fn open(&mut self, part: Part, now: Instant) {
        let slow = (part == Part::Slow).then_some(self.options.slow_kind);
        let reader = match Reader::open(&self.target, slow, now) {
            Ok(reader) => reader,
            Err(error) => return self.figures.unopened(part, error.to_string()),
        };
        let slot = self.free.pop().unwrap_or(self.members.len());
        let event =
            EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT, token(slot, Socket::Connection));
        if let Err(error) = self.epoll.add(reader.connection().as_fd(), event) {
            self.free.push(slot);
            return self.figures.unopened(part, io::Error::from(error).to_string());
        }
        let member = Some(Member { reader, part, counted: false });
        match self.members.get_mut(slot) {
            Some(place) => *place = member,
            None => self.members.push(member),
        }
        if part != Part::Slow {
            self.queue.push_back(slot);
        }
    }

    /// Waits for sockets and reads them; whether it was interrupted.
    fn wait(&mut self, now: Instant) -> io::Result<bool> {
        let mut events = [EpollEvent::empty(); EVENTS];
        let until = self.next_comer().into_iter().fold(self.next_sweep, Instant::min);
        // Rounded up: what is due in 0.3 ms is not due now.
        let millis = until.saturating_duration_since(now).as_micros().div_ceil(1000);
        let timeout = EpollTimeout::from(millis.min(1000) as u16);
        let count = match self.epoll.wait(&mut events, timeout) {
            Ok(count) => count,
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        for event in &events[..count] {
            if event.data() == INTERRUPT {
                return Ok(true);
            }
            let (slot, socket) = from_token(event.data());
            self.ready(slot, socket, event.events());
        }
        Ok(false)
    }

    fn ready(&mut self, slot: usize, socket: Socket, events: EpollFlags) {
        let Some(Some(member)) = self.members.get_mut(slot) else { return };
        let now = clock::now();
        let gone = EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR;
        let done = if member.part == Part::Slow && member.reader.state == State::Playing {
            // What waits unread stays unread.
            if events.intersects(gone) { Err(closed()) } else { Ok(()) }
        } else {
            member.reader.handle_ready(socket, &mut self.buffers, now)
        };
        self.settle(slot, done);
    }

    /// Does what a reader wished, or ends it.
    fn settle(&mut self, slot: usize, done: Result<(), client::Error>) {
        let Some(Some(member)) = self.members.get_mut(slot) else { return };
        let mut done = done.map_err(|error| error.to_string());
        while let (Ok(()), Some(wish)) = (&done, member.reader.poll_wish()) {
            done = fulfil(&self.epoll, &member.reader, slot, wish).map_err(|error| error.to_string());
        }
        let over = member.reader.state == State::Over;
        match done {
            Ok(()) if over => self.remove(slot, None),
            Ok(()) => {}
            Err(why) => self.remove(slot, Some(why)),
        }
    }

    fn remove(&mut self, slot: usize, why: Option<String>) {
        self.count(slot, why);
        if let Some(place) = self.members.get_mut(slot)
            && place.take().is_some()
        {
            self.free.push(slot);
        }
    }

    /// Takes a reader's figures, once.
    fn count(&mut self, slot: usize, why: Option<String>) {
        if let Some(Some(member)) = self.members.get_mut(slot)
            && !std::mem::replace(&mut member.counted, true)
        {
            self.figures.add(member.part, &member.reader, why, clock::now());
        }
    }

    /// Looks at everybody's timers.
    fn sweep(&mut self, now: Instant) {
        if now < self.next_sweep {
            return;
        }
        self.next_sweep = now + SWEEP;
        for slot in 0..self.members.len() {
            if let Some(Some(member)) = self.members.get_mut(slot) {
                let done = member.reader.handle_time(&mut self.buffers, now);
                self.settle(slot, done);
            }
        }
    }

    /// From when everybody has come and plays, or will not, it is measured.
    fn begin_window(&mut self, now: Instant) {
        let come = self.opened == self.options.readers + self.options.slow;
        if self.window.is_some() || !come {
            return;
        }
        let waits = |member: &Member| {
            let silent = member.part != Part::Slow && Total::of(&member.reader).received == 0;
            !member.counted && (member.reader.state != State::Playing || silent)
        };
        if now < self.last_opened + SETTLE && self.members.iter().flatten().any(waits) {
            return;
        }
        self.window = Some(Window::begin(self.total(), self.options.pid, now));
        self.window_began = Some(now);
        let readers = self.members.iter_mut().flatten().map(|member| &mut member.reader);
        readers.flat_map(|reader| &mut reader.tracks).for_each(|track| track.tally.pace.mark());
    }

    fn is_over(&self, now: Instant) -> bool {
        let seen = self.window_began.is_some_and(|began| began + self.options.duration <= now);
        let viewers =
            self.members.iter().flatten().any(|member| !member.counted && member.part != Part::Slow);
        seen || self.window.is_some() && !viewers
    }

    /// Lets the oldest leave, and others come for them.
    fn churn(&mut self, now: Instant) {
        let Some(began) = self.window_began.filter(|_| self.options.churn > 0.0) else { return };
        let due = (now.saturating_duration_since(began).as_secs_f64() * self.options.churn) as usize;
        while self.churned < due {
            self.churned += 1;
            self.leave_oldest(now);
            self.open(Part::Replacement, now);
        }
    }

    fn leave_oldest(&mut self, now: Instant) {
        while let Some(slot) = self.queue.pop_front() {
            let Some(Some(member)) = self.members.get_mut(slot) else { continue };
            if member.counted || member.part == Part::Slow {
                continue;
            }
            self.figures.left();
            self.count(slot, None);
            if let Some(Some(member)) = self.members.get_mut(slot) {
                member.reader.leave(now);
            }
            return self.settle(slot, Ok(()));
        }
    }

    /// Of all readers, also of those that are done.
    fn total(&self) -> Total {
        let mut total = self.figures.total;
        let there = self.members.iter().flatten();
        there
            .filter(|member| !member.counted && member.part != Part::Slow)
            .for_each(|member| total += Total::of(&member.reader));
        total
    }

    /// Tells once a second how it goes.
    fn tell(&mut self, now: Instant) {
        let (last, before, cpu) = self.told;
        let elapsed = now.saturating_duration_since(last);
        if elapsed < SECOND {
            return;
        }
        let (total, own) = (self.total(), machine::own_cpu());
        self.told = (now, total, own);
        let playing =
            self.members.iter().flatten().filter(|member| member.reader.state == State::Playing).count();
        let bits = total.bytes.saturating_sub(before.bytes) as f64 * 8.0 / elapsed.as_secs_f64();
        let busy = own.saturating_sub(cpu).as_secs_f64() / elapsed.as_secs_f64();
        eprintln!(
            "{:>4} s  {playing} playing  {} failed  {:.1} Mbit/s  {} lost  tester at {:.0} %",
            now.saturating_duration_since(self.began).as_secs(),
            self.figures.failed(),
            bits / 1e6,
            total.lost(),
            busy * 100.0
        );
    }

    /// Ends every session, as long as the servers answer.
    fn say_goodbye(&mut self) -> io::Result<()> {
        // It stays readable, and there is little left to interrupt.
        self.epoll.delete(&self.interrupted)?;
        let began = clock::now();
        for slot in 0..self.members.len() {
            if let Some(Some(member)) = self.members.get_mut(slot) {
                // What hangs does not say goodbye.
                if member.part == Part::Slow {
                    self.remove(slot, None);
                    continue;
                }
                member.reader.leave(began);
                self.settle(slot, Ok(()));
            }
        }
        loop {
            let now = clock::now();
            self.sweep(now);
            let left = self.members.iter().flatten().count();
            if left == 0 || now >= began + GOODBYE || self.wait(now)? {
                return Ok(());
            }
        }
    }
}

fn closed() -> client::Error {
    crate::rtsp::client::Error::Closed { unanswered: None }.into()
}

fn fulfil(epoll: &Epoll, reader: &Reader, slot: usize, wish: Wish) -> io::Result<()> {
    let connection = |flags| {
        let mut event = EpollEvent::new(flags, token(slot, Socket::Connection));
        epoll.modify(reader.connection().as_fd(), &mut event)
    };
    match wish {
        Wish::Read => connection(EpollFlags::EPOLLIN)?,
        Wish::Rest => connection(EpollFlags::EPOLLRDHUP)?,
        Wish::Watch(track) => {
            if let Some(pair) = reader.pair(track) {
                let event = |socket| EpollEvent::new(EpollFlags::EPOLLIN, token(slot, socket));
                epoll.add(pair.rtp(), event(Socket::Rtp(track)))?;
                epoll.add(pair.rtcp(), event(Socket::Rtcp(track)))?;
            }
        }
    }
    Ok(())
}

/// Tracks are at most 64: see [`crate::sdp::presentation`].
fn token(slot: usize, socket: Socket) -> u64 {
    let which = match socket {
        Socket::Connection => 0,
        Socket::Rtp(track) => 1 + 2 * track as u64,
        Socket::Rtcp(track) => 2 + 2 * track as u64,
    };
    (slot as u64) << 16 | which
}

fn from_token(token: u64) -> (usize, Socket) {
    let socket = match token & 0xffff {
        0 => Socket::Connection,
        odd if odd % 2 == 1 => Socket::Rtp((odd / 2) as usize),
        even => Socket::Rtcp((even / 2 - 1) as usize),
    };
    ((token >> 16) as usize, socket)
}
