//! One loop with one wait: filled buffers in, access units out.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use super::buffers::Buffers;
use super::controls::apply::{self, Wished};
use super::doubt::Doubt;
use super::dropped::Dropped;
use super::fields;
use super::gaps::{Gaps, missing};
use super::hdmi;
use super::patience::{TICK, over, silent};
use super::plan::{self, Plan, Way};
use super::software::{self, Software};
use super::stream::{self, Skipped};
use super::streaming::{Streaming, sentence};
use super::thin::Thin;
use crate::amount::amount;
use crate::clock;
use crate::hub::{Making, Outlet};
use crate::media::h264::SliceHeader;
use crate::media::{AccessUnit, Codec, Journey, Link, MediaTime, Track, TrackId};
use crate::source::Error;
use crate::source::panics::may_panic;
use crate::source::rhythm::Rhythm;
use crate::source::times::{self, Times};
use crate::v4l2::{
    self, Alarm, Capture, Device, FORCE_KEY_FRAME, Filled, Interval, MAX_PLANES, Queue, Ready,
};

/// Streams as planned until nobody has wanted it for [`Outlet::linger`], the source is to end, or it is `until`.
pub(super) fn run(
    (device, queue): (Device, Queue),
    plan: &Plan,
    controls: &mut Wished,
    rhythm: &mut Rhythm,
    alarm: &Alarm,
    outlet: &Outlet,
    until: Option<Instant>,
) -> Result<(), Error> {
    let name = device.path().display().to_string();
    let forces_keyframes = device.has_control(FORCE_KEY_FRAME);
    let wish = v4l2::Wish { fourcc: plan.fourcc, size: plan.size, interval: plan.interval() };
    let mut capture = Capture::start(device, queue, &wish).map_err(sentence)?;
    let _streaming = Streaming::new(capture.device().path(), outlet.name());
    tell(&capture, plan, outlet);
    let stream = stream(&capture, plan).map_err(|why| Error::new(format!("{name}: {why}")))?;
    let mut pipeline = Pipeline::new(
        &name,
        outlet,
        stream,
        plan.way.coded().map(|coded| coded.bitrate),
        forces_keyframes,
        thin(plan, &capture),
    );
    pipeline.making = plan.making(capture.device().path());
    let done = stream_on(&mut pipeline, &mut capture, (controls, rhythm, alarm), until);
    if done.is_err() {
        pipeline.leave();
    }
    done
}

fn stream_on(
    pipeline: &mut Pipeline<'_>,
    capture: &mut Capture,
    (controls, rhythm, alarm): (&mut Wished, &mut Rhythm, &Alarm),
    until: Option<Instant>,
) -> Result<(), Error> {
    let (name, outlet) = (pipeline.name, pipeline.outlet);
    let mut alive = clock::now();
    let mut wanted = alive;
    loop {
        let ready = alarm
            .wait(Some(capture.as_fd()), Some(TICK))
            .map_err(|error| Error::new(format!("{name}: poll failed: {error}")))?;
        let now = clock::now();
        let ended = until.is_some_and(|until| now >= until);
        if outlet.stopped() || over(outlet, now, &mut wanted) || ended {
            return Ok(());
        }
        if outlet.take_keyframe_request() {
            pipeline.keyframe(capture);
        }
        apply::serve(capture.device(), controls, outlet);
        if let Some(bitrate) = outlet.take_bitrate() {
            if pipeline.hands_over(bitrate) {
                return Ok(());
            }
            pipeline.change_bitrate(bitrate);
        }
        if let Some(pictures) = outlet.take_gop() {
            pipeline.change_gop(pictures);
        }
        if ready == Ready::Event {
            hdmi::look(capture.device())?;
        }
        if ready != Ready::Woken && pipeline.drain(capture)? {
            (alive, pipeline.left) = (now, false);
            rhythm.came(now);
        } else if ready == Ready::Failed {
            return Err(Error::new(format!("{name}: the camera stopped by itself")));
        }
        pipeline.tell(now);
        if now.saturating_duration_since(alive) >= TICK {
            pipeline.leave();
        }
        silent(rhythm, alive, now, name)?;
    }
}

