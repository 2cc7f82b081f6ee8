//! The other end of the socket: for scripts and the command line, one request after the other; for a terminal, many at
//! once, over a daemon's restarts too.

mod blocking;
mod connection;
mod follow;

use std::io;
use std::path::{Path, PathBuf};

use super::protocol::{AnswerLine, Refusal};
pub use blocking::Blocking;
pub use connection::{Answers, Requests, connect, over};
pub use follow::{Daemon, Event, follow};

/// No answer is longer.
const LONGEST_ANSWER: usize = 64 << 20;

/// Why there is no answer.
#[derive(Debug)]
pub enum Error {
    /// Nobody listens at any of these.
    Absent(Vec<PathBuf>),
    /// The socket may not be opened.
    NotAllowed(PathBuf),
    /// It takes too long.
    Silent,
    /// The connection broke.
    Lost(io::Error),
    /// What answers is no Lenslet of this version.
    NotLenslet(String),
    /// The daemon refused.
    Refused(Refusal),
}

impl Error {
    fn connecting(path: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Self::Absent(vec![path.to_owned()]),
            io::ErrorKind::PermissionDenied => Self::NotAllowed(path.to_owned()),
            _ => Self::Lost(error),
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent(paths) => {
                let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
                write!(f, "no Lenslet answers at {}: start it with `lenslet serve`", paths.join(" or "))
            }
            Self::Silent => f.write_str("Lenslet does not answer: see its log, or start it again"),
            Self::NotAllowed(path) => write!(
                f,
                "{} may not be opened by this user: use sudo, or join the group that it belongs to",
                path.display()
            ),
            Self::Lost(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("Lenslet ended before it answered")
            }
            Self::Lost(error) => write!(f, "the connection to Lenslet broke: {error}"),
            Self::NotLenslet(why) => f.write_str(why),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

/// Answers, of bytes as they come.
#[derive(Debug, Default)]
struct Unread {
    bytes: Vec<u8>,
    /// So many of them were looked at and hold no end of a line.
    looked_at: usize,
}

impl Unread {
    fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > LONGEST_ANSWER {
            return Err(Error::NotLenslet("what answers sends a line without an end".to_owned()));
        }
        Ok(())
    }

    /// The next answer, where all of it is here.
    fn next(&mut self) -> Result<Option<AnswerLine>, Error> {
        let Some(end) = memchr::memchr(b'\n', &self.bytes[self.looked_at..]) else {
            self.looked_at = self.bytes.len();
            return Ok(None);
        };
        let end = self.looked_at + end;
        let answer = AnswerLine::read(&self.bytes[..end]).map_err(Error::NotLenslet);
        self.bytes.drain(..=end);
        self.looked_at = 0;
        answer.map(Some)
    }
}

fn ended() -> Error {
    Error::Lost(io::ErrorKind::UnexpectedEof.into())
}

#[cfg(test)]
mod tests {
    use super::super::protocol::Reply;
    use super::*;

    #[test]
    fn answers_come_whole_wherever_they_are_cut() {
        let answer = AnswerLine { id: Some(1), more: false, outcome: Ok(Reply::End {}) };
        let text = answer.write().repeat(2);
        for cut in 0..=text.len() {
            let (mut unread, mut answers) = (Unread::default(), Vec::new());
            for piece in [&text[..cut], &text[cut..]] {
                unread.add(piece.as_bytes()).unwrap();
                while let Some(answer) = unread.next().unwrap() {
                    answers.push(answer);
                }
            }
            assert_eq!(answers, [answer.clone(), answer.clone()], "{cut}");
        }
    }
}
