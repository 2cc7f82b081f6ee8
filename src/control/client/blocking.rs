//! One request after the other, for the command line.

use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Error, Unread, ended};
use crate::control::protocol::{AnswerLine, Reply, Request, RequestLine};

/// What is asked once is answered by then, or the daemon hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to a daemon.
#[derive(Debug)]
pub struct Blocking {
    stream: UnixStream,
    unread: Unread,
    last_id: u64,
}

impl Blocking {
    /// To the daemon that listens at a path.
    ///
    /// # Errors
    /// Nobody does, or this user may not.
    pub fn connect(path: &Path) -> Result<Self, Error> {
        UnixStream::connect(path).map(Self::over).map_err(|error| Error::connecting(path, error))
    }

    /// To the first daemon that answers at one of these paths.
    ///
    /// # Errors
    /// None does, or this user may not ask the one that is there.
    pub fn connect_first(paths: &[PathBuf]) -> Result<Self, Error> {
        let mut worst = None;
        for path in paths {
            match Self::connect(path) {
                Err(Error::Absent(_)) => {}
                Err(error) => worst = worst.or(Some(error)),
                connected => return connected,
            }
        }
        Err(worst.unwrap_or_else(|| Error::Absent(paths.to_vec())))
    }

    /// Over a stream whose other end a daemon has.
    pub fn over(stream: UnixStream) -> Self {
        Self { stream, unread: Unread::default(), last_id: 0 }
    }

    /// Where the daemon listens.
    pub fn path(&self) -> Option<PathBuf> {
        self.stream.peer_addr().ok()?.as_pathname().map(Path::to_owned)
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// It is refused, or none comes.
    pub fn ask(&mut self, request: impl Into<Request>) -> Result<Reply, Error> {
        self.stream.set_read_timeout(Some(PATIENCE)).map_err(Error::Lost)?;
        let id = self.send(request.into())?;
        loop {
            let answer = self.receive()?;
            if answer.id.is_none_or(|other| other == id) {
                return answer.outcome.map_err(Error::Refused);
            }
        }
    }

    /// Asks for what is answered again and again; until the answers end, or `each` breaks.
    ///
    /// # Errors
    /// It is refused, or the connection breaks.
    pub fn watch(
        &mut self,
        request: impl Into<Request>,
        mut each: impl FnMut(Reply) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.stream.set_read_timeout(None).map_err(Error::Lost)?;
        let id = self.send(request.into())?;
        loop {
            let answer = self.receive()?;
            if answer.id.is_some_and(|other| other != id) {
                continue;
            }
            let reply = answer.outcome.map_err(Error::Refused)?;
            if reply == (Reply::End {}) || each(reply).is_break() || !answer.more {
                return Ok(());
            }
        }
    }

    fn send(&mut self, request: Request) -> Result<u64, Error> {
        self.last_id += 1;
        let line = RequestLine::new(self.last_id, request).write();
        // A daemon that turns us away has said why before it closed.
        match self.stream.write_all(line.as_bytes()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            done => done.map_err(Error::Lost)?,
        }
        Ok(self.last_id)
    }

    fn receive(&mut self) -> Result<AnswerLine, Error> {
        let mut piece = [0; 16 << 10];
        loop {
            if let Some(answer) = self.unread.next()? {
                return Ok(answer);
            }
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(ended()),
                Ok(read) => self.unread.add(&piece[..read])?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Err(Error::Silent),
                Err(error) => return Err(Error::Lost(error)),
            }
        }
    }
}
