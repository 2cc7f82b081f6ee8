//! The line to the daemon: what is asked goes out, what comes in is known by what was asked.

use std::io;
use std::thread;

use smol::channel::{Receiver, Sender, bounded, unbounded};
use smol::future::FutureExt;

use super::effect::Effect;
use super::happening::Happening;
use super::message::{Asked, Message};
use crate::control::client::{Daemon, Event, follow};
use crate::control::protocol::{Ask, Reply, Request, RequestLine};

/// What is under way with the daemon.
#[derive(Debug)]
pub struct Link {
    requests: Sender<RequestLine>,
    asked: Vec<(u64, Asked)>,
    last_id: u64,
}

impl Link {
    /// Talks to a daemon on a thread of its own, which ends with this. What happens is told to `happenings`.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(daemon: Daemon, happenings: Sender<Happening>) -> io::Result<Self> {
        let (requests, asked) = unbounded();
        let talk = move || smol::block_on(talk(daemon, asked, happenings));
        thread::Builder::new().name("lenslet-link".to_owned()).spawn(talk)?;
        Ok(Self::over(requests))
    }

    /// Over a channel that somebody else reads.
    pub fn over(requests: Sender<RequestLine>) -> Self {
        Self { requests, asked: Vec::new(), last_id: 0 }
    }

    /// Does what is to be asked of the daemon.
    pub fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Ask { to, request } => {
                self.cancel(&to);
                let id = self.send(request);
                self.asked.push((id, to));
            }
            Effect::Cancel(to) => self.cancel(&to),
            Effect::Redraw | Effect::Leave | Effect::End => {}
        }
    }

    /// What came, as a message; none where nobody waits for it any more.
    pub fn hear(&mut self, event: Event) -> Option<Message> {
        match event {
            Event::Connected => {
                self.asked.clear();
                Some(Message::Connected)
            }
            Event::Lost(why) => {
                self.asked.clear();
                Some(Message::Lost(why))
            }
            Event::Answer(answer) => {
                let place = self.asked.iter().position(|(id, _)| Some(*id) == answer.id)?;
                let to =
                    if answer.more { self.asked[place].1.clone() } else { self.asked.swap_remove(place).1 };
                if answer.outcome == Ok(Reply::End {}) {
                    return None;
                }
                Some(Message::Answered { to, outcome: answer.outcome })
            }
        }
    }

    /// Nobody waits for these answers any more; those that would come again and again end. Deeds are all told of.
    fn cancel(&mut self, to: &Asked) {
        if *to == Asked::Deed {
            return;
        }
        while let Some(place) = self.asked.iter().position(|(_, asked)| asked == to) {
            let (id, asked) = self.asked.swap_remove(place);
            if matches!(asked, Asked::Status | Asked::Log) {
                self.send(Ask::Cancel { of: id }.into());
            }
        }
    }

    fn send(&mut self, request: Request) -> u64 {
        self.last_id += 1;
        // It fails where the thread has ended: then the end was told already.
        let _ = self.requests.try_send(RequestLine::new(self.last_id, request));
        self.last_id
    }
}

/// Answers that may wait: then the daemon is read no further, and sends what repeats less often.
const WAITING: usize = 8;

async fn talk(daemon: Daemon, asked: Receiver<RequestLine>, happenings: Sender<Happening>) {
    let (events, heard) = bounded(WAITING);
    let telling = async {
        while let Ok(event) = heard.recv().await {
            if happenings.send(Happening::Daemon(event)).await.is_err() {
                return;
            }
        }
    };
    let talking = async {
        follow(daemon, asked, events).await;
        // What was told last is passed on before the end.
        std::future::pending::<()>().await;
    };
    telling.or(talking).await;
}
