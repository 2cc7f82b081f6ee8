//! A value that is being made: a line, or one of several.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line as Text, Span};
use ratatui::widgets::{Clear, Paragraph, Wrap};

use super::super::super::model::{Model, Places, Spot};
use super::super::super::panes::config::editor::{Choice, Editor, Line, Tried};
use super::super::super::words::plain;
use super::super::parts::middle;
use super::super::parts::{airy, at_least, clip, hints, row_style};
use super::super::typed::typed;

/// Over the body.
pub(super) fn draw(model: &Model, editor: &Editor, frame: &mut Frame<'_>, body: Rect, places: &mut Places) {
    // What lies under it is not there.
    places.spots.push((body, Spot::Nothing));
    match editor {
        Editor::Line(line) => self::line(model, line, frame, body),
        Editor::Choice(choice) => self::choice(model, choice, frame, body, places),
        Editor::Steps(steps) => super::access::steps(model, steps, frame, body, places),
    }
}

fn line(model: &Model, line: &Line, frame: &mut Frame<'_>, body: Rect) {
    let theme = model.theme;
    let width = 72.min(body.width);
    let inside = usize::from(width).saturating_sub(4);
    let room = usize::from(body.height).saturating_sub(8);
    let room = room.min(8);
    // The one that was taken is seen.
    let first = line.suggested.map_or(0, |it| (it + 1).saturating_sub(room));
    let suggested: Vec<_> = line.suggestions.iter().enumerate().skip(first).take(room).collect();
    let mut lines = Vec::new();
    let (typed, cursor) = typed(theme, &line.input, false, inside.saturating_sub(2));
    lines.push(Text::from(vec![Span::styled("> ", theme.title()), Span::raw(typed)]));
    lines.push(match &line.tried {
        Tried::Asked | Tried::Wanted => Text::styled("...", theme.quiet()),
        Tried::Fits(_) if line.warning.is_some() => {
            let said = plain(line.warning.as_deref().unwrap_or_default());
            Text::styled(format!("{} {said}", theme.sign("▲", "!")), theme.warning())
        }
        Tried::Fits(_) => Text::styled(format!("{} it fits", theme.sign("✔", "+")), theme.good()),
        Tried::Wrong(why) if !line.touched && line.input.value().is_empty() => {
            Text::styled(brief(why), theme.quiet())
        }
        Tried::Wrong(why) => Text::styled(format!("{} {}", theme.sign("✖", "X"), brief(why)), theme.bad()),
    });
    if let Some(field) = &line.field {
        lines.push(Text::raw(field.help.clone()));
        if let Some(range) = field.range() {
            lines.push(Text::styled(format!("may be {range}"), theme.quiet()));
        }
        if field.is_texts() {
            let said = "Several have spaces between them; brackets and quotes come by themselves.";
            lines.push(Text::styled(said, theme.quiet()));
        }
    }
    for (place, suggestion) in &suggested {
        let text = clip(theme, &plain(&suggestion.shown), inside);
        lines.push(Text::raw(text).style(row_style(model, line.suggested == Some(*place))));
    }
    let wrapped: usize = lines.iter().map(|line| line.width().div_ceil(inside.max(1)).max(1)).sum();
    let height = (wrapped + 3).min(usize::from(body.height)) as u16;
    let area = middle(body, width, height);
    let mut keys = vec![("Enter", "take it"), ("Esc", "leave it")];
    if !line.suggestions.is_empty() {
        keys.insert(0, ("Up Down", "what fits"));
    }
    frame.render_widget(Clear, area);
    let block = airy(theme, plain(&line.title)).title_bottom(hints(theme, &keys));
    let at = block.inner(area);
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
    frame.set_cursor_position(Position::new(at.x + 2 + cursor, at.y));
}

/// The first line of a reason, without the words that every edit's reason begins with.
fn brief(why: &str) -> String {
    let why = why.strip_prefix("with this change it would be no configuration: ").unwrap_or(why);
    let line = why.lines().next().unwrap_or_default();
    // The place is one of a text that nobody sees here.
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = line.splitn(3, ':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(row), Some(column), Some(said)) if number(row) && number(column) => plain(said.trim_start()),
        _ => plain(line),
    }
}

fn choice(model: &Model, choice: &Choice, frame: &mut Frame<'_>, body: Rect, places: &mut Places) {
    let theme = model.theme;
    let width = 72.min(body.width);
    let inside = usize::from(width).saturating_sub(4);
    let height = (choice.choices.len() + 2).min(usize::from(body.height)) as u16;
    let area = middle(body, width, height);
    let seen = usize::from(height).saturating_sub(2);
    let first = (choice.chosen + 1).saturating_sub(seen);
    let line = |(place, (value, about)): (usize, &(String, String))| {
        let about = plain(about);
        let text = if value.is_empty() { about } else { format!("{} {about}", at_least(plain(value), 10)) };
        Text::raw(clip(theme, &text, inside)).style(row_style(model, place == choice.chosen))
    };
    let lines: Vec<Text<'_>> = choice.choices.iter().enumerate().skip(first).take(seen).map(line).collect();
    frame.render_widget(Clear, area);
    let block = airy(theme, plain(&choice.title))
        .title_bottom(hints(theme, &[("Enter", "take it"), ("Esc", "leave it")]));
    let at = block.inner(area);
    frame.render_widget(Paragraph::new(lines).block(block), area);
    for (row, place) in (at.y..at.bottom()).zip(first..choice.choices.len()) {
        places.spots.push((Rect::new(at.x, row, at.width, 1), Spot::Row(place)));
    }
}
