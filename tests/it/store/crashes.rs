//! The program is killed while it saves: the file is the old text or the new one, and the next who comes goes on.
//!
//! `LENSLET_KILLS` says how many daemons are killed at a moment of chance; `.ci/long` takes 1 000.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lenslet::config::store::From;

use super::{NEW, OLD, PROGRAM, Place};

/// A system call, and the how manieth of its name it is.
type Moment = (String, usize);

/// What a save finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// A file.
    File,
    /// None: it is the first save, or somebody took it away.
    Nothing,
    /// A link to a file in another folder.
    Link,
}

/// Two versions, the newer of which is in the file, where there is one.
fn place(found: Found) -> Place {
    let place = Place::with(OLD);
    place.keep();
    fs::write(place.file(), NEW).unwrap();
    place.keep();
    match found {
        Found::File => {}
        Found::Nothing => fs::remove_file(place.file()).unwrap(),
        Found::Link => {
            let elsewhere = place.folder.path().join("elsewhere");
            fs::create_dir(&elsewhere).unwrap();
            fs::rename(place.file(), elsewhere.join("real.ron")).unwrap();
            std::os::unix::fs::symlink("elsewhere/real.ron", place.file()).unwrap();
        }
    }
    place
}

/// Goes back to the first version, under `strace` with these options.
fn traced(place: &Place, options: &[&str]) -> bool {
    let command = [options, &[PROGRAM, "config", "rollback", "1"]].concat();
    place.command("strace", &command).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}

/// Every system call from where the program takes the lock of the versions to its end.
fn moments(found: Found) -> Vec<Moment> {
    let place = place(found);
    let trace = place.folder.path().join("trace");
    assert!(traced(&place, &["-f", "-qq", "-o", trace.to_str().unwrap()]));
    let trace = fs::read_to_string(trace).unwrap();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut moments = Vec::new();
    let mut begun = false;
    for line in trace.lines() {
        let call = line.split_once(' ').unwrap().1.trim_start();
        let Some((name, _)) = call.split_once('(') else { continue };
        if name.contains(' ') {
            continue;
        }
        begun |= name == "openat" && call.contains("/lock\"");
        let count = counts.entry(name.to_owned()).or_default();
        *count += 1;
        // The end itself cannot be killed.
        if begun && name != "exit_group" {
            moments.push((name.to_owned(), *count));
        }
    }
    moments
}

/// What is true after a kill; gives whether the file is the new text.
fn whole(place: &Place, found: Found, at: &str) -> bool {
    let written = match fs::read_to_string(place.file()) {
        Err(error) if found == Found::Nothing && error.kind() == std::io::ErrorKind::NotFound => None,
        read => Some(read.unwrap_or_else(|error| panic!("{at}: {error}"))),
    };
    // Where there was none, what is served is the newest version.
    let text = written.clone().unwrap_or_else(|| NEW.to_owned());
    assert!(text == OLD || text == NEW && (written.is_none() || found != Found::Nothing), "{at}: {text:?}");
    let is_link = fs::symlink_metadata(place.file()).is_ok_and(|file| file.is_symlink());
    assert_eq!(is_link, found == Found::Link, "{at}");
    let store = place.store();
    let before = store.history().unwrap();
    assert!(before.len() >= 2, "{at}: {before:?}");
    for version in &before {
        let kept = store.text(version.number).unwrap_or_else(|error| panic!("{at}: {error}"));
        assert!(kept == OLD || kept == NEW, "{at}: {version:?} {kept:?}");
    }
    let loaded = store.load().unwrap_or_else(|error| panic!("{at}: {error}"));
    let from_file = loaded.from == From::File;
    assert_eq!((from_file, loaded.text.as_str()), (written.is_some(), text.as_str()), "{at}");
    // What is in the file is the newest version, whoever was killed before he could keep it.
    assert_eq!(store.text(store.newest().unwrap()).unwrap(), text, "{at}");
    text == OLD
}

#[test]
fn killed_at_any_system_call_of_a_first_save_there_is_no_file_or_the_whole_of_it() {
    kill_everywhere(Found::Nothing);
}

#[test]
fn killed_at_any_system_call_of_a_save_through_a_link_it_is_a_link_still() {
    kill_everywhere(Found::Link);
}

#[test]
fn killed_at_any_system_call_of_a_save_the_file_is_the_old_text_or_the_new() {
    kill_everywhere(Found::File);
}

