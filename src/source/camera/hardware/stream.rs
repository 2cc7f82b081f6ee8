//! The loop: the camera's newest picture to the encoder, what it coded to the outlet.

mod feed;

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::converter;
use super::counts::Counts;
use super::held::Held;
use super::ladder::Fault;
use super::opening::Trouble;
use super::running::{self, Exported, Running};
use super::watched::{Calls, Left};
use super::{BUFFERS, Broken, Pair, controls};
use crate::amount::amount;
use crate::clock;
use crate::encode;
use crate::hub::Outlet;
use crate::media::{AccessUnit, Codec, Journey, MediaTime, Track, TrackId};
use crate::source::Error;
use crate::source::camera::controls::apply::{self, Wished};
use crate::source::camera::dropped::Dropped;
use crate::source::camera::gaps::Gaps;
use crate::source::camera::hdmi;
use crate::source::camera::patience::{TICK, over, silent};
use crate::source::camera::streaming::sentence;
use crate::source::camera::thin::Thin;
use crate::source::panics::may_panic;
use crate::source::rhythm::Rhythm;
use crate::source::times;
use crate::v4l2::{Alarm, Capture, Coded, FORCE_KEY_FRAME, Filled, Interval, Seen, Watch};

/// An encoder that codes nothing of its pictures for so long hangs.
const HANGS: Duration = Duration::from_secs(1);
/// So many empty or damaged ones in a row, and it codes no more.
const BARREN: u32 = 15;
/// So many pictures in a row that are too short, and none is whole.
const SHORT: u32 = 100;
/// How long an encoder may take to code its last pictures.
const DRAIN: Duration = Duration::from_secs(1);

/// A camera and an encoder that stream.
pub(super) struct Stream<'a> {
    /// The camera's, for people.
    name: String,
    outlet: &'a Outlet,
    alarm: &'a Alarm,
    capture: Capture,
    running: Running,
    forces_keyframes: bool,
    exported: Vec<Exported>,
    /// The camera's pictures that it has not back.
    held: Held<Filled>,
    /// The last of them was left to who shows something meanwhile.
    left: bool,
    /// When the newest came.
    captured: MediaTime,
    /// The next picture is to be a keyframe.
    force: bool,
    thin: Thin,
    /// Pictures since the last whole one.
    short: u32,
    /// Likewise of those that are converted.
    unreadable: u32,
    counts: Counts,
    dropped: Dropped,
    gaps: Gaps,
    rhythm: &'a mut Rhythm,
    calls: &'a Calls,
    /// When the camera gave the last picture, and when the encoder coded the last one, or began to.
    alive: Instant,
    progress: Instant,
    /// Coded buffers without a picture since the last with one.
    barren: u32,
    last: bool,
}

/// What is left of a stream.
pub(super) struct Over {
    pub(super) end: Result<(), End>,
    pub(super) capture: Capture,
    pub(super) running: Running,
    /// Whether the encoder can be used again as it is.
    pub(super) sound: bool,
    /// Pictures that were coded.
    pub(super) coded: u64,
}

/// Why a stream ends while it is wanted.
#[derive(Debug)]
pub(super) enum End {
    /// By a fault.
    Broken(Broken),
    /// The encoder is to be opened anew, for other settings.
    Anew,
    /// Likewise, since it refuses to read the camera's buffers.
    Refused,
    /// A call took so long that others went on without it: nothing here is anybody's any more.
    Left,
}

impl From<Left> for End {
    fn from(Left: Left) -> Self {
        Self::Left
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Broken(error.into())
    }
}

