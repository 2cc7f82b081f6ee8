//! The file's text.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::super::super::model::Model;
use super::super::super::panes::config::raw::Raw;
use super::super::super::words::plain;
use super::super::parts::{airy, clip, panel};

/// The text, and what is wrong with it.
pub(super) fn draw(model: &Model, raw: &Raw, frame: &mut Frame<'_>, area: Rect) {
    let theme = model.theme;
    let mut told: Vec<Line<'_>> = Vec::new();
    let width = usize::from(area.width).saturating_sub(4);
    match &raw.checked {
        None => told.push(Line::styled("...", theme.quiet())),
        Some(checked) if checked.errors.is_empty() => {
            told.push(Line::styled(format!("{} it is right", theme.sign("✔", "+")), theme.good()));
            told.extend(checked.warnings.iter().map(|it| Line::raw(clip(theme, &plain(it), width))));
        }
        Some(checked) => told.extend(checked.errors.iter().map(|error| {
            let line = error.line.map(|line| format!("line {line}: ")).unwrap_or_default();
            let said = error.said.lines().next().unwrap_or_default();
            Line::styled(clip(theme, &format!("{line}{}", plain(said)), width), theme.bad())
        })),
    }
    let height = told.len().clamp(1, 5) as u16 + 2;
    let [text, below] = Layout::vertical([Constraint::Min(3), Constraint::Length(height)]).areas(area);
    let block = panel(theme, "The file's text");
    let mut shown = raw.area.clone();
    shown.set_block(block);
    shown.set_line_number_style(theme.quiet());
    shown.set_cursor_line_style(Style::new());
    frame.render_widget(&shown, text);
    frame.render_widget(Paragraph::new(told).block(airy(theme, "Check")), below);
}
