//! Who answers what the socket carries.

use std::pin::Pin;

use smol::stream::Stream;

use super::protocol::{AccessRequest, Act, ConfigRequest, LogEvent, LogWish, Look, Refusal, Reply, Status};

/// A future that any thread may drive.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a request comes to.
pub type Answer = Result<Reply, Refusal>;

/// Lines of the log: those that are kept, then those that come. It ends where none are to follow.
pub type LogStream = Pin<Box<dyn Stream<Item = LogEvent> + Send>>;

/// Who asks, as the kernel says: the other end of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user's number.
    pub uid: u32,
    /// The process; none where it is this one.
    pub pid: Option<i32>,
    /// The machine from which its user signed in, where that is another one and `systemd-logind` says so.
    pub from: Option<String>,
}

/// What the daemon does for the control socket. It is called on the socket's own thread, by several clients at once;
/// what takes long (a file to write, a mount to stop) goes to another thread, and the future waits for it.
pub trait Steward: Send + Sync {
    /// Everything that can be seen now. Rates are those since a second or so, whoever asks how often.
    fn status(&self) -> Boxed<'_, Result<Status, Refusal>>;

    /// Looks at something that takes a while: a camera, a picture.
    fn look(&self, look: Look) -> Boxed<'_, Answer>;

    /// Does something to a session, a mount or the daemon.
    fn act<'a>(&'a self, caller: &'a Caller, act: Act) -> Boxed<'a, Answer>;

    /// Reads, tries or changes the configuration.
    fn config<'a>(&'a self, caller: &'a Caller, request: ConfigRequest) -> Boxed<'a, Answer>;

    /// Reads or changes users and bans.
    fn access<'a>(&'a self, caller: &'a Caller, request: AccessRequest) -> Boxed<'a, Answer>;

    /// The log.
    ///
    /// # Errors
    /// A level or room that there is not.
    fn logs(&self, wish: LogWish) -> Result<LogStream, Refusal>;
}
