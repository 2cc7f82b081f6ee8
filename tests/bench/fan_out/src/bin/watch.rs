//! Viewers on one core, the same for every server: they join over some time, and in a window of seconds all that
//! comes is counted, and what the server's process used. One JSON object says it.

use std::io;
use std::time::{Duration, Instant};

use lenslet_fan_out::cpu;
use lenslet_fan_out::options::Options;
use lenslet_fan_out::sys::{Epoll, Inbox};
use lenslet_fan_out::viewer::Viewer;

struct Plan {
    url: String,
    udp: bool,
    readers: usize,
    stalled: usize,
    /// All join within this time, at random moments.
    spread: Duration,
    settle: Duration,
    window: Duration,
    /// Slept before each look at what has come: nobody is woken for each packet, as nobody is on the far side of a
    /// network card. Times are that much less exact.
    nap: Duration,
    /// They leave when they have a keyframe.
    joins: bool,
    pid: u32,
}

fn main() -> io::Result<()> {
    let mut options = Options::read();
    let seconds = |options: &mut Options, name: &str| Duration::from_secs_f64(options.take(name, 0.0));
    let plan = Plan {
        url: options.need("--url"),
        udp: options.need::<String>("--transport") == "udp",
        readers: options.take("--readers", 1),
        stalled: options.take("--stalled", 0),
        spread: seconds(&mut options, "--spread"),
        settle: seconds(&mut options, "--settle"),
        window: seconds(&mut options, "--seconds"),
        nap: seconds(&mut options, "--nap"),
        joins: options.take("--joins", false),
        pid: options.take("--pid", std::process::id()),
    };
    options.end();
    let mut crowd = Crowd::new(plan)?;
    crowd.watch()
}

struct Crowd {
    plan: Plan,
    epoll: Epoll,
    /// By their number; `None` is one who has not come yet, or has left.
    viewers: Vec<Option<Viewer>>,
    joins: Vec<(Duration, usize)>,
    first_keyframes: Vec<Duration>,
    failed: Vec<String>,
    inbox: Inbox,
    buffer: Vec<u8>,
}

impl Crowd {
    fn new(plan: Plan) -> io::Result<Self> {
        let count = plan.stalled + plan.readers;
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        // Who will stall comes first.
        let at = |number: usize, random: &mut Random| {
            if number < plan.stalled { Duration::ZERO } else { plan.spread.mul_f64(random.unit()) }
        };
        let mut joins: Vec<_> = (0..count).map(|number| (at(number, &mut random), number)).collect();
        joins.sort_by(|one, other| other.cmp(one));
        Ok(Self {
            viewers: (0..count).map(|_| None).collect(),
            joins,
            plan,
            epoll: Epoll::new()?,
            first_keyframes: Vec::new(),
            failed: Vec::new(),
            inbox: Inbox::default(),
            buffer: vec![0; 1 << 18],
        })
    }

    fn watch(&mut self) -> io::Result<()> {
        let start = Instant::now();
        self.serve_until(start + self.plan.spread + self.plan.settle)?;
        let (began, spent, own) = (Instant::now(), cpu::nanoseconds(self.plan.pid), own_cpu());
        self.viewers.iter_mut().flatten().for_each(|viewer| viewer.counts.begin(began));
        // For whoever counts system calls meanwhile.
        eprintln!("window");
        self.serve_until(began + self.plan.window)?;
        let ended = Instant::now();
        let spent = cpu::nanoseconds(self.plan.pid).saturating_sub(spent);
        let own = own_cpu().saturating_sub(own);
        self.viewers.iter_mut().flatten().for_each(|viewer| viewer.counts.end(ended));
        let memory = cpu::memory(self.plan.pid);
        self.tell(ended - began, spent, own, memory);
        self.viewers.iter_mut().flatten().for_each(Viewer::leave);
        Ok(())
    }

    fn serve_until(&mut self, end: Instant) -> io::Result<()> {
        let (start, mut tokens) = (Instant::now(), Vec::new());
        loop {
            let mut now = Instant::now();
            while let Some((_, number)) = self.joins.pop_if(|(at, _)| start + *at <= now) {
                self.join(number, now)?;
                now = Instant::now();
            }
            if now >= end {
                return Ok(());
            }
            std::thread::sleep(self.plan.nap);
            let next = self.joins.last().map_or(end, |(at, _)| end.min(start + *at));
            let mut left = next.saturating_duration_since(now);
            while {
                self.epoll.wait(left, &mut tokens)?;
                !tokens.is_empty()
            } {
                for token in &tokens {
                    self.handle(*token);
                }
                if self.plan.nap.is_zero() {
                    break;
                }
                left = Duration::ZERO;
            }
        }
    }

