//! `lenslet receive`: plays a URL without a screen and says how good the path to the server is.
//!
//! For the person who sees a stuttering picture and wants to know whose fault it is.

mod figures;
mod list;
mod save;
mod verdict;

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_signal::{Signal, Signals};
use smol::future::or;
use smol::stream::StreamExt;

use crate::client::{self, Event, Session};
use crate::clock;
use crate::rtsp::client::{Error as ProtocolError, Settings, Transport, Url};
use crate::rtsp::message::{Method, Status};
use figures::{Figures, Summary};
use list::List;
use save::Save;

/// Redirections that are followed.
const MOST_REDIRECTIONS: usize = 5;

/// A goodbye takes at most this long.
const GOODBYE: Duration = Duration::from_secs(2);

/// What to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to play.
    pub url: String,
    /// How; absent: by UDP, and by TCP where that does not get through.
    pub transport: Option<Transport>,
    /// For how long media is received.
    pub duration: Duration,
    /// Where to write the first video track, or the first audio track where there is no video.
    pub save: Option<PathBuf>,
    /// Where to write a line for every picture.
    pub pictures: Option<PathBuf>,
    /// One JSON object instead of sentences.
    pub json: bool,
}

/// Why nothing was received.
#[derive(Debug)]
pub enum Error {
    /// The session failed.
    Client(client::Error),
    /// The file cannot be written.
    Save {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something of the system's own.
    System(io::Error),
    /// Nothing that can be decoded came.
    NoPicture,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(error) => error.fmt(f),
            Self::Save { path, source } => write!(f, "{}: {source}", path.display()),
            Self::System(error) => write!(f, "the system refused: {error}"),
            Self::NoPicture => f.write_str("packets came, and no whole picture"),
        }
    }
}

impl std::error::Error for Error {}

impl From<client::Error> for Error {
    fn from(error: client::Error) -> Self {
        Self::Client(error)
    }
}

/// Receives and tells.
///
/// # Errors
/// Nothing was received: why.
pub fn run(options: &Options) -> Result<(), Error> {
    let mut interrupted = Signals::new([Signal::Int, Signal::Term]).map_err(Error::System)?;
    let done = smol::block_on(receive(options, &mut interrupted));
    if let (Err(error), true) = (&done, options.json)
        && !matches!(error, Error::NoPicture)
    {
        let url = Url::parse(&options.url).map_or_else(|_| String::new(), |url| url.request().to_owned());
        // Whoever reads it is told by the exit code as well.
        let _ = print_json(&serde_json::json!({ "url": url, "error": error.to_string() }));
    }
    done
}

async fn receive(options: &Options, interrupted: &mut Signals) -> Result<(), Error> {
    let url = Url::parse(&options.url).map_err(client::Error::Protocol)?;
    let mut attempt = Attempt {
        url,
        settings: Settings {
            transport: options.transport.unwrap_or(Transport::Udp),
            keep_alive_by_options: false,
        },
        redirections: 0,
        note: None,
    };
    loop {
        let mut progress = Progress::new(options, attempt.settings.transport)?;
        match play(&attempt, options, &mut progress, interrupted).await {
            Ok(End::Seen) => return progress.finish(&attempt, options),
            Ok(End::Redirected(location)) => attempt.redirect(&location)?,
            Err(error) => attempt.again(error, options, &progress)?,
        }
    }
}

/// What is tried: changes when the server wants it otherwise.
struct Attempt {
    url: Url,
    settings: Settings,
    redirections: usize,
    /// What the person should know of earlier attempts.
    note: Option<String>,
}

enum End {
    Seen,
    Redirected(String),
}

impl Attempt {
    fn redirect(&mut self, location: &str) -> Result<(), Error> {
        self.redirections += 1;
        if self.redirections > MOST_REDIRECTIONS {
            let what = format!("the server redirects more than {MOST_REDIRECTIONS} times");
            return Err(client::Error::Protocol(ProtocolError::Url(what)).into());
        }
        self.url = self.url.redirected(location).map_err(client::Error::Protocol)?;
        Ok(())
    }

    /// Decides how to try again, where that may help.
    fn again(&mut self, error: Error, options: &Options, progress: &Progress) -> Result<(), Error> {
        let udp_only = options.transport.is_none() && self.settings.transport == Transport::Udp;
        let refused = |error: &ProtocolError| {
            matches!(error, ProtocolError::Refused { method: Method::Setup, status: Status(461), .. })
        };
        match &error {
            Error::Client(client::Error::Protocol(protocol)) if udp_only && refused(protocol) => {
                self.note = Some("the server refuses UDP: TCP was used".into());
            }
            Error::Client(client::Error::NoMedia { .. }) if udp_only && progress.figures.is_empty() => {
                self.note = Some(format!("{error}, which was used"));
            }
            // It hung up at a keep-alive: the other one may please it.
            Error::Client(client::Error::Protocol(ProtocolError::Closed {
                unanswered: Some(Method::GetParameter),
            })) if !self.settings.keep_alive_by_options => {
                self.settings.keep_alive_by_options = true;
                return Ok(());
            }
            _ => return Err(error),
        }
        self.settings.transport = Transport::Tcp;
        Ok(())
    }
}

