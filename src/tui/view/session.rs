//! One session, with what it was like over the last minutes.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Paragraph};

use super::super::history::STEP_S;
use super::super::model::Model;
use super::super::panes::sessions::{chosen, state, transport};
use super::super::theme::Glyphs;
use super::super::words::{NONE, bitrate, bytes, count, duration, fine, millis, plain, some};
use super::parts::{airy, flow, named, panel};
use super::sessions::mark;
use crate::control::protocol::SessionStatus;

/// A figure over time: which, its name, how its highest value is written.
type Figure = (usize, &'static str, fn(f64) -> String);

const FIGURES: [Figure; 4] = [
    (0, "Bitrate", |bits| bitrate(bits as u64)),
    (1, "Loss %", |percent| format!("{percent:.1}")),
    (4, "Behind live", |ms| millis(ms as u64)),
    (2, "Jitter ms", |ms| format!("{ms:.1}")),
];

/// Time for so many samples is always shown.
const FEWEST: usize = 15;

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
    let block = airy(model.theme, format!("Session {}", plain(&session.id)));
    frame.render_widget(Paragraph::new(lines).block(block), head);
    // A chart of less is a frame around nothing.
    if charts.height < 5 {
        return;
    }
    let count = if charts.height >= 20 { 4 } else { 2 };
    let rows = if count == 4 { 2 } else { 1 };
    let rows = Layout::vertical(vec![Constraint::Fill(1); rows]).split(charts);
    let places = rows.iter().flat_map(|row| {
        let halves: [Rect; 2] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(*row);
        halves
    });
    for (area, figure) in places.zip(&FIGURES[..count]) {
        chart(model, session, frame, area, figure);
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
        dropped.map(|drop| format!("{} {}", count(drop.pictures), drop.reason)).collect();
    let none = dropped.is_empty();
    let look = if none { Style::new() } else { theme.warning() };
    let dropped = if none { "none".to_owned() } else { dropped.join(", ") };
    lines.extend(flow(vec![named(theme, "pictures left out:", dropped, look)], width));
    lines
}

fn chart(model: &Model, session: &SessionStatus, frame: &mut Frame<'_>, area: Rect, figure: &Figure) {
    let (which, name, write) = *figure;
    let past = model.past.sessions.get(&session.id);
    let samples = past.map_or(0, |past| past.of(which).len());
    let points: Vec<(f64, f64)> = past
        .into_iter()
        .flat_map(|past| past.of(which).enumerate())
        .filter(|(_, value)| value.is_finite())
        .map(|(place, value)| ((place + 1) as f64 - samples as f64, f64::from(value)))
        .collect();
    let theme = model.theme;
    if points.is_empty() {
        let said = if samples == 0 { "It begins." } else { "Its client reports nothing of this." };
        frame.render_widget(Paragraph::new(said).style(theme.quiet()).block(panel(theme, name)), area);
        return;
    }
    let top = points.iter().fold(0.0f64, |top, (_, value)| top.max(*value));
    let top = if top > 0.0 { top * 1.1 } else { 1.0 };
    // Time is stretched as long as there is little of it.
    let span = samples.max(FEWEST);
    let set = Dataset::default()
        .marker(if theme.glyphs == Glyphs::Utf8 { Marker::Braille } else { Marker::Custom('*') })
        .graph_type(GraphType::Line)
        .style(theme.chart())
        .data(&points);
    let across = Axis::default()
        .bounds([1.0 - span as f64, 0.0])
        .labels([format!("-{}", duration(span as u64 * STEP_S)), "now".to_owned()])
        .style(theme.quiet());
    let up = Axis::default().bounds([0.0, top]).labels(["0".to_owned(), write(top)]).style(theme.quiet());
    let now = points.last().map(|(_, value)| write(*value)).unwrap_or_default();
    let block = panel(theme, format!("{name}: {now}"));
    frame.render_widget(Chart::new(vec![set]).x_axis(across).y_axis(up).block(block), area);
}
