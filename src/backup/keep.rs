//! A folder of backups, the newest few of each host.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Backup, Contents, Error, host, written};
use crate::clock;
use crate::config::store;

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// A new file.
    New(PathBuf),
    /// This one says the same: nothing was written, which spares the card.
    Same(PathBuf),
}

/// Makes a backup in the folder, and takes the oldest of this host away so that `count` remain.
///
/// They are numbered: a board without a clock of its own may believe that it is 1970.
///
/// # Errors
/// The folder is not there, or cannot be written to.
pub fn keep(
    folder: &Path,
    count: usize,
    contents: Contents,
    passphrase: Option<&str>,
    now: SystemTime,
) -> Result<Keeping, Error> {
    let host = host();
    let there = numbered(folder, &host)?;
    // What is encrypted cannot be compared.
    let says_the_same = |path: &PathBuf| {
        fs::read(path).is_ok_and(|bytes| Backup::parse(&bytes).is_ok_and(|kept| kept.contents == contents))
    };
    if let Some((_, path)) = there.last().filter(|(_, path)| passphrase.is_none() && says_the_same(path)) {
        return Ok(Keeping::Same(path.clone()));
    }
    let number = there.last().map_or(1, |(number, _)| number.saturating_add(1));
    let date = clock::rfc3339(now);
    let date = date.split('T').next().unwrap_or_default();
    let path = folder.join(format!("lenslet-{host}-{number:06}-{date}.backup"));
    let bytes = written(contents, passphrase, now)?;
    store::replace(&path, &bytes, 0o600).map_err(Error::Config)?;
    let old = (there.len() + 1).saturating_sub(count.max(1));
    for (_, path) in there.iter().take(old) {
        fs::remove_file(path).map_err(|error| Error::system("remove", path, error))?;
    }
    Ok(Keeping::New(path))
}

/// This host's backups, the oldest first.
fn numbered(folder: &Path, host: &str) -> Result<Vec<(u64, PathBuf)>, Error> {
    let entries = fs::read_dir(folder).map_err(|error| Error::system("read", folder, error))?;
    let number = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let rest = name.strip_prefix("lenslet-")?.strip_prefix(host)?.strip_prefix('-')?;
        let (number, date) = rest.strip_suffix(".backup")?.split_once('-')?;
        // `porch` is not `porch-1`.
        let is_date = date.len() == 10 && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        (number.len() >= 6 && is_date).then_some((number.parse().ok()?, entry.path()))
    };
    let mut numbered: Vec<(u64, PathBuf)> = entries.flatten().filter_map(number).collect();
    numbered.sort();
    Ok(numbered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(config: &str) -> Contents {
        Contents { config: Some(config.to_owned()), ..Contents::default() }
    }

    #[test]
    fn the_newest_few_remain_whatever_the_clock_says() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join(format!("lenslet-{}-1-000001-2026-01-01.backup", host()));
        fs::write(&other, "of another host").unwrap();
        let late = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
        let mut made = Vec::new();
        for (number, now) in [late, late, SystemTime::UNIX_EPOCH, late].into_iter().enumerate() {
            match keep(folder.path(), 2, contents(&number.to_string()), None, now).unwrap() {
                Keeping::New(path) => made.push(path),
                Keeping::Same(path) => panic!("{path:?}"),
            }
        }
        let exist: Vec<bool> = made.iter().map(|path| path.exists()).collect();
        assert_eq!(exist, [false, false, true, true]);
        assert!(other.exists() && made[2].to_string_lossy().ends_with("-000003-1970-01-01.backup"));
        let same = keep(folder.path(), 2, contents("3"), None, late).unwrap();
        assert_eq!(same, Keeping::Same(made[3].clone()));
        assert!(matches!(keep(folder.path(), 2, contents("3"), Some("p"), late), Ok(Keeping::New(_))));
        let absent = folder.path().join("absent");
        let error = keep(&absent, 2, contents(""), None, late).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot read {}: No such file", absent.display())), "{error}");
    }
}
