//! The screens of the README, drawn from the tests' own: `LENSLET_BLESS=1 cargo test --test it tui::svg` writes them.

use std::fmt::Write;
use std::path::Path;

use lenslet::control::protocol::Reply;
use lenslet::tui::message::Asked;
use lenslet::tui::model::Model;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use super::support::{controls, draw, log, press, seen, snapshot, status, tell};

/// A place of the screen, in pixels of the picture.
const PLACE: (f32, f32) = (8.4, 18.0);
const BACK: &str = "#14171c";
const TEXT: &str = "#d8dee9";

#[test]
fn the_pictures_of_the_screens_are_as_the_screens() {
    let bless = std::env::var_os("LENSLET_BLESS").is_some();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screens");
    let (mut stale, mut pictures) = (Vec::new(), Vec::new());
    for (name, keys) in
        [("dashboard", "1"), ("sessions", "2"), ("session", "2 j Enter"), ("mount", "3"), ("log", "5")]
    {
        let mut model = seen(&status("typical"));
        press(&mut model, keys);
        fill(&mut model, name);
        draw(&mut model, 120, 32);
        press(&mut model, if name == "log" { "F" } else { "j" });
        pictures.push((name, svg(&draw(&mut model, 120, 32))));
    }
    let mut screen = super::config::Screen::new();
    screen.press("G Enter");
    screen.to("gop");
    pictures.push(("config", svg(&draw(&mut screen.model, 120, 32))));
    pictures.push(("access", svg(&draw(&mut super::access::access().model, 120, 32))));
    for (name, svg) in pictures {
        let path = folder.join(format!("{name}.svg"));
        if bless {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &svg).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != svg {
            stale.push(path);
        }
    }
    assert!(stale.is_empty(), "LENSLET_BLESS=1 cargo test --test it tui::svg draws them anew: {stale:?}");
}

fn fill(model: &mut Model, name: &str) {
    match name {
        "mount" => {
            tell(model, Asked::Controls("door".into()), Ok(Reply::Controls(controls())));
            tell(model, Asked::Snapshot("door".into()), Ok(Reply::Snapshot(snapshot())));
        }
        "log" => log(model, 30),
        _ => {}
    }
}

fn svg(buffer: &Buffer) -> String {
    let (width, height) = (f32::from(buffer.area.width) * PLACE.0, f32::from(buffer.area.height) * PLACE.1);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.1} {:.1}\" font-family=\"ui-monospace, \
         'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACK}\"/>\n<g transform=\"translate(10 10)\">\n",
        width + 20.0,
        height + 20.0
    );
    for y in 0..buffer.area.height {
        grounds(&mut svg, buffer, y);
        texts(&mut svg, buffer, y);
    }
    svg + "</g>\n</svg>\n"
}

/// Foreground and background as they are seen.
fn colours(cell: &Cell) -> (String, String) {
    let (text, back) = (colour(cell.fg, TEXT), colour(cell.bg, BACK));
    if cell.modifier.contains(Modifier::REVERSED) { (back, text) } else { (text, back) }
}

fn colour(colour: Color, otherwise: &str) -> String {
    match colour {
        Color::Red => "#e06c75",
        Color::Green => "#98c379",
        Color::Yellow => "#e5c07b",
        Color::Blue => "#61afef",
        Color::Magenta => "#c678dd",
        Color::Cyan => "#56b6c2",
        Color::DarkGray => "#6b7280",
        Color::White => "#ffffff",
        Color::Black => "#000000",
        Color::Rgb(red, green, blue) => return format!("#{red:02x}{green:02x}{blue:02x}"),
        _ => otherwise,
    }
    .to_owned()
}

/// Runs of the same background.
fn grounds(svg: &mut String, buffer: &Buffer, y: u16) {
    let mut x = 0;
    while x < buffer.area.width {
        let back = colours(&buffer[(x, y)]).1;
        let end = (x..buffer.area.width).find(|x| colours(&buffer[(*x, y)]).1 != back);
        let end = end.unwrap_or(buffer.area.width);
        if back != BACK {
            rect(svg, f32::from(x), f32::from(y), f32::from(end - x), 1.0, &back);
        }
        x = end;
    }
}