impl<'a> Stream<'a> {
    pub(super) fn new(
        (capture, mut running, exported): Pair,
        rhythm: &'a mut Rhythm,
        calls: &'a Calls,
        alarm: &'a Alarm,
        outlet: &'a Outlet,
    ) -> Self {
        let name = capture.device().path().display().to_string();
        let held = Held::new(exported.len(), capture.buffers() >= BUFFERS);
        let now = clock::now();
        // What an encoder that was kept still has of the last run is nobody's.
        running.pairs.forget();
        running.assembler.restart();
        let forces = || running.encoder.device().has_control(FORCE_KEY_FRAME);
        Self {
            name,
            outlet,
            alarm,
            forces_keyframes: calls.make(forces).unwrap_or_default(),
            thin: Thin::new(
                Some(running.arrangement.settings.fps),
                running.arrangement.given.map(Interval::rate),
            ),
            capture,
            running,
            exported,
            held,
            left: false,
            captured: MediaTime::default(),
            force: true,
            short: 0,
            unreadable: 0,
            counts: Counts::default(),
            dropped: Dropped::new("broken"),
            gaps: Gaps::default(),
            rhythm,
            calls,
            alive: now,
            progress: now,
            barren: 0,
            last: false,
        }
    }

    /// Streams; `wished` is what the camera's controls are set to.
    pub(super) fn run(mut self, wished: &mut Wished) -> Over {
        let end = self.stream(wished);
        if matches!(end, Err(End::Left)) {
            return Over { end, capture: self.capture, running: self.running, sound: false, coded: 0 };
        }
        let closes = self.outlet.stopped() || matches!(end, Err(End::Anew | End::Refused));
        let sound = !matches!(end, Err(End::Broken(Broken::Encoder(_)))) && self.settle(closes);
        tracing::debug!(mount = self.outlet.name(), "{}: {}", self.name, self.counts);
        if matches!(end, Err(End::Broken(_))) {
            // What was coded to the end is shown before it.
            self.leave();
        }
        if end.is_err() {
            self.give_back();
        }
        Over { end, capture: self.capture, running: self.running, sound, coded: self.counts.coded }
    }

    /// Gives the camera the buffers that the encoder has, or was to have.
    fn give_back(&mut self) {
        for filled in self.held.take_all() {
            // A camera that takes none is gone, and that is told where it is looked for.
            let _ = self.capture.requeue(filled);
        }
    }

    fn stream(&mut self, wished: &mut Wished) -> Result<(), End> {
        let mut wanted = self.alive;
        loop {
            let [encoder, camera] = self.wait(true, TICK)?;
            let now = clock::now();
            if self.outlet.stopped() || over(self.outlet, now, &mut wanted) {
                return Ok(());
            }
            self.force |= self.outlet.take_keyframe_request();
            apply::serve(self.capture.device(), wished, self.outlet);
            if let Some(bitrate) = self.outlet.take_bitrate() {
                self.change_bitrate(bitrate)?;
            }
            if let Some(pictures) = self.outlet.take_gop() {
                self.change_gop(pictures)?;
            }
            if camera.event {
                hdmi::look(self.capture.device())?;
            }
            self.collect(encoder, now)?;
            let any = self.fetch(camera, now)?;
            if camera.failed && !any {
                return Err(Error::new(format!("{}: the camera stopped by itself", self.name)).into());
            }
            self.feed(now)?;
            self.tell(now);
            self.look_for_silence(now)?;
        }
    }

    /// Waits for the encoder and, if it is looked for too, for the camera.
    fn wait(&mut self, camera: bool, timeout: Duration) -> Result<[Seen; 2], Error> {
        let encoder =
            Watch { device: self.running.encoder.as_fd(), filled: true, returned: true, events: true };
        let camera = Watch { device: self.capture.as_fd(), filled: camera, returned: false, events: camera };
        self.alarm
            .wait_both([encoder, camera], timeout)
            .map_err(|error| Error::new(format!("{}: poll failed: {error}", self.name)))
    }

    /// Takes back what the encoder has read and passes on what it has coded.
    fn collect(&mut self, seen: Seen, now: Instant) -> Result<(), End> {
        if seen.event {
            self.calls.make(|| self.running.encoder.take_events())?;
        }
        if seen.failed {
            return Err(self.trouble(Fault::Fails, "the encoder stopped by itself"));
        }
        while let Some(coded) = self.calls.make(|| self.running.encoder.take_coded())?.map_err(lost)? {
            self.barren += 1;
            if self.pass(&coded) {
                (self.progress, self.barren) = (now, 0);
            }
            self.last |= coded.is_last();
            self.calls.make(|| self.running.encoder.requeue(coded))?.map_err(lost)?;
        }
        if self.barren >= BARREN {
            return Err(self.trouble(Fault::Fails, "the encoder gives nothing but empty or damaged pictures"));
        }
        while let Some(index) = self.calls.make(|| self.running.encoder.take_back())?.map_err(lost)? {
            if let Some(filled) = self.held.read(index as usize) {
                self.capture.requeue(filled).map_err(sentence)?;
            }
        }
        Ok(())
    }

