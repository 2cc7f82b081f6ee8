//! The keys of the screen that one is on.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use super::super::bindings;
use super::super::keys::Binding;
use super::super::model::{Model, Places};
use super::parts::middle;
use super::parts::{airy, wrapped};

/// Keys stand in so many places.
const KEYS: usize = 12;
/// From this width on what all screens have stands beside what this one has.
const WIDE: u16 = 76;

/// The keys, those that all screens have beside them where there is room; what has none is scrolled to.
pub(super) fn draw(model: &Model, scroll: u16, frame: &mut Frame<'_>, body: Rect, places: &mut Places) {
    let wide = body.width >= WIDE;
    let width = if wide { 100.min(body.width) } else { body.width };
    let inside = width.saturating_sub(4);
    let half = if wide { inside * 11 / 20 } else { inside };
    let of = |title, bindings: Vec<&Binding>, width: u16| {
        let lines = bindings.into_iter().flat_map(|it| lines(model, it, usize::from(width)));
        std::iter::once(Line::styled(title, model.theme.title())).chain(lines).collect::<Vec<_>>()
    };
    let mut here = of("Here", bindings::bindings(model).collect(), half.saturating_sub(1));
    let mut others = of("Everywhere", bindings::everywhere(model).iter().collect(), inside - half);
    if !wide {
        others = of("Everywhere", bindings::everywhere(model).iter().collect(), inside);
        here.push(Line::raw(""));
        here.append(&mut others);
    }
    let height = here.len().max(others.len()) as u16;
    let area = middle(body, width, (height + 2).min(body.height));
    let hidden = height.saturating_sub(area.height.saturating_sub(2));
    let scroll = scroll.min(hidden);
    places.hidden = hidden;
    let says =
        if hidden > 0 { " Up Down: more; any other key closes this " } else { " any key closes this " };
    let block = airy(model.theme, format!("Keys: {}", model.tab.name()))
        .title_bottom(Line::raw(says).right_aligned());
    let at = block.inner(area);
    frame.render_widget(Clear, area);
    frame.render_widget(block, area);
    let left = Rect { width: half.min(at.width), ..at };
    let right = Rect { x: at.x + left.width, width: at.width - left.width, ..at };
    frame.render_widget(Paragraph::new(here).scroll((scroll, 0)), left);
    frame.render_widget(Paragraph::new(others).scroll((scroll, 0)), right);
}

/// A binding, with what it does in as many lines as that takes.
fn lines(model: &Model, binding: &Binding, width: usize) -> Vec<Line<'static>> {
    let line = |(place, text): (usize, String)| {
        let keys = if place == 0 { binding.shown } else { "" };
        Line::from(vec![Span::styled(format!("{keys:<KEYS$}"), model.theme.title()), Span::raw(text)])
    };
    wrapped(binding.help, width.saturating_sub(KEYS).max(1)).into_iter().enumerate().map(line).collect()
}
