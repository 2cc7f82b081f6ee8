//! The log.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::model::{Model, Places};
use super::super::theme::Theme;
use super::super::words::{clock, plain, wide};
use super::parts::{clip, column, panel, row_style, tell_rows, wrapped};
use crate::control::protocol::{Level, LogLine};

/// The body.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let (theme, logs) = (model.theme, &model.panes.logs);
    let shown = logs.shown();
    let block =
        panel(theme, title(model)).title_bottom(Line::raw(bottom(model, shown.len())).right_aligned());
    let inside = block.inner(area);
    if shown.is_empty() {
        let said = if logs.lines.is_empty() { "Nothing was logged yet." } else { "No line is like that." };
        frame.render_widget(Paragraph::new(said).block(block), area);
        return;
    }
    // Below them the whole of the line that one has gone to.
    let below = if logs.follows { 0 } else { (inside.height / 4).clamp(1, 3) };
    let [listed, whole] = Layout::vertical([Constraint::Min(1), Constraint::Length(below)]).areas(inside);
    let window = logs.cursor.window(shown.len(), usize::from(listed.height));
    let chosen = logs.cursor.chosen.min(shown.len() - 1);
    let lines = window.clone().zip(&shown[window.clone()]).map(|(place, line)| {
        let style = row_style(model, place == chosen && !logs.follows);
        self::line(model, line, usize::from(inside.width)).style(style)
    });
    let lines: Vec<Line<'_>> = lines.collect();
    frame.render_widget(block, area);
    frame.render_widget(Paragraph::new(lines), listed);
    frame.render_widget(self::whole(theme, &shown[chosen].text, whole), whole);
    tell_rows(places, listed, listed.y, window);
}

/// A line's text, as much of it as has room.
fn whole(theme: Theme, text: &str, area: Rect) -> Paragraph<'static> {
    let width = usize::from(area.width).saturating_sub(2);
    let wrapped = wrapped(&plain(text), width);
    let hidden = wrapped.len() > usize::from(area.height);
    let last = usize::from(area.height).saturating_sub(1);
    let lines = wrapped.into_iter().take(usize::from(area.height)).enumerate().map(|(number, line)| {
        let mark = if number == 0 { theme.sign("└ ", "- ") } else { "  " };
        let more = if hidden && number == last { theme.sign("…", "~") } else { "" };
        Line::styled(clip(theme, &format!("{mark}{line}{more}"), usize::from(area.width)), theme.title())
    });
    Paragraph::new(lines.collect::<Vec<_>>())
}

fn title(model: &Model) -> String {
    let logs = &model.panes.logs;
    let mut title = "Log".to_owned();
    if logs.level != Level::Trace {
        title += &format!(", {} and worse", word(logs.level));
    }
    if let Some(room) = &logs.room {
        title += &format!(", of {room}");
    }
    if !logs.search.is_empty() {
        let found = logs.shown().into_iter().filter(|line| logs.found(line)).count();
        title += &format!(", \"{}\" in {found}", plain(&logs.search));
    }
    title
}

fn bottom(model: &Model, shown: usize) -> String {
    let logs = &model.panes.logs;
    let mut parts = Vec::new();
    if logs.missed > 0 {
        parts.push(format!("{} missed", logs.missed));
    }
    parts.push(match (logs.paused, logs.follows) {
        (true, _) => format!("PAUSED, {} wait", logs.waiting.len()),
        (false, true) => "live".to_owned(),
        (false, false) => format!("line {} of {shown}; F follows", logs.cursor.chosen + 1),
    });
    format!(" {} ", parts.join(", "))
}

/// A level in a word.
fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "ERROR",
        Level::Warn => "WARN",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

fn look(theme: Theme, level: Level) -> Style {
    match level {
        Level::Error => theme.bad(),
        Level::Warn => theme.warning(),
        Level::Info => Style::new(),
        Level::Debug | Level::Trace => theme.quiet(),
    }
}

fn line<'a>(model: &Model, line: &'a LogLine, width: usize) -> Line<'a> {
    let (theme, logs) = (model.theme, &model.panes.logs);
    let look = look(theme, line.level);
    let head = format!("{} ", clock(&line.at));
    let level = format!("{:<5} ", word(line.level));
    let room = column(theme, &plain(&line.room), 8) + " ";
    let before = head.len() + level.len() + wide(&room);
    let text = clip(theme, &plain(&line.text), width.saturating_sub(before));
    let text = if logs.found(line) {
        Span::styled(text, look.add_modifier(Modifier::UNDERLINED | Modifier::BOLD))
    } else {
        Span::styled(text, look)
    };
    Line::from(vec![
        Span::styled(head, theme.quiet()),
        Span::styled(level, look),
        Span::styled(room, theme.title()),
        text,
    ])
}
