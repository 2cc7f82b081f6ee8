use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt;

use super::repeats::{Repeats, Verdict};
use super::*;
use crate::clock;

/// What the log keeps of what is said.
fn logged(levels: &str, say: impl FnOnce()) -> Vec<String> {
    let keeper = Arc::new(Keeper::default());
    let levels: Levels = levels.parse().unwrap();
    let lines = Arc::new(layer::Lines::new(keeper.clone(), false));
    let layer = layer::Writing(lines).with_filter(levels.targets());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), say);
    let shown = |line: &Arc<Line>| format!("{} {}: {}", line.level.name(), line.room, line.text);
    keeper.since(0).lines.iter().map(shown).collect()
}

#[test]
fn a_line_holds_what_was_said_and_no_orders_for_a_terminal() {
    let said = logged("info", || {
        tracing::info!(target: "lenslet::server::worker", peer = %"10.0.0.1:5", mount = "cam", "session begins");
        tracing::warn!(target: "lenslet::source", "{}", "two\nlines \x1b[31mred \u{9b}2J");
        // What has others read backwards, and what is not seen.
        tracing::warn!(target: "lenslet::source", mount = %"a\u{202e}b", "\u{200b}");
        tracing::debug!(target: "lenslet::source", "not wanted");
        tracing::info!(target: "polling::epoll", "a library's own");
        tracing::error!(target: "async_io", fd = 7);
    });
    let expected = [
        "info server: session begins peer=10.0.0.1:5 mount=\"cam\"",
        "warn source: two\\nlines \\u{1b}[31mred \\u{9b}2J",
        "warn source: \\u{200b} mount=a\\u{202e}b",
        "error async_io: fd=7",
    ];
    assert_eq!(said, expected);
}

#[test]
fn a_room_has_a_level_of_its_own() {
    let said = logged("warn,server=debug", || {
        tracing::info!(target: "lenslet::source::camera", "a");
        tracing::debug!(target: "lenslet::server::reader", "b");
        tracing::trace!(target: "lenslet::server::reader", "c");
        tracing::warn!(target: "lenslet::source::camera", "d");
    });
    assert_eq!(said, ["debug server: b", "warn source: d"]);
}

#[test]
fn levels_are_written_as_they_are_read() {
    for (text, read) in [
        ("info", Some("info")),
        (" DEBUG , server = trace", Some("debug,server=trace")),
        ("server=debug", Some("info,server=debug")),
        ("warn,hub=info,hub=error", Some("warn,hub=error")),
        ("loud", None),
        ("server=", None),
        ("=info", None),
        ("a b=info", None),
        ("", None),
    ] {
        let levels: Result<Levels, Unknown> = text.parse();
        assert_eq!(levels.ok().map(|levels| levels.to_string()).as_deref(), read, "{text:?}");
    }
}

#[test]
fn what_comes_again_is_counted() {
    let mut repeats = Repeats::default();
    let start = clock::now();
    let mut say = |level, text: &str, seconds: u64| {
        let (counted, verdict) = repeats.look(level, "source", text, start + Duration::from_secs(seconds));
        let counted: Vec<String> = counted.into_iter().map(|counted| counted.text).collect();
        (counted, verdict == Verdict::Write)
    };
    assert_eq!(say(Level::Warn, "gone", 0), (vec![], true));
    assert_eq!(say(Level::Warn, "gone", 1), (vec![], false));
    assert_eq!(say(Level::Info, "gone", 1), (vec![], true), "another level is another line");
    assert_eq!(say(Level::Warn, "other", 2), (vec![], true));
    assert_eq!(say(Level::Warn, "gone", 9), (vec![], false));
    assert_eq!(say(Level::Warn, "gone", 10), (vec!["gone (2 times more)".to_owned()], true));
    assert_eq!(say(Level::Warn, "gone", 11), (vec![], false));
    assert_eq!(say(Level::Debug, "asked", 11), (vec![], true));
    assert_eq!(say(Level::Debug, "asked", 11), (vec![], true), "who wants every request sees every one");
    assert_eq!(say(Level::Warn, "late", 30), (vec!["gone (once more)".to_owned()], true));
    for number in 0..100 {
        assert_eq!(say(Level::Warn, &number.to_string(), 31), (vec![], true));
    }
}

fn line(text: String) -> Line {
    Line { time: String::new(), level: Level::Info, room: "server", text }
}

#[test]
fn the_last_lines_are_kept_within_bounds() {
    let keeper = Keeper::default();
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(keeper.poll_since(0, &mut context), Poll::Pending);
    for number in 0..1500 {
        keeper.keep(line(number.to_string()));
    }
    let kept = keeper.since(0);
    assert_eq!((kept.lines.len(), kept.missed, kept.next), (1000, 500, 1500));
    assert_eq!((kept.lines[0].text.as_str(), kept.lines[999].text.as_str()), ("500", "1499"));
    let Poll::Ready(kept) = keeper.poll_since(1498, &mut context) else { panic!("there are two") };
    assert_eq!((kept.lines.len(), kept.missed, kept.next), (2, 0, 1500));
    assert_eq!(keeper.poll_since(1500, &mut context), Poll::Pending);
    assert_eq!(keeper.since(u64::MAX), Kept { lines: Vec::new(), missed: 0, next: 1500 });
    for _ in 0..10 {
        keeper.keep(line("x".repeat(100_000)));
    }
    assert_eq!(keeper.since(0).lines.len(), 2, "long lines are fewer");
}

#[test]
fn who_waits_for_lines_is_woken() {
    struct Woken(std::sync::atomic::AtomicBool);
    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }
    let (keeper, woken) = (Keeper::default(), Arc::new(Woken(false.into())));
    let waker = Waker::from(woken.clone());
    assert!(keeper.poll_since(0, &mut Context::from_waker(&waker)).is_pending());
    keeper.keep(line("a".to_owned()));
    assert!(woken.0.load(std::sync::atomic::Ordering::SeqCst));
}
