//! How the model looks. Nothing is changed here; where things came to stand is told, for the mouse.
//!
//! ```text
//! Lenslet 0.1.0  porch  Raspberry Pi 4 Model B          up 1d0h  * 21:04:05     header: who, since when, whether it answers
//! 1 Dashboard  2 Sessions 3  3 Mount  4 Configuration  5 Log  6 Alarms 1        tabs: a number, a name, what waits there
//! +- Mounts -----------------------------------------------------------------+
//! |  NAME    STATE     SIZE       FPS  BITRATE          KEY DROPS P99 READERS|
//! |* cam     live      1280x720    30    4.0M ..::::..  0.8s   15  58    1/20|   the body: one of
//! |! door    stand-in  1920x1080   25    6.1M :::....   1.2s    0  61       0|   dashboard, sessions, session,
//! +--------------------------------------------------------------------------+   mount, config, logs, alarms
//! +- Box --------------------------------------------------------------------+
//! | CPU 12 % of 4 cores  own 8 %  51 C  memory 3.2 GB free  disk / 20 GB free|   help, a question, a line that is
//! +--------------------------------------------------------------------------+   typed or a URL lie over it
//! +- Alarms -----------------------------------------------------------------+
//! |! door   1m00s ago  /dev/video0 was unplugged: plug it in again           |
//! +--------------------------------------------------------------------------+
//! Up k choose  Enter open  s viewers  f keyframe  ? help  q leave               footer: keys, or what was done or refused
//! ```

mod alarms;
mod board;
mod chart;
mod config;
mod dashboard;
mod footer;
mod header;
mod help;
mod logs;
mod mount;
mod overlay;
mod parts;
mod session;
mod sessions;
mod typed;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Text;
use ratatui::widgets::{Paragraph, Wrap};

use super::model::{Model, Places, Tab};
use super::theme::Glyphs;
use super::words::{plain, wide};
pub use parts::LEAST;

/// Draws all of it.
pub fn view(model: &Model, frame: &mut Frame<'_>) -> Places {
    let (area, mut places) = (frame.area(), Places::default());
    if area.width < LEAST.0 || area.height < LEAST.1 {
        too_small(model, frame, area);
        places.too_small = true;
        return places;
    }
    let lowest = Constraint::Length(footer::height(model, area));
    let rows = [Constraint::Length(1), Constraint::Length(1), Constraint::Min(0), lowest];
    let [head, tabs, body, foot] = Layout::vertical(rows).areas(area);
    header::draw(model, frame, head);
    header::tabs(model, frame, tabs, &mut places);
    match model.tab {
        _ if model.status.is_none() => nothing_yet(model, frame, body),
        Tab::Dashboard => dashboard::draw(model, frame, body, &mut places),
        Tab::Sessions if model.panes.sessions.open.is_some() => session::draw(model, frame, body),
        Tab::Sessions => sessions::draw(model, frame, body, &mut places),
        Tab::Mount => mount::draw(model, frame, body, &mut places),
        Tab::Config => config::draw(model, frame, body, &mut places),
        Tab::Logs => logs::draw(model, frame, body, &mut places),
        Tab::Alarms => alarms::draw(model, frame, body, &mut places),
    }
    footer::draw(model, frame, foot, &mut places);
    overlay::draw(model, frame, body, &mut places);
    if model.theme.glyphs == Glyphs::Ascii {
        typewrite(frame.buffer_mut());
    }
    halve(frame.buffer_mut());
    places
}

/// A wide sign whose second half something was drawn over is none any more: a terminal would draw it over that.
fn halve(buffer: &mut Buffer) {
    let Rect { x: left, y: top, .. } = buffer.area;
    let (right, bottom) = (buffer.area.right(), buffer.area.bottom());
    for (x, y) in (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y))) {
        let symbol = buffer[(x, y)].symbol();
        let whole =
            symbol.is_ascii() || wide(symbol) < 2 || x + 1 < right && buffer[(x + 1, y)].symbol() == " ";
        if !whole {
            buffer[(x, y)].set_symbol(" ");
        }
    }
}

/// What peers say and what a chart's axes are made of, in signs that this terminal has.
fn typewrite(buffer: &mut Buffer) {
    for cell in buffer.content.iter_mut().filter(|cell| !cell.symbol().is_ascii()) {
        let like = match cell.symbol() {
            "─" => "-",
            "│" => "|",
            "└" => "+",
            _ => "?",
        };
        cell.set_symbol(like);
    }
}

fn too_small(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let (width, height) = LEAST;
    let unsaid =
        if model.panes.config.draft.changed() { " What is not applied is forgotten then." } else { "" };
    let said =
        format!("Lenslet needs {width}x{height}; this is {}x{}. q leaves.{unsaid}", area.width, area.height);
    frame.render_widget(Paragraph::new(said).wrap(Wrap { trim: true }), area);
}

fn nothing_yet(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let said = match &model.link.lost {
        None => "Waiting for Lenslet to answer ...".to_owned(),
        Some(why) => format!("{}.\n\nIt is tried again until it answers; q leaves.", plain(why)),
    };
    let [_, middle, _] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(6), Constraint::Fill(1)]).areas(area);
    let text = Text::from(said).centered();
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), middle);
}
