//! The keys of the screen that one is on.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use super::super::keys::{self, Binding};
use super::super::model::Model;
use super::overlay::middle;
use super::parts::airy;

/// The keys, in as many columns as there is room for.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, body: Rect) {
    let here: Vec<&Binding> = keys::bindings(model).collect();
    let everywhere: Vec<&Binding> = keys::EVERYWHERE.iter().collect();
    let mut lines = vec![Line::styled("Here", model.theme.title())];
    lines.extend(here.iter().map(|binding| line(model, binding)));
    let others = std::iter::once(Line::styled("Everywhere", model.theme.title()))
        .chain(everywhere.iter().map(|binding| line(model, binding)));
    let wide = body.width >= 76;
    let others: Vec<Line<'_>> = others.collect();
    let height = if wide { lines.len().max(others.len()) } else { lines.len() + others.len() + 1 };
    let area = middle(body, if wide { 100.min(body.width) } else { body.width }, height as u16 + 2);
    let block = airy(model.theme, format!("Keys: {}", model.tab.name()))
        .title_bottom(Line::raw(" any key closes this ").right_aligned());
    let inside = block.inner(area);
    frame.render_widget(Clear, area);
    frame.render_widget(block, area);
    if wide {
        let half = inside.width * 5 / 9;
        let left = Rect { width: half, ..inside };
        let right = Rect { x: inside.x + half, width: inside.width - half, ..inside };
        frame.render_widget(Paragraph::new(lines), left);
        frame.render_widget(Paragraph::new(others), right);
    } else {
        lines.push(Line::raw(""));
        lines.extend(others);
        frame.render_widget(Paragraph::new(lines), inside);
    }
}

fn line<'a>(model: &Model, binding: &Binding) -> Line<'a> {
    let keys = Span::styled(format!("{:<11}", binding.shown), model.theme.title());
    Line::from(vec![keys, Span::raw(format!(" {}", binding.help))])
}
