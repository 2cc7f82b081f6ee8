//! The settings of a section.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::super::super::model::{Model, Places};
use super::super::super::panes::config::form::{Form, Section, Setting};
use super::super::super::words::plain;
use super::super::parts::{airy, clip, column, more, panel, row_style, tell_rows};

/// From this width on each setting's help stands beside it, and its value has so much room.
const HELPED: usize = 110;
const VALUE: usize = 34;

/// The settings, and what the chosen one means.
pub(super) fn draw(model: &Model, form: &Form, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let (theme, state) = (model.theme, &model.panes.config);
    let [list, help] =
        Layout::vertical([Constraint::Min(3), Constraint::Length(6.min(area.height.saturating_sub(4)))])
            .areas(area);
    let name = match &form.section {
        Section::Server => "Server".to_owned(),
        Section::Structure(name) | Section::Mount(name) => plain(name),
        Section::Access => "Users and bans".to_owned(),
    };
    let changed = if state.draft.changed() { ", changed: w applies" } else { "" };
    let block = panel(theme, format!("{name}{changed}"));
    let inside = block.inner(list);
    let settings = state.settings();
    if settings.is_empty() {
        let said = "Nothing of this is known here: e edits the text.";
        frame.render_widget(Paragraph::new(said).block(block), list);
        return;
    }
    let chosen = form.cursor.chosen.min(settings.len() - 1);
    let window = form.cursor.window(settings.len(), usize::from(inside.height));
    let line = |place: usize| {
        let setting = &settings[place];
        let width = usize::from(inside.width);
        let (value, style) = match setting.written {
            Some(written) => (plain(written), ratatui::style::Style::new()),
            None => (format!("({})", setting.field.otherwise()), theme.quiet()),
        };
        let mark = if setting.written.is_some() { theme.sign("•", "*") } else { " " };
        let head = format!("{mark} {} ", column(theme, &setting.field.name, 20));
        if width < HELPED {
            let value = clip(theme, &value, width.saturating_sub(23));
            return Line::from(vec![Span::raw(head), Span::styled(value, style)])
                .style(row_style(model, place == chosen));
        }
        let value = column(theme, &value, VALUE) + " ";
        let help = clip(theme, &setting.field.help, width.saturating_sub(23 + VALUE + 1));
        Line::from(vec![Span::raw(head), Span::styled(value, style), Span::styled(help, theme.quiet())])
            .style(row_style(model, place == chosen))
    };
    let lines: Vec<Line<'_>> = window.clone().map(line).collect();
    frame.render_widget(Paragraph::new(lines).block(more(block, settings.len() - window.len())), list);
    tell_rows(places, inside, inside.y, window);
    about(model, &settings[chosen], frame, help);
}

fn about(model: &Model, setting: &Setting<'_>, frame: &mut Frame<'_>, area: Rect) {
    let theme = model.theme;
    let field = setting.field;
    let mut lines = vec![Line::raw(field.help.clone())];
    let mut facts = Vec::new();
    if let Some(range) = field.range() {
        facts.push(format!("may be {range}"));
    }
    if !field.required && !field.otherwise().is_empty() {
        facts.push(format!("if not written: {}", field.otherwise()));
    }
    if !field.example.is_empty() {
        facts.push(format!("for example {}", field.example));
    }
    lines.push(Line::styled(facts.join("; "), theme.quiet()));
    let block = airy(theme, plain(&setting.path));
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }).block(block), area);
}
