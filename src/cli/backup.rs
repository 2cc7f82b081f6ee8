//! `lenslet backup` and `lenslet restore`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Done;
use super::control::PlaceArguments;
use super::control::words::plain;
use crate::access::{Rights, Users};
use crate::backup::{self, Devices, Keeping, Place, Restore, Section};
use crate::clock;
use crate::config::store::{self, Paths, Store, difference};
use crate::config::{Config, migrate};
use crate::daemon::{BansFile, UsersFile};

/// The section that has the users.
const USERS: &str = "users";

#[derive(Debug, clap::Args)]
pub(super) struct BackupArguments {
    /// The file to write; - writes it out.
    #[arg(required_unless_present = "keep")]
    file: Option<PathBuf>,
    /// Write into this folder, unless its newest says the same, and keep so many.
    #[arg(long, num_args = 2, value_names = ["N", "DIR"], conflicts_with = "file")]
    keep: Option<Vec<String>>,
    /// Even if the configuration is not there or damaged, or the users are.
    #[arg(long)]
    as_it_is: bool,
    #[command(flatten)]
    passphrase: PassphraseArgument,
    #[command(flatten)]
    place: PlaceArguments,
}

#[derive(Debug, clap::Args)]
pub(super) struct RestoreArguments {
    /// The backup; - is what is piped in.
    file: PathBuf,
    /// Show what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Take the backup's names of cameras where this board's file has others for the same mounts.
    #[arg(long)]
    devices: bool,
    #[command(flatten)]
    passphrase: PassphraseArgument,
    #[command(flatten)]
    place: PlaceArguments,
}