/// What makes access units of a camera's buffers.
enum Stream {
    /// What the camera codes is passed on.
    Coded(stream::Stream),
    /// It is coded here.
    Software(Box<Software>),
}

impl Stream {
    /// The access unit in a buffer's planes. `again` says that the driver gave the instant of the last one once
    /// more.
    fn take(&mut self, planes: &[&[u8]], again: bool) -> Result<(Arc<[u8]>, Link), Skipped> {
        match self {
            Self::Coded(stream) => stream.take(planes.first().copied().unwrap_or_default(), again),
            Self::Software(software) => software.take(planes),
        }
    }

    /// What the track carries, once a picture came.
    fn codec(&self) -> Option<Codec> {
        match self {
            Self::Coded(stream) => stream.codec(),
            Self::Software(software) => software.assembler().parameter_sets().cloned().map(Codec::H264),
        }
    }

    /// Where the last picture stands in the order of display.
    fn slice(&self) -> Option<&SliceHeader> {
        match self {
            Self::Coded(stream) => stream.slice(),
            Self::Software(_) => None,
        }
    }
}

/// What makes access units of what the driver settled on.
fn stream(capture: &Capture, plan: &Plan) -> Result<Stream, String> {
    match &plan.way {
        Way::Software(coded) => {
            let rate = rate(capture, plan);
            let settings = software::settings(capture.format(), coded, plan.size, rate);
            Software::new(capture.format(), settings, coded.level_configured)
                .map(Box::new)
                .map(Stream::Software)
        }
        Way::Passthrough | Way::Hardware(_) => plan
            .pictures
            .coding()
            .map(stream::Stream::new)
            .map(Stream::Coded)
            .ok_or_else(|| format!("{} is not coded", plan.fourcc)),
    }
}

/// Pictures a second that come: as the driver says or, if it does not, as was planned.
fn rate(capture: &Capture, plan: &Plan) -> Option<f64> {
    capture.interval().or(plan.interval()).map(Interval::rate)
}

/// Which pictures are passed on: all, unless they are coded here.
fn thin(plan: &Plan, capture: &Capture) -> Thin {
    match &plan.way {
        Way::Software(coded) => Thin::new(Some(coded.fps), rate(capture, plan)),
        Way::Passthrough | Way::Hardware(_) => Thin::new(None, None),
    }
}

struct Pipeline<'a> {
    /// The camera's, for people.
    name: &'a str,
    outlet: &'a Outlet,
    /// Whether the camera does.
    forces_keyframes: bool,
    stream: Stream,
    /// Of what is coded here, in bits a second.
    bitrate: Option<u32>,
    /// Who codes, and who would at another bitrate.
    making: Making,
    times: Times,
    /// The driver's of the last buffer.
    stamp: Option<MediaTime>,
    /// The driver's number of the last buffer.
    sequence: Option<u32>,
    /// Of what is coded here.
    gaps: Gaps,
    told_of_stamps: bool,
    /// Of what is coded here.
    thin: Thin,
    doubt: Doubt,
    dropped: Dropped,
    late: Dropped,
    /// The last picture was left for who shows something meanwhile.
    left: bool,
}

impl<'a> Pipeline<'a> {
    fn new(
        name: &'a str,
        outlet: &'a Outlet,
        stream: Stream,
        bitrate: Option<u32>,
        forces_keyframes: bool,
        thin: Thin,
    ) -> Self {
        Self {
            name,
            outlet,
            forces_keyframes,
            stream,
            bitrate,
            making: Making::default(),
            times: Times::default(),
            stamp: None,
            sequence: None,
            gaps: Gaps::default(),
            told_of_stamps: false,
            thin,
            doubt: Doubt::default(),
            dropped: Dropped::new("broken"),
            late: Dropped::new("late"),
            left: false,
        }
    }

