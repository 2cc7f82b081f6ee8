//! The configuration.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::super::model::{Model, Places};
use super::super::words::plain;
use super::parts::{clip, panel, row_style, tell_rows};
use crate::control::protocol::{ConfigOrigin, ConfigState};

/// The body.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let (theme, state) = (model.theme, &model.panes.config);
    let title = model.status.as_ref().map_or_else(String::new, |status| title(&status.config));
    let block = panel(theme, title);
    let inside = block.inner(area);
    let Some(file) = &state.file else {
        frame.render_widget(Paragraph::new("It is being read.").block(block), area);
        return;
    };
    let lines: Vec<&str> = file.text.lines().collect();
    let window = state.cursor.window(lines.len(), usize::from(inside.height));
    let shown = window.clone().map(|place| {
        let text = clip(theme, &plain(lines[place]), usize::from(inside.width).saturating_sub(5));
        Line::raw(format!("{:>4} {text}", place + 1)).style(row_style(model, place == state.cursor.chosen))
    });
    let shown: Vec<Line<'_>> = shown.collect();
    frame.render_widget(Paragraph::new(shown).block(block), area);
    tell_rows(places, inside, inside.y, window);
}

fn title(config: &ConfigState) -> String {
    let path = config.path.as_deref().map_or_else(|| "no file: the defaults".to_owned(), plain);
    let version = config.version.map(|version| format!(", version {version}")).unwrap_or_default();
    let origin = match config.origin {
        ConfigOrigin::LastGood => ", which is wrong: the last good one is served",
        ConfigOrigin::File | ConfigOrigin::Default => "",
    };
    format!("Configuration: {path}{version}{origin}")
}
