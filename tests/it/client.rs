//! The client against servers as data: `tests/fixtures/servers/*.server`, whose README says how they are written.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use lenslet::rtsp::client::{Client, Error, Event, Settings, Transport, Url};

/// One conversation in the middle of being played.
struct Play {
    client: Client,
    now: Instant,
    /// The request last sent, line by line.
    request: Vec<String>,
    answer: Vec<String>,
    error: Option<Error>,
}

impl Play {
    fn begin(text: &str) -> Self {
        let set = |key: &str| text.lines().find_map(|line| line.strip_prefix(&format!("= {key}")));
        let url = Url::parse(set("url ").unwrap_or("rtsp://camera/live").trim()).unwrap();
        let settings = Settings {
            transport: if set("tcp").is_some() { Transport::Tcp } else { Transport::Udp },
            keep_alive_by_options: set("options").is_some(),
        };
        let now = Instant::now();
        let client = Client::new(url, settings, now);
        Self { client, now, request: Vec::new(), answer: Vec::new(), error: None }
    }

    fn step(&mut self, line: &str) -> Result<(), String> {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        if kind != "<" {
            self.send_answer();
        }
        match kind {
            "#" | "" => Ok(()),
            ">" => self.expect_request(rest),
            "<" => {
                self.answer.push(rest.to_owned());
                Ok(())
            }
            "<$" => {
                let (channel, hex) = rest.split_once(' ').unwrap();
                let data: Vec<u8> = (0..hex.len() / 2)
                    .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
                    .collect();
                let mut frame = vec![b'$', channel.parse().unwrap()];
                frame.extend((data.len() as u16).to_be_bytes());
                frame.extend(data);
                self.client.handle_input(&frame);
                Ok(())
            }
            "=" => self.command(rest),
            _ => panic!("what is {line:?}?"),
        }
    }

    fn command(&mut self, command: &str) -> Result<(), String> {
        let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
        match word {
            "url" | "tcp" | "options" => {}
            "bound" => {
                let (rtp, rtcp) = rest.split_once(' ').unwrap();
                self.client.bound(rtp.parse().unwrap(), rtcp.parse().unwrap(), self.now);
            }
            "after" => {
                self.now += Duration::from_secs(rest.parse().unwrap());
                self.error = self.client.handle_timeout(self.now).err();
            }
            "tear" => self.client.tear_down(self.now),
            "closed" => self.error = self.client.closed().err(),
            "event" => return self.expect_event(rest),
            "error" => {
                let error = match self.error.take() {
                    Some(error) => error,
                    None => self.client.poll_event(self.now).err().ok_or("no error came")?,
                };
                if !error.to_string().contains(rest) {
                    return Err(format!("expected {rest:?}, got {error:?}: {error}"));
                }
            }
            _ => panic!("what is {command:?}?"),
        }
        Ok(())
    }

    fn expect_event(&mut self, expected: &str) -> Result<(), String> {
        let mut next = self.client.poll_event(self.now);
        while matches!(next, Ok(Some(Event::RoundTrip(_)))) && !expected.starts_with("RoundTrip") {
            next = self.client.poll_event(self.now);
        }
        match next {
            Ok(Some(event)) if format!("{event:?}").starts_with(expected) => Ok(()),
            other => Err(format!("expected {expected}, got {other:?}")),
        }
    }

    fn expect_request(&mut self, expected: &str) -> Result<(), String> {
        if !expected.contains(": ") && !expected.starts_with("no ") {
            // What is not waited for here is not asked for in the file: how long an answer took.
            while let Ok(Some(event)) = self.client.poll_event(self.now) {
                if !matches!(event, Event::RoundTrip(_) | Event::Described(_) | Event::SetUp { .. }) {
                    return Err(format!("expected {expected}, got {event:?}"));
                }
            }
            let bytes = self.client.poll_output().ok_or(format!("nothing was sent instead of {expected}"))?;
            let text = String::from_utf8(bytes).unwrap();
            self.request = text.lines().map(str::to_owned).collect();
            let wanted = format!("{expected} RTSP/1.0");
            let found = self.request[0] == wanted || self.request[0] == expected;
            return if found { Ok(()) } else { Err(format!("expected {wanted}, got {text}")) };
        }
        let field = |name: &str| {
            let prefix = format!("{name}: ");
            self.request.iter().find_map(|line| line.strip_prefix(&prefix))
        };
        let holds = match expected.strip_prefix("no ") {
            Some(name) => field(name).is_none(),
            None => {
                let (name, part) = expected.split_once(": ").unwrap();
                field(name).is_some_and(|value| value.contains(part))
            }
        };
        if holds { Ok(()) } else { Err(format!("expected {expected:?} in {:?}", self.request)) }
    }

    fn send_answer(&mut self) {
        if self.answer.is_empty() {
            return;
        }
        let cseq = self.request.iter().find_map(|line| line.strip_prefix("CSeq: ")).unwrap_or_default();
        let lines: Vec<String> = self.answer.drain(..).map(|line| line.replace("{cseq}", cseq)).collect();
        let split = lines.iter().position(String::is_empty).unwrap_or(lines.len());
        let body: String = lines.iter().skip(split + 1).map(|line| format!("{line}\r\n")).collect();
        let head: String = lines[..split].iter().map(|line| format!("{line}\r\n")).collect();
        let answer = format!("{}\r\n{body}", head.replace("{length}", &body.len().to_string()));
        self.client.handle_input(answer.as_bytes());
    }
}

fn play(text: &str) -> Result<(), String> {
    let mut play = Play::begin(text);
    for (number, line) in text.lines().enumerate() {
        play.step(line).map_err(|error| format!("line {}: {error}", number + 1))?;
    }
    match play.client.poll_output() {
        Some(left) => Err(format!("sent and not expected: {}", String::from_utf8_lossy(&left))),
        None => Ok(()),
    }
}

#[test]
fn every_server_is_understood() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/servers");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "server"));
    files.sort();
    assert!(files.len() > 10);
    let wrong: Vec<String> = files
        .iter()
        .filter_map(|path| {
            let error = play(&fs::read_to_string(path).unwrap()).err()?;
            Some(format!("{}: {error}", path.file_name().unwrap().display()))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_wrong_expectation_is_seen() {
    for (text, part) in [
        ("> DESCRIBE rtsp://camera/live", "expected DESCRIBE"),
        ("> OPTIONS rtsp://camera/live\n> Session: 1", "expected \"Session: 1\""),
        ("> OPTIONS rtsp://camera/live\n= event Playing", "expected Playing"),
        ("", "not expected: OPTIONS"),
    ] {
        assert!(play(text).unwrap_err().contains(part), "{text}");
    }
}

#[test]
fn answers_may_come_in_any_pieces() {
    let text = fs::read_to_string("tests/fixtures/servers/plain-tcp.server").unwrap();
    // The same conversation, a byte at a time.
    let answer = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, DESCRIBE\r\n\r\n";
    let now = Instant::now();
    let settings = Settings { transport: Transport::Tcp, keep_alive_by_options: false };
    let mut client = Client::new(Url::parse("rtsp://camera/live").unwrap(), settings, now);
    client.poll_output().unwrap();
    for byte in answer {
        assert_eq!(client.poll_output(), None);
        client.handle_input(&[*byte]);
        client.poll_event(now).unwrap();
    }
    assert!(client.poll_output().unwrap().starts_with(b"DESCRIBE "));
    assert!(play(&text).is_ok());
}
