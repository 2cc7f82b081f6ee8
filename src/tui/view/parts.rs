//! What several screens draw.

use ratatui::layout::{Constraint, Flex, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Padding, Row, Table};

use super::super::model::{Model, Places, Spot};
use super::super::theme::{Glyphs, Theme};
use super::super::words::{self, wide};

/// What a screen needs.
pub const LEAST: (u16, u16) = (40, 10);

/// A place in the middle, as large as it has to be.
pub(super) fn middle(body: Rect, width: u16, height: u16) -> Rect {
    let [row] = Layout::vertical([Constraint::Length(height)]).flex(Flex::Center).areas(body);
    let [area] = Layout::horizontal([Constraint::Length(width)]).flex(Flex::Center).areas(row);
    area
}

/// A frame with a title.
pub(super) fn panel<'a>(theme: Theme, title: impl Into<Span<'a>>) -> Block<'a> {
    let title = Line::from(vec![Span::raw(" "), title.into().style(theme.title()), Span::raw(" ")]);
    Block::bordered().border_set(theme.border()).border_style(theme.quiet()).title(title)
}

/// What of a title has room in the upper edge of a frame that is so wide.
pub(super) fn title(theme: Theme, text: &str, width: u16) -> String {
    clip(theme, text, usize::from(width).saturating_sub(4))
}

/// With a little air at its sides.
pub(super) fn airy<'a>(theme: Theme, title: impl Into<Span<'a>>) -> Block<'a> {
    panel(theme, title).padding(Padding::horizontal(1))
}

/// Tells in the lower edge how many lines are not seen.
pub(super) fn more(block: Block<'_>, hidden: usize) -> Block<'_> {
    match hidden {
        0 => block,
        hidden => block.title_bottom(Line::raw(format!(" {hidden} more ")).right_aligned()),
    }
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) head: &'static str,
    pub(super) width: Constraint,
    /// Figures stand at the right.
    pub(super) right: bool,
}

impl Column {
    pub(super) const fn left(head: &'static str, width: u16) -> Self {
        Self { head, width: Constraint::Length(width), right: false }
    }

    pub(super) const fn right(head: &'static str, width: u16) -> Self {
        Self { head, width: Constraint::Length(width), right: true }
    }

    /// Takes what is left, and at least so much.
    pub(super) const fn rest(head: &'static str, least: u16) -> Self {
        Self { head, width: Constraint::Min(least), right: false }
    }

    /// Its width, where that is not what is left.
    pub(super) fn fixed(self) -> Option<u16> {
        match self.width {
            Constraint::Length(width) => Some(width),
            _ => None,
        }
    }

    pub(super) fn cell<'a>(self, content: impl Into<Line<'a>>) -> Cell<'a> {
        let line: Line<'a> = content.into();
        Cell::from(if self.right { line.right_aligned() } else { line })
    }
}

/// What is left for the column that takes the rest.
pub(super) fn rest(columns: &[Column], width: u16) -> usize {
    let others = columns.iter().map(|column| usize::from(column.fixed().unwrap_or(0)));
    // One place between each.
    usize::from(width).saturating_sub(others.sum::<usize>() + columns.len().saturating_sub(1))
}

/// A table of these columns.
pub(super) fn table<'a>(theme: Theme, columns: &[Column], rows: Vec<Row<'a>>) -> Table<'a> {
    let heads = Row::new(columns.iter().map(|column| column.cell(column.head))).style(theme.title());
    Table::new(rows, columns.iter().map(|column| column.width)).header(heads).column_spacing(1)
}

/// Tells where a list's lines are: those of `window`, from `first` on downwards.
pub(super) fn tell_rows(places: &mut Places, area: Rect, first: u16, window: std::ops::Range<usize>) {
    places.page = area.bottom().saturating_sub(first).max(1);
    for (row, place) in (first..area.bottom()).zip(window) {
        places.spots.push((Rect::new(area.x, row, area.width, 1), Spot::Row(place)));
    }
}

