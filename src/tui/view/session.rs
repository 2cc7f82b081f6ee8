//! One session, with what it was like over the last minutes.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::model::Model;
use super::super::panes::sessions::{chosen, state, transport};
use super::super::words::{NONE, bitrate, bytes, count, duration, fine, millis, plain, some};
use super::chart;
use super::parts::{airy, flow, named};
use super::sessions::mark;
use crate::control::protocol::SessionStatus;

/// A figure over time: which, its name, how its highest value is written.
type Figure = (usize, &'static str, fn(f64) -> String);

/// What matters most is the first.
const FIGURES: [Figure; 6] = [
    (0, "Bitrate", |bits| bitrate(bits as u64)),
    (1, "Loss %", |percent| format!("{percent:.1}")),
    (4, "Behind live", |ms| millis(ms as u64)),
    (2, "Jitter ms", |ms| format!("{ms:.1}")),
    (3, "Round trip ms", |ms| format!("{ms:.1}")),
    (5, "Pictures left out", |pictures| count(pictures as u64)),
];
/// From this height on there are two rows of charts, and from this width on three beside each other.
const TWO_ROWS: u16 = 20;
const THREE_BESIDE: u16 = 150;

/// The body.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let Some(session) = chosen(model) else {
        let id = model.panes.sessions.open.clone().unwrap_or_default();
        let said = format!("Session {} has ended. Esc goes back to those that are here.", plain(&id));
        frame.render_widget(Paragraph::new(said).block(airy(model.theme, "Session")), area);
        return;
    };
    let lines = figures(model, session, usize::from(area.width.saturating_sub(4)));
    let [head, charts] =
        Layout::vertical([Constraint::Length(lines.len() as u16 + 2), Constraint::Min(0)]).areas(area);
    let mut block = airy(model.theme, format!("Session {}", plain(&session.id)));
    let lacking = chart::LEAST.saturating_sub(charts.height);
    if lacking > 0 {
        let lines = if lacking == 1 { "1 more line has" } else { &format!("{lacking} more lines have") };
        block = block.title_bottom(Line::raw(format!(" {lines} room for its charts ")).right_aligned());
    }
    frame.render_widget(Paragraph::new(lines).block(block), head);
    if lacking > 0 {
        return;
    }
    let rows = if charts.height >= TWO_ROWS { 2 } else { 1 };
    let columns = if charts.width >= THREE_BESIDE { 3 } else { 2 };
    let past = model.past.sessions.get(&session.id);
    for (area, (which, name, write)) in chart::grid(charts, columns, rows).into_iter().zip(FIGURES) {
        let samples: Vec<f32> = past.into_iter().flat_map(|past| past.of(which)).collect();
        let unknown = "Its client reports nothing of this.";
        chart::draw(model.theme, frame, area, name, &samples, write, unknown);
    }
}

fn figures<'a>(model: &Model, session: &'a SessionStatus, width: usize) -> Vec<Line<'a>> {
    let theme = model.theme;
    let of = |name: &'static str, value: String| named(theme, name, value, Style::new());
    let who = session.user.as_deref().map_or_else(|| NONE.to_owned(), plain);
    let program = session.client.as_deref().map_or_else(|| NONE.to_owned(), plain);
    let lost = some(session.lost_packets, |lost| lost.to_string());
    let rows = [
        vec![
            vec![mark(model, session), Span::raw(format!(" {}  ", state(session.state)))],
            of("mount", plain(&session.mount)),
            of("by", transport(session.transport).to_owned()),
            of("for", duration(session.duration_s)),
        ],
        vec![of("from", plain(&session.address)), of("user", who), of("program", program)],
        vec![
            of("bitrate", bitrate(session.bitrate_bps)),
            of("sent", format!("{}, {} packets", bytes(session.bytes), count(session.packets))),
            of("behind live", some(session.behind_live_ms, millis)),
        ],
        vec![
            of("loss", format!("{} %", some(session.loss_percent, |it| format!("{it:.1}")))),
            of("lost", format!("{lost} packets")),
            of("jitter", format!("{} ms", some(session.jitter_ms, fine))),
            of("round trip", format!("{} ms", some(session.round_trip_ms, fine))),
        ],
    ];
    let mut lines: Vec<Line<'a>> = rows.into_iter().flat_map(|row| flow(row, width)).collect();
    let dropped = session.dropped.iter().filter(|drop| drop.pictures > 0);
    let dropped: Vec<String> =
        dropped.map(|drop| format!("{} {}", count(drop.pictures), plain(&drop.reason))).collect();
    let none = dropped.is_empty();
    let look = if none { Style::new() } else { theme.warning() };
    let dropped = if none { "none".to_owned() } else { dropped.join(", ") };
    lines.extend(flow(vec![named(theme, "pictures left out:", dropped, look)], width));
    if let Some(parted) = session.parted.filter(|parted| *parted > 0) {
        lines.extend(flow(vec![of("pictures sent in parts:", count(parted))], width));
    }
    lines
}
