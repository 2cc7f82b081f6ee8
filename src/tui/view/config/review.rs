//! What changes would do, and the versions that are kept.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::super::model::{Model, Places};
use super::super::super::panes::config::{Part, Review, marked};
use super::super::super::words::{bytes, plain};
use super::super::parts::{clip, column, more, panel, row_style, tell_rows};

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
    let (width, cursor) = (usize::from(inside.width), review.cursor);
    let rows: Vec<Line<'_>> = marked(&review.lines())
        .iter()
        .flat_map(|parts| {
            let look = match parts[0].0.as_bytes().first() {
                Some(b'+') => theme.good(),
                Some(b'-') => theme.bad(),
                Some(b'!') => theme.warning(),
                _ => Style::new(),
            };
            self::rows(parts, width).into_iter().map(move |row| row.style(look))
        })
        .collect();
    places.lines = rows.len();
    let window = cursor.window(rows.len(), usize::from(inside.height));
    let chosen = cursor.chosen.min(rows.len().saturating_sub(1));
    let shown = rows.into_iter().enumerate().skip(window.start).take(window.len());
    let shown =
        shown.map(|(place, row)| if place == chosen { row.style(row_style(model, true)) } else { row });
    let block = more(block, places.lines - window.len());
    frame.render_widget(Paragraph::new(shown.collect::<Vec<_>>()).block(block), area);
    tell_rows(places, inside, inside.y, window);
}

/// What stands before the second row of a line and those after it.
const INDENT: &str = "      ";

/// A line in rows that are not wider, between words where that can be; what differs is marked.
fn rows(parts: &[Part], width: usize) -> Vec<Line<'static>> {
    let signs: Vec<(char, bool)> = parts
        .iter()
        .flat_map(|(part, differs)| plain(part).chars().map(|sign| (sign, *differs)).collect::<Vec<_>>())
        .collect();
    let (mut rows, mut rest) = (Vec::new(), &signs[..]);
    loop {
        let indent = if rows.is_empty() { "" } else { INDENT };
        let room = width.saturating_sub(indent.len()).max(1);
        let mut used = 0;
        let fits = rest
            .iter()
            .take_while(|(sign, _)| {
                used += Span::raw(sign.to_string()).width();
                used <= room
            })
            .count()
            .max(1);
        let end = match rest.len() <= fits {
            true => rest.len(),
            false => rest[..fits]
                .iter()
                .rposition(|(sign, _)| *sign == ' ')
                .filter(|place| *place > fits / 2)
                .map_or(fits, |place| place + 1),
        };
        let mut spans = vec![Span::raw(indent)];
        spans.extend(rest[..end].chunk_by(|a, b| a.1 == b.1).map(|same| {
            let text: String = same.iter().map(|(sign, _)| sign).collect();
            let mark = if same[0].1 { Modifier::BOLD | Modifier::UNDERLINED } else { Modifier::empty() };
            Span::styled(text, Style::new().add_modifier(mark))
        }));
        rows.push(Line::from(spans));
        rest = &rest[end..];
        if rest.is_empty() {
            return rows;
        }
    }
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
        let (number, at) = (version.version, column(theme, &plain(&version.at), 20));
        let text = match &version.trouble {
            None => format!("{number:>5}  {at}  {:>8}  {}", bytes(version.bytes), plain(&version.author)),
            Some(trouble) => format!("{number:>5}  {at}  {}", plain(trouble)),
        };
        Line::raw(clip(theme, &text, usize::from(inside.width))).style(row_style(model, place == chosen))
    };
    let block = more(block, state.versions.len() - window.len());
    frame.render_widget(Paragraph::new(window.clone().map(line).collect::<Vec<_>>()).block(block), area);
    tell_rows(places, inside, inside.y, window);
}
