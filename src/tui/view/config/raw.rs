//! The file's text.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;
use ratatui_textarea::{CursorMove, Scrolling, TextArea};

use super::super::super::model::{Model, Places};
use super::super::super::panes::config::raw::Raw;
use super::super::super::words::{self, plain, sign_by_sign};
use super::super::parts::{airy, clip, panel};
use super::super::typed::first;

/// Places that another changed too which are told; what is wrong with the text is told below them.
const CLASHES: usize = 3;

/// The text, and what is wrong with it.
pub(super) fn draw(model: &Model, raw: &Raw, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let theme = model.theme;
    let mut told: Vec<Line<'_>> = Vec::new();
    let width = usize::from(area.width).saturating_sub(4);
    told.extend(raw.clashes.iter().take(CLASHES).map(|clash| {
        let said = format!(
            "{} line {}: another wrote at the same place: {}",
            theme.sign("▲", "!"),
            clash.line,
            plain(&clash.theirs)
        );
        Line::styled(clip(theme, &said, width), theme.warning())
    }));
    match &raw.checked {
        None => told.push(Line::styled("...", theme.quiet())),
        Some(checked) if checked.errors.is_empty() => {
            told.push(Line::styled(format!("{} it is right", theme.sign("✔", "+")), theme.good()));
            told.extend(checked.warnings.iter().map(|it| Line::raw(clip(theme, &plain(it), width))));
        }
        Some(checked) => told.extend(checked.errors.iter().map(|error| {
            let line = error.line.map(|line| format!("line {line}: ")).unwrap_or_default();
            let said = error.said.lines().next().unwrap_or_default();
            Line::styled(clip(theme, &format!("{line}{}", plain(said)), width), theme.bad())
        })),
    }
    let height = told.len().clamp(1, 5) as u16 + 2;
    let [text, below] = Layout::vertical([Constraint::Min(3), Constraint::Length(height)]).areas(area);
    let block = panel(theme, "The file's text");
    let lines = raw.area.lines().iter();
    let mut shown = TextArea::from(lines.map(|line| seen(line)));
    shown.set_tab_length(raw.area.tab_length());
    places.page = block.inner(text).height.max(1);
    let rows = i16::try_from(raw.first_seen(places.page.into())).unwrap_or(i16::MAX);
    let cursor = raw.area.cursor();
    let width = block.inner(text).width.into();
    let cols = i16::try_from(first_column(&shown, (cursor.0, cursor.1), width)).unwrap_or(i16::MAX);
    shown.scroll(Scrolling::Delta { rows, cols });
    let short = |it: usize| u16::try_from(it).unwrap_or(u16::MAX);
    shown.move_cursor(CursorMove::Jump(short(cursor.0), short(cursor.1)));
    shown.set_block(block);
    shown.set_line_number_style(theme.quiet());
    shown.set_cursor_line_style(Style::new());
    frame.render_widget(&shown, text);
    frame.render_widget(Paragraph::new(told).block(airy(theme, "Check")), below);
}

/// The first column that is seen: as of any line that is typed. What is not quite right by this is put right where it is drawn.
fn first_column(shown: &TextArea<'_>, (row, column): (usize, usize), width: usize) -> usize {
    let Some(line) = shown.lines().get(row) else { return 0 };
    // Its number stands before it, between spaces.
    let number = shown.lines().len().ilog10() as usize + 3;
    let tab = usize::from(shown.tab_length()).max(1);
    let columns = |signs: usize| {
        let add = |at: usize, sign: char| at + if sign == '\t' { tab - at % tab } else { words::width(sign) };
        number + line.chars().take(signs).fold(0, add)
    };
    first(columns(column), columns(usize::MAX), width)
}

/// A line as it is drawn: a tab is as wide as it says, what steers a terminal is a sign that says so.
fn seen(line: &str) -> String {
    let mut signs = line.chars();
    sign_by_sign(line).filter_map(|safe| Some(if signs.next()? == '\t' { '\t' } else { safe })).collect()
}
