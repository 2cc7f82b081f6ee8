//! A daemon over its restarts.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use smol::Timer;
use smol::channel::{Receiver, Sender};
use smol::future::FutureExt;

use super::connection::{Answers, Requests};
use super::{Error, connect, over};
use crate::control::protocol::{AnswerLine, Refusal, RequestLine};

/// The first attempt to connect again is after this time, the next after twice, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

/// Where a daemon is.
#[derive(Debug)]
pub enum Daemon {
    /// Another process: it may end and come again.
    At(PathBuf),
    /// This process: once it is gone it is gone.
    Here(UnixStream),
}

/// What happens between us and the daemon.
#[derive(Debug)]
pub enum Event {
    /// It answers: ask for what is to be watched, again after each loss.
    Connected,
    /// It does not, for a reason in a sentence; it is tried again. Told once, until it is another reason. What was
    /// asked before is answered no more.
    Lost(String),
    /// An answer, to the request of its `id`.
    Answer(AnswerLine),
}

/// Sends requests and tells what comes, and connects again whenever the daemon is gone. What is asked while it is gone is
/// refused here. Ends when nobody asks any more, nobody listens, or a daemon in this process is gone.
pub async fn follow(daemon: Daemon, requests: Receiver<RequestLine>, events: Sender<Event>) {
    match daemon {
        Daemon::Here(stream) => {
            let why = match over(stream) {
                Ok(halves) => talk(halves, &requests, &events).await,
                Err(error) => error,
            };
            // Who listens no longer need not know.
            let _ = events.send(Event::Lost(why.to_string())).await;
        }
        Daemon::At(path) => {
            let (mut pause, mut told) = (FIRST, String::new());
            while !requests.is_closed() && !events.is_closed() {
                let why = match connect(&path).await {
                    Ok(halves) => {
                        (pause, told) = (FIRST, String::new());
                        talk(halves, &requests, &events).await
                    }
                    Err(error) => error,
                };
                let why = why.to_string();
                if why != told && events.send(Event::Lost(why.clone())).await.is_err() {
                    return;
                }
                refuse(&requests, &events, &why).or(after(pause)).await;
                (pause, told) = ((pause * 2).min(LONGEST), why);
            }
        }
    }
}

/// Until the connection breaks or either side has ended.
async fn talk(halves: (Requests, Answers), asked: &Receiver<RequestLine>, events: &Sender<Event>) -> Error {
    let (requests, mut answers) = halves;
    let over = || Error::Lost(std::io::ErrorKind::ConnectionAborted.into());
    if events.send(Event::Connected).await.is_err() {
        return over();
    }
    let asking = async {
        while let Ok(request) = asked.recv().await {
            if let Err(error) = requests.send(&request).await {
                return error;
            }
        }
        over()
    };
    let hearing = async {
        loop {
            match answers.receive().await {
                // It is no answer to anything: whoever we are is turned away.
                Ok(AnswerLine { id: None, outcome: Err(refusal), .. }) => return Error::Refused(refusal),
                Ok(answer) => {
                    if events.send(Event::Answer(answer)).await.is_err() {
                        return over();
                    }
                }
                Err(error) => return error,
            }
        }
    };
    hearing.or(asking).await
}

/// Answers for a daemon that is not there, until nobody asks any more.
async fn refuse(asked: &Receiver<RequestLine>, events: &Sender<Event>, why: &str) {
    while let Ok(request) = asked.recv().await {
        let outcome = Err(Refusal::new("no-daemon", why, "ask again once it is there"));
        let answer = AnswerLine { id: Some(request.id), more: false, outcome };
        if events.send(Event::Answer(answer)).await.is_err() {
            return;
        }
    }
}

async fn after(time: Duration) {
    Timer::after(time).await;
}