    /// Keeps the camera's newest picture; says whether one came.
    fn fetch(&mut self, seen: Seen, now: Instant) -> Result<bool, Error> {
        let mut any = false;
        while seen.filled
            && let Some(filled) = self.capture.dequeue().map_err(sentence)?
        {
            (any, self.alive, self.left) = (true, now, false);
            may_panic("capture");
            self.thin.came(times::taken(filled.time, clock::media()).0);
            self.rhythm.came(now);
            self.counts.came(filled.sequence);
            let (older, kept) = if filled.is_damaged() {
                self.dropped.add("damaged, says the driver");
                (Some(filled), None)
            } else if self.cut_short(&filled)? || !self.thin.take() {
                (Some(filled), None)
            } else {
                let (older, kept) = self.held.came(filled);
                self.captured = clock::media();
                self.counts.late += u64::from(older.is_some());
                (older, kept)
            };
            for free in kept.into_iter().chain(older) {
                self.capture.requeue(free).map_err(sentence)?;
            }
        }
        Ok(any)
    }

    /// Whether a picture is shorter than its format says, which a camera does now and then, not always.
    fn cut_short(&mut self, filled: &Filled) -> Result<bool, Error> {
        if self.running.is_whole(filled) {
            self.short = 0;
            return Ok(false);
        }
        self.short += 1;
        self.dropped.add("cut short");
        if self.short < SHORT {
            return Ok(true);
        }
        let (format, bytes) = (self.capture.format(), filled.bytes().len());
        Err(Error::new(format!(
            "{}: the last {SHORT} pictures were all shorter than {} {}x{} is: {bytes} bytes came, with lines of {} bytes",
            self.name,
            format.fourcc,
            format.width,
            format.height,
            format.bytesperline()
        )))
    }

    /// Passes on a coded picture; says whether it is one, or parameter sets.
    fn pass(&mut self, coded: &Coded) -> bool {
        let running = &mut self.running;
        let bytes = running.encoder.bytes(coded);
        if coded.is_damaged() || bytes.is_empty() {
            let paired = running.pairs.take(coded.micros);
            self.counts.left_out += paired.left_out;
            if coded.is_damaged() {
                self.dropped.add("damaged, says the encoder");
                // What follows is decoded from what is not there.
                running.assembler.restart();
                self.force = true;
            } else {
                self.counts.left_out += u64::from(paired.picture.is_some() && coded.micros != 0);
            }
            return false;
        }
        // Parameter sets alone, or what comes before the first keyframe: its picture is still to come.
        let (given, before) = (bytes.len() as u64, running.assembler.copied());
        let Some((data, link)) = running.assembler.assemble(bytes) else {
            self.counts.strays += 1;
            return true;
        };
        let paired = running.pairs.take(coded.micros);
        self.counts.left_out += paired.left_out;
        let (Some((time, captured)), Some(sets)) = (paired.picture, running.assembler.parameter_sets())
        else {
            running.assembler.restart();
            self.counts.strays += 1;
            self.force = true;
            return true;
        };
        self.counts.coded += 1;
        self.counts.coded_bytes += given;
        self.counts.coded_copied += running.assembler.copied() - before;
        let track =
            Track { codec: Codec::H264(sets.clone()), bitrate: Some(running.arrangement.load.bitrate) };
        self.outlet.describe(vec![track], self.forces_keyframes);
        let journey = Some(Journey::new(time, captured, clock::media()));
        self.outlet.publish(AccessUnit { track: TrackId(0), time, link, journey, data });
        true
    }

