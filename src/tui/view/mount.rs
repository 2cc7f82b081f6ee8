//! One mount.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::super::model::{Model, Places, Spot};
use super::super::panes::mount::{LEAST_BITRATE, Setting, settings, share, shown, url};
use super::super::picture::Picture;
use super::super::theme::{Colours, Glyphs, Pictures, Theme};
use super::super::words::{NONE, bitrate, bytes, count, fine, millis, plain, some};
use super::chart;
use super::parts::{airy, clip, column, flow, gauge, more, named, panel, row_style, sparkline, title};
use crate::control::protocol::{Control, ControlKind, MountState, MountStatus};

/// What can be set has so many lines at least, with their frame.
const SETTINGS: u16 = 5;
/// From this width on there is room for a picture.
const PICTURED: u16 = 56;
/// More of it would be no finer to hit.
const WIDEST_SLIDER: usize = 32;
/// A chart of its bitrate is so high, where there is room beside all that can be set.
const CHARTED: u16 = 12;

/// The body.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let Some(mount) = shown(model) else {
        let said = "There is no such mount. 1 shows those that there are.";
        frame.render_widget(Paragraph::new(said).block(airy(model.theme, "Mount")), area);
        return;
    };
    let head = figures(model, mount, area.width);
    let latency = latency(model.theme, mount);
    // Where there is little room its state stays, and two lines of what can be set.
    let head_height = (head.len() as u16).min(area.height.saturating_sub(SETTINGS + 2).max(1)) + 2;
    let heights = [Constraint::Length(head_height), Constraint::Min(0)];
    let [top, below] = Layout::vertical(heights).areas(area);
    let label = mount.label.as_deref().map(|label| format!(" \"{}\"", plain(label))).unwrap_or_default();
    let name = format!("Mount {}{label}", plain(&mount.name));
    let block = airy(model.theme, title(model.theme, &name, area.width));
    frame.render_widget(Paragraph::new(head).block(block), top);
    let halves = [Constraint::Fill(1), Constraint::Fill(u16::from(area.width >= PICTURED))];
    let [left, right] = Layout::horizontal(halves).areas(below);
    let latency_height = latency.len() as u16 + 2;
    let room = left.height >= latency_height + SETTINGS;
    let latency_height = if room { latency_height } else { 0 };
    let wanted = (settings(model).len() as u16 + 3).max(SETTINGS) + latency_height + CHARTED;
    let charted = if left.height >= wanted { CHARTED } else { 0 };
    let lefts = [Constraint::Min(0), Constraint::Length(charted), Constraint::Length(latency_height)];
    let [set, over_time, late] = Layout::vertical(lefts).areas(left);
    controls(model, frame, set, places);
    if charted > 0 {
        let past = model.past.mounts.get(&mount.name);
        let samples: Vec<f32> = past.into_iter().flat_map(|past| past.of(0)).collect();
        let write = |bits: f64| bitrate(bits as u64);
        chart::draw(model.theme, frame, over_time, "Bitrate", &samples, write, "It is not known.");
    }
    frame
        .render_widget(Paragraph::new(latency).block(airy(model.theme, "Latency, ms from the camera")), late);
    picture(model, frame, right, places);
}

fn figures(model: &Model, mount: &MountStatus, width: u16) -> Vec<Line<'static>> {
    let theme = model.theme;
    let of = |name: &'static str, value: String| named(theme, name, value, Style::new());
    let (mark, word, look) = theme.mount(mount.state);
    let why = mount.why.as_deref().map(|why| format!(": {}", plain(why))).unwrap_or_default();
    let arrow = format!(" {} ", theme.sign("→", "->"));
    let chain: Vec<String> = mount.chain.iter().map(|step| plain(step)).collect();
    let track = mount.tracks.first();
    let coded = track.map(|track| {
        let size = track.width.zip(track.height).map(|(width, height)| format!(" {width}x{height}"));
        format!("{}{}", plain(&track.codec), size.unwrap_or_default())
    });
    // Some chains end with it.
    let coded = coded.filter(|coded| !chain.last().is_some_and(|last| last.ends_with(coded)));
    let chain = chain.into_iter().chain(coded).collect::<Vec<_>>().join(&arrow);
    let bars = model.past.mounts.get(&mount.name).map(|past| past.bars(0, 30)).unwrap_or_default();
    let dropped: Vec<String> = mount
        .source_dropped
        .iter()
        .chain(&mount.reader_dropped)
        .filter(|drop| drop.pictures > 0)
        .map(|drop| format!("{} {}", count(drop.pictures), plain(&drop.reason)))
        .collect();
    let dropped = if dropped.is_empty() { "none".to_owned() } else { dropped.join(", ") };
    let readers = match mount.max_readers {
        Some(most) => format!("{} of {most}", mount.readers),
        None => mount.readers.to_string(),
    };
    let state = format!("{mark} {word}{why}");
    let room = usize::from(width.saturating_sub(4));
    let mut lines = vec![Line::styled(clip(theme, &state, room), look), Line::raw(clip(theme, &chain, room))];
    let rows = [
        vec![
            of("bitrate", some(mount.bitrate_bps, bitrate)),
            vec![Span::styled(sparkline(theme, &bars, 30), theme.chart()), Span::raw("  ")],
            of("fps", some(mount.fps, |fps| format!("{fps:.1}"))),
        ],
        vec![
            of("keyframe", some(mount.keyframe_age_ms, |ms| format!("{} ago", millis(ms)))),
            of("GOP", some(mount.gop_pictures, |gop| gop.to_string())),
            of("viewers", readers),
            of("sent", bytes(mount.sent_bytes)),
            of("restarts", mount.restarts.to_string()),
        ],
        vec![of("left out:", dropped)],
    ];
    lines.extend(rows.into_iter().flat_map(|row| flow(row, room)));
    // Whole by `u`.
    let url = url(model, &mount.name).map(|url| clip(theme, &plain(&url), room.saturating_sub("URL ".len())));
    lines.extend(url.map(|url| Line::from(of("URL", url))));
    lines
}

