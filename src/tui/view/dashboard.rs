//! Mounts, the box and what is wrong, at a glance.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Row};

use super::super::model::{Model, Places};
use super::super::words::{NONE, bitrate, count, fine, millis, plain, some, wide};
use super::parts::{Column, clip, more, panel, rest, row_style, sparkline, table, tell_rows};
use super::{alarms, board, chart};
use crate::control::protocol::{MountStatus, Status};

/// The body.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let Some(status) = &model.status else { return };
    let board = board::lines(model.theme, &status.board, area.width.saturating_sub(4));
    let open = status.alarms.iter().filter(|alarm| alarm.ended_at.is_none()).count() as u16;
    if area.height < 13 {
        return narrow(model, status, frame, area, places);
    }
    // What the mounts need is theirs, and at least four lines; two alarms have room in any case.
    let most = area.height.saturating_sub(board.len() as u16 + 2 + 4 + 3 + 2).max(1);
    let left = area.height.saturating_sub(board.len() as u16 + 2 + status.mounts.len() as u16 + 3 + 2);
    let alarms_height = (open * 2).clamp(1, left.max(4).min(most)) + 2;
    let heights =
        [Constraint::Min(5), Constraint::Length(board.len() as u16 + 2), Constraint::Length(alarms_height)];
    let [mounts, boxed, wrong] = Layout::vertical(heights).areas(area);
    // What the list does not need is for how it was.
    let listed = status.mounts.len() as u16 + 3;
    let charted: Vec<&MountStatus> =
        status.mounts.iter().filter(|mount| mount.bitrate_bps.is_some_and(|bits| bits > 0)).collect();
    let spare = mounts.height.saturating_sub(listed).min(MOST_CHARTED);
    let spare = if spare >= LEAST_CHARTED && !charted.is_empty() { spare } else { 0 };
    let [mounts, charts] = Layout::vertical([Constraint::Min(0), Constraint::Length(spare)]).areas(mounts);
    self::mounts(model, status, frame, mounts, places);
    over_time(model, &charted, frame, charts);
    let title = super::parts::airy(model.theme, "Box");
    frame.render_widget(Paragraph::new(board).block(title), boxed);
    alarms::few(model, status, frame, wrong);
}

/// Charts are so high together, where there is room, and at most.
const LEAST_CHARTED: u16 = 8;
const MOST_CHARTED: u16 = 36;
/// And so large each, where there are several.
const CHART_SIZE: (u16, u16) = (56, 12);

/// Bitrates of the last minutes, as many as have room: of the chosen mount and those beside it.
fn over_time(model: &Model, mounts: &[&MountStatus], frame: &mut Frame<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let columns = usize::from(area.width / CHART_SIZE.0).clamp(1, mounts.len());
    let rows = usize::from(area.height / CHART_SIZE.1).clamp(1, mounts.len().div_ceil(columns));
    let chosen = super::super::panes::dashboard::chosen(model).map(|mount| mount.name.as_str());
    let here = mounts.iter().position(|mount| Some(mount.name.as_str()) == chosen).unwrap_or(0);
    let first =
        (here / (columns * rows) * columns * rows).min(mounts.len() - (columns * rows).min(mounts.len()));
    for (area, mount) in chart::grid(area, columns, rows).into_iter().zip(&mounts[first..]) {
        let past = model.past.mounts.get(&mount.name);
        let samples: Vec<f32> = past.into_iter().flat_map(|past| past.of(0)).collect();
        let write = |bits: f64| bitrate(bits as u64);
        let name = format!("Bitrate of {}", plain(&mount.name));
        chart::draw(model.theme, frame, area, &name, &samples, write, "It is not known.");
    }
}

/// The mounts, and one line of what is wrong where there is room.
fn narrow(model: &Model, status: &Status, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let alarms_height = if area.height >= 9 { 3 } else { 0 };
    let [mounts, wrong] =
        Layout::vertical([Constraint::Min(0), Constraint::Length(alarms_height)]).areas(area);
    self::mounts(model, status, frame, mounts, places);
    if alarms_height > 0 {
        alarms::few(model, status, frame, wrong);
    }
}

/// The columns, and from which width of the screen on there is room for each.
const COLUMNS: [(Column, u16); 13] = [
    (Column::left("", 1), 0),
    (Column::rest("NAME", 8), 0),
    (Column::left("STATE", 8), 0),
    (Column::left("KIND", 8), WIDE),
    (Column::left("CODEC", 6), WIDE),
    (Column::left("SIZE", 9), 59),
    (Column::right("FPS", 4), 43),
    (Column::right("BITRATE", 7), 0),
    (Column::left("", CHART), 80),
    (Column::right("KEY", 6), 72),
    (Column::right("DROPS", 5), 49),
    (Column::right("P99ms", 5), 65),
    (Column::right("READERS", 7), 0),
];
const WIDE: u16 = 110;
/// The place of the bitrate over time.
const CHARTED: usize = 8;
/// It is so wide where names do not need the room.
const CHART: u16 = 8;
/// And at least.
const LEAST_CHART: u16 = 4;

