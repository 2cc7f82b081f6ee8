//! What a mount's pane remembers.

use super::super::picture::Picture;
use super::cursor::Cursor;
use crate::control::protocol::Control;

/// What the mount's pane remembers.
#[derive(Debug, Default)]
pub struct State {
    /// Its name; none: the first.
    pub name: Option<String>,
    /// What can be set on its camera, or why nothing can be.
    pub controls: Option<Result<Vec<Control>, String>>,
    /// The line that keys act on: bitrate and GOP, where there are any, then the controls.
    pub cursor: Cursor,
    /// What it sees, or why not.
    pub picture: Option<Result<Picture, String>>,
    /// New pictures are asked for again and again, to aim the camera by.
    pub live: bool,
    /// Statuses since a picture was asked for; none: it has not come yet.
    pub(in crate::tui) since: Option<u32>,
    /// So many pictures came.
    pub(in crate::tui) pictures: u64,
}
