//! Asking a node something that a sick driver may never answer: a call to an encoder that is stuck keeps the driver's lock,
//! and whoever asks it what it is waits for that too.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::Builder;
use std::time::Duration;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(4);

/// Nodes that owe an answer: each costs a thread, and the time of one question.
static SILENT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Asks a node on a thread of its own; none if it does not answer in time, or owes an answer from before.
pub(super) fn ask<T: Send + 'static>(
    path: &Path,
    question: impl FnOnce(&Path) -> T + Send + 'static,
) -> Option<T> {
    ask_within(LIMIT, path, question)
}

fn ask_within<T: Send + 'static>(
    limit: Duration,
    path: &Path,
    question: impl FnOnce(&Path) -> T + Send + 'static,
) -> Option<T> {
    if silent(|nodes| nodes.contains(path)) {
        return None;
    }
    let (sender, answer) = mpsc::sync_channel(1);
    let node = path.to_owned();
    let thread = Builder::new().name("asks a node".to_owned()).spawn(move || {
        // Dropped last: who sees that there is no sender any more has nothing to wait for.
        let node = Owing(node);
        let sender = sender;
        // What comes too late is dropped, and thereby closed, here.
        let _ = sender.send(question(&node.0));
    });
    thread.ok()?;
    let answered = answer.recv_timeout(limit);
    if let Err(mpsc::RecvTimeoutError::Timeout) = answered {
        silent(|nodes| nodes.insert(path.to_owned()));
        // It may have answered, or panicked, between the two.
        let late = answer.try_recv();
        if !matches!(late, Err(mpsc::TryRecvError::Empty)) {
            silent(|nodes| nodes.remove(path));
            return late.ok();
        }
        tracing::warn!("{}: it does not answer: it is left alone until it does", path.display());
    }
    answered.ok()
}

/// A node until its answer has come, or a panic in its place.
struct Owing(PathBuf);

impl Drop for Owing {
    fn drop(&mut self) {
        silent(|nodes| nodes.remove(&self.0));
    }
}

fn silent<T>(act: impl FnOnce(&mut BTreeSet<PathBuf>) -> T) -> T {
    act(&mut SILENT.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_does_not_answer_is_left_alone_until_it_does() {
        let (path, other) = (Path::new("/nowhere/video0"), Path::new("/nowhere/video1"));
        let (release, held) = mpsc::channel::<()>();
        let (sender, closed) = mpsc::channel();
        let never = move |_: &Path| {
            let _ = held.recv();
            // Dropped where nobody waits for it.
            Answer(sender)
        };
        assert!(ask_within(Duration::ZERO, path, never).is_none());
        assert_eq!(ask(path, |_| 7), None, "nobody waits for it twice");
        assert_eq!(ask(other, Path::to_owned).as_deref(), Some(other));
        drop(release);
        closed.recv().unwrap();
        while ask(path, |_| 7).is_none() {
            std::thread::yield_now();
        }
    }

    struct Answer(mpsc::Sender<()>);

    impl Drop for Answer {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    #[test]
    fn a_question_that_panics_is_no_answer_and_the_node_is_asked_again() {
        let path = Path::new("/nowhere/video2");
        assert_eq!(ask(path, |_| -> u8 { panic!("on purpose") }), None);
        assert_eq!(ask(path, |_| 7), Some(7));
        // Also if it took its time.
        let (release, held) = mpsc::channel::<()>();
        let (sender, closed) = mpsc::channel();
        let late = move |_: &Path| -> u8 {
            let _answer = Answer(sender);
            let _ = held.recv();
            panic!("on purpose")
        };
        assert_eq!(ask_within(Duration::ZERO, path, late), None);
        drop(release);
        closed.recv().unwrap();
        let began = crate::clock::now();
        while ask(path, |_| 7).is_none() {
            assert!(
                crate::clock::now().duration_since(began) < Duration::from_secs(10),
                "it is asked no more"
            );
            std::thread::yield_now();
        }
    }
}
