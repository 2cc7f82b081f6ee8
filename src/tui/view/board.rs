//! The box's health.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::theme::Theme;
use super::super::words::{bytes, plain};
use super::parts::{flow, gauge, named};
use crate::control::protocol::{Board, Disk, Power};

/// Its lines: processor and heat, memory, disks and air; then what is wrong with it.
pub(super) fn lines(theme: Theme, board: &Board, width: u16) -> Vec<Line<'static>> {
    let width = usize::from(width);
    let (mut lines, mut left) = (Vec::new(), Vec::new());
    for parts in [processor(theme, board), memory(theme, board), around(theme, board)] {
        let (fit, others) = fitting(theme, parts, width);
        lines.push(Line::from(fit));
        left.extend(others.into_iter().filter(|part| is_wrong(theme, part)));
    }
    lines.extend(flow(left, width));
    lines.extend(board.power.and_then(|power| self::power(theme, power)));
    lines
}

/// A figure with what stands beside it: none is cut.
type Part = Vec<Span<'static>>;

/// Those that have room in a line, where what is wrong has it first, and the others.
fn fitting(theme: Theme, parts: Vec<Part>, width: usize) -> (Part, Vec<Part>) {
    let (mut room, mut fits) = (width, vec![false; parts.len()]);
    for wrong in [true, false] {
        for (part, fits) in parts.iter().zip(&mut fits).filter(|(part, _)| is_wrong(theme, part) == wrong) {
            let wide: usize = part.iter().map(Span::width).sum();
            // What stands behind the last one is nothing that is missed.
            *fits = wide <= room + 2;
            room = if *fits { room.saturating_sub(wide) } else { room };
        }
    }
    let (fit, others): (Vec<_>, Vec<_>) = parts.into_iter().zip(fits).partition(|(_, fits)| *fits);
    (fit.into_iter().flat_map(|(part, _)| part).collect(), others.into_iter().map(|(part, _)| part).collect())
}

fn is_wrong(theme: Theme, part: &Part) -> bool {
    part.iter().any(|span| [theme.warning(), theme.bad()].contains(&span.style))
}

/// What matters most is the first.
fn processor(theme: Theme, board: &Board) -> Vec<Part> {
    let mut parts = Vec::new();
    if let Some(percent) = board.cpu_percent {
        let look = if percent >= 90.0 { theme.warning() } else { Style::new() };
        let bar = gauge(theme, f64::from(percent) / 100.0, 10);
        let cores = board.cores.map(|cores| format!(" of {cores} cores")).unwrap_or_default();
        let share = Span::styled(format!(" {percent:.0} %{cores}  "), look);
        parts.push(vec![Span::styled("CPU    ", theme.quiet()), Span::styled(bar, theme.chart()), share]);
    }
    if let Some(percent) = board.own_cpu_percent {
        parts.push(named(theme, "Lenslet", format!("{percent:.0} % of one"), Style::new()));
    }
    if let Some(degrees) = board.temperature_celsius {
        let hot = degrees >= 80.0;
        let text = format!("{degrees:.0} {}C{}", theme.sign("°", ""), if hot { " HOT" } else { "" });
        parts.push(vec![Span::styled(text + "  ", if hot { theme.bad() } else { Style::new() })]);
    }
    if let Some(load) = board.load {
        parts.push(named(theme, "load", format!("{load:.1}"), Style::new()));
    }
    if let Some(mhz) = board.clock_mhz {
        parts.push(vec![Span::raw(format!("{mhz} MHz  "))]);
    }
    parts
}

fn memory(theme: Theme, board: &Board) -> Vec<Part> {
    let mut parts = Vec::new();
    if let (Some(all), Some(free)) = (board.memory_bytes, board.memory_available_bytes) {
        let share = 1.0 - free as f64 / all.max(1) as f64;
        let look = if share >= 0.9 { theme.warning() } else { Style::new() };
        let bar = gauge(theme, share, 10);
        let left = Span::styled(format!(" {} of {} free  ", bytes(free), bytes(all)), look);
        parts.push(vec![Span::styled("Memory ", theme.quiet()), Span::styled(bar, theme.chart()), left]);
    }
    if let Some(own) = board.own_memory_bytes {
        parts.push(named(theme, "Lenslet", bytes(own), Style::new()));
    }
    if let (Some(all), Some(free)) = (board.contiguous_bytes, board.contiguous_free_bytes) {
        let look = if free < all / 10 { theme.warning() } else { Style::new() };
        parts.push(named(theme, "CMA", format!("{} free", bytes(free)), look));
    }
    parts
}

/// Disks, air and clock.
fn around(theme: Theme, board: &Board) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (place, disk) in board.disks.iter().enumerate() {
        // Several folders of one disk are told of once.
        let figures = (disk.total_bytes, disk.free_bytes, disk.read_only);
        let told = |it: &Disk| (it.total_bytes, it.free_bytes, it.read_only) == figures;
        if board.disks[..place].iter().any(told) {
            continue;
        }
        let (text, look) = match (disk.read_only, disk.free_bytes < disk.total_bytes / 20) {
            (true, _) => (format!("{} READ-ONLY", plain(&disk.path)), theme.warning()),
            (false, full) => {
                let free = format!("{} of {} free", bytes(disk.free_bytes), bytes(disk.total_bytes));
                let text = format!("{}{} {free}", plain(&disk.path), if full { " FULL:" } else { "" });
                (text, if full { theme.warning() } else { Style::new() })
            }
        };
        parts.push(named(theme, "Disk  ", text, look));
    }
    for wifi in &board.wifi {
        let (word, look) = match wifi.level_dbm {
            level if level >= -67.0 => ("good", Style::new()),
            level if level >= -75.0 => ("fair", Style::new()),
            _ => ("WEAK", theme.warning()),
        };
        parts.push(named(
            theme,
            "Wi-Fi",
            format!("{} {:.0} dBm {word}", plain(&wifi.interface), wifi.level_dbm),
            look,
        ));
    }
    match board.clock_synchronised {
        Some(true) => parts.push(named(theme, "clock", "right".to_owned(), Style::new())),
        Some(false) => parts.push(named(theme, "clock", "NOT SET".to_owned(), theme.warning())),
        None => {}
    }
    if let Some(written) = board.card_written_bytes {
        parts.push(named(theme, "card", format!("{} written", bytes(written)), Style::new()));
    }
    parts
}

/// What a Raspberry Pi says of its supply and heat; nothing where all is well and was.
fn power(theme: Theme, power: Power) -> Option<Line<'static>> {
    let now = [
        (power.under_voltage, "UNDER-VOLTAGE: the supply is too weak"),
        (power.throttled, "THROTTLED: slowed down"),
        (power.capped, "CAPPED: not at its full rate"),
        (power.soft_limit, "HOT: slowed down a little"),
    ];
    let before = [
        (power.under_voltage_before, "the supply was too weak since it started"),
        (power.throttled_before, "it was slowed down since it started"),
    ];
    let said = |of: &[(bool, &'static str)]| {
        of.iter().filter(|(is, _)| *is).map(|(_, said)| *said).collect::<Vec<_>>().join("; ")
    };
    let (now, before) = (said(&now), said(&before));
    match (now.is_empty(), before.is_empty()) {
        (true, true) => None,
        (true, false) => {
            Some(Line::styled(format!("{} Power: {before}", theme.sign("▲", "!")), theme.warning()))
        }
        (false, _) => Some(Line::styled(format!("{} Power: {now}", theme.sign("✖", "X")), theme.bad())),
    }
}
