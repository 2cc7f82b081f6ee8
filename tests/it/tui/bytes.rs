//! What goes over the line: nothing where nothing changed, little where little did.

use std::io::{self, Write};

use lenslet::control::protocol::Reply;
use lenslet::tui::message::Asked;
use lenslet::tui::model::Model;
use lenslet::tui::terminal::Quiet;
use lenslet::tui::view::view;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::support::{overloaded, press, seen, tell};

/// Counts, flushes too: each is a system call.
#[derive(Debug, Default)]
struct Counted {
    bytes: usize,
    flushes: usize,
}

#[derive(Debug, Default, Clone)]
struct Line(std::rc::Rc<std::cell::RefCell<Counted>>);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().bytes += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flushes += 1;
        Ok(())
    }
}

#[test]
fn nothing_is_sent_where_nothing_changed() {
    let line = Line::default();
    let options = TerminalOptions { viewport: Viewport::Fixed(Rect::new(0, 0, 120, 40)) };
    let backend = Quiet::new(CrosstermBackend::new(line.clone()));
    let mut terminal = Terminal::with_options(backend, options).unwrap();
    let mut sent = |model: &mut Model| {
        let before = line.0.borrow().bytes;
        let mut places = None;
        terminal.draw(|frame| places = Some(view(model, frame))).unwrap();
        model.places = places.unwrap();
        line.0.borrow().bytes - before
    };
    let status = overloaded();
    let mut model = seen(&status);
    press(&mut model, "2");
    let whole = sent(&mut model);
    assert!((4_000..20_000).contains(&whole), "{whole} bytes for the whole screen");
    // The list settles where its page is known.
    sent(&mut model);
    for _ in 0..8 {
        tell(&mut model, Asked::Status, Ok(Reply::Status(Box::new(status.clone()))));
        assert_eq!(sent(&mut model), 0);
    }
    let flushes = line.0.borrow().flushes;
    assert!(flushes <= 3, "{flushes} flushes");
    // One figure: its place, its colour, itself.
    let mut other = status.clone();
    other.uptime_s += 3600;
    tell(&mut model, Asked::Status, Ok(Reply::Status(Box::new(other))));
    let little = sent(&mut model);
    assert!((1..120).contains(&little), "{little} bytes for another uptime");
    press(&mut model, "j");
    let step = sent(&mut model);
    assert!((1..1500).contains(&step), "{step} bytes for a step down");
}
