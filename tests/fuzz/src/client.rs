//! The client's half of RTSP: a server that says anything.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use lenslet::rtsp::client::{Client, Event, Settings, Transport, Url};
use lenslet::rtsp::parser::{Item, Parser};
use lenslet::sdp::presentation::Presentation;

/// Time passes.
const LATER: u8 = 0x1d;

/// The person has seen enough.
const ENOUGH: u8 = 0x1e;

/// Requests go out whole and in order, one number after the other; frames are of tracks that were set up;
/// after its end it says nothing; and without a word from the server it comes to an end by itself.
pub(crate) fn client(data: &[u8]) {
    let Some((settings, script)) = data.split_first() else { return };
    let transport = if settings & 1 == 0 { Transport::Tcp } else { Transport::Udp };
    let url = if settings & 2 == 0 { "rtsp://camera/live" } else { "rtsp://user:pass@camera/live" };
    let now = lenslet::clock::now();
    let core = Client::new(
        Url::parse(url).unwrap(),
        Settings { transport, keep_alive_by_options: settings & 4 != 0 },
        now,
    );
    let mut world = World { core, now, cseq: 0, set_up: BTreeSet::new(), over: false };
    world.turn();
    for piece in script.split_inclusive(|byte| matches!(*byte, LATER | ENOUGH)) {
        let (bytes, mark) = match piece.split_last() {
            Some((mark @ (&LATER | &ENOUGH), bytes)) => (bytes, Some(*mark)),
            _ => (piece, None),
        };
        for bytes in bytes.chunks(1 + usize::from(settings >> 3) * 8) {
            world.core.handle_input(bytes);
            world.turn();
        }
        match mark {
            Some(LATER) => world.later(Duration::from_secs(11)),
            Some(_) => world.core.tear_down(world.now),
            None => {}
        }
        world.turn();
    }
    world.core.tear_down(world.now);
    world.turn();
    world.later(Duration::from_secs(2));
    world.turn();
    assert!(world.over, "a goodbye has an end");
    assert!(world.core.closed().is_ok(), "nobody needs the connection any more");
}

struct World {
    core: Client,
    now: Instant,
    cseq: u32,
    set_up: BTreeSet<usize>,
    over: bool,
}

impl World {
    fn later(&mut self, time: Duration) {
        self.now += time;
        self.over |= self.core.handle_timeout(self.now).is_err();
    }

    fn turn(&mut self) {
        loop {
            let event = self.core.poll_event(self.now);
            self.read_requests();
            match event {
                Ok(None) => return,
                Err(_) => self.over = true,
                Ok(Some(event)) => self.handle(event),
            }
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Bind { .. } => self.core.bound(5000, 5001, self.now),
            Event::SetUp { track, .. } => drop(self.set_up.insert(track)),
            Event::Interleaved { track, .. } => assert!(self.set_up.contains(&track), "not set up: {track}"),
            Event::Over | Event::Redirected { .. } => self.over = true,
            Event::Described(_) | Event::Playing { .. } | Event::RoundTrip(_) => {}
        }
    }

    fn read_requests(&mut self) {
        while let Some(bytes) = self.core.poll_output() {
            let mut parser = Parser::new();
            parser.push(&bytes);
            match parser.poll() {
                Some(Item::Request(request)) => {
                    self.cseq += 1;
                    assert_eq!(request.headers.get("CSeq"), Some(&*self.cseq.to_string()));
                }
                // The server may ask as well.
                Some(Item::Response(_)) => {}
                other => panic!("{other:?} of {:?}", String::from_utf8_lossy(&bytes)),
            }
            assert_eq!(parser.pending(), 0, "one message at a time");
        }
    }
}

/// What is read of a description does not depend on how its lines end.
pub(crate) fn presentation(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let found = Presentation::parse(&text);
    assert!(found.media.len() <= 64);
    for media in &found.media {
        let _ = media.parameter_sets().and_then(|sets| sets.picture());
    }
    let lines: Vec<&str> = text.split(['\r', '\n']).collect();
    assert_eq!(Presentation::parse(&lines.join("\r\n")), found);
    assert_eq!(Presentation::parse(&lines.join("\n")), found);
}