fn latency(theme: Theme, mount: &MountStatus) -> Vec<Line<'static>> {
    let measured = || mount.latency.iter().filter(|stage| stage.p99_ms.is_some());
    if measured().next().is_none() {
        return vec![Line::styled("Nothing was measured yet.", theme.quiet())];
    }
    let most = measured().filter_map(|stage| stage.p99_ms).fold(1.0f32, f32::max);
    let mut lines = vec![Line::styled(format!("{:<22}{:>5}{:>5}", "", "p50", "p99"), theme.quiet())];
    lines.extend(measured().map(|stage| {
        let figures = format!(
            "{}{:>5}{:>5} ",
            column(theme, &plain(&stage.stage), 22),
            some(stage.p50_ms, fine),
            some(stage.p99_ms, fine)
        );
        let bar = gauge(theme, f64::from(stage.p99_ms.unwrap_or(0.0) / most), 8);
        let bar = bar.trim_end_matches(['░', '.']).to_owned();
        Line::from(vec![Span::raw(figures), Span::styled(bar, theme.chart())])
    }));
    lines
}

fn controls(model: &Model, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let theme = model.theme;
    let block = panel(theme, "Settings, live");
    let inside = block.inner(area);
    let settings = settings(model);
    let said = match &model.panes.mount.controls {
        Some(Err(_)) if is_disabled(model) => Some("There is nothing that can be set.".to_owned()),
        Some(Err(_)) if shown(model).is_some_and(|mount| mount.kind != "camera") => {
            let more = if settings.is_empty() {
                "It is no camera: there is nothing that can be set."
            } else {
                "It is no camera, which would have more."
            };
            Some(more.to_owned())
        }
        Some(Err(why)) => Some(plain(why)),
        None => Some("The camera is being asked.".to_owned()),
        Some(Ok(controls)) if controls.is_empty() && settings.is_empty() => {
            Some("There is nothing that can be set.".to_owned())
        }
        Some(Ok(_)) => None,
    };
    // What can be set comes before the sentence on what cannot.
    let page = inside.height.min(settings.len() as u16);
    let cursor = model.panes.mount.cursor;
    let window = cursor.window(settings.len(), usize::from(page.max(1)));
    let chosen = cursor.chosen.min(settings.len().saturating_sub(1));
    let mut lines: Vec<Line<'_>> = window
        .clone()
        .map(|place| {
            setting(model, &settings[place], usize::from(inside.width))
                .style(row_style(model, place == chosen))
        })
        .collect();
    lines.extend(said.map(|said| Line::styled(said, theme.quiet())));
    let block = more(block, settings.len() - window.len());
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
    places.page = page.max(1);
    for (row, place) in (inside.y..).zip(window) {
        places.spots.push((Rect::new(inside.x, row, inside.width, 1), Spot::Row(place)));
        let Some((x, wide)) = slider(&settings[place], usize::from(inside.width)) else { continue };
        let cell = |at| (Rect::new(inside.x + x + at, row, 1, 1), Spot::Slider(place, at, wide));
        places.spots.extend((0..wide).map(cell));
    }
}

/// Where a setting's slider begins within its line, and how wide it is.
fn slider(setting: &Setting<'_>, width: usize) -> Option<(u16, u16)> {
    let slides = match setting {
        Setting::Bitrate(_) | Setting::Gop(_) => true,
        Setting::Control(control) => {
            control.value.is_some() && matches!(control.kind, ControlKind::Number { .. })
        }
    };
    let (name, bar) = widths(width);
    slides.then_some((name as u16 + 1, bar as u16))
}

/// Of a setting's line, the width of its name and of its slider.
fn widths(width: usize) -> (usize, usize) {
    let name = (width / 2).clamp(10, 22);
    (name, width.saturating_sub(name + 9).clamp(4, WIDEST_SLIDER))
}

/// A daemon says of a mount that is disabled that there is none.
fn is_disabled(model: &Model) -> bool {
    shown(model).is_some_and(|mount| mount.state == MountState::Disabled)
}

