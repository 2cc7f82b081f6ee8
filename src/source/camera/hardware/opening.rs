//! Opening, starting and closing an encoder, which a sick driver may never return from: on a thread of their
//! own, so that the camera's goes on without.

use std::sync::mpsc;
use std::thread::Builder;
use std::time::Duration;

use super::ladder::Fault;
use super::running::{self, Arrangement, Ready, Running};
use crate::v4l2::Error;

/// How long such a call may take: the firmware's own calls give up after 3 s each.
pub(super) const LIMIT: Duration = Duration::from_secs(4);

/// An encoder's fault, and the fault in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) fault: Fault,
    pub(super) why: String,
}

/// Opens an encoder and sets it up.
pub(super) fn open(arrangement: Arrangement) -> Result<Ready, Trouble> {
    let name = running::name(&arrangement.settings);
    in_time(&name, "opening", LIMIT, move || Ready::new(arrangement))?.map_err(|error| refusal(&error))
}

/// Starts one; see [`Ready::start`].
pub(super) fn start(ready: Ready, shared: Option<u32>) -> Result<Running, Trouble> {
    in_time(&ready.name(), "starting", LIMIT, move || ready.start(shared))?.map_err(|error| refusal(&error))
}

/// Closes one, and waits until it is.
pub(super) fn close(encoder: impl Open) -> Result<(), Trouble> {
    in_time(&encoder.name(), "closing", LIMIT, move || drop(encoder))
}

/// Closes one, whenever that may be.
pub(super) fn let_go(encoder: impl Send + 'static) {
    // Where the system gives no more threads it is closed here.
    let _ = Builder::new().name("encoder".to_owned()).spawn(move || drop(encoder));
}

/// An encoder goes on with what the camera did meanwhile; where that failed it is let go.
pub(super) fn beside<E: Send + 'static, T, F>(encoder: E, camera: Result<T, F>) -> Result<(E, T), F> {
    match camera {
        Ok(done) => Ok((encoder, done)),
        Err(error) => {
            let_go(encoder);
            Err(error)
        }
    }
}

/// An encoder that is open.
pub(super) trait Open: Send + 'static {
    /// Its name for people.
    fn name(&self) -> String;
}

impl Open for Ready {
    fn name(&self) -> String {
        Self::name(self)
    }
}

impl Open for Running {
    fn name(&self) -> String {
        running::name(&self.arrangement.settings)
    }
}

fn in_time<T: Send + 'static>(
    name: &str,
    what: &str,
    limit: Duration,
    call: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Trouble> {
    let (sender, done) = mpsc::sync_channel(1);
    // What comes too late is dropped, and thereby closed, over there.
    let thread = Builder::new().name("encoder".to_owned()).spawn(move || sender.send(call()).is_ok());
    if let Err(error) = thread {
        return Err(Trouble { fault: Fault::Refuses, why: format!("{name}: no thread for it: {error}") });
    }
    done.recv_timeout(limit).map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => {
            let seconds = limit.as_secs();
            Trouble { fault: Fault::Stuck, why: format!("{name}: {what} it takes longer than {seconds} s") }
        }
        // The thread panicked, of which its message tells.
        mpsc::RecvTimeoutError::Disconnected => {
            Trouble { fault: Fault::Refuses, why: format!("{name}: {what} it: an error in Lenslet itself") }
        }
    })
}

/// An encoder's refusal to start says nothing of why.
fn refusal(error: &Error) -> Trouble {
    let why = match error {
        Error::Refused { call: "VIDIOC_STREAMON" | "VIDIOC_REQBUFS", .. } => {
            " (a size, level or bitrate beyond the encoder, or no memory for it: see CmaFree in /proc/meminfo)"
        }
        _ => "",
    };
    let fault = match error {
        Error::Busy(..) => Fault::Busy,
        Error::Unfit(..) => Fault::Unfit,
        _ => Fault::Refuses,
    };
    Trouble { fault, why: format!("{error}{why}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_returns_is_passed_on_and_what_does_not_is_left_behind() {
        assert_eq!(in_time("e", "opening", LIMIT, || 7), Ok(7));
        let (held, never) = mpsc::channel::<()>();
        let stuck = in_time("e", "closing", Duration::ZERO, move || never.recv().is_ok());
        let why = "e: closing it takes longer than 0 s".to_owned();
        assert_eq!(stuck, Err(Trouble { fault: Fault::Stuck, why }));
        drop(held);
    }

    /// An encoder that is stuck: closing it waits.
    struct Stuck(mpsc::Receiver<()>, mpsc::Sender<()>);

    impl Drop for Stuck {
        fn drop(&mut self) {
            let _ = self.0.recv();
            let _ = self.1.send(());
        }
    }

    #[test]
    fn a_camera_that_does_not_start_does_not_wait_for_its_encoder_to_close() {
        let (release, held) = mpsc::channel();
        let (sender, closed) = mpsc::channel();
        let Err(why) = beside(Stuck(held, sender), Err::<(), _>("no camera")) else { panic!("it did start") };
        assert_eq!(why, "no camera");
        assert!(closed.try_recv().is_err(), "it is closed later");
        drop(release);
        closed.recv().unwrap();
        assert_eq!(beside(7, Ok::<_, ()>(8)), Ok((7, 8)));
    }

    #[test]
    fn a_panic_is_a_refusal_and_told_as_what_it_is() {
        let panicked = in_time("e", "opening", LIMIT, || -> u8 { panic!("on purpose") });
        let why = "e: opening it: an error in Lenslet itself".to_owned();
        assert_eq!(panicked, Err(Trouble { fault: Fault::Refuses, why }));
    }
}
