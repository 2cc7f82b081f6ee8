//! What each request is answered.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use smol::Timer;
use smol::future::FutureExt;
use smol::stream::StreamExt;

use super::outbox::Outbox;
use crate::control::protocol::{Ask, LogWish, Refusal, Reply, Request, Status};
use crate::control::{Caller, Steward};

/// Nobody looks more often.
const OFTENEST_MS: u32 = 100;

/// Answers a request, once or again and again until its task is dropped.
pub(super) async fn answer(
    steward: &dyn Steward,
    caller: &Caller,
    outbox: &Outbox,
    id: u64,
    request: Request,
) {
    let once = |outcome| outbox.answer(id, false, outcome);
    match request {
        Request::Ask(Ask::Status { every_ms: Some(every) }) => watch(steward, outbox, id, every).await,
        Request::Ask(Ask::Log(wish)) => log(steward, outbox, id, wish).await,
        Request::Ask(Ask::Cancel { of }) => once(Err(Refusal::new(
            "no-such-request",
            format!("no request {of} is answered again and again"),
            "it may have ended",
        ))),
        Request::Ask(ask) => once(guarded(steward.status()).await.map(|status| part(&ask, status))),
        Request::Look(look) => once(guarded(steward.look(look)).await),
        Request::Act(act) => once(guarded(steward.act(caller, act)).await),
        Request::Config(request) => once(guarded(steward.config(caller, request)).await),
        Request::Access(request) => once(guarded(steward.access(caller, request)).await),
    }
}

/// What was asked for of the status.
fn part(ask: &Ask, status: Status) -> Reply {
    match ask {
        Ask::Sessions {} => Reply::Sessions(status.sessions),
        Ask::Mounts {} => Reply::Mounts(status.mounts),
        Ask::Alarms {} => Reply::Alarms(status.alarms),
        Ask::Status { .. } | Ask::Log(_) | Ask::Cancel { .. } => Reply::Status(Box::new(status)),
    }
}

async fn watch(steward: &dyn Steward, outbox: &Outbox, id: u64, every_ms: u32) {
    if every_ms < OFTENEST_MS {
        let why = format!("every {every_ms} ms is more often than every {OFTENEST_MS} ms");
        return outbox.answer(id, false, Err(Refusal::new("too-often", why, "ask for less")));
    }
    let every = Duration::from_millis(every_ms.into());
    let mut ticks = Timer::interval(every);
    loop {
        match guarded(steward.status()).await {
            Ok(status) => outbox.answer(id, true, Ok(Reply::Status(Box::new(status)))),
            Err(refusal) => return outbox.answer(id, false, Err(refusal)),
        }
        ticks.next().await;
        // Who reads slowly is sent the newest when there is room, not all of them.
        if !outbox.has_room().await {
            return;
        }
    }
}

async fn log(steward: &dyn Steward, outbox: &Outbox, id: u64, wish: LogWish) {
    let mut lines = match steward.logs(wish) {
        Ok(lines) => lines,
        Err(refusal) => return outbox.answer(id, false, Err(refusal)),
    };
    while outbox.has_room().await {
        match guarded(async { Ok(lines.next().await) }).await {
            Ok(Some(event)) => outbox.answer(id, true, Ok(Reply::Log(event))),
            Ok(None) => return outbox.answer(id, false, Ok(Reply::End {})),
            Err(refusal) => return outbox.answer(id, false, Err(refusal)),
        }
    }
}

/// A panic is this request's alone.
async fn guarded<T>(answer: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        tracing::error!(panic = text, "what answers a control client panicked");
        Err(Refusal::new(
            "panic",
            format!("an error in Lenslet itself: {text}"),
            "report it with the log's last lines",
        ))
    })
}