    fn join(&mut self, number: usize, now: Instant) -> io::Result<()> {
        let stalled = number < self.plan.stalled;
        match Viewer::connect(&self.plan.url, self.plan.udp && !stalled, stalled, now) {
            Ok(viewer) => {
                self.epoll.add(&viewer.stream, number as u64 * 2)?;
                if let Some(rtp) = &viewer.rtp {
                    self.epoll.add(rtp, number as u64 * 2 + 1)?;
                }
                self.viewers[number] = Some(viewer);
            }
            Err(error) => self.failed.push(error.to_string()),
        }
        Ok(())
    }

    fn handle(&mut self, token: u64) {
        let number = (token / 2) as usize;
        let Some(viewer) = &mut self.viewers[number] else { return };
        let now = Instant::now();
        let done = if token % 2 == 0 {
            viewer.handle_stream(&mut self.buffer, now)
        } else {
            receive(viewer, &mut self.inbox, now)
        };
        if viewer.ignores() {
            let _once = self.epoll.remove(&viewer.stream);
        }
        let arrived = viewer.first_keyframe.filter(|_| self.plan.joins);
        if let Err(error) = done {
            self.failed.push(error.to_string());
            self.viewers[number] = None;
        } else if let Some(arrived) = arrived {
            self.first_keyframes.push(arrived);
            viewer.leave();
            self.viewers[number] = None;
        }
    }

    fn tell(&self, window: Duration, spent: u64, own: u64, [resident, private]: [u64; 2]) {
        let good = || self.viewers[self.plan.stalled..].iter().flatten();
        let sum = |of: fn(&Viewer) -> u64| good().map(of).sum::<u64>();
        let (packets, pictures) = (sum(|viewer| viewer.counts.packets), sum(|viewer| viewer.counts.pictures));
        let mut keyframes: Vec<f64> =
            good().filter_map(|viewer| viewer.first_keyframe).map(milliseconds).collect();
        keyframes.extend(self.first_keyframes.iter().copied().map(milliseconds));
        keyframes.sort_by(f64::total_cmp);
        let mut gaps: Vec<f64> = good().map(|viewer| milliseconds(viewer.counts.largest_gap)).collect();
        gaps.sort_by(f64::total_cmp);
        let seconds = window.as_secs_f64();
        let fields = [
            ("playing", good().filter(|viewer| viewer.first_keyframe.is_some()).count().to_string()),
            ("joined", keyframes.len().to_string()),
            ("failed", self.failed.len().to_string()),
            ("window_s", format!("{seconds:.3}")),
            ("packets", packets.to_string()),
            ("pictures", pictures.to_string()),
            ("lost", sum(|viewer| viewer.counts.lost).to_string()),
            ("us_per_packet", format!("{:.4}", spent as f64 / 1000.0 / packets.max(1) as f64)),
            ("server_cpu", format!("{:.4}", spent as f64 / 1e9 / seconds)),
            ("client_cpu", format!("{:.4}", own as f64 / 1e9 / seconds)),
            ("resident_kb", resident.to_string()),
            ("private_kb", private.to_string()),
            ("keyframe_ms", list(&keyframes)),
            ("gap_ms", list(&gaps)),
        ];
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
        println!("{{{}}}", fields.join(", "));
        if let Some(first) = self.failed.first() {
            eprintln!("{} failed, the first: {first}", self.failed.len());
        }
    }
}

fn receive(viewer: &mut Viewer, inbox: &mut Inbox, now: Instant) -> io::Result<()> {
    let Some(rtp) = viewer.rtp.take() else { return Ok(()) };
    let more = loop {
        match inbox.receive(&rtp, |packet| viewer.handle_packet(packet, now)) {
            Ok(true) => {}
            done => break done,
        }
    };
    viewer.rtp = Some(rtp);
    more.map(drop)
}

fn own_cpu() -> u64 {
    cpu::nanoseconds(std::process::id())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn list(values: &[f64]) -> String {
    let values: Vec<_> = values.iter().map(|value| format!("{value:.2}")).collect();
    format!("[{}]", values.join(", "))
}

/// Marsaglia's xorshift: the same moments in every run.
struct Random(u64);

impl Random {
    /// From 0 to 1.
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}
