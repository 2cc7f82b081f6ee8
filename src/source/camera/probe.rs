//! Finding the cameras of this machine.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::board::{EncoderNode, Encoders, Node, Offered, Range, Size};
use super::controls::{Control, apply};
use super::unopened::{self, Unopened, VideoNode};
use super::{Wish, asking, hdmi, open_camera, plan};
use crate::encode;
use crate::v4l2::{Capability, Device, Error, FourCc, Intervals, Offer, Queue, Sizes, controls};

/// Where udev keeps names that stay when a camera is plugged in again.
const STABLE: &str = "/dev/v4l/by-id";

/// A camera of this machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Found {
    /// Its node now: `/dev/video0`.
    pub path: PathBuf,
    /// Its stable name, where udev gives it one.
    pub id: Option<PathBuf>,
    /// What it is and what it gives.
    #[serde(flatten)]
    pub node: Node,
    /// Whether [`Camera`](super::Camera) can serve it.
    pub served: bool,
    /// What is served of it and why, or what it lacks: in a sentence.
    pub verdict: String,
    /// Why it is so where it could be otherwise, a sentence each.
    pub reasons: Vec<String>,
    /// What can be set of it.
    pub controls: Vec<Control>,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Node { card, driver, bus, formats, .. } = &self.node;
        write!(f, "{}  {card} ({driver}, {bus})\n    {}", self.path.display(), self.verdict)?;
        for reason in &self.reasons {
            write!(f, "\n    {reason}")?;
        }
        for format in formats {
            write!(f, "\n    {}  {}", format.fourcc, format.description)?;
            if let Some(greatest) = format.sizes.iter().max_by_key(|size| size.pixels()) {
                write!(f, ", up to {greatest}")?;
            }
        }
        for control in &self.controls {
            write!(f, "\n    {control}")?;
        }
        Ok(())
    }
}

impl Found {
    /// The path to configure: the stable name, or else the node.
    pub fn device(&self) -> &Path {
        self.id.as_deref().unwrap_or(&self.path)
    }
}

/// What this machine has.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Board {
    /// Its cameras, in the order of their nodes.
    pub cameras: Vec<Found>,
    /// Its H.264 encoders, the one that is taken first.
    pub encoders: Vec<EncoderNode>,
    /// Nodes that may not be opened, whatever they are.
    pub denied: Vec<VideoNode>,
    /// Nodes that could not be looked at for another reason: why, in a sentence each.
    pub unopened: Vec<String>,
}

/// The cameras and encoders of this machine.
pub fn found() -> Board {
    let (encoders, unopened) = look_for_encoders();
    let cameras = cameras(&encoders);
    let (denied, unopened): (Vec<_>, Vec<_>) = unopened.into_iter().partition(|node| node.denied);
    let denied = denied.into_iter().map(|node| node.node).collect();
    let unopened = unopened.into_iter().map(|node| node.why).collect();
    Board { cameras, encoders: encoders.found, denied, unopened }
}

/// The video nodes of this machine that this process may not open.
pub fn denied() -> Vec<VideoNode> {
    let may_not = |path: &Path| matches!(Device::open(path), Err(Error::Denied(_)));
    let nodes = nodes();
    nodes
        .iter()
        .filter(|path| asking::ask(path, may_not) == Some(true))
        .map(|path| VideoNode::new(path))
        .collect()
}

/// The cameras of this machine, in the order of their nodes. Nodes that cannot be opened, and those that
/// are no cameras, are left out.
pub fn probe() -> Vec<Found> {
    cameras(&encoders())
}

fn cameras(encoders: &Encoders) -> Vec<Found> {
    let mut number = 0;
    nodes()
        .iter()
        .filter_map(|path| {
            let mut found = look(path, encoders)?;
            if found.served {
                found.verdict += &format!(" at /camera{number}");
                number += 1;
            }
            Some(found)
        })
        .collect()
}

/// The stateful H.264 encoders of this machine, by capability whatever their numbers: the Raspberry Pi's
/// first, then in the order of their nodes.
pub fn encoders() -> Encoders {
    look_for_encoders().0
}

/// The same, and every node that cannot be looked at.
fn look_for_encoders() -> (Encoders, Vec<Unopened>) {
    let (mut found, mut unopened) = (Vec::new(), Vec::new());
    for path in nodes() {
        match asking::ask(&path, look_for_encoder) {
            Some(Ok(encoder)) => found.extend(encoder),
            // There is nothing there, any more.
            Some(Err(Error::Missing(_) | Error::Gone(_) | Error::NoVideo(..))) => {}
            Some(Err(error)) => {
                let denied = matches!(error, Error::Denied(_));
                unopened.push(Unopened::new(&path, error.to_string(), denied));
            }
            None => {
                unopened.push(Unopened::new(&path, format!("{}: it does not answer", path.display()), false));
            }
        }
    }
    found.sort_by_key(|encoder| encoder.driver != EncoderNode::BCM2835);
    (Encoders { found, unopened: unopened::encoders(&unopened) }, unopened)
}

/// What an encoder's node has; none for others.
fn look_for_encoder(path: &Path) -> Result<Option<EncoderNode>, Error> {
    let device = Device::open(path)?;
    let capability = device.capability()?;
    Ok(encoder(path, &device, capability))
}

