//! The keys of this screen, or what was done or refused.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::keys::{self, Binding};
use super::super::model::{Model, Overlay, Places, Prompt, Spot};
use super::super::panes::config;
use super::super::theme::Theme;
use super::super::words::plain;
use super::parts::clip;

/// The lowest line.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let theme = model.theme;
    if let Some(Overlay::Prompt { what, input }) = &model.overlay {
        let asks = match what {
            Prompt::FilterSessions => " Show only (text, mount:cam, udp, loss>1): ".to_owned(),
            Prompt::SearchLog => " Look for: ".to_owned(),
            Prompt::Ban { address, .. } => format!(" Ban {} for (30m, 2h, 7d): ", plain(address)),
        };
        let room = usize::from(area.width).saturating_sub(asks.len() + 1);
        let scroll = input.visual_scroll(room);
        let typed: String = input.value().chars().skip(scroll).collect();
        let line = Line::from(vec![Span::styled(asks.clone(), theme.title()), Span::raw(typed)]);
        frame.render_widget(Paragraph::new(line), area);
        let x = asks.len() + input.visual_cursor().saturating_sub(scroll);
        frame.set_cursor_position((area.x + x as u16, area.y));
        return;
    }
    if let Some(notice) = &model.notice {
        let (mark, style) = match notice.refused {
            true => (theme.sign("✖", "X"), theme.bad()),
            false => (theme.sign("✔", "+"), theme.good()),
        };
        let said = clip(theme, &format!(" {mark} {}", plain(&notice.said)), usize::from(area.width));
        frame.render_widget(Paragraph::new(Line::styled(said, style)), area);
        return;
    }
    hints(model, frame, area, places);
}

/// As many keys as there is room for; help and leaving always.
fn hints(model: &Model, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let theme = model.theme;
    let always = keys::everywhere(model).iter().filter(|binding| binding.footer.is_some());
    // The box that one types in tells its own keys.
    let always: Vec<&Binding> =
        always.filter(|_| model.panes.config.editor.is_none() || !config::types(model)).collect();
    let reserved: u16 = always.iter().map(|binding| width(theme, binding)).sum();
    let (mut spans, mut x) = (Vec::new(), area.x);
    let here = keys::bindings(model).filter(|binding| binding.footer.is_some());
    let mut add = |binding: &Binding, x: &mut u16| {
        let wide = width(theme, binding);
        places.spots.push((Rect::new(*x, area.y, wide, 1), Spot::Command(binding.does)));
        spans.push(Span::styled(format!(" {}", shown(theme, binding)), theme.title()));
        spans.push(Span::raw(format!(" {} ", binding.footer.unwrap_or_default())));
        *x += wide;
    };
    for binding in here {
        if x + width(theme, binding) + reserved > area.right() {
            break;
        }
        add(binding, &mut x);
    }
    for binding in always {
        add(binding, &mut x);
    }
    frame.render_widget(Paragraph::new(Line::from(spans)), area);
}

/// The first of a binding's keys, short.
fn shown(theme: Theme, binding: &Binding) -> &'static str {
    match binding.shown.split(' ').next().unwrap_or_default() {
        "Up" => theme.sign("↑↓", "Up/Dn"),
        "Enter" => theme.sign("⏎", "Enter"),
        "Left" => theme.sign("←", "Left"),
        "Right" => theme.sign("→", "Right"),
        first => first,
    }
}

fn width(theme: Theme, binding: &Binding) -> u16 {
    (Span::raw(shown(theme, binding)).width() + binding.footer.map_or(0, str::len) + 3) as u16
}
