//! Who watches.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Row};

use super::super::message::Command;
use super::super::model::{Model, Places, Spot};
use super::super::panes::sessions::{self, Sort, chosen, dropped, transport};
use super::super::words::{NONE, bitrate, count, duration, fine, millis, plain, some, wide};
use super::parts::{Column, clip, panel, rest, row_style, table, tell_rows};
use crate::control::protocol::{SessionState, SessionStatus};

/// The body.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let (theme, state) = (model.theme, &model.panes.sessions);
    let shown = sessions::shown(model);
    let all = model.status.as_ref().map_or(0, |status| status.sessions.len());
    let order = if state.reversed { ", reversed" } else { "" };
    let title = match state.filter.as_str() {
        "" => format!("Sessions: {all}, by {}{order}", state.sort.name()),
        filter => format!(
            "Sessions: {} of {all} with \"{}\", by {}{order}",
            shown.len(),
            plain(filter),
            state.sort.name()
        ),
    };
    let block = panel(theme, super::parts::title(theme, &title, area.width));
    let inside = block.inner(area);
    if shown.is_empty() {
        let said = match (all, state.filter.is_empty()) {
            (0, _) => "Nobody watches. 3 and u show the URL to watch by.",
            (_, false) => "Nobody of those who watch is like that: Esc shows all.",
            (_, true) => "",
        };
        frame.render_widget(Paragraph::new(said).block(block), area);
        return;
    }
    let columns = roomier(columns(area.width), &shown, inside.width);
    // The lowest line tells what the columns have no room for, of the chosen one.
    let listed = Rect { height: inside.height.saturating_sub(1), ..inside };
    let more = Rect { y: listed.bottom(), height: 1, ..inside };
    let chosen = chosen(model);
    let page = usize::from(listed.height.saturating_sub(1));
    let window = state.cursor.window(shown.len(), page);
    let heads: Vec<Column> = columns.iter().map(|(column, sort)| head(model, *column, *sort)).collect();
    let room = rest(&heads, listed.width);
    let rows = shown[window.clone()].iter().map(|session| {
        row(model, session, &columns, room)
            .style(row_style(model, chosen.is_some_and(|it| it.id == session.id)))
    });
    let rows = rows.collect();
    let bottom = format!(" {}-{} of {} ", window.start + 1, window.end, shown.len());
    let block = block.title_bottom(Line::raw(bottom).right_aligned());
    frame.render_widget(block, area);
    frame.render_widget(table(theme, &heads, rows), listed);
    frame.render_widget(
        Paragraph::new(chosen.map_or_else(Line::default, |it| who(model, it, more.width))),
        more,
    );
    tell_heads(places, listed, &columns, room);
    tell_rows(places, listed, listed.y + 1, window);
}

/// A click on a column's head sorts by it.
fn tell_heads(places: &mut Places, area: Rect, columns: &[(Column, Option<Sort>)], room: usize) {
    let mut x = area.x;
    for (column, sort) in columns {
        let width = column.fixed().unwrap_or(room as u16);
        let head = Rect::new(x, area.y, width, 1).intersection(area);
        places.spots.extend(sort.map(|sort| (head, Spot::Command(Command::SortBy(sort)))));
        // Columns have a space between them.
        x = x.saturating_add(width + 1);
    }
}

/// Who it is, by which program, since when, and which pictures it was not sent and why.
fn who(model: &Model, session: &SessionStatus, width: u16) -> Line<'static> {
    let theme = model.theme;
    let mut parts = vec![format!("{} for {}", sessions::state(session.state), duration(session.duration_s))];
    parts.extend([&session.user, &session.client].into_iter().flatten().map(|part| plain(part)));
    let dropped = session.dropped.iter().filter(|drop| drop.pictures > 0);
    parts.extend(dropped.map(|drop| format!("{} left out: {}", count(drop.pictures), plain(&drop.reason))));
    let said = format!("{} {}", theme.sign("└", "-"), parts.join(theme.sign(" · ", ", ")));
    Line::styled(clip(theme, &said, usize::from(width)), theme.title())
}

/// The column that they are sorted by is told by its head.
fn head(model: &Model, column: Column, sort: Option<Sort>) -> Column {
    let sorted = sort == Some(model.panes.sessions.sort);
    let head = match (sorted, column.head) {
        (true, "MOUNT") => "MOUNT<",
        (true, "FROM") => "FROM<",
        (true, "PROGRAM") => "PROGRAM<",
        (true, "BITRATE") => "BITRATE<",
        (true, "LOSS%") => "LOSS%<",
        (true, "JITms") => "JITms<",
        (true, "RTTms") => "RTTms<",
        (true, "BEHIND") => "BEHIND<",
        (true, "DROPS") => "DROPS<",
        (true, "TIME") => "TIME<",
        (_, head) => head,
    };
    Column { head, ..column }
}

/// Names of mounts have what addresses leave.
fn roomier(
    mut columns: Vec<(Column, Option<Sort>)>,
    shown: &[&SessionStatus],
    width: u16,
) -> Vec<(Column, Option<Sort>)> {
    let longest = shown.iter().map(|session| wide(&plain(&session.mount))).max().unwrap_or(0);
    let alone: Vec<Column> = columns.iter().map(|(column, _)| *column).collect();
    let left = rest(&alone, width).saturating_sub(ADDRESS).min(longest.saturating_sub(usize::from(MOUNT)));
    if let Some((column, _)) = columns.iter_mut().find(|(_, sort)| *sort == Some(Sort::Mount)) {
        column.width = Constraint::Length(MOUNT + left as u16);
    }
    columns
}

