//! A figure over the last minutes.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::symbols::Marker;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Paragraph};

use super::super::history::STEP_S;
use super::super::theme::{Glyphs, Theme};
use super::super::words::duration;
use super::parts::{clip, panel};

/// A chart of less height is a frame around nothing.
pub(super) const LEAST: u16 = 5;
/// Time for so many samples is always shown.
const FEWEST: usize = 15;

/// Draws it: what it is called, its samples (the oldest first; what is not known is NaN), how a value is written, and what is
/// said where none of them is known.
pub(super) fn draw(
    theme: Theme,
    frame: &mut Frame<'_>,
    area: Rect,
    name: &str,
    samples: &[f32],
    write: impl Fn(f64) -> String,
    unknown: &str,
) {
    let newest = samples.len() as f64 - 1.0;
    let known = samples.iter().enumerate().filter(|(_, value)| value.is_finite());
    let points: Vec<(f64, f64)> =
        known.map(|(place, value)| (place as f64 - newest, f64::from(*value))).collect();
    if points.is_empty() {
        let said = if samples.is_empty() { "It begins." } else { unknown };
        frame.render_widget(
            Paragraph::new(said).style(theme.quiet()).block(panel(theme, name.to_owned())),
            area,
        );
        return;
    }
    let top = points.iter().fold(0.0f64, |top, (_, value)| top.max(*value));
    let top = if top > 0.0 { top * 1.1 } else { 1.0 };
    // Time is stretched as long as there is little of it.
    let span = samples.len().max(FEWEST);
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
    let title = clip(theme, &format!("{name}: {now}"), usize::from(area.width.saturating_sub(4)));
    frame.render_widget(Chart::new(vec![set]).x_axis(across).y_axis(up).block(panel(theme, title)), area);
}

/// Places for so many charts beside and below each other, row by row.
pub(super) fn grid(area: Rect, columns: usize, rows: usize) -> Vec<Rect> {
    let rows = Layout::vertical(vec![Constraint::Fill(1); rows]).split(area);
    let columns = |row: &Rect| Layout::horizontal(vec![Constraint::Fill(1); columns]).split(*row).to_vec();
    rows.iter().flat_map(columns).collect()
}