fn setting(model: &Model, setting: &Setting<'_>, width: usize) -> Line<'static> {
    let theme = model.theme;
    let (name_width, room) = widths(width);
    let aim = |name: &str, part: f64, value: String| {
        let bar = Span::styled(gauge(theme, part, room), theme.chart());
        Line::from(vec![
            Span::raw(format!("{} ", column(theme, name, name_width))),
            bar,
            Span::raw(format!(" {value}")),
        ])
    };
    match setting {
        // To 50 Mbit/s, and from every picture to one keyframe in a thousand.
        Setting::Bitrate(bits) => {
            aim("bitrate", share(*bits as f64 / f64::from(LEAST_BITRATE)), bitrate(*bits))
        }
        Setting::Gop(pictures) => aim("GOP, pictures", share(f64::from(*pictures)), pictures.to_string()),
        Setting::Control(control) => {
            let name = column(theme, &plain(&control.name), name_width);
            let dim = if control.inactive || control.read_only { theme.quiet() } else { Style::new() };
            let name = Span::styled(name + " ", dim);
            Line::from([vec![name], value(theme, control, room)].concat())
        }
    }
}

fn value(theme: Theme, control: &Control, room: usize) -> Vec<Span<'static>> {
    let Some(now) = control.value else {
        let word = if control.kind == ControlKind::Button { "[press]" } else { NONE };
        return vec![Span::raw(word)];
    };
    match &control.kind {
        ControlKind::Number { least, greatest, .. } => {
            let span = (*greatest as f64 - *least as f64).max(1.0);
            let bar = gauge(theme, (now as f64 - *least as f64) / span, room);
            vec![Span::styled(bar, theme.chart()), Span::raw(format!(" {now}"))]
        }
        ControlKind::Switch => vec![Span::raw(if now != 0 { "[x] on" } else { "[ ] off" })],
        ControlKind::Menu(entries) => {
            let name =
                entries.iter().find(|(number, _)| i64::from(*number) == now).map(|(_, name)| plain(name));
            vec![Span::raw(format!("< {} >", name.unwrap_or_else(|| now.to_string())))]
        }
        ControlKind::Button => vec![Span::raw("[press]")],
    }
}

fn picture(model: &Model, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let theme = model.theme;
    let block = panel(theme, if model.panes.mount.live { "Picture, live" } else { "Picture" });
    let inside = block.inner(area);
    match &model.panes.mount.picture {
        None => frame.render_widget(Paragraph::new("A picture is being made.").block(block), area),
        Some(Err(_)) if is_disabled(model) => {
            let said = "Nobody is let in: d serves it again.";
            frame.render_widget(Paragraph::new(said).wrap(Wrap { trim: true }).block(block), area);
        }
        Some(Err(why)) => {
            frame.render_widget(Paragraph::new(plain(why)).wrap(Wrap { trim: true }).block(block), area);
        }
        Some(Ok(picture)) => {
            let age = picture.age_ms.map(|age| format!(" {} old ", millis(age))).unwrap_or_default();
            frame.render_widget(block.title_bottom(Line::raw(age).right_aligned()), area);
            if theme.pictures != Pictures::Signs {
                // What lies over it would lie under it.
                places.picture = Some(inside).filter(|it| model.overlay.is_none() && !it.is_empty());
                return;
            }
            match (theme.glyphs, theme.colours) {
                (Glyphs::Utf8, Colours::All) => half_blocks(picture, frame, inside),
                _ => greys(picture, frame, inside),
            }
        }
    }
}

/// Two pixels a place, one above the other.
fn half_blocks(picture: &Picture, frame: &mut Frame<'_>, area: Rect) {
    let (columns, rows) = picture.fit(usize::from(area.width), usize::from(area.height) * 2, 1);
    let colour = |[red, green, blue]: [u8; 3]| Color::Rgb(red, green, blue);
    for y in 0..rows.div_ceil(2).min(usize::from(area.height)) {
        for x in 0..columns {
            let upper = colour(picture.part(x, columns, y * 2, rows));
            let lower = colour(picture.part(x, columns, (y * 2 + 1).min(rows - 1), rows));
            let cell = &mut frame.buffer_mut()[(area.x + x as u16, area.y + y as u16)];
            cell.set_symbol("▀").set_fg(upper).set_bg(lower);
        }
    }
}

/// Darker and lighter signs, where there are no colours to speak of.
fn greys(picture: &Picture, frame: &mut Frame<'_>, area: Rect) {
    const RAMP: [&str; 10] = [" ", ".", ":", "-", "=", "+", "*", "#", "%", "@"];
    let (columns, rows) = picture.fit(usize::from(area.width), usize::from(area.height), 2);
    for y in 0..rows.min(usize::from(area.height)) {
        for x in 0..columns {
            let [red, green, blue] = picture.part(x, columns, y, rows).map(usize::from);
            let light = (red * 3 + green * 6 + blue) / 10;
            frame.buffer_mut()[(area.x + x as u16, area.y + y as u16)]
                .set_symbol(RAMP[light * RAMP.len() / 256]);
        }
    }
}
