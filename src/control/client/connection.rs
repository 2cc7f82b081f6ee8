//! Many requests at once: one half sends them, the other has the answers as they come.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use smol::Async;
use smol::io::{AsyncReadExt, AsyncWriteExt};

use super::{Error, Unread, ended};
use crate::control::protocol::{AnswerLine, RequestLine};

/// The half that asks.
#[derive(Clone, Debug)]
pub struct Requests(Arc<Async<UnixStream>>);

/// The half that hears.
#[derive(Debug)]
pub struct Answers {
    stream: Arc<Async<UnixStream>>,
    unread: Unread,
}

/// Connects to the daemon that listens at a path.
///
/// # Errors
/// Nobody does, or this user may not.
pub async fn connect(path: &Path) -> Result<(Requests, Answers), Error> {
    let stream = Async::<UnixStream>::connect(path).await;
    Ok(halves(stream.map_err(|error| Error::connecting(path, error))?))
}

/// Talks over a stream whose other end a daemon has.
///
/// # Errors
/// The system does not watch it.
pub fn over(stream: UnixStream) -> Result<(Requests, Answers), Error> {
    Async::new(stream).map(halves).map_err(Error::Lost)
}

fn halves(stream: Async<UnixStream>) -> (Requests, Answers) {
    let stream = Arc::new(stream);
    (Requests(stream.clone()), Answers { stream, unread: Unread::default() })
}

impl Requests {
    /// Sends a request. Whoever drops the future may have sent half of it: the connection is of no use then.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn send(&self, request: &RequestLine) -> Result<(), Error> {
        (&*self.0).write_all(request.write().as_bytes()).await.map_err(Error::Lost)
    }
}

impl Answers {
    /// The next answer, to whichever request. Whoever drops the future loses nothing.
    ///
    /// # Errors
    /// The connection broke, or what is there is no Lenslet.
    pub async fn receive(&mut self) -> Result<AnswerLine, Error> {
        let mut piece = [0; 4096];
        loop {
            if let Some(answer) = self.unread.next()? {
                return Ok(answer);
            }
            match (&*self.stream).read(&mut piece).await.map_err(Error::Lost)? {
                0 => return Err(ended()),
                read => self.unread.add(&piece[..read])?,
            }
        }
    }
}