/// An address of IPv4 and its port.
const ADDRESS: usize = 18;
/// A mount's name has so much room at least.
const MOUNT: u16 = 9;

/// What there is room for; the rest is on the session's own screen.
fn columns(width: u16) -> Vec<(Column, Option<Sort>)> {
    if width < 66 {
        let mut columns = vec![
            (Column::left("", 1), None),
            (Column::rest("FROM", 15), Some(Sort::Address)),
            (Column::right("BITRATE", 7), Some(Sort::Bitrate)),
            (Column::right("LOSS%", 6), Some(Sort::Loss)),
        ];
        if width >= 48 {
            columns.push((Column::right("BEHIND", 7), Some(Sort::Behind)));
        }
        if width >= 58 {
            columns.insert(2, (Column::left("MOUNT", MOUNT), Some(Sort::Mount)));
        }
        return columns;
    }
    let mut columns = vec![
        (Column::left("", 1), None),
        (Column::rest("FROM", 15), Some(Sort::Address)),
        (Column::left("MOUNT", MOUNT), Some(Sort::Mount)),
        (Column::left("VIA", 3), None),
        (Column::right("BITRATE", 7), Some(Sort::Bitrate)),
        (Column::right("LOSS%", 6), Some(Sort::Loss)),
        (Column::right("JITms", 6), Some(Sort::Jitter)),
        (Column::right("RTTms", 6), Some(Sort::RoundTrip)),
        (Column::right("BEHIND", 7), Some(Sort::Behind)),
        (Column::right("DROPS", 6), Some(Sort::Drops)),
    ];
    // An address and its port have room beside each.
    if width >= 102 {
        columns.insert(2, (Column::left("PROGRAM", 18), Some(Sort::Client)));
    }
    if width >= 110 {
        columns.insert(5, (Column::right("TIME", 7), Some(Sort::Since)));
    }
    if width >= 119 {
        columns.insert(2, (Column::left("USER", 8), None));
    }
    columns
}

fn row<'a>(
    model: &Model,
    session: &'a SessionStatus,
    columns: &[(Column, Option<Sort>)],
    room: usize,
) -> Row<'a> {
    let theme = model.theme;
    let cell = |column: Column| -> Line<'a> {
        match column.head {
            "" => mark(model, session).into(),
            "FROM" => clip(theme, &plain(&session.address), room).into(),
            "USER" => session
                .user
                .as_deref()
                .map_or_else(|| NONE.to_owned(), |user| clip(theme, &plain(user), 8))
                .into(),
            "PROGRAM" => {
                let client = session.client.as_deref().map_or_else(|| NONE.to_owned(), plain);
                clip(theme, &client, 18).into()
            }
            "MOUNT" => clip(theme, &plain(&session.mount), 9).into(),
            "VIA" => transport(session.transport).into(),
            "TIME" => duration(session.duration_s).into(),
            "BITRATE" => bitrate(session.bitrate_bps).into(),
            "LOSS%" => {
                Span::styled(some(session.loss_percent, |it| format!("{it:.1}")), loss(model, session)).into()
            }
            "JITms" => some(session.jitter_ms, fine).into(),
            "RTTms" => some(session.round_trip_ms, fine).into(),
            "BEHIND" => Span::styled(some(session.behind_live_ms, millis), behind(model, session)).into(),
            _ => {
                let dropped = dropped(session);
                let look = if dropped > 0 { theme.warning() } else { Style::new() };
                Span::styled(count(dropped), look).into()
            }
        }
    };
    Row::new(columns.iter().map(|(column, _)| column.cell(cell(*column))))
}

/// Whether it plays well, in one sign.
pub(super) fn mark(model: &Model, session: &SessionStatus) -> Span<'static> {
    let theme = model.theme;
    let lossy = session.loss_percent.is_some_and(|percent| percent >= 5.0);
    let late = session.behind_live_ms.is_some_and(|ms| ms >= 1000);
    match session.state {
        SessionState::Ready => Span::styled(theme.sign("○", "o"), theme.quiet()),
        SessionState::Waiting => Span::styled(theme.sign("◐", "~"), theme.warning()),
        SessionState::Playing if lossy => Span::styled(theme.sign("✖", "X"), theme.bad()),
        SessionState::Playing if late || session.loss_percent.is_some_and(|percent| percent >= 1.0) => {
            Span::styled(theme.sign("▲", "!"), theme.warning())
        }
        SessionState::Playing => Span::styled(theme.sign("●", "*"), theme.good()),
    }
}

fn loss(model: &Model, session: &SessionStatus) -> Style {
    match session.loss_percent {
        Some(percent) if percent >= 5.0 => model.theme.bad(),
        Some(percent) if percent >= 1.0 => model.theme.warning(),
        _ => Style::new(),
    }
}

fn behind(model: &Model, session: &SessionStatus) -> Style {
    if session.behind_live_ms.is_some_and(|ms| ms >= 1000) { model.theme.warning() } else { Style::new() }
}
