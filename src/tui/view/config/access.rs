//! Users and bans.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use super::super::super::model::{Model, Places, Spot};
use super::super::super::panes::config::access::{Row, mounts};
use super::super::super::panes::config::steps::Steps;
use super::super::super::words::{duration, plain};
use super::super::parts::middle;
use super::super::parts::{airy, clip, column, hints, more, panel, row_style, wrapped};
use super::super::typed::typed;
use crate::control::protocol::{AccessState, OpenTo};

/// Both lists, one below the other.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let block = panel(model.theme, "Users and bans: what is done here holds at once");
    let inside = block.inner(area);
    let lines = lines(model, usize::from(inside.width));
    let height = usize::from(inside.height);
    // The chosen line is seen, and with the first one what stands above it.
    let chosen = lines.iter().rposition(|(place, _)| *place == chosen(model)).unwrap_or(0);
    let top = if chosen < height { 0 } else { chosen + 1 - height };
    let shown: Vec<Line<'_>> = lines.iter().skip(top).take(height).map(|(_, line)| line.clone()).collect();
    let block = more(block, lines.len().saturating_sub(height));
    frame.render_widget(Paragraph::new(shown).block(block), area);
    places.page = inside.height.max(1);
    for (row, (place, _)) in (inside.y..inside.bottom()).zip(lines.iter().skip(top)) {
        places.spots.extend(place.map(|it| (Rect::new(inside.x, row, inside.width, 1), Spot::Row(it))));
    }
}

fn chosen(model: &Model) -> Option<usize> {
    let access = &model.panes.config.access;
    access.length().checked_sub(1).map(|last| access.cursor.chosen.min(last))
}

/// Lines, each with its place among those that can be chosen.
fn lines(model: &Model, width: usize) -> Vec<(Option<usize>, Line<'static>)> {
    let (theme, access) = (model.theme, &model.panes.config.access);
    let head = |text: &str| (None, Line::styled(clip(theme, text, width), theme.title()));
    let said = |text: &str| (None, Line::styled(clip(theme, text, width), theme.quiet()));
    let state = model.status.as_ref().map(|status| &status.access);
    let mut lines = vec![head(&format!("{:<20} {:<28} MAY STEER", "USER", "MAY WATCH"))];
    match &access.users {
        None => lines.push(said("It is being asked.")),
        Some(users) if users.is_empty() => lines.push(said("There are none: a adds one.")),
        Some(_) => {}
    }
    let (users, bans): (Vec<_>, Vec<_>) =
        access.rows().into_iter().enumerate().partition(|(_, row)| matches!(row, Row::User(_)));
    let row = |(place, it): (usize, Row<'_>)| {
        let line = Line::raw(clip(theme, &words(model, it), width));
        (Some(place), line.style(row_style(model, chosen(model) == Some(place))))
    };
    lines.extend(users.into_iter().map(row));
    lines.extend(state.into_iter().flat_map(open_to).map(|text| said(&text)));
    lines.push((None, Line::raw("")));
    lines.push(head(&format!("{:<26} {:<10} {:<20} WHY", "BANNED ADDRESS", "FOR", "UNTIL, UTC")));
    match &access.bans {
        None => lines.push(said("It is being asked.")),
        Some(bans) if bans.is_empty() => lines.push(said("None is: b bans one.")),
        Some(_) => {}
    }
    lines.extend(bans.into_iter().map(row));
    lines
}

fn words(model: &Model, row: Row<'_>) -> String {
    let theme = model.theme;
    let mounts = |mounts: &[String]| match mounts {
        [] => "nothing".to_owned(),
        [all] if all == "*" => "all".to_owned(),
        some => plain(&some.join(" ")),
    };
    match row {
        Row::User(user) => format!(
            "{} {} {}",
            column(theme, &plain(&user.name), 20),
            column(theme, &mounts(&user.read), 28),
            mounts(&user.control)
        ),
        Row::Ban(ban) => {
            let until: String = plain(&ban.until).replace('T', " ").trim_end_matches('Z').to_owned();
            let (address, until) = (column(theme, &plain(&ban.address), 26), column(theme, &until, 20));
            let time = column(theme, &duration(ban.for_s), 10);
            format!("{address} {time} {until} {}", plain(&ban.why))
        }
    }
}