/// None for a decoder, whose H.264 goes to the OUTPUT queue, and for a stateless encoder, which names
/// another format.
fn encoder(path: &Path, device: &Device, capability: Capability) -> Option<EncoderNode> {
    let queues = capability.memory_to_memory()?;
    let codes: Vec<Offer> = device.offers(queues.capture);
    let inputs = device.offers(queues.output);
    if !codes.iter().any(|offer| offer.fourcc == FourCc::H264) || inputs.iter().all(|offer| offer.compressed)
    {
        return None;
    }
    let names = |offers: Vec<Offer>| offers.iter().map(|offer| offer.fourcc.to_string()).collect();
    let bitrate = device.control(controls::BITRATE);
    Some(EncoderNode {
        path: path.to_owned(),
        driver: capability.driver.clone(),
        card: capability.card,
        inputs: names(inputs),
        codes: names(codes),
        range: device.sizes(FourCc::H264).into_iter().find_map(range),
        bitrate: bitrate.map(|control| (control.least, control.greatest, control.step)),
        profiles: device.menu(controls::H264_PROFILE),
        levels: device.menu(controls::H264_LEVEL),
        imports_dmabuf: device.imports(queues.output),
        forces_keyframes: device.has_control(controls::FORCE_KEY_FRAME),
        repeats_headers: device.has_control(controls::REPEAT_SEQ_HEADER)
            || device.has_control(controls::PREPEND_SPSPPS_TO_IDR),
    })
}

fn range(sizes: Sizes) -> Option<Range> {
    match sizes {
        Sizes::One(..) => None,
        Sizes::Range { least, greatest, step } => Some(Range { least, greatest, step }),
    }
}

/// The video nodes of this machine, cameras or not, in the order of their numbers.
pub(super) fn nodes() -> Vec<PathBuf> {
    let number = |path: &Path| path.to_str()?.strip_prefix("/dev/video")?.parse::<u32>().ok();
    // Of a node only its path is asked: the crate's `index` panics on a name without a number.
    let mut nodes: Vec<(u32, PathBuf)> = v4l::context::enum_devices()
        .iter()
        .filter_map(|node| Some((number(node.path())?, node.path().to_owned())))
        .collect();
    nodes.sort();
    nodes.into_iter().map(|(_, path)| path).collect()
}

/// The stable name of a node, or `path` itself if it is one.
pub(super) fn stable_name(path: &Path) -> Option<PathBuf> {
    if path.starts_with(STABLE) {
        return Some(path.to_owned());
    }
    let node = path.canonicalize().ok()?;
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(STABLE).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    names.sort();
    names.into_iter().find(|name| name.canonicalize().is_ok_and(|target| target == node))
}

/// What a camera is and everything it offers.
pub(super) fn node(device: &Device, queue: Queue, capability: &Capability) -> Node {
    let mut formats: Vec<Offered> =
        device.offers(queue).into_iter().map(|offer| offered(device, offer)).collect();
    let hdmi = hdmi::signal(device);
    if let Some(signal) = &hdmi {
        signal.fill(&mut formats);
    }
    Node {
        card: capability.card.clone(),
        bus: capability.bus.clone(),
        driver: capability.driver.clone(),
        captures: true,
        signal: device.has_signal(),
        hdmi,
        formats,
    }
}

fn look(path: &Path, encoders: &Encoders) -> Option<Found> {
    let (device, queue, capability) = asking::ask(path, open_camera)?.ok()?;
    let node = node(&device, queue, &capability);
    let plan = plan::plan(&node, encoders, encode::SOFTWARE, &Wish::default());
    Some(Found {
        path: path.to_owned(),
        id: stable_name(path),
        // What comes in by HDMI comes without a word to who looks for cameras: it is served once it does.
        served: matches!(plan, Ok(_) | Err(plan::Refusal::Hdmi(_))),
        verdict: plan::verdict(&node, &plan),
        reasons: plan.map(|plan| plan.reasons).unwrap_or_default(),
        node,
        controls: apply::list(&device),
    })
}

fn offered(device: &Device, Offer { fourcc, description, .. }: Offer) -> Offered {
    let mut offered = Offered { fourcc: fourcc.to_string(), description, ..Offered::default() };
    for sizes in device.sizes(fourcc) {
        match sizes {
            Sizes::One(width, height) => offered.sizes.push(size(device, fourcc, (width, height))),
            Sizes::Range { least, greatest, step } => {
                let range = Range { least, greatest, step };
                offered.sizes.extend(range.usual().into_iter().map(|one| size(device, fourcc, one)));
                offered.range = Some(range);
            }
        }
    }
    offered
}

fn size(device: &Device, fourcc: FourCc, (width, height): (u32, u32)) -> Size {
    let mut size = Size { width, height, ..Size::default() };
    for intervals in device.intervals(fourcc, (width, height)) {
        match intervals {
            Intervals::One(interval) => size.rates.push(interval.rate()),
            Intervals::Range { shortest, longest } => {
                size.rates.extend([longest.rate(), shortest.rate()]);
                size.between = true;
            }
        }
    }
    // A driver's fraction over zero.
    size.rates.retain(|rate| *rate > 0.0);
    size
}
