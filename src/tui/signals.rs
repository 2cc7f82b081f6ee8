//! Signals that want the end.

use std::io;
use std::thread;
use std::time::Duration;

use async_signal::{Signal, Signals};
use smol::Timer;
use smol::channel::Sender;
use smol::future::or;
use smol::stream::StreamExt;

use super::happening::Happening;

/// Who draws has left by then, or cannot.
const STALLED: Duration = Duration::from_secs(3);

/// Tells of the first signal, and ends the program where nobody heeds it: who draws on a line that is stalled hears
/// nothing, and nothing may be left running.
///
/// # Errors
/// The system gives no more threads or signal handlers.
pub(super) fn heed(happenings: Sender<Happening>) -> io::Result<()> {
    let mut signals = Signals::new([Signal::Hup, Signal::Term, Signal::Int])?;
    let wait = move || {
        smol::block_on(async {
            // A stream of signals has no end.
            let _ = signals.next().await;
            let told = async { drop(happenings.send(Happening::Signal).await) };
            let late = async {
                Timer::after(STALLED).await;
            };
            or(told, late).await;
        });
        thread::sleep(STALLED);
        // What can be given back of the terminal without writing to it.
        let _ = ratatui::crossterm::terminal::disable_raw_mode();
        std::process::exit(1);
    };
    thread::Builder::new().name("lenslet-signals".to_owned()).spawn(wait).map(|_| ())
}
