//! The keys of this screen, or what was done or refused.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::bindings;
use super::super::keys::Binding;
use super::super::model::{Model, Notice, Overlay, Places, Prompt, Spot};
use super::super::panes::config;
use super::super::theme::Theme;
use super::super::words::{plain, wide};
use super::parts::{clip, wrapped};
use super::typed::typed;

/// The lowest line.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let theme = model.theme;
    if let Some(Overlay::Prompt { what, input }) = &model.overlay {
        // What is wrong with it stands above what is typed.
        let [above, area] = Layout::vertical([Constraint::Min(0), Constraint::Length(1)]).areas(area);
        model.notice.iter().for_each(|notice| said(theme, notice, frame, above));
        let asks = asks(theme, what, usize::from(area.width));
        let (typed, cursor) = typed(theme, input, false, usize::from(area.width).saturating_sub(wide(&asks)));
        let x = area.x + wide(&asks) as u16 + cursor;
        let line = Line::from(vec![Span::styled(asks, theme.title()), Span::raw(typed)]);
        frame.render_widget(Paragraph::new(line), area);
        frame.set_cursor_position((x, area.y));
        return;
    }
    match &model.notice {
        Some(notice) => said(theme, notice, frame, area),
        None => hints(model, frame, area, places),
    }
}

/// What stands before the line that is typed: as much of it as leaves that some room.
fn asks(theme: Theme, what: &Prompt, width: usize) -> String {
    let (asks, of) = match what {
        Prompt::FilterSessions => (" Show only".to_owned(), " (text, mount:cam, udp, loss>1)"),
        Prompt::SearchLog => (" Look for".to_owned(), ""),
        Prompt::Ban { address, .. } => (format!(" Ban {} for", plain(address)), " (30m, 2h, 7d)"),
    };
    let room = width.saturating_sub(TYPED + ": ".len());
    let of = if wide(&asks) + wide(of) <= room { of } else { "" };
    format!("{}{of}: ", clip(theme, &asks, room))
}

/// What is typed has so many columns at least.
const TYPED: usize = 18;

/// Lines that it needs: what was done or refused is told whole, as far as half of the screen goes.
pub(super) fn height(model: &Model, area: Rect) -> u16 {
    let told = model.notice.as_ref().map_or(0, |notice| told(model.theme, notice, area.width.into()).len());
    let typed = usize::from(told == 0 || matches!(model.overlay, Some(Overlay::Prompt { .. })));
    u16::try_from(told + typed).unwrap_or(u16::MAX).min((area.height / 2).max(1))
}

fn said(theme: Theme, notice: &Notice, frame: &mut Frame<'_>, area: Rect) {
    let style = if notice.refused { theme.bad() } else { theme.good() };
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let mut lines = told(theme, notice, width);
    if lines.len() > height {
        lines.truncate(height);
        let end = lines.last_mut();
        end.into_iter().for_each(|last| *last = clip(theme, &format!("{last:width$} "), width));
    }
    let lines = lines.into_iter().map(|line| Line::styled(line, style)).collect::<Vec<_>>();
    frame.render_widget(Paragraph::new(lines), area);
}

/// What was done or refused, with its mark before it.
fn told(theme: Theme, notice: &Notice, width: usize) -> Vec<String> {
    let mark = if notice.refused { theme.sign("✖", "X") } else { theme.sign("✔", "+") };
    let width = width.saturating_sub(4).max(1);
    let lines = notice.said.lines().flat_map(|line| wrapped(&plain(line), width));
    lines.enumerate().map(|(at, line)| format!(" {} {line}", if at == 0 { mark } else { " " })).collect()
}

/// As many keys as there is room for; help and leaving always.
fn hints(model: &Model, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let theme = model.theme;
    let always = bindings::everywhere(model).iter().filter(|binding| binding.footer.is_some());
    // The box that one types in tells its own keys.
    let always: Vec<&Binding> =
        always.filter(|_| model.panes.config.editor.is_none() || !config::types(model)).collect();
    let reserved: u16 = always.iter().map(|binding| width(theme, binding)).sum();
    let (mut spans, mut x) = (Vec::new(), area.x);
    let here = bindings::bindings(model).filter(|binding| binding.footer.is_some());
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
