//! What is or was wrong, since when, and what to do.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::model::{Model, Places, Spot};
use super::super::words::{clock, duration, plain};
use super::parts::{airy, clip, panel, row_style};
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

fn lines<'a>(model: &Model, alarm: &'a Alarm, width: usize, each: usize) -> Vec<Line<'a>> {
    let theme = model.theme;
    let (mark, look) = theme.alarm(alarm.level);
    let look = if alarm.ended_at.is_some() { theme.quiet() } else { look };
    let since = match &alarm.ended_at {
        None => format!("{} for {}", clock(&alarm.began_at), duration(alarm.began_s_ago)),
        Some(ended) => format!("{} to {}", clock(&alarm.began_at), clock(ended)),
    };
    let head = format!("{mark} {since}  ");
    let about = alarm.mount.as_deref().map(|mount| format!("{}: ", plain(mount))).unwrap_or_default();
    let mut said = format!("{about}{}", plain(&alarm.why));
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
    let page = usize::from(inside.height / 2);
    let window = cursor.window(status.alarms.len(), page);
    places.page = page as u16;
    let mut shown = Vec::new();
    for (row, place) in window.enumerate() {
        let style = row_style(model, place == cursor.chosen.min(status.alarms.len() - 1));
        let mut pair = lines(model, &status.alarms[place], usize::from(inside.width), 2);
        pair[0] = std::mem::take(&mut pair[0]).patch_style(Style::new().patch(style));
        shown.extend(pair);
        let area = Rect::new(inside.x, inside.y + row as u16 * 2, inside.width, 2);
        places.spots.push((area, Spot::Row(place)));
    }
    frame.render_widget(Paragraph::new(shown).block(block), area);
}