fn rect(svg: &mut String, x: f32, y: f32, width: f32, height: f32, fill: &str) {
    writeln!(
        svg,
        "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{fill}\"/>",
        x * PLACE.0,
        y * PLACE.1,
        width * PLACE.0 + 0.3,
        height * PLACE.1 + 0.3
    )
    .unwrap();
}

/// Words, each in its place, so that any font will do; blocks and lines are drawn, for fonts have them with gaps.
fn texts(svg: &mut String, buffer: &Buffer, y: u16) {
    let mut x = 0;
    while x < buffer.area.width {
        let cell = &buffer[(x, y)];
        let (text, _) = colours(cell);
        let bold = cell.modifier.contains(Modifier::BOLD);
        let alike = |other: u16| {
            let other = &buffer[(other, y)];
            colours(other).0 == text && other.modifier.contains(Modifier::BOLD) == bold
        };
        let end_of = |same: &dyn Fn(&str) -> bool| {
            let end = (x..buffer.area.width).find(|x| !alike(*x) || !same(buffer[(*x, y)].symbol()));
            end.unwrap_or(buffer.area.width)
        };
        let symbol = cell.symbol();
        let end = match symbol {
            " " => x + 1,
            _ if drawn(symbol) => end_of(&|other| other == symbol),
            _ => end_of(&|other| other != " " && !drawn(other)),
        };
        if drawn(symbol) {
            draw_run(svg, (x, y), end - x, symbol, &text);
        } else if symbol != " " {
            let word: String = (x..end).map(|x| buffer[(x, y)].symbol()).collect();
            write_word(svg, (x, y), &word, &text, bold);
        }
        x = end;
    }
}

const EIGHTHS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

fn drawn(symbol: &str) -> bool {
    EIGHTHS.contains(&symbol) || ["▀", "░", "─", "│", "╭", "╮", "╰", "╯", "└"].contains(&symbol)
}

/// The same sign so many times.
fn draw_run(svg: &mut String, (x, y): (u16, u16), count: u16, symbol: &str, fill: &str) {
    let (left, top, wide) = (f32::from(x), f32::from(y), f32::from(count));
    // In the middle of a place, one pixel thick.
    let (across, down) = (8.5 / PLACE.1, 3.7 / PLACE.0);
    let (thin, slim) = (0.7 / PLACE.1, 0.7 / PLACE.0);
    if let Some(eighths) = EIGHTHS.iter().position(|other| *other == symbol) {
        let high = (eighths + 1) as f32 / 8.0;
        return rect(svg, left, top + 1.0 - high, wide, high, fill);
    }
    match symbol {
        "▀" => rect(svg, left, top, wide, 0.5, fill),
        "░" => rect(svg, left, top, wide, 1.0, &format!("{fill}40")),
        "─" => rect(svg, left, top + across, wide, thin, fill),
        "│" => (0..count).for_each(|place| rect(svg, left + f32::from(place) + down, top, slim, 1.0, fill)),
        corner => {
            let (from, to) = if ["╭", "╰", "└"].contains(&corner) { (down, 1.0) } else { (0.0, down) };
            rect(svg, left + from, top + across, to - from, thin, fill);
            let (from, to) = if ["╭", "╮"].contains(&corner) { (across, 1.0) } else { (0.0, across) };
            rect(svg, left + down, top + from, slim, to - from, fill);
        }
    }
}

fn write_word(svg: &mut String, (x, y): (u16, u16), word: &str, fill: &str, bold: bool) {
    let escaped = word.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let weight = if bold { " font-weight=\"bold\"" } else { "" };
    let width = word.chars().count() as f32 * PLACE.0;
    writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{fill}\"{weight} textLength=\"{width:.1}\" \
         lengthAdjust=\"spacingAndGlyphs\">{escaped}</text>",
        f32::from(x) * PLACE.0,
        f32::from(y) * PLACE.1 + 13.5
    )
    .unwrap();
}