    /// Another bitrate, in the stream that there is if the driver can, else in a new one.
    fn change_bitrate(&mut self, bitrate: u32) -> Result<(), End> {
        let mount = self.outlet.name();
        let level = self.running.arrangement.settings.level;
        match self.running.arrangement.at(bitrate) {
            Ok(None) => return Ok(()),
            Ok(Some(other)) => self.running.arrangement = other,
            Err(why) => {
                tracing::warn!(mount, "{}: the bitrate stays as it is: {why}", self.name);
                self.outlet.refuse_bitrate();
                return Ok(());
            }
        }
        // A level is set before it streams alone.
        let same = level == self.running.arrangement.settings.level;
        let set = || same && controls::set_bitrate(self.running.encoder.device(), bitrate);
        let done = self.calls.make(set)?;
        tracing::info!(mount, "{}: {} kbit/s from now on", self.name, bitrate / 1000);
        if done { Ok(()) } else { Err(End::Anew) }
    }

    /// Another distance of keyframes, in the stream that there is if the driver can, else in a new one.
    fn change_gop(&mut self, pictures: u32) -> Result<(), End> {
        if self.running.arrangement.settings.gop == pictures {
            return Ok(());
        }
        let done = self.calls.make(|| controls::set_gop(self.running.encoder.device(), pictures))?;
        self.running.arrangement.settings.gop = pictures;
        let mount = self.outlet.name();
        tracing::info!(mount, "{}: a keyframe every {} from now on", self.name, amount(pictures, "picture"));
        if done { Ok(()) } else { Err(End::Anew) }
    }

    /// Passes on what the encoder has still to code: all of it if it is to stop. Says whether it is sound.
    fn settle(&mut self, stop: bool) -> bool {
        let began = clock::now();
        let stopping = stop && self.calls.make(|| self.running.encoder.stop().is_ok()).unwrap_or_default();
        // Not every driver can be told to stop, and a picture's buffer may come back before what was coded of it.
        let all = |running: &Running| running.encoder.given() == 0 && running.pairs.is_empty();
        let done = |stream: &Self| if stopping { stream.last } else { all(&stream.running) };
        while !done(self) {
            let left = DRAIN.saturating_sub(clock::now().saturating_duration_since(began));
            let seen = self.wait(false, left.min(TICK)).ok().filter(|_| !left.is_zero());
            // A camera that is gone takes no buffers, and the encoder's own trouble is told of elsewhere.
            if seen.is_none_or(|[encoder, _]| encoder.failed || self.collect(encoder, began).is_err()) {
                return self.running.encoder.given() == 0;
            }
        }
        true
    }

    fn tell(&mut self, now: Instant) {
        self.dropped.count_in(self.outlet);
        self.counts.count_in(self.outlet);
        let told = [self.dropped.tell(now), self.counts.tell(now)];
        for what in told.into_iter().flatten() {
            tracing::warn!(mount = self.outlet.name(), "{}: {what}", self.name);
        }
    }

    /// Leaves the last picture's pixels to who shows something while none come. Its memory is mapped for as long as there
    /// is a [`Filled`] of it: a driver keeps that though its device is gone.
    fn leave(&mut self) {
        if self.left || !encode::SOFTWARE || !self.outlet.wanted() {
            return;
        }
        if let Some(picture) =
            self.held.last().and_then(|last| converter::picture(self.capture.format(), last))
        {
            self.left = true;
            self.outlet.leave(picture);
        }
    }

    fn look_for_silence(&mut self, now: Instant) -> Result<(), End> {
        if now.saturating_duration_since(self.alive) >= TICK {
            self.leave();
        }
        if self.running.encoder.given() > 0 && now.saturating_duration_since(self.progress) > HANGS {
            let seconds = HANGS.as_secs();
            return Err(self.trouble(Fault::Hangs, &format!("the encoder hangs: nothing for {seconds} s")));
        }
        Ok(silent(self.rhythm, self.alive, now, &self.name)?)
    }

    fn trouble(&self, fault: Fault, what: &str) -> End {
        let why = format!("{}: {what}", running::name(&self.running.arrangement.settings));
        End::Broken(Trouble { fault, why }.into())
    }
}

/// The encoder's driver refused.
fn lost(error: crate::v4l2::Error) -> End {
    End::Broken(Trouble { fault: Fault::Fails, why: error.to_string() }.into())
}
