//! The log, for who asks for it.

use std::future::poll_fn;

use smol::stream::{self, StreamExt};

use crate::control::LogStream;
use crate::control::protocol::{Level, LogEvent, LogLine, LogWish, Refusal};
use crate::logs::{self, Kept, Line, Logs, ROOMS};

/// The kept lines that are wished for, then those that come.
pub(super) fn stream(logs: Option<&Logs>, wish: LogWish) -> Result<LogStream, Refusal> {
    let Some(logs) = logs else {
        let why = "this daemon's log is not its own";
        return Err(Refusal::new("no-log", why, "look where the program that runs it writes its log"));
    };
    let keeper = logs.keeper().clone();
    let kept = keeper.since(0);
    // Libraries have rooms as well, once they say something.
    let is_room =
        |room: &&String| ROOMS.contains(&room.as_str()) || kept.lines.iter().any(|line| line.room == **room);
    if let Some(unknown) = wish.rooms.iter().find(|room| !is_room(room)) {
        let what_to_do = format!("there are {}", ROOMS.join(", "));
        return Err(Refusal::new("no-such-room", format!("there is no room {unknown:?}"), what_to_do));
    }
    let wished: Vec<&Line> = kept.lines.iter().filter(|line| is_wished(&wish, line)).collect();
    let skip = wished.len().saturating_sub(wish.last as usize);
    let first: Vec<LogEvent> = wished[skip..].iter().map(|line| LogEvent::Line(told(line))).collect();
    if !wish.follow {
        return Ok(Box::pin(stream::iter(first)));
    }
    let coming = stream::unfold((keeper, wish, kept.next), |(keeper, wish, from)| async move {
        let Kept { lines, missed, next } = poll_fn(|context| keeper.poll_since(from, context)).await;
        let mut events: Vec<LogEvent> =
            (missed > 0).then_some(LogEvent::Missed(missed)).into_iter().collect();
        events.extend(
            lines.iter().filter(|line| is_wished(&wish, line)).map(|line| LogEvent::Line(told(line))),
        );
        Some((stream::iter(events), (keeper, wish, next)))
    });
    Ok(Box::pin(stream::iter(first).chain(coming.flatten())))
}

fn is_wished(wish: &LogWish, line: &Line) -> bool {
    level(line.level) <= wish.level
        && (wish.rooms.is_empty() || wish.rooms.iter().any(|room| room == line.room))
}

fn told(line: &Line) -> LogLine {
    LogLine {
        at: line.time.clone(),
        level: level(line.level),
        room: line.room.to_owned(),
        text: line.text.clone(),
    }
}

fn level(level: logs::Level) -> Level {
    match level {
        logs::Level::Error => Level::Error,
        logs::Level::Warn => Level::Warn,
        logs::Level::Info => Level::Info,
        logs::Level::Debug => Level::Debug,
        logs::Level::Trace => Level::Trace,
    }
}