/// A column, with its place among [`COLUMNS`].
type Shown = (usize, Column);

fn columns(width: u16, longest_name: u16) -> Vec<Shown> {
    // What the other columns leave, and a name of some length.
    let (chart, name) = if width >= WIDE { (width.saturating_sub(96).min(60), 17) } else { (CHART, 8) };
    let chart = chart.saturating_sub(longest_name.saturating_sub(name)).max(LEAST_CHART);
    let room = COLUMNS.into_iter().enumerate().filter(|(_, (_, least))| width >= *least);
    let column = |(place, (column, _)): (usize, (Column, u16))| match column.fixed() {
        Some(CHART) if place == CHARTED => (place, Column::left("", chart)),
        _ => (place, column),
    };
    room.map(column).collect()
}

fn mounts(model: &Model, status: &Status, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let longest = status.mounts.iter().map(|mount| wide(&plain(&mount.name))).max().unwrap_or(0);
    let shown = columns(area.width, longest as u16);
    let columns: Vec<Column> = shown.iter().map(|(_, column)| *column).collect();
    let block = panel(model.theme, "Mounts");
    let inside = block.inner(area);
    if status.mounts.is_empty() {
        let said = "There are no mounts: 4 shows the configuration.";
        frame.render_widget(Paragraph::new(said).block(block), area);
        return;
    }
    let cursor = model.panes.dashboard.cursor;
    let window = cursor.window(status.mounts.len(), usize::from(inside.height.saturating_sub(1)));
    let chosen = cursor.chosen.min(status.mounts.len() - 1);
    let room = rest(&columns, inside.width);
    let rows = window
        .clone()
        .zip(&status.mounts[window.clone()])
        .map(|(place, mount)| row(model, mount, &shown, room).style(row_style(model, place == chosen)));
    let rows = rows.collect();
    let block = more(block, status.mounts.len() - window.len());
    frame.render_widget(table(model.theme, &columns, rows).block(block), area);
    tell_rows(places, inside, inside.y + 1, window);
}

fn row<'a>(model: &Model, mount: &'a MountStatus, columns: &[Shown], room: usize) -> Row<'a> {
    let chart = columns.iter().find(|(place, _)| *place == CHARTED).and_then(|(_, column)| column.fixed());
    let chart = usize::from(chart.unwrap_or(CHART));
    let theme = model.theme;
    let (mark, word, look) = theme.mount(mount.state);
    let track = mount.tracks.first();
    let size = track.and_then(|track| Some(format!("{}x{}", track.width?, track.height?)));
    let drops = mount.source_dropped.iter().chain(&mount.reader_dropped);
    let dropped = drops.fold(0, |sum: u64, drop| sum.saturating_add(drop.pictures));
    let bars = model.past.mounts.get(&mount.name).map(|past| past.bars(0, chart)).unwrap_or_default();
    let readers = match mount.max_readers {
        Some(most) => format!("{}/{most}", mount.readers),
        None => mount.readers.to_string(),
    };
    let full = mount.max_readers.is_some_and(|most| mount.readers >= most);
    let warned = |bad: bool| if bad { theme.warning() } else { Style::new() };
    let mut cells: [Line<'a>; COLUMNS.len()] = [
        Span::styled(mark, look).into(),
        clip(theme, &plain(&mount.name), room).into(),
        Span::styled(word, look).into(),
        plain(&mount.kind).into(),
        track.map_or_else(|| NONE.to_owned(), |track| plain(&track.codec)).into(),
        size.unwrap_or_else(|| NONE.to_owned()).into(),
        some(mount.fps, |fps| format!("{fps:.0}")).into(),
        some(mount.bitrate_bps, bitrate).into(),
        Span::styled(sparkline(theme, &bars, chart), theme.chart()).into(),
        some(mount.keyframe_age_ms, millis).into(),
        Span::styled(count(dropped), warned(dropped > 0)).into(),
        some(latency(mount), fine).into(),
        Span::styled(readers, warned(full)).into(),
    ];
    Row::new(columns.iter().map(|(place, column)| column.cell(std::mem::take(&mut cells[*place]))))
}

/// How long all but one of a hundred pictures take from the camera to the first packet.
fn latency(mount: &MountStatus) -> Option<f32> {
    mount.latency.iter().find(|stage| stage.stage == "first packet out").and_then(|stage| stage.p99_ms)
}