/// Plays until the person has seen enough.
async fn play(
    attempt: &Attempt,
    options: &Options,
    progress: &mut Progress,
    interrupted: &mut Signals,
) -> Result<End, Error> {
    let mut session = Session::connect(&attempt.url, attempt.settings).await?;
    let mut until: Option<Instant> = None;
    loop {
        let event = or(or(async { Some(session.next().await) }, enough(until)), stopped(interrupted)).await;
        match event {
            None => break,
            Some(Err(error)) if progress.figures.is_empty() => return Err(error.into()),
            Some(Err(error)) => {
                progress.figures.ended_early(error.to_string());
                break;
            }
            Some(Ok(Event::Redirected(location))) => return Ok(End::Redirected(location)),
            Some(Ok(Event::Over)) => break,
            Some(Ok(event)) => {
                let now = clock::now();
                if matches!(event, Event::Started) {
                    until = Some(now + options.duration);
                }
                progress.handle(&event, &session, now)?;
            }
        }
        progress.tell(&session, clock::now());
    }
    progress.figures.close(&session, clock::now());
    say_goodbye(&mut session).await;
    Ok(End::Seen)
}

async fn enough<T>(until: Option<Instant>) -> Option<T> {
    match until {
        Some(until) => drop(smol::Timer::at(until).await),
        None => std::future::pending().await,
    }
    None
}

async fn stopped<T>(interrupted: &mut Signals) -> Option<T> {
    interrupted.next().await;
    None
}

async fn say_goodbye(session: &mut Session) {
    session.tear_down();
    let over = async {
        // Whatever is left of the media, and whatever goes wrong now, is of no interest.
        while !matches!(session.next().await, Ok(Event::Over) | Err(_)) {}
    };
    let late = async {
        smol::Timer::after(GOODBYE).await;
    };
    or(over, late).await;
}

/// What is shown and saved while it plays.
struct Progress {
    figures: Figures,
    save: Option<Save>,
    list: Option<(PathBuf, List)>,
    /// A line a second is for people who watch.
    lines: bool,
    told: Option<Instant>,
}

impl Progress {
    fn new(options: &Options, transport: Transport) -> Result<Self, Error> {
        let save = options.save.as_deref().map(Save::create).transpose()?;
        let list = match &options.pictures {
            Some(path) => Some((path.clone(), List::create(path).map_err(unwritable(path))?)),
            None => None,
        };
        let lines = !options.json && io::stderr().is_terminal();
        Ok(Self { figures: Figures::new(transport), save, list, lines, told: None })
    }

    fn handle(&mut self, event: &Event, session: &Session, now: Instant) -> Result<(), Error> {
        match event {
            Event::Unit { track, unit } => {
                let leads = leading(session) == Some(*track);
                self.figures.unit(*track, leads, unit);
                if let Some((path, list)) = &mut self.list {
                    let clock_rate = session.tracks().get(*track).map_or(0, |track| track.media().clock_rate);
                    list.add(*track, clock_rate, unit).map_err(unwritable(path))?;
                }
                match &mut self.save {
                    Some(save) if leads && !unit.damaged => save.write(&session.tracks()[*track], unit),
                    _ => Ok(()),
                }
            }
            Event::Playing { after } => {
                self.figures.asked(now.checked_sub(*after).unwrap_or(now));
                Ok(())
            }
            Event::Started => {
                self.figures.started(now);
                Ok(())
            }
            Event::RoundTrip(time) => {
                self.figures.round_trip(*time);
                Ok(())
            }
            Event::Described(_) | Event::Redirected(_) | Event::Over => Ok(()),
        }
    }

    /// Tells once a second how it goes.
    fn tell(&mut self, session: &Session, now: Instant) {
        const SECOND: Duration = Duration::from_secs(1);
        let due = self.told.is_none_or(|told| now.saturating_duration_since(told) >= SECOND);
        if self.lines && due && !self.figures.is_empty() {
            self.told = Some(now);
            eprintln!("{}", self.figures.line(session, now));
        }
    }

    fn finish(mut self, attempt: &Attempt, options: &Options) -> Result<(), Error> {
        if let Some(save) = &mut self.save {
            save.finish()?;
        }
        let summary = self.figures.summary(attempt.url.request(), attempt.note.clone());
        let written = if options.json { print_json(&summary) } else { print(&summary) };
        written.map_err(Error::System)?;
        if summary.nothing_whole() {
            return Err(Error::NoPicture);
        }
        Ok(())
    }
}

/// The track that the person means: the first that is received and shows something, else the first that
/// is received at all, of those that are understood.
fn leading(session: &Session) -> Option<usize> {
    let understood = || {
        let tracks = session.tracks().iter().enumerate();
        tracks.filter(|(_, track)| track.is_set_up() && track.is_understood())
    };
    let video = understood().find(|(_, track)| track.media().kind == "video");
    video.or_else(|| understood().next()).map(|(index, _)| index)
}

fn print(summary: &Summary) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{summary}")
}

fn print_json(summary: &impl serde::Serialize) -> io::Result<()> {
    let text = serde_json::to_string_pretty(summary)?;
    writeln!(io::stdout().lock(), "{text}")
}

fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Save { path, source }
}
