//! Who it is and where one can go.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::message::Command;
use super::super::model::{Model, Places, Spot, Tab};
use super::super::words::{clock, duration, plain, wide};
use super::parts::clip;
use crate::control::protocol::AlarmLevel;

/// The uppermost line; where nobody answers it says so instead.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let theme = model.theme;
    if let (Some(why), Some(status)) = (&model.link.lost, &model.status) {
        let style = theme.bad().add_modifier(Modifier::REVERSED);
        let said = format!(
            " {} Shown as of {}; tried again. {}",
            theme.sign("✖", "X"),
            clock(&status.at),
            plain(why)
        );
        let said = clip(theme, &said, usize::from(area.width));
        frame.render_widget(Paragraph::new(said).style(style), area);
        return;
    }
    let Some(status) = &model.status else {
        frame.render_widget(Paragraph::new(Line::styled(" Lenslet", theme.title())), area);
        return;
    };
    let board = &status.board;
    let right =
        format!("up {}  {} {} UTC ", duration(status.uptime_s), theme.sign("●", "*"), clock(&status.at));
    let room = usize::from(area.width).saturating_sub(wide(&right) + 1);
    let name = board.hostname.as_deref().map(plain).unwrap_or_default();
    let made = board.model.as_deref().map(plain).unwrap_or_default();
    let head = clip(theme, &format!(" Lenslet {} ", plain(&status.version)), room);
    let rest = room.saturating_sub(wide(&head));
    let rest = clip(theme, format!(" {name}  {made}").trim_end(), rest);
    let left = Line::from(vec![Span::styled(head, theme.title()), Span::raw(rest)]);
    frame.render_widget(Paragraph::new(left), area);
    frame.render_widget(Paragraph::new(Line::styled(right, theme.good()).right_aligned()), area);
}

/// The screens, each a click.
pub(super) fn tabs(model: &Model, frame: &mut Frame<'_>, area: Rect, places: &mut Places) {
    let theme = model.theme;
    let (mut spans, mut x) = (Vec::new(), area.x);
    let text = |(number, tab): (usize, Tab), name: &str| {
        let (waits, look) = waiting(model, tab);
        // Beside a number alone another one would read as a tab's.
        let text = match name {
            "" => format!(" {}{} ", number + 1, waits.replacen(' ', ":", 1)),
            name => format!(" {} {name}{waits} ", number + 1),
        };
        (tab, text, look)
    };
    let mut texts: Vec<_> = Tab::ALL.into_iter().enumerate().map(|it| text(it, it.1.name())).collect();
    if texts.iter().map(|(_, text, _)| Span::raw(text).width()).sum::<usize>() > usize::from(area.width) {
        let short = |it: (usize, Tab)| text(it, if it.1 == model.tab { it.1.name() } else { "" });
        texts = Tab::ALL.into_iter().enumerate().map(short).collect();
    }
    for (tab, text, look) in texts {
        let width = Span::raw(&text).width() as u16;
        let style = if tab == model.tab { theme.title().patch(theme.chosen()) } else { look };
        places.spots.push((Rect::new(x, area.y, width, 1), Spot::Command(Command::Show(tab))));
        spans.push(Span::styled(text, style));
        x += width;
    }
    frame.render_widget(Paragraph::new(Line::from(spans)), area);
}

/// What a tab tells beside its name.
fn waiting(model: &Model, tab: Tab) -> (String, Style) {
    let quiet = (String::new(), model.theme.quiet());
    let Some(status) = &model.status else { return quiet };
    match tab {
        Tab::Sessions if !status.sessions.is_empty() => (format!(" {}", status.sessions.len()), quiet.1),
        Tab::Alarms => {
            let mut open = status.alarms.iter().filter(|alarm| alarm.ended_at.is_none()).peekable();
            if open.peek().is_none() {
                return quiet;
            }
            let (mut count, mut worst) = (0, AlarmLevel::Warning);
            for alarm in open {
                count += 1;
                if alarm.level == AlarmLevel::Error {
                    worst = AlarmLevel::Error;
                }
            }
            let (mark, style) = model.theme.alarm(worst);
            (format!(" {mark}{count}"), style)
        }
        _ => quiet,
    }
}
