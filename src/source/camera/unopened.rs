//! Video nodes that cannot be looked at: cameras perhaps, or encoders.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::v4l2::Error;

/// Nodes that are named at most: a Raspberry Pi has a dozen.
const NAMED: usize = 3;
/// A driver of cameras alone.
const CAMERAS: &str = "uvcvideo";

/// A video node, as the kernel tells of it whoever asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VideoNode {
    /// Its path.
    pub path: PathBuf,
    /// What its driver calls it: `bcm2835-codec-encode`.
    pub name: Option<String>,
}

impl VideoNode {
    /// What a person does where it may not be opened.
    pub const IF_DENIED: &str = Error::IF_DENIED;

    pub(super) fn new(path: &Path) -> Self {
        let name = std::fs::read_to_string(in_sysfs(path).join("name")).ok();
        Self { path: path.to_owned(), name: name.map(|name| name.trim().to_owned()) }
    }
}

impl std::fmt::Display for VideoNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path.display())?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, "  {name}"))
    }
}

/// A node that cannot be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unopened {
    pub(super) node: VideoNode,
    driver: String,
    /// Why, in a sentence that begins with its path.
    pub(super) why: String,
    /// It may not be opened.
    pub(super) denied: bool,
}

fn in_sysfs(node: &Path) -> PathBuf {
    Path::new("/sys/class/video4linux").join(node.file_name().unwrap_or_default())
}

impl Unopened {
    pub(super) fn new(node: &Path, why: String, denied: bool) -> Self {
        let driver = std::fs::read_link(in_sysfs(node).join("device/driver")).ok();
        let driver = driver.and_then(|driver| Some(driver.file_name()?.to_string_lossy().into_owned()));
        Self { node: VideoNode::new(node), driver: driver.unwrap_or_default(), why, denied }
    }
}

/// Of these those that are encoders by their names, or where none is those that may be: why they cannot be looked at.
pub(super) fn encoders(nodes: &[Unopened]) -> Vec<String> {
    let encodes = |node: &&Unopened| node.node.name.as_ref().is_some_and(|name| name.contains("enc"));
    let mut told: Vec<String> = nodes.iter().filter(encodes).map(|node| node.why.clone()).collect();
    if told.is_empty() {
        let others = nodes.iter().filter(|node| node.driver != CAMERAS);
        told = others.map(|node| node.why.clone()).collect();
    }
    let more = told.len().saturating_sub(NAMED);
    told.truncate(NAMED);
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u32, name: &str, driver: &str) -> Unopened {
        let why = format!("/dev/video{number}: permission denied");
        let node = VideoNode { path: PathBuf::new(), name: Some(name.to_owned()) };
        Unopened { node, driver: driver.to_owned(), why, denied: true }
    }

    #[test]
    fn a_node_that_may_be_an_encoder_is_told_of_and_a_camera_is_not() {
        let camera = node(0, "HD Webcam", CAMERAS);
        let pi = [
            camera.clone(),
            node(10, "bcm2835-codec-decode", "bcm2835-codec"),
            node(11, "bcm2835-codec-encode", "bcm2835-codec"),
        ];
        assert_eq!(encoders(&pi), ["/dev/video11: permission denied"]);
        assert_eq!(encoders(std::slice::from_ref(&camera)), [""; 0]);
        assert_eq!(encoders(&[camera, node(1, "vpu", "hantro")]), ["/dev/video1: permission denied"]);
        let many: Vec<Unopened> = (1..=12).map(|number| node(number, "isp", "")).collect();
        assert_eq!(encoders(&many)[2..], ["/dev/video3: permission denied", "and 9 more"]);
    }

    #[test]
    fn a_node_of_which_the_kernel_says_nothing_may_be_an_encoder() {
        let unopened = Unopened::new(Path::new("/nowhere/video99"), "why".to_owned(), false);
        let node = VideoNode { path: "/nowhere/video99".into(), name: None };
        assert_eq!(unopened, Unopened { node, why: "why".to_owned(), ..Unopened::default() });
        assert_eq!(encoders(&[unopened]), ["why"]);
    }
}
