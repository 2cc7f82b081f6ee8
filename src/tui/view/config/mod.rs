//! The configuration.
//!
//! ```text
//! +- Configuration: /etc/lenslet/lenslet.ron, version 5, changed: w applies -+
//! | Server                                                                   |   sections, a form, what changes
//! | cam      Camera   /dev/v4l/by-id/usb-046d                                |   would do, versions, the text
//! +--------------------------------------------------------------------------+
//! | fps: Pictures a second that are asked of the camera.                     |   what the chosen setting means
//! +--------------------------------------------------------------------------+
//! ```

mod access;
mod editor;
mod form;
mod raw;
mod review;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::super::model::{Model, Places};
use super::super::panes::config::Screen;
use super::super::panes::config::form::Section;
use super::super::words::plain;
use super::parts::{self, clip, column, panel, row_style, tell_rows};
use crate::control::protocol::ConfigOrigin;

/// The body.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let state = &model.panes.config;
    match &state.screen {
        Screen::Sections => sections(model, frame, area, places),
        Screen::Form(form) => form::draw(model, form, frame, area, places),
        Screen::Review(it) => review::draw(model, it, frame, area, places),
        Screen::History => review::versions(model, frame, area, places),
        Screen::Raw(raw) => raw::draw(model, raw, frame, area, places),
        Screen::Access => access::draw(model, frame, area, places),
    }
    if let Some(open) = &state.editor {
        editor::draw(model, open, frame, area, places);
    }
}

/// The file, its version, and whether it is another than what is shown.
fn title(model: &Model) -> String {
    let draft = &model.panes.config.draft;
    let Some(config) = model.status.as_ref().map(|status| &status.config) else {
        return "Configuration".to_owned();
    };
    let path = config.path.as_deref().map_or_else(|| "no file: the defaults".to_owned(), plain);
    let version = config.version.map(|version| format!(", version {version}")).unwrap_or_default();
    let origin = match config.origin {
        ConfigOrigin::LastGood => ", which is wrong: the last good one is served",
        ConfigOrigin::File | ConfigOrigin::Default => "",
    };
    let changed = match draft.changed() {
        true if draft.theirs.is_some() => ", changed by another too",
        true => ", changed: w applies",
        false => "",
    };
    format!("Configuration: {path}{version}{origin}{changed}")
}

/// Below it names have less room.
const NARROW: u16 = 60;

fn sections(model: &Model, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let (theme, state) = (model.theme, &model.panes.config);
    let block = panel(theme, parts::title(theme, &title(model), area.width));
    let inside = block.inner(area);
    let listed = state.listed();
    if listed.is_empty() {
        let said = state.unread.as_ref().map_or_else(
            || "It is being read.".to_owned(),
            |why| format!("What is written cannot be shown as a form: {}. e shows it as text.", plain(why)),
        );
        let lines = parts::wrapped(&said, usize::from(inside.width)).into_iter().map(Line::raw);
        frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()).block(block), area);
        return;
    }
    let cursor = state.sections;
    let chosen = cursor.chosen.min(listed.len() - 1);
    let window = cursor.window(listed.len(), usize::from(inside.height));
    let wide = if inside.width < NARROW { 14 } else { 22 };
    let line = |place: usize| {
        let (name, kind, about) = words(model, &listed[place]);
        let (name, kind) = (column(theme, &plain(&name), wide), column(theme, &plain(&kind), 9));
        let text = format!("{name} {kind} {about}");
        Line::raw(clip(theme, &text, usize::from(inside.width))).style(row_style(model, place == chosen))
    };
    let mut lines: Vec<Line<'_>> = window.clone().map(line).collect();
    if state.draft.values.as_ref().is_some_and(|values| values.mounts().is_empty()) {
        lines.push(Line::raw(""));
        let said = "No mounts are written: the test picture and every camera found are served. a adds one.";
        let said = parts::wrapped(said, usize::from(inside.width)).into_iter();
        lines.extend(said.map(|line| Line::styled(line, theme.quiet())));
    }
    let block = parts::more(block, listed.len() - window.len());
    frame.render_widget(Paragraph::new(lines).block(block), area);
    tell_rows(places, inside, inside.y, window);
}

/// A section's name, what it is, and a few words of it.
fn words(model: &Model, section: &Section) -> (String, String, String) {
    let state = &model.panes.config;
    let (Some(schema), Some(values)) = (&state.schema, &state.draft.values) else {
        return Default::default();
    };
    match section {
        Section::Server => {
            let written = schema.plain().filter(|field| values.at(&field.name).is_some()).count();
            let written = match written {
                1 => "1 setting is written".to_owned(),
                more => format!("{more} settings are written"),
            };
            ("Server".to_owned(), String::new(), format!("addresses, limits: {written}"))
        }
        Section::Structure(name) => {
            let help = schema.structures().find(|(field, _)| field.name == *name);
            (name.clone(), String::new(), help.map(|(field, _)| field.help.clone()).unwrap_or_default())
        }
        Section::Access => {
            let access = model.status.as_ref().map(|status| (status.access.users, status.access.bans));
            let (users, bans) = access.unwrap_or_default();
            let of = |count: u32, one: &str, more: &str| match count {
                1 => format!("1 {one}"),
                count => format!("{count} {more}"),
            };
            let bans = of(bans, "banned address", "banned addresses");
            let said = format!("{}, {bans}", of(users, "user", "users"));
            ("Users and bans".to_owned(), String::new(), said)
        }
        Section::Mount(name) => {
            use super::super::panes::config::draft::mount_path;
            let kind = values.kind(name).unwrap_or_default().to_owned();
            let about = ["device", "path", "command"]
                .iter()
                .find_map(|field| values.at(&mount_path(name, Some(field))))
                .unwrap_or_default();
            (name.clone(), kind, plain(about))
        }
    }
}
