//! The control socket: conversations as data, and clients that behave badly.

mod commands;
mod daemon;
mod dialogs;
mod fake;
mod gone;
mod hostile;
mod sockets;
mod steering;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use lenslet::control::protocol::AnswerLine;
use lenslet::control::{Steward, server};

/// A server of one client, over a pair.
struct Pair {
    running: Option<server::Running>,
    reader: BufReader<UnixStream>,
}

impl Pair {
    fn new(steward: Arc<dyn Steward>) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let running = server::start(None, vec![theirs], steward).unwrap();
        Self { running: Some(running), reader: patient(ours) }
    }

    fn send(&self, text: &str) {
        self.reader.get_ref().write_all(text.as_bytes()).unwrap();
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.running.take().into_iter().for_each(server::Running::stop);
    }
}

/// A test that waits for what never comes has failed.
fn patient(stream: UnixStream) -> BufReader<UnixStream> {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    BufReader::new(stream)
}

/// The next line; none at the end.
fn line(reader: &mut BufReader<UnixStream>) -> Option<String> {
    let mut line = String::new();
    (reader.read_line(&mut line).unwrap() > 0).then_some(line)
}

fn answer(reader: &mut BufReader<UnixStream>) -> AnswerLine {
    AnswerLine::read(line(reader).expect("an answer").as_bytes()).unwrap()
}

/// The word of the refusal that comes next.
fn refusal(reader: &mut BufReader<UnixStream>) -> String {
    answer(reader).outcome.expect_err("a refusal").what
}
