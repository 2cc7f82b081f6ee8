//! Finding the cameras of this machine.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{open_camera, plan};
use crate::v4l2::{Device, FourCc, Intervals, Queue, Sizes};

/// Where udev keeps names that stay when a camera is plugged in again.
const STABLE: &str = "/dev/v4l/by-id";

/// A camera of this machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Found {
    /// Its node now: `/dev/video0`.
    pub path: PathBuf,
    /// Its stable name, where udev gives it one.
    pub id: Option<PathBuf>,
    /// Its name for people.
    pub card: String,
    /// Where it is attached.
    pub bus: String,
    /// Its driver.
    pub driver: String,
    /// What it gives.
    pub formats: Vec<Offered>,
    /// Whether [`Camera`](super::Camera) can serve it.
    pub served: bool,
    /// Whether it can be served and what it lacks, in a sentence.
    pub verdict: String,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}  {} ({}, {})\n    {}",
            self.path.display(),
            self.card,
            self.driver,
            self.bus,
            self.verdict
        )?;
        for format in &self.formats {
            write!(f, "\n    {}  {}", format.fourcc, format.description)?;
        }
        Ok(())
    }
}

/// A pixel format that a camera offers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Offered {
    /// Its four-character code as text.
    pub fourcc: String,
    /// The driver's name for it.
    pub description: String,
    /// The picture sizes; of a range the least and the greatest.
    pub sizes: Vec<Size>,
    #[serde(skip)]
    pub(super) bayer: bool,
}

/// A picture size that a camera offers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Size {
    /// Pixels a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Pictures a second; of a range the least and the most.
    pub rates: Vec<f64>,
}

impl Offered {
    pub(super) fn new(fourcc: FourCc, description: String, sizes: Vec<Size>) -> Self {
        Self { fourcc: fourcc.to_string(), description, sizes, bayer: fourcc.is_bayer() }
    }

    pub(super) fn is_h264(&self) -> bool {
        self.fourcc == "H264"
    }
}

impl Found {
    /// The path to configure: the stable name, or else the node.
    pub fn device(&self) -> &Path {
        self.id.as_deref().unwrap_or(&self.path)
    }
}

/// The cameras of this machine, in the order of their nodes. Nodes that cannot be opened, and those that
/// are no cameras, are left out.
pub fn probe() -> Vec<Found> {
    let mut number = 0;
    nodes()
        .iter()
        .filter_map(|path| {
            let mut found = look(path)?;
            found.verdict = plan::verdict(&found, number);
            number += usize::from(found.served);
            Some(found)
        })
        .collect()
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

/// Everything a camera offers.
pub(super) fn offers(device: &Device, queue: Queue) -> Vec<Offered> {
    let offers = device.offers(queue).into_iter();
    offers.map(|offer| Offered::new(offer.fourcc, offer.description, sizes(device, offer.fourcc))).collect()
}

fn look(path: &Path) -> Option<Found> {
    let (device, queue, capability) = open_camera(path).ok()?;
    let formats = offers(&device, queue);
    Some(Found {
        path: path.to_owned(),
        id: stable_name(path),
        card: capability.card,
        bus: capability.bus,
        driver: capability.driver,
        served: formats.iter().any(Offered::is_h264),
        formats,
        verdict: String::new(),
    })
}

fn sizes(device: &Device, fourcc: FourCc) -> Vec<Size> {
    let list = device.sizes(fourcc).into_iter().flat_map(|sizes| match sizes {
        Sizes::One(width, height) => vec![(width, height)],
        Sizes::Range { least, greatest } => vec![least, greatest],
    });
    list.map(|(width, height)| Size { width, height, rates: rates(device, fourcc, (width, height)) })
        .collect()
}

fn rates(device: &Device, fourcc: FourCc, size: (u32, u32)) -> Vec<f64> {
    let list = device.intervals(fourcc, size).into_iter().flat_map(|intervals| match intervals {
        Intervals::One(interval) => vec![interval.rate()],
        Intervals::Range { shortest, longest } => vec![longest.rate(), shortest.rate()],
    });
    list.collect()
}
