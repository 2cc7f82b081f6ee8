//! What is or was wrong, since when, and what to do.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::model::{Model, Places, Spot};
use super::super::words::{clock, duration, plain};
use super::parts::{airy, clip, panel, row_style, wrapped};
use crate::control::protocol::{Alarm, Status};

/// Those that are open, as many as have room.
pub(super) fn few(model: &Model, status: &Status, frame: &mut Frame<'_>, area: Rect) {
    let theme = model.theme;
    let open: Vec<&Alarm> = status.alarms.iter().filter(|alarm| alarm.ended_at.is_none()).collect();
    let block = airy(theme, "Alarms");
    let inside = block.inner(area);
    if open.is_empty() {
        let before = status.alarms.len();
        let said = match before {
            0 => "Nothing is wrong.".to_owned(),
            1 => "Nothing is wrong now; something was (6).".to_owned(),
            _ => format!("Nothing is wrong now; {before} times something was (6)."),
        };
        let line = Line::styled(format!("{} {said}", theme.sign("✔", "+")), theme.good());
        frame.render_widget(Paragraph::new(line).block(block), area);
        return;
    }
    // Two lines each where all have them, else one.
    let room = usize::from(inside.height);
    let each = if open.len() * 2 <= room { 2 } else { 1 };
    let hidden = open.len().saturating_sub(room / each);
    let width = usize::from(inside.width);
    let lines: Vec<Line<'_>> =
        open.iter().take(room / each).flat_map(|alarm| lines(model, alarm, width, each)).collect();
    let block = if hidden > 0 {
        block.title_bottom(Line::raw(format!(" {hidden} more: 6 ")).right_aligned())
    } else {
        block
    };
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

/// Since when it is.
fn head(alarm: &Alarm, mark: &str) -> String {
    let since = match &alarm.ended_at {
        None => format!("{} for {}", clock(&alarm.began_at), duration(alarm.began_s_ago)),
        Some(ended) => format!("{} to {}", clock(&alarm.began_at), clock(ended)),
    };
    format!("{mark} {since}  ")
}

/// What is wrong with what.
fn said(alarm: &Alarm) -> String {
    let about = alarm.mount.as_deref().map(|mount| format!("{}: ", plain(mount))).unwrap_or_default();
    let first = alarm.first_at.as_deref().map(|first| plain(clock(first)));
    let again = first.map(|first| format!(" ({} times since {first})", alarm.times)).unwrap_or_default();
    format!("{about}{}{again}", plain(&alarm.why))
}

fn lines<'a>(model: &Model, alarm: &'a Alarm, width: usize, each: usize) -> Vec<Line<'a>> {
    let theme = model.theme;
    let (mark, look) = theme.alarm(alarm.level);
    let look = if alarm.ended_at.is_some() { theme.quiet() } else { look };
    let (head, mut said) = (head(alarm, mark), said(alarm));
    if each == 1 && !alarm.what_to_do.is_empty() {
        said += &format!(" {} {}", theme.sign("→", "->"), plain(&alarm.what_to_do));
    }
    let room = width.saturating_sub(Span::raw(&head).width());
    let mut lines = vec![Line::from(vec![Span::styled(head, look), Span::raw(clip(theme, &said, room))])];
    if each == 2 {
        let to_do = format!("  {} {}", theme.sign("→", "->"), plain(&alarm.what_to_do));
        lines.push(Line::styled(clip(theme, &to_do, width), theme.quiet()));
    }
    lines
}

/// An alarm in as many lines as it takes.
fn whole(model: &Model, alarm: &Alarm, width: usize) -> Vec<Line<'static>> {
    let theme = model.theme;
    let (mark, look) = theme.alarm(alarm.level);
    let look = if alarm.ended_at.is_some() { theme.quiet() } else { look };
    let (head, said) = (head(alarm, mark), said(alarm));
    let indent = " ".repeat(mark.chars().count() + 1);
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (number, line) in
        wrapped(&format!("{head}{said}"), width.saturating_sub(indent.len())).into_iter().enumerate()
    {
        let line = match number {
            0 => Line::styled(line, look),
            _ => Line::styled(format!("{indent}{line}"), look),
        };
        lines.push(line.patch_style(row_style(model, true)));
    }
    let arrow = format!("{indent}{} ", theme.sign("→", "->"));
    let room = width.saturating_sub(Span::raw(&arrow).width());
    for (number, line) in wrapped(&plain(&alarm.what_to_do), room).into_iter().enumerate() {
        let before = if number == 0 { arrow.clone() } else { " ".repeat(Span::raw(&arrow).width()) };
        lines.push(Line::raw(format!("{before}{line}")));
    }
    lines
}

/// All of them, with those that ended.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let Some(status) = &model.status else { return };
    let block = panel(model.theme, "Alarms, the newest first");
    let inside = block.inner(area);
    if status.alarms.is_empty() {
        frame.render_widget(Paragraph::new("Nothing is or was wrong.").block(block), area);
        return;
    }
    let cursor = model.panes.alarms.cursor;
    let chosen = cursor.chosen.min(status.alarms.len() - 1);
    // Of the one that keys act on nothing is cut.
    let whole = whole(model, &status.alarms[chosen], usize::from(inside.width));
    let others = inside.height.saturating_sub(whole.len() as u16) / 2;
    places.page = (others + 1).min(inside.height / 2).max(1);
    let window = cursor.window(status.alarms.len(), usize::from(places.page));
    let mut shown: Vec<Line<'_>> = Vec::new();
    for place in window {
        let alarm = match place == chosen {
            true => whole.clone(),
            false => lines(model, &status.alarms[place], usize::from(inside.width), 2),
        };
        let (from, high) = (inside.y + shown.len() as u16, alarm.len() as u16);
        let area = Rect::new(inside.x, from, inside.width, high).intersection(inside);
        places.spots.push((area, Spot::Row(place)));
        shown.extend(alarm);
    }
    frame.render_widget(Paragraph::new(shown).block(block), area);
}
