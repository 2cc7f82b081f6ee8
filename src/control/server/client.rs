//! One client: its lines in, a task a request, and its lines out.

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use smol::future::FutureExt;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::{Async, Task};
use zeroize::{Zeroize, Zeroizing};

use super::outbox::Outbox;
use super::{House, after, requests};
use crate::control::Caller;
use crate::control::protocol::{AnswerLine, Ask, Refusal, Reply, Request, RequestLine};

/// A longer line is refused, and its client with it.
const LONGEST_LINE: usize = 1 << 20;
/// Requests of one client that are under way at once.
const UNDER_WAY: usize = 32;
/// For so long is waited for a client that takes nothing.
const PATIENCE: Duration = Duration::from_secs(20);
/// For so long is what is answered already still sent at the end.
pub(super) const GRACE: Duration = Duration::from_millis(500);
/// For so long is what was asked before the client said its last still answered.
const LAST_ANSWERS: Duration = Duration::from_secs(30);

/// What the tasks of one client share.
#[derive(Default)]
pub(super) struct Client {
    outbox: Outbox,
    under_way: RefCell<HashMap<u64, UnderWay>>,
}

struct UnderWay {
    /// Dropped, it is cancelled.
    task: Option<Task<()>>,
    /// Whether it is answered again and again.
    repeats: bool,
}

/// Serves a client until it goes, does not read, or all is at its end.
pub(super) async fn serve(house: &House, caller: &Caller, stream: &Async<UnixStream>) {
    let client = Rc::new(Client::default());
    let talk = async {
        let stays = listen(house, caller, &client, stream).or(async {
            house.until_stopped().await;
            false
        });
        if stays.await {
            client.no_more_repeats();
            client.all_answered().or(after(LAST_ANSWERS)).or(house.until_stopped()).await;
        }
        client.outbox.is_empty().or(after(GRACE)).await;
    };
    talk.or(write(&client.outbox, stream)).await;
    // What is still under way ends with its task.
    client.under_way.borrow_mut().clear();
}

/// Reads requests; true when the client has said its last.
async fn listen(house: &House, caller: &Caller, client: &Rc<Client>, mut stream: &Async<UnixStream>) -> bool {
    // A password may be in it.
    let mut unread = Zeroizing::new(Vec::new());
    let mut piece = vec![0; 16 << 10];
    loop {
        match stream.read(&mut piece).await {
            Err(_) => return false,
            Ok(0) => break,
            Ok(read) => {
                append(&mut unread, &piece[..read]);
                piece[..read].zeroize();
            }
        }
        let mut begin = 0;
        while let Some(length) = unread[begin..].iter().position(|byte| *byte == b'\n') {
            let line = &unread[begin..begin + length];
            if line.len() > LONGEST_LINE {
                return client.line_too_long();
            }
            take(house, caller, client, line);
            begin += length + 1;
        }
        let left = unread.len() - begin;
        unread.copy_within(begin.., 0);
        unread[left..].zeroize();
        unread.truncate(left);
        if unread.len() > LONGEST_LINE {
            return client.line_too_long();
        }
        // One client that never stops talking holds nobody up.
        smol::future::yield_now().await;
    }
    if !unread.is_empty() {
        let why = "the last line was not ended, and is not taken";
        client.refuse(None, Refusal::new("half-line", why, "end each line with a newline"));
    }
    true
}

/// What grows by itself leaves a copy behind.
fn append(unread: &mut Zeroizing<Vec<u8>>, piece: &[u8]) {
    let length = unread.len() + piece.len();
    if unread.capacity() < length {
        let mut longer = Zeroizing::new(Vec::with_capacity(2 * length));
        longer.extend_from_slice(unread);
        *unread = longer;
    }
    unread.extend_from_slice(piece);
}

/// Begins what a line asks for.
fn take(house: &House, caller: &Caller, client: &Rc<Client>, line: &[u8]) {
    if line.trim_ascii().is_empty() {
        return;
    }
    let RequestLine { id, request, .. } = match RequestLine::read(line) {
        Ok(line) => line,
        Err(unreadable) => return client.refuse(unreadable.id, unreadable.refusal),
    };
    if let Request::Ask(Ask::Cancel { of }) = request {
        return client.cancel(id, of);
    }
    if client.under_way.borrow().contains_key(&id) {
        let why = format!("request {id} is under way");
        return client.refuse(Some(id), Refusal::new("id-in-use", why, "give each request another `id`"));
    }
    if client.under_way.borrow().len() >= UNDER_WAY {
        let why = format!("{UNDER_WAY} requests of this client are under way");
        return client.refuse(Some(id), Refusal::new("too-many-requests", why, "wait for an answer first"));
    }
    let repeats = matches!(&request, Request::Ask(Ask::Status { every_ms: Some(_) } | Ask::Log(_)));
    // Before its task exists: the task takes it out again.
    client.under_way.borrow_mut().insert(id, UnderWay { task: None, repeats });
    let (own, steward, caller) = (client.clone(), house.steward.clone(), caller.clone());
    let task = house.executor.spawn(async move {
        super::kept("a request", requests::answer(&*steward, &caller, &own.outbox, id, request)).await;
        // Its own task, which is at its end.
        let ended = own.under_way.borrow_mut().remove(&id);
        if let Some(task) = ended.and_then(|ended| ended.task) {
            task.detach();
        }
        own.outbox.sent(0);
    });
    if let Some(entry) = client.under_way.borrow_mut().get_mut(&id) {
        entry.task = Some(task);
    }
}

/// Writes what is to be sent, until the client is gone, takes nothing, or left too much unread.
async fn write(outbox: &Outbox, mut stream: &Async<UnixStream>) {
    while let Some(line) = outbox.next().await {
        let mut left = line.as_bytes();
        while !left.is_empty() {
            let write = async { stream.write(left).await.unwrap_or(0) };
            let idle = async {
                after(PATIENCE).await;
                0
            };
            let written = write.or(idle).await;
            if written == 0 {
                return;
            }
            outbox.sent(written);
            left = &left[written..];
        }
    }
}

impl Client {
    fn refuse(&self, id: Option<u64>, refusal: Refusal) {
        self.outbox.push(AnswerLine { id, more: false, outcome: Err(refusal) }.write());
    }

    fn line_too_long(&self) -> bool {
        let why = format!("a line is longer than {LONGEST_LINE} bytes");
        self.refuse(None, Refusal::new("line-too-long", why, "send shorter ones; this connection ends"));
        false
    }

    /// Ends a request that is answered again and again; what changes something runs to its end.
    fn cancel(&self, id: u64, of: u64) {
        let mut under_way = self.under_way.borrow_mut();
        if under_way.get(&of).is_some_and(|request| request.repeats) {
            drop(under_way.remove(&of));
            self.outbox.answer(of, false, Ok(Reply::End {}));
            let said = format!("request {of} was ended");
            return self.outbox.answer(id, false, Ok(Reply::Done { said }));
        }
        let why = format!("no request {of} of this client is answered again and again");
        self.refuse(Some(id), Refusal::new("no-such-request", why, "it may have ended"));
    }

    fn no_more_repeats(&self) {
        self.under_way.borrow_mut().retain(|_, request| !request.repeats);
    }

    async fn all_answered(&self) {
        self.outbox.when_told(|| self.under_way.borrow().is_empty()).await;
    }
}