/// Who is answered, and where the users are kept.
fn open_to(access: &AccessState) -> Vec<String> {
    let who = match access.open_to {
        OpenTo::Private => "Nobody is asked for a password, so only private networks are answered.",
        OpenTo::Users => "Who has a password is answered, from wherever the networks (access) let in.",
        OpenTo::World => "The whole world is answered without a password, as the configuration says.",
    };
    let file = access.users_file.as_deref().map(|file| format!("They are kept in {}.", plain(file)));
    std::iter::once(who.to_owned()).chain(file).collect()
}

/// The lines that are typed, over the list.
pub(super) fn steps(model: &Model, steps: &Steps, frame: &mut Frame<'_>, body: Rect, places: &mut Places) {
    let theme = model.theme;
    let width = 68.min(body.width);
    let inside = usize::from(width.saturating_sub(4)).max(1);
    let (mut lines, mut cursor) = (Vec::new(), None);
    for (place, (step, input)) in steps.lines.iter().enumerate() {
        let head = format!("{:<10} ", step.name());
        let (typed, at) = typed(theme, input, step.is_hidden(), inside.saturating_sub(head.len()));
        let here = place == steps.at;
        if here {
            cursor = Some(head.len() as u16 + at);
        }
        let look = if here { theme.title() } else { theme.quiet() };
        lines.push(Line::from(vec![Span::styled(head, look), Span::raw(typed)]));
    }
    let step = steps.lines.get(steps.at).map(|(step, _)| *step);
    let (said, look) = match (&steps.wrong, steps.sent) {
        (_, true) => ("...".to_owned(), theme.quiet()),
        (Some(why), _) => (format!("{} {}", theme.sign("✖", "X"), plain(why)), theme.bad()),
        (None, _) => {
            let doubts = step.zip(mounts(model)).map(|(step, mounts)| steps.doubt(step, &mounts));
            let doubts = doubts.unwrap_or_default();
            match doubts.is_empty() {
                true => (step.map(|step| step.help().to_owned()).unwrap_or_default(), Style::new()),
                false => (format!("{} {}", theme.sign("▲", "!"), plain(&doubts.join(" "))), theme.warning()),
            }
        }
    };
    let said: Vec<Line<'_>> =
        wrapped(&said, inside).into_iter().map(|line| Line::styled(line, look)).collect();
    // Where not all has room, what is wrong and the line that is typed have it.
    let height = usize::from(body.height.saturating_sub(2));
    let tight = lines.len() + 1 + said.len() > height;
    let room = if tight { height.saturating_sub(said.len()).max(1) } else { lines.len() };
    let first = (steps.at + 1).saturating_sub(room);
    let mut lines: Vec<Line<'_>> = lines.into_iter().skip(first).take(room).collect();
    let typed = lines.len();
    lines.extend((!tight).then(|| Line::raw("")));
    lines.extend(said);
    let area = middle(body, width, (lines.len() as u16 + 2).min(body.height));
    let last = steps.at + 1 >= steps.lines.len();
    let enter = if last { "do it" } else { "next" };
    let keys = hints(theme, &[(theme.sign("↑↓", "Up/Dn"), "line"), ("Enter", enter), ("Esc", "leave it")]);
    let block = airy(theme, clip(theme, &plain(&steps.title()), inside)).title_bottom(keys);
    let at = block.inner(area);
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).block(block), area);
    for (row, place) in (at.y..at.bottom()).zip(first..first + typed) {
        places.spots.push((Rect::new(at.x, row, at.width, 1), Spot::Row(place)));
    }
    if let Some(column) = cursor.filter(|_| model.overlay.is_none()) {
        frame.set_cursor_position(Position::new(at.x + column, at.y + (steps.at - first) as u16));
    }
}