    /// Passes on what waits; says whether there was anything. Each picture that the camera coded needs those before it, so none
    /// is skipped to catch up; of those that are coded here the newest wins, and is the only one: where coding takes longer
    /// than the camera for the next picture another waits always, and who stays here hears nobody any more.
    fn drain(&mut self, camera: &mut impl Buffers) -> Result<bool, Error> {
        let coded_here = matches!(self.stream, Stream::Software(_));
        let (mut any, mut newest) = (false, None);
        // No more than there can be, for the same reason.
        for _ in 0..camera.buffers() {
            let Some(filled) = camera.dequeue().map_err(sentence)? else { break };
            may_panic("capture");
            self.count(filled.sequence);
            if newest.is_some() && self.thin.is_due() {
                self.late.add("overtaken by the next one");
            }
            self.thin.came(taken(&filled));
            any = true;
            if coded_here {
                let older = newest.replace(filled);
                older.map_or(Ok(()), |older| camera.requeue(older)).map_err(sentence)?;
            } else {
                self.pass_on(filled, camera)?;
            }
        }
        newest.map_or(Ok(()), |newest| self.pass_on(newest, camera))?;
        Ok(any)
    }

    /// Passes on what is in a buffer, if it is to be, and gives the buffer back.
    fn pass_on(&mut self, filled: Filled, camera: &mut impl Buffers) -> Result<(), Error> {
        if filled.is_damaged() {
            self.dropped.add("damaged, says the driver");
            // What follows is decoded from what is not there.
            self.keyframe(camera);
        } else if self.thin.take() {
            self.pass(&filled)?;
        }
        camera.requeue(filled).map_err(sentence)
    }

    fn pass(&mut self, filled: &Filled) -> Result<(), Error> {
        let captured = clock::media();
        let again = filled.time.is_some() && filled.time == self.stamp;
        self.stamp = filled.time;
        let mut planes = [&[][..]; MAX_PLANES];
        planes.iter_mut().enumerate().for_each(|(number, plane)| *plane = filled.plane(number));
        let planes = &planes[..filled.planes().min(MAX_PLANES)];
        let (data, link) = match self.stream.take(planes, again) {
            Ok(unit) => unit,
            Err(Skipped::Early) => {
                self.outlet.comes(clock::media());
                return Ok(());
            }
            Err(Skipped::Broken(reason)) => {
                self.dropped.add(reason);
                return Ok(());
            }
            Err(Skipped::Unfit(why)) => return Err(Error::new(format!("{}: {why}", self.name))),
        };
        let Some(codec) = self.stream.codec() else { return Ok(()) };
        let coded_here = matches!(self.stream, Stream::Software(_));
        self.outlet
            .describe(vec![Track { codec, bitrate: self.bitrate }], self.forces_keyframes || coded_here);
        if coded_here && link == Link::Start {
            // What was asked for until now this picture answers, whether it came by itself or not.
            self.outlet.take_keyframe_request();
        }
        if coded_here && let Some(gap) = self.gaps.coded(filled.sequence) {
            tracing::debug!(mount = self.outlet.name(), "{}: {gap}", self.name);
        }
        let taken = self.taken(filled, captured);
        let journey = Some(Journey::new(taken, captured, clock::media()));
        let time = self.times.next(taken, self.stream.slice());
        let h264 = matches!(self.stream, Stream::Coded(stream::Stream::H264(..)));
        let keyframe = (link == Link::Start && h264).then(|| data.clone());
        self.outlet.publish(AccessUnit { track: TrackId(0), time, link, journey, data });
        // Behind it, so that its readers do not wait for that.
        if let Some(why) = keyframe.and_then(|keyframe| self.doubt.look(&keyframe, clock::now())) {
            tracing::warn!(mount = self.outlet.name(), "{}: {why}", self.name);
        }
        Ok(())
    }

    /// Leaves the last picture's pixels to who shows something while none come.
    fn leave(&mut self) {
        let Stream::Software(software) = &self.stream else { return };
        if let Some(last) = software.last().filter(|_| !self.left && self.outlet.wanted()) {
            self.left = true;
            self.outlet.leave(last.clone());
        }
    }