#[derive(Debug, clap::Args)]
struct PassphraseArgument {
    /// Encrypt with the passphrase in this file (its first line; - is what is typed or piped in), users' secrets included, or
    /// open what was encrypted; `age` opens it too.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

pub(super) fn backup(arguments: &BackupArguments) -> Done {
    let place = place(arguments.place.paths()?);
    if !arguments.as_it_is {
        is_right(&place)?;
    }
    let passphrase = arguments.passphrase.read()?;
    let (contents, left_out) = place.contents(passphrase.is_some())?;
    if !arguments.as_it_is {
        place.are_right(&contents.sections).map_err(|why| format!("{why}{}", none_made("it")))?;
    }
    let mut out = io::stdout().lock();
    if let Some([count, folder]) = arguments.keep.as_deref() {
        let number = count.parse().ok().filter(|number| *number > 0);
        let count = number.ok_or_else(|| format!("--keep: {count:?} is no number of backups: 1 or more"))?;
        is_there(Path::new(folder))?;
        let passphrase = passphrase.as_ref().map(|passphrase| passphrase.as_str());
        match backup::keep(Path::new(folder), count, contents, passphrase, clock::wall())? {
            Keeping::New(path) => writeln!(out, "{}", path.display())?,
            Keeping::Same(path) => writeln!(out, "{} says the same: nothing to do", path.display())?,
        }
    } else {
        let file = arguments.file.clone().unwrap_or_default();
        let bytes = backup::written(contents, passphrase.as_ref().map(|it| it.as_str()), clock::wall())?;
        // Whoever reads what is written may take his time.
        drop(passphrase);
        if file.as_os_str() == "-" {
            out.write_all(&bytes)?;
            out.flush()?;
        } else {
            // A stick that is not there is no folder to make.
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            folder.map_or(Ok(()), is_there)?;
            if put(&file, &bytes)? {
                writeln!(out, "{}: {} bytes", file.display(), bytes.len())?;
            }
        }
    }
    for version in place.store.history()? {
        if let Some(damage) = version.damage {
            let number = version.number;
            writeln!(io::stderr().lock(), "lenslet: version {number} {damage}: it is left out")?;
        }
    }
    for name in left_out {
        let why = "is secret and is left out: with --passphrase-file it is in it, encrypted";
        writeln!(io::stderr().lock(), "lenslet: {name} {why}")?;
    }
    Ok(())
}

/// Writes it; whether it is in a file then. Into what is there and is none (a pipe, a terminal, as /dev/stdout is one) it is written as by
/// any program, and nothing else is said there. A disk is not what is meant.
fn put(file: &Path, bytes: &[u8]) -> Result<bool, Box<dyn std::error::Error>> {
    let path = file.display();
    match fs::metadata(file).map(|there| there.file_type()) {
        Ok(kind) if kind.is_block_device() => {
            Err(format!("{path}: that is a disk: mount it, and name a file on it").into())
        }
        Ok(kind) if !kind.is_file() && !kind.is_dir() => {
            let written =
                fs::OpenOptions::new().write(true).open(file).and_then(|mut file| file.write_all(bytes));
            written.map(|()| false).map_err(|error| format!("cannot write into {path}: {error}").into())
        }
        _ => Ok(store::replace(file, bytes, 0o600).map(|()| true)?),
    }
}

/// That its configuration is one to go back to: else it would push a good backup out.
fn is_right(place: &Place) -> Result<(), String> {
    let why = match place.store.written() {
        Ok(None) => format!("{}: there is no such file", place.store.path().display()),
        // What was written for an earlier version is translated when the daemon starts.
        Ok(Some(text)) => {
            match Config::parse(&migrate(&text).and_then(Result::ok).map_or(text, |now| now.text)) {
                Ok(_) => return Ok(()),
                Err(error) => error.in_file(place.store.path()).to_string(),
            }
        }
        Err(error) => error.to_string(),
    };
    Err(why + &none_made("the configuration"))
}

fn none_made(what: &str) -> String {
    format!("\nNo backup was made: mend {what}, or take it all the same with --as-it-is")
}

/// That it is a folder, where a backup may go.
fn is_there(folder: &Path) -> Result<(), String> {
    if folder.is_dir() {
        return Ok(());
    }
    let folder = folder.display();
    Err(format!("there is no folder {folder}: is the disk mounted? If it is, make one: mkdir -p {folder}"))
}

pub(super) fn restore(arguments: &RestoreArguments) -> Done {
    let passphrase = arguments.passphrase.read()?;
    let bytes = bytes(&arguments.file)?;
    let backup = backup::read(&bytes, &arguments.file, passphrase.as_ref().map(|it| it.as_str()))?;
    drop(passphrase);
    arguments.place.is_read()?;
    let config = arguments.place.file();
    let place = match backup.contents.config.as_deref() {
        // Users and versions go to where they are looked for afterwards.
        Some(text) => place_of(
            config.paths_once_it_says(text),
            &Config::parse(text).or_else(|_| config.load()).unwrap_or_default(),
        ),
        None => place(config.paths()),
    };
    let mut out = io::stdout().lock();
    // Never while it is only looked.
    if !arguments.dry_run && place.finish()? {
        writeln!(out, "A restore that was interrupted was finished first.")?;
    }
    let whose = if arguments.devices { Devices::Theirs } else { Devices::Ours };
    let restore = Restore::of(&place, &backup, whose)?;
    writeln!(out, "Backup of {} ({}), made {}.", backup.host, backup.program, backup.made)?;
    if let Some((before, after)) = &restore.config {
        let path = place.store.path().display().to_string();
        // Its comments are whoever's who had the file.
        for line in difference((&path, before), ("the backup", after)).lines() {
            writeln!(out, "{}", plain(&line.replace('\t', "    ")))?;
        }
    }
    for (name, before, after) in restore.sections() {
        if name == USERS {
            write!(out, "{}", users(before, after))?;
        }
    }
    write!(out, "{}", restore.notes())?;
    let is_theirs = backup.contents.sections.contains_key(USERS);
    if !is_theirs && place.sections.iter().any(|section| section.name == USERS && !section.path.exists()) {
        writeln!(
            out,
            "users: there are none in the backup, nor here: this machine and private networks watch without a password, until \
             `lenslet user add NAME`"
        )?;
    }
    if restore.is_empty() {
        return Ok(writeln!(out, "Everything is as in the backup: nothing to do.")?);
    }
    if arguments.dry_run {
        return Ok(writeln!(out, "Nothing was changed: this was a dry run.")?);
    }
    restore.carry_out(&place)?;
    Ok(writeln!(out, "Restored. A daemon that runs serves it already; else: lenslet serve")?)
}

/// What is backed up of this machine.
pub(super) fn place(paths: Paths) -> Place {
    // Of a configuration that is damaged nobody knows where it has its users.
    let said = Config::load(&paths.config).unwrap_or_default();
    place_of(paths, &said)
}

fn place_of(paths: Paths, said: &Config) -> Place {
    let Paths { config, state } = paths;
    let section = |name, path: &Path, secret, is_right: fn(&str) -> Result<(), String>| Section {
        name,
        path: path.to_owned(),
        secret,
        is_right,
    };
    let are_users = |text: &str| match Users::parse(text) {
        Ok(_) => Ok(()),
        Err(why) => Err(format!("this is no file of users: {why}")),
    };
    let (users, bans) = (UsersFile::of(&said.access, &state), BansFile::in_state(&state));
    let sections = vec![
        section(USERS, users.path(), true, are_users),
        section("bans", bans.path(), false, |text| BansFile::parse(text).map(drop)),
    ];
    Place { store: Store::new(config, &state), state, sections }
}

/// Who comes, goes and changes between two files of users, a line each: never what is kept of their passwords.
fn users(before: Option<&str>, after: &str) -> String {
    let read = |text: Option<&str>| text.map_or_else(|| Ok(Users::new("")), Users::parse);
    let (Ok(before), Ok(after)) = (read(before), read(Some(after))) else { return String::new() };
    let rights = |users: &Users| -> BTreeMap<String, Rights> {
        users.iter().map(|(name, rights)| (name.to_owned(), rights.clone())).collect()
    };
    let (ours, theirs) = (rights(&before), rights(&after));
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let line = |name: &String| {
        let what = match (ours.get(name), theirs.get(name)) {
            (None, _) => "comes",
            (_, None) => "goes",
            (one, other) if one != other => "has other rights",
            _ if before.secret(name) != after.secret(name) => "has another password",
            _ => return None,
        };
        Some(format!("user {name} {what}\n"))
    };
    names.into_iter().filter_map(line).collect()
}

/// Wiped where it is let go, for it may have been opened by another program; as large from the beginning as it becomes.
fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, Box<dyn std::error::Error>> {
    let read = |file: fs::File| {
        let metadata = file.metadata()?;
        let size = if metadata.is_file() { metadata.len().min(backup::LARGEST) } else { backup::LARGEST };
        let mut bytes = Zeroizing::new(Vec::with_capacity(size as usize + 1));
        file.take(backup::LARGEST + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let file = if path.as_os_str() == "-" { piped_in() } else { fs::File::open(path) };
    file.and_then(read).map_err(|error: io::Error| format!("cannot read {}: {error}", path.display()).into())
}

/// Bytes of the longest passphrase. They are kept for it from the beginning: what grows leaves a copy behind.
const LONGEST: usize = 4096;

impl PassphraseArgument {
    /// It is wiped where it is let go.
    fn read(&self) -> Result<Option<Zeroizing<String>>, Box<dyn std::error::Error>> {
        let Some(path) = &self.passphrase_file else { return Ok(None) };
        let unread = |error| format!("cannot read the passphrase in {}: {error}", path.display());
        let file = if path.as_os_str() == "-" { piped_in() } else { fs::File::open(path) };
        let mut file = file.map_err(unread)?;
        let line = first_line(&mut file).map_err(unread)?;
        let text = std::str::from_utf8(&line).map_err(|_| unread(io::Error::other("it is no UTF-8 text")))?;
        let passphrase = text.trim_end_matches(['\n', '\r']);
        if passphrase.is_empty() {
            return Err(format!("{}: its first line is empty: that is no passphrase", path.display()).into());
        }
        Ok(Some(Zeroizing::new(passphrase.to_owned())))
    }
}

/// What is typed or piped in, not by the buffer of its own that standard input has.
fn piped_in() -> io::Result<fs::File> {
    io::stdin().as_fd().try_clone_to_owned().map(fs::File::from)
}

/// Byte by byte, for what comes behind it is another's.
fn first_line(input: &mut impl io::Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut byte = [0];
    while line.last() != Some(&b'\n') {
        match input.read(&mut byte) {
            Ok(0) => break,
            Ok(_) if line.len() == LONGEST => {
                return Err(io::Error::other(format!("its first line is longer than {LONGEST} bytes")));
            }
            Ok(_) => line.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(line)
}
