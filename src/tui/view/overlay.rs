//! What lies over a screen.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Clear, Paragraph};

use super::super::model::{Model, Overlay, Places, Question, Spot};
use super::super::theme::{Colours, Glyphs, Ground, Theme};
use super::super::words::plain;
use super::help;
use super::parts::{LEAST, airy, middle, wrapped};

/// What lies over the body.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, body: Rect, places: &mut Places) {
    match &model.overlay {
        Some(Overlay::Help(scroll)) => help::draw(model, *scroll, frame, body, places),
        Some(Overlay::Question(question)) => asks(model.theme, frame, body, question, places),
        Some(Overlay::Url(url)) => self::url(model.theme, frame, body, url),
        Some(Overlay::Text { text, from }) => whole(model.theme, frame, body, text, *from, places),
        Some(Overlay::Prompt { .. }) | None => {}
    }
}

fn asks(theme: Theme, frame: &mut Frame<'_>, body: Rect, question: &Question, places: &mut Places) {
    let width = 64.min(body.width);
    let inside = usize::from(width.saturating_sub(4)).max(1);
    let lines: Vec<Line<'_>> = wrapped(&plain(&question.asks), inside).into_iter().map(Line::from).collect();
    let area = middle(body, width, lines.len() as u16 + 2);
    // The answers stand at the right of the lower edge, with what a click on them says.
    let answers: &[(&str, &str, Option<bool>)] = match question.no {
        None => &[("y", " yes", Some(true)), ("n Esc", " no", Some(false))],
        Some(_) => {
            &[("y", " it ends", Some(true)), ("n", " it goes on", Some(false)), ("Esc", " stay", None)]
        }
    };
    let wide = |(key, word, _): &(&str, &str, Option<bool>)| (key.len() + word.len()) as u16;
    let all = answers.iter().map(wide).sum::<u16>() + 3 * (answers.len() as u16 - 1);
    let (edge, mut x) = (area.bottom().saturating_sub(1), area.right().saturating_sub(1 + all));
    let mut keys: Vec<Span<'_>> = Vec::new();
    for answer in answers {
        if !keys.is_empty() {
            keys.push(Span::raw("   "));
        }
        let (key, word, says) = *answer;
        places.spots.extend(says.map(|yes| (Rect::new(x, edge, wide(answer), 1), Spot::Answer(yes))));
        keys.extend([Span::styled(key, theme.title()), Span::raw(word)]);
        x += wide(answer) + 3;
    }
    frame.render_widget(Clear, area);
    let block = airy(theme, "Sure?").border_style(theme.warning());
    let block = block.title_bottom(Line::from(keys).right_aligned());
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn whole(theme: Theme, frame: &mut Frame<'_>, body: Rect, text: &str, from: u16, places: &mut Places) {
    let width = 100.min(body.width);
    let inside = usize::from(width.saturating_sub(4)).max(1);
    let lines: Vec<Line<'_>> =
        text.lines().flat_map(|line| wrapped(&plain(line), inside)).map(Line::from).collect();
    let height = (lines.len() + 2).min(usize::from(body.height)) as u16;
    places.hidden = (lines.len() as u16).saturating_sub(height.saturating_sub(2));
    let area = middle(body, width, height);
    let says = if places.hidden > 0 {
        " Up Down: more; any other key closes this "
    } else {
        " any key closes this "
    };
    let block = airy(theme, "The whole line").title_bottom(Line::raw(says).right_aligned());
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).scroll((from.min(places.hidden), 0)).block(block), area);
}

fn url(theme: Theme, frame: &mut Frame<'_>, body: Rect, url: &str) {
    let has_room = |code: &Text<'_>| {
        let (width, height) = framed(code);
        width <= body.width && height <= body.height
    };
    let code = code(theme, url);
    let inside = usize::from(body.width.saturating_sub(4)).max(1);
    let address =
        wrapped(&plain(url), inside).into_iter().map(|line| Line::styled(line, theme.title()).centered());
    let mut text = Text::from(address.chain([Line::raw("")]).collect::<Vec<_>>());
    let small = !code.as_ref().is_some_and(has_room);
    let said = match code {
        Some(code) if !small => code,
        Some(code) => no_room(theme, url, &code, frame.area(), body, inside.min(60)),
        None => Text::from("It is too long for a QR code."),
    };
    text.extend(said);
    let width = (text.width() + 4).max(30) as u16;
    let area = middle(body, width.min(body.width), (text.height() + 2).min(usize::from(body.height)) as u16);
    frame.render_widget(Clear, area);
    let title = if small { "URL" } else { "URL: scan it with a phone's player" };
    frame.render_widget(Paragraph::new(text).block(airy(theme, title)), area);
}

/// What a code takes with its frame, and the URL above it.
fn framed(code: &Text<'_>) -> (u16, u16) {
    (code.width() as u16 + 4, code.height() as u16 + 4)
}

/// From which size of the terminal on there is room for a code, as it is drawn now and in half the signs.
fn no_room(theme: Theme, url: &str, code: &Text<'_>, all: Rect, body: Rect, width: usize) -> Text<'static> {
    let around = all.height.saturating_sub(body.height);
    let needed = |code: &Text<'_>| {
        let (width, height) = framed(code);
        format!("{}x{}", width.max(LEAST.0), height + around)
    };
    let mut said = format!(
        "Its QR code needs a terminal of {}; this one is {}x{}.",
        needed(code),
        all.width,
        all.height
    );
    let utf8 = Theme { glyphs: Glyphs::Utf8, ..theme };
    if let Some(smaller) = self::code(utf8, url).filter(|_| theme.glyphs == Glyphs::Ascii) {
        said += &format!(" With UTF-8 (LC_ALL=C.UTF-8) it needs {}.", needed(&smaller));
    }
    wrapped(&said, width).into_iter().map(Line::raw).collect::<Vec<_>>().into()
}

/// The URL as a QR code: two rows of modules a line, or in ASCII two columns a module.
fn code(theme: Theme, url: &str) -> Option<Text<'static>> {
    let code = qrcode::QrCode::with_error_correction_level(url, qrcode::EcLevel::L).ok()?;
    let (side, modules) = (code.width() as isize, code.to_colors());
    // Light modules are drawn where what is drawn is light, else dark ones: scanners want dark on light.
    let inverted = theme.colours == Colours::None && theme.ground == Ground::Light;
    let dark = |x: isize, y: isize| {
        let inside = (0..side).contains(&x) && (0..side).contains(&y);
        inverted != (inside && modules[(y * side + x) as usize] == qrcode::Color::Dark)
    };
    let style = match theme.colours {
        Colours::None => Style::new(),
        _ => Style::new().fg(Color::White).bg(Color::Black),
    };
    // The standard wants four modules of light around it; two are enough for every scanner that was tried.
    let around = -2..side + 2;
    let lines: Vec<Line<'static>> = match theme.glyphs {
        Glyphs::Utf8 => around
            .clone()
            .step_by(2)
            .map(|y| around.clone().map(|x| half(dark(x, y), dark(x, y + 1))).collect::<String>())
            .map(|line| Line::styled(line, style).centered())
            .collect(),
        Glyphs::Ascii => around
            .clone()
            .map(|y| around.clone().map(|x| if dark(x, y) { "  " } else { "##" }).collect::<String>())
            .map(|line| Line::styled(line, style).centered())
            .collect(),
    };
    Some(Text::from(lines))
}

fn half(upper: bool, lower: bool) -> char {
    match (upper, lower) {
        (false, false) => '█',
        (false, true) => '▀',
        (true, false) => '▄',
        (true, true) => ' ',
    }
}