    fn taken(&mut self, filled: &Filled, captured: MediaTime) -> MediaTime {
        let (time, stamped) = times::taken(filled.time, captured);
        if !stamped && !self.told_of_stamps {
            self.told_of_stamps = true;
            tracing::info!(
                mount = self.outlet.name(),
                "{}: the driver does not stamp pictures by the monotonic clock: they have the time at which they come",
                self.name
            );
        }
        time
    }

    /// Counts the pictures that the driver had no buffer for; it numbers them too.
    fn count(&mut self, sequence: u32) {
        let missing = self.sequence.replace(sequence).map_or(0, |last| missing(last, sequence));
        self.late.add_many("lost before they were taken", u64::from(missing));
    }

    /// Has the next picture be a keyframe, or asks the camera for one, if it can be asked.
    fn keyframe(&mut self, camera: &impl Buffers) {
        if let Stream::Software(software) = &mut self.stream {
            software.keyframe();
        } else if self.forces_keyframes {
            camera.force_keyframe();
        }
    }

    /// Whether another codes at that bitrate: then it is to begin anew, as it would if it began now.
    fn hands_over(&self, bitrate: u32) -> bool {
        let why = self.making.handed_over(bitrate);
        why.inspect(|why| tracing::info!(mount = self.outlet.name(), "{}: {why}", self.name)).is_some()
    }

    /// Another bitrate of what is coded here, from the next picture on.
    fn change_bitrate(&mut self, bitrate: u32) {
        let Stream::Software(software) = &mut self.stream else { return };
        let (mount, name) = (self.outlet.name(), self.name);
        match software.set_bitrate(bitrate) {
            Ok(()) => {
                self.bitrate = Some(bitrate);
                tracing::info!(mount, "{name}: {} kbit/s from now on", bitrate / 1000);
            }
            Err(why) => {
                tracing::warn!(mount, "{name}: the bitrate stays as it is: {why}");
                self.outlet.refuse_bitrate();
            }
        }
    }

    /// Another distance of the keyframes that are made here, from the next picture on.
    fn change_gop(&mut self, pictures: u32) {
        let Stream::Software(software) = &mut self.stream else { return };
        let (mount, name) = (self.outlet.name(), self.name);
        match software.set_gop(pictures) {
            Ok(()) => {
                tracing::info!(mount, "{name}: a keyframe every {} from now on", amount(pictures, "picture"))
            }
            Err(why) => tracing::warn!(mount, "{name}: keyframes stay as they are: {why}"),
        }
    }

    fn tell(&mut self, now: Instant) {
        self.dropped.count_in(self.outlet);
        self.late.count_in(self.outlet);
        for what in [self.dropped.tell(now), self.late.tell(now)].into_iter().flatten() {
            tracing::warn!(mount = self.outlet.name(), "{}: {what}", self.name);
        }
    }
}

/// When a picture was taken.
fn taken(filled: &Filled) -> MediaTime {
    times::taken(filled.time, clock::media()).0
}

/// Says what comes, and where that is not what was wished.
fn tell(capture: &Capture, plan: &Plan, outlet: &Outlet) {
    let (mount, name) = (outlet.name(), capture.device().path().display());
    let format = capture.format();
    let rate = capture.interval().map(|interval| format!(" at {} a second", plan::rounded(interval.rate())));
    let got = format!("{} {}x{}{}", format.fourcc, format.width, format.height, rate.unwrap_or_default());
    plan.tell(capture.device(), outlet);
    if let Some(told) = fields::told(format) {
        tracing::warn!(mount, "{name}: {told}");
    }
    if let Some(interval) = capture.interval() {
        outlet.expects(interval.rate());
    }
    if plan.size.is_some_and(|size| size != (format.width, format.height)) {
        tracing::warn!(mount, "{name}: asked for {plan}, the driver gives {got}");
    } else {
        let way = match plan.way {
            Way::Passthrough => "as it comes".to_owned(),
            _ => plan.to_string(),
        };
        tracing::info!(mount, "{name}: {got}: {way}");
    }
}

#[cfg(test)]
mod tests;