fn kill_everywhere(found: Found) {
    if Command::new("strace").arg("-V").output().is_err() {
        assert!(std::env::var_os("LENSLET_REQUIRE_TOOLS").is_none(), "strace is not there");
        println!("SKIPPED: no strace");
        return;
    }
    let moments = moments(found);
    assert!(moments.len() > 30, "{moments:?}");
    let (mut before, mut after) = (0, 0);
    for (name, number) in &moments {
        let at = format!("{name} {number}");
        let place = place(found);
        let (trace, inject) = (format!("trace={name}"), format!("inject={name}:signal=KILL:when={number}"));
        let ended = traced(&place, &["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject]);
        assert!(!ended, "{at}: it was not killed");
        match whole(&place, found, &at) {
            true => after += 1,
            false => before += 1,
        }
        // Nothing is in the way of the next.
        let number = place.store().newest().unwrap();
        let there = fs::read_to_string(place.file()).ok();
        let said = place.config(&["rollback", "2"]).unwrap_or_else(|error| panic!("{at}: {error}"));
        let expected = match there.as_deref() {
            Some(NEW) => format!("The file says that already: it is version {number};"),
            Some(_) => format!("This is version {};", number + 1),
            None => format!("The file is there again: it is version {number};"),
        };
        assert!(said.starts_with(&expected), "{at}: {said}");
        assert_eq!(fs::read_to_string(place.file()).unwrap(), NEW, "{at}");
    }
    assert!(
        before > 10 && after > 10,
        "{found:?}: {before} killed before the file was replaced, {after} after"
    );
}

/// A daemon that listens, and a client of its control socket.
fn daemon(place: &Place) -> (Child, UnixStream) {
    let mut command = place.command(PROGRAM, &["serve"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening"), "{line:?}");
    let control = UnixStream::connect(place.control()).unwrap();
    (child, control)
}

fn ask(control: &mut UnixStream, text: &str) {
    let request = serde_json::json!({"v": 1, "id": 1, "do": "config apply", "text": text});
    control.write_all(format!("{request}\n").as_bytes()).unwrap();
}

/// Moments that are spread evenly, and are others each time.
fn chance(round: usize) -> f64 {
    use std::hash::BuildHasher;
    let hash = std::hash::RandomState::new().hash_one(round);
    (hash >> 11) as f64 / (1u64 << 53) as f64
}

#[test]
fn a_daemon_killed_at_a_moment_of_chance_while_it_saves_starts_with_the_old_text_or_the_new() {
    let kills: usize = std::env::var("LENSLET_KILLS").map_or(20, |count| count.parse().unwrap());
    let with = |text: &str| text.replace("(\n", "(\n    listen: [\"127.0.0.1:0\"],\n");
    let (old, new) = (with(OLD), with(NEW));
    let place = Place::with(&old);
    let (mut child, mut control) = daemon(&place);
    // How long it takes.
    let began = Instant::now();
    ask(&mut control, &new);
    BufReader::new(&control).read_line(&mut String::new()).unwrap();
    let whole = began.elapsed();
    let (mut before, mut after) = (0, 0);
    for round in 0..kills {
        let was = fs::read_to_string(place.file()).unwrap();
        let next = if was == old { &new } else { &old };
        // What kills by chance has no event to wait for.
        let until = Instant::now() + whole.mul_f64(1.2 * chance(round)).min(Duration::from_secs(1));
        ask(&mut control, next);
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
        child.kill().unwrap();
        child.wait().unwrap();
        let text = fs::read_to_string(place.file()).unwrap();
        assert!(text == was || text == *next, "round {round}: {text:?}");
        if text == was {
            before += 1
        } else {
            after += 1
        }
        (child, control) = daemon(&place);
        let store = place.store();
        let newest = store.newest().unwrap_or_else(|| panic!("round {round}: no version"));
        assert_eq!(store.text(newest).unwrap(), text, "round {round}");
        for version in store.history().unwrap() {
            let kept = store.text(version.number).unwrap();
            assert!(kept == old || kept == new, "round {round}: {version:?} {kept:?}");
        }
        let kept = fs::read_dir(place.folder.path().join("history")).unwrap().next().unwrap().unwrap().path();
        assert!(!kept.join("damaged.ron").exists(), "round {round}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    println!("{kills} killed: {before} before the file was replaced, {after} after");
}
