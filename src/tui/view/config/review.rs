//! What changes would do, and the versions that are kept.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::super::super::model::{Model, Places};
use super::super::super::panes::config::Review;
use super::super::super::words::{bytes, plain};
use super::super::parts::{clip, panel, row_style, tell_rows};

/// What applying the draft would do.
pub(super) fn draw(model: &Model, review: &Review, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let theme = model.theme;
    let title = match review.back_to {
        Some(version) => format!("What going back to version {version} would do: y does it, Esc goes back"),
        None => "What applying it would do: y applies, Esc goes back".to_owned(),
    };
    let block = panel(theme, title);
    let inside = block.inner(area);
    if review.plan.is_none() {
        frame.render_widget(Paragraph::new("It is being asked.").block(block), area);
        return;
    }
    let (lines, cursor) = (review.lines(), review.cursor);
    let window = cursor.window(lines.len(), usize::from(inside.height));
    let chosen = cursor.chosen.min(lines.len().saturating_sub(1));
    let line = |place: usize| {
        let text = &lines[place];
        let look = match text.as_bytes().first() {
            Some(b'+') => theme.good(),
            Some(b'-') => theme.bad(),
            Some(b'!') => theme.warning(),
            _ => ratatui::style::Style::new(),
        };
        let style = if place == chosen { row_style(model, true) } else { look };
        Line::raw(clip(theme, &plain(text), usize::from(inside.width))).style(style)
    };
    frame.render_widget(Paragraph::new(window.clone().map(line).collect::<Vec<_>>()).block(block), area);
    tell_rows(places, inside, inside.y, window);
}

/// The versions.
pub(super) fn versions(model: &Model, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let (theme, state) = (model.theme, &model.panes.config);
    let block = panel(theme, "Versions of the file, the newest first");
    let inside = block.inner(area);
    if state.versions.is_empty() {
        frame.render_widget(Paragraph::new("None is kept.").block(block), area);
        return;
    }
    let window = state.version.window(state.versions.len(), usize::from(inside.height));
    let chosen = state.version.chosen.min(state.versions.len() - 1);
    let line = |place: usize| {
        let version = &state.versions[place];
        let (number, at, author) = (version.version, &version.at, plain(&version.author));
        let text = format!("{number:>5}  {at}  {:>8}  {author}", bytes(version.bytes));
        Line::raw(clip(theme, &text, usize::from(inside.width))).style(row_style(model, place == chosen))
    };
    frame.render_widget(Paragraph::new(window.clone().map(line).collect::<Vec<_>>()).block(block), area);
    tell_rows(places, inside, inside.y, window);
}
