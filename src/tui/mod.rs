//! The terminal: everything that a daemon says, live, and everything that can be done with it.
//!
//! Built as Elm: what happens is a [`Message`]; [`update`](update::update) changes the
//! [`Model`] by it and says what is to be done ([`Effect`]s, most of them requests to the
//! daemon); [`view`](view::view) draws the model. Only `terminal`, `link` and [`run`] do anything else.
//!
//! ```text
//! lenslet-keys  --+                                   +-> view -> the terminal
//!                 +-> Happening -> Message -> update -+
//! lenslet-link  --+                                   +-> Effect -> link -> the daemon
//! ```

pub mod bindings;
pub mod command;
pub mod effect;
mod happening;
pub mod history;
mod input;
pub mod keys;
pub mod kitty;
pub mod link;
pub mod message;
pub mod model;
pub mod panes;
pub mod picture;
pub mod sgr;
pub mod shown;
mod signals;
pub mod sixel;
pub mod sort;
pub mod state;
pub mod tab;
pub mod terminal;
pub mod theme;
pub mod update;
pub mod view;
pub mod words;

use std::io;

use ratatui::crossterm::event::Event;
use smol::channel::{Receiver, bounded};

use crate::control::client::Daemon;
use effect::Effect;
pub use happening::Happening;
use link::Link;
use message::Message;
use model::Model;
use shown::Shown;
use theme::{Colours, Pictures, Theme};

/// How a screen was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The daemon goes on.
    Serving,
    /// The daemon is to end too: that was asked, and said.
    Ending,
}

/// Shows a daemon until one leaves, the terminal is gone, or a signal comes. `ours`: the daemon was started with this, and
/// who leaves is asked whether it ends too.
///
/// # Errors
/// There is no terminal, or it refuses.
pub fn run(daemon: Daemon, theme: Theme, ours: bool) -> io::Result<Left> {
    terminal::check()?;
    let (tell, happenings) = bounded(64);
    // Before the terminal is taken over: what fails is said in plain text.
    signals::heed(tell.clone())?;
    let link = Link::start(daemon, tell.clone())?;
    let (taken, screen) = terminal::Taken::take(theme.colours)?;
    let theme = Theme { pictures: pictures(theme)?, ..theme };
    let keys = terminal::Keys::start(tell)?;
    let mut model = Model { theme, ..Model::default() };
    model.link.ours = ours;
    let done = show(model, link, screen, &happenings);
    drop(taken);
    happenings.close();
    keys.stop();
    // Who draws may see before the others that the terminal is gone.
    match done {
        Err(error) if terminal::is_gone(&error) => Ok(Left::Serving),
        done => done,
    }
}

/// How the terminal takes pictures: it is asked where its environment does not say.
fn pictures(theme: Theme) -> io::Result<Pictures> {
    if theme.pictures != Pictures::Signs || theme.colours != Colours::All || theme.said {
        return Ok(theme.pictures);
    }
    let passes = kitty::passes(|name| std::env::var(name).ok());
    let answer = terminal::attributes(if passes { kitty::ASKS } else { b"" })?;
    Ok(match () {
        () if kitty::is_told(&answer) => Pictures::Kitty,
        () if sixel::is_told(&answer) => Pictures::Sixel,
        () => Pictures::Signs,
    })
}

fn show(
    mut model: Model,
    mut link: Link,
    mut screen: terminal::Screen,
    happenings: &Receiver<Happening>,
) -> io::Result<Left> {
    let mut shown = Shown::default();
    draw(&mut model, &mut screen, &mut shown)?;
    while let Ok(happening) = happenings.recv_blocking() {
        let mut next = Some(happening);
        // What has come by now is drawn at once.
        while let Some(happening) = next {
            let Some(message) = message(happening, &mut link) else {
                next = happenings.try_recv().ok();
                continue;
            };
            if matches!(message, Message::Resized) {
                shown = Shown::default();
            }
            for effect in update::update(&mut model, message) {
                match effect {
                    Effect::Leave => return Ok(Left::Serving),
                    Effect::End => return Ok(Left::Ending),
                    Effect::Redraw => {
                        shown = Shown::default();
                        screen.clear()?;
                    }
                    effect => link.perform(effect),
                }
            }
            next = happenings.try_recv().ok();
        }
        draw(&mut model, &mut screen, &mut shown)?;
    }
    Ok(Left::Serving)
}

fn draw(model: &mut Model, screen: &mut terminal::Screen, shown: &mut Shown) -> io::Result<()> {
    let mut places = model::Places::default();
    screen.draw(|frame| places = view::view(model, frame))?;
    model.places = places;
    let picture = model.places.picture.zip(panes::mount::picture(model));
    let picture = picture.map(|(area, (number, picture))| (number, picture, area));
    let turn = shown.turn_to(picture, model.theme.pictures, terminal::sign_size);
    if turn.anew {
        screen.clear()?;
        screen.draw(|frame| drop(view::view(model, frame)))?;
    }
    if !turn.bytes.is_empty() {
        screen.backend_mut().write_through(&turn.bytes)?;
    }
    Ok(())
}

fn message(happening: Happening, link: &mut Link) -> Option<Message> {
    match happening {
        Happening::Terminal(Event::Key(key)) => Some(Message::Key(key)),
        Happening::Terminal(Event::Mouse(mouse)) => Some(Message::Mouse(mouse)),
        Happening::Terminal(Event::Paste(text)) => Some(Message::Pasted(text)),
        Happening::Terminal(Event::Resize(..)) => Some(Message::Resized),
        Happening::Terminal(Event::FocusGained | Event::FocusLost) => None,
        Happening::Gone | Happening::Signal => Some(Message::End),
        Happening::Daemon(event) => link.hear(event),
    }
}