/// A value with the word for it: `CPU 12 %`.
pub(super) fn named<'a>(theme: Theme, name: &'a str, value: String, style: Style) -> Vec<Span<'a>> {
    vec![Span::styled(format!("{name} "), theme.quiet()), Span::styled(value, style), Span::raw("  ")]
}

/// Bars of the newest `width` values, as high as the highest of them.
pub(super) fn sparkline(theme: Theme, values: &[u64], width: usize) -> String {
    let levels: [char; 9] = match theme.glyphs {
        Glyphs::Utf8 => [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
        Glyphs::Ascii => [' ', '.', '.', ':', ':', '-', '=', '+', '#'],
    };
    // What stays the same is a line at three quarters, not a block.
    let top = values.iter().max().map_or(0, |most| most.saturating_add(most / 3)).max(1);
    let values = &values[values.len().saturating_sub(width)..];
    let bars =
        values.iter().map(|value| levels[(u128::from(*value) * 8).div_ceil(top.into()).min(8) as usize]);
    let empty = width - values.len();
    std::iter::repeat_n(' ', empty).chain(bars).collect()
}

/// A share of 0 to 1 as a bar.
pub(super) fn gauge(theme: Theme, share: f64, width: usize) -> String {
    let full = (share.clamp(0.0, 1.0) * width as f64).round() as usize;
    theme.sign("█", "#").repeat(full) + &theme.sign("░", ".").repeat(width - full)
}

/// As much of a text as fits, its end told by a sign.
pub(super) fn clip(theme: Theme, text: &str, width: usize) -> String {
    if wide(text) <= width {
        return text.to_owned();
    }
    let end = theme.sign("…", "~");
    let mut left = width.saturating_sub(1);
    let fits = text.chars().take_while(|sign| {
        let wide = words::width(*sign);
        let fits = wide <= left;
        left = left.saturating_sub(wide);
        fits
    });
    fits.collect::<String>() + if width > 0 { end } else { "" }
}

/// A text in a column that is so wide: cut, or with spaces behind it.
pub(super) fn column(theme: Theme, text: &str, width: usize) -> String {
    at_least(clip(theme, text, width), width)
}

/// A text with spaces behind it where it is not so wide.
pub(super) fn at_least(text: String, width: usize) -> String {
    let lacks = width.saturating_sub(wide(&text));
    text + &" ".repeat(lacks)
}

/// Values with their words, in as many lines as it takes for none to be cut.
pub(super) fn flow<'a>(values: Vec<Vec<Span<'a>>>, width: usize) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = Vec::new();
    for value in values {
        let wide = Line::from_iter(value.iter().cloned()).width();
        // What stands behind the last value of a line is nothing that is missed.
        match lines.last_mut().filter(|line| line.width() + wide <= width + 2) {
            Some(line) => line.spans.extend(value),
            None => lines.push(Line::from(value)),
        }
    }
    lines
}

/// A text in lines that are not wider, between words where that can be.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if wide(line) + 1 + wide(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.extend(broken(word, width)),
        }
    }
    lines
}

/// A word in pieces that are not wider.
fn broken(word: &str, width: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for sign in word.chars() {
        let wide = words::width(sign);
        if used > 0 && used + wide > width {
            pieces.push(String::new());
            used = 0;
        }
        used += wide;
        if let Some(piece) = pieces.last_mut() {
            piece.push(sign);
        }
    }
    pieces
}

/// The keys of a box, in its lower edge.
pub(super) fn hints(theme: Theme, keys: &[(&'static str, &'static str)]) -> Line<'static> {
    let key = |(key, does): &(&'static str, &'static str)| {
        [Span::styled(format!(" {key}"), theme.title()), Span::raw(format!(" {does} "))]
    };
    Line::from(keys.iter().flat_map(key).collect::<Vec<_>>()).right_aligned()
}

/// How a line looks that keys act on, or not.
pub(super) fn row_style(model: &Model, chosen: bool) -> Style {
    if chosen { model.theme.chosen() } else { Style::new() }
}
