//! How much memory is left: the system's, and that of every control group that we are in
//! ([cgroups(7)](https://man7.org/linux/man-pages/man7/cgroups.7.html), both versions).

use std::cell::RefCell;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::pressure::Room;

/// Whether so many bytes can be had, and what viewers need is left; also where that cannot be told.
pub fn spares(bytes: u64) -> bool {
    Memory::here().spares(bytes)
}

/// Where it is read.
#[derive(Debug)]
pub(super) struct Memory {
    system: Figure,
    groups: Vec<Group>,
}

/// A control group's files.
#[derive(Debug)]
struct Group {
    limit: Figure,
    usage: Figure,
    stat: Figure,
    /// See [`Names::cache`].
    cache: &'static str,
}

/// A file that the kernel writes whenever it is read. It is kept open: it is looked at each second, by a thread that
/// has pictures to send, and so it is one call.
#[derive(Debug)]
struct Figure {
    path: PathBuf,
    kept: RefCell<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    file: Option<File>,
    text: Vec<u8>,
}

#[derive(Debug)]
struct Names {
    limit: &'static str,
    usage: &'static str,
    /// What the kernel takes back without anybody's loss, in `memory.stat`. What is active there is programs at work, our own
    /// among them: taken, they would wait for the disk.
    cache: &'static str,
}

const SECOND: Names = Names { limit: "memory.max", usage: "memory.current", cache: "inactive_file" };
const FIRST: Names =
    Names { limit: "memory.limit_in_bytes", usage: "memory.usage_in_bytes", cache: "total_inactive_file" };

impl Memory {
    /// This process's.
    pub(super) fn here() -> Self {
        let memory = Self::at(Path::new("/proc"), Path::new("/sys/fs/cgroup"));
        // What is kept open is open from the beginning: whoever counts descriptors is not led astray.
        memory.room();
        memory
    }

    fn at(proc: &Path, groups: &Path) -> Self {
        let mut found = Vec::new();
        for line in read(&proc.join("self/cgroup")).lines() {
            let mut parts = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
            let (root, names) = match controllers {
                "" => (groups.to_owned(), &SECOND),
                _ if controllers.split(',').any(|name| name == "memory") => (groups.join("memory"), &FIRST),
                _ => continue,
            };
            let own = root.join(path.trim_start_matches('/'));
            // Groups above have limits too; what is above a container is not to be seen from in it.
            let all = own.ancestors().take_while(|folder| folder.starts_with(&root));
            let limited = all.filter(|folder| folder.join(names.limit).is_file());
            found.extend(limited.map(|folder| Group::of(folder, names)));
        }
        Self { system: Figure::new(proc.join("meminfo")), groups: found }
    }

    /// What is left where the least is.
    pub(super) fn room(&self) -> Option<Room> {
        self.rooms().min_by_key(|room| room.left)
    }

    /// The least that bounds us, in bytes.
    pub(super) fn bound(&self) -> Option<u64> {
        self.rooms().map(|room| room.of).min()
    }

    fn spares(&self, bytes: u64) -> bool {
        // Twice what has to be left: below that nobody is let in again who was refused.
        self.room().is_none_or(|room| room.left >= bytes.saturating_add(room.reserve() * 2))
    }

    fn rooms(&self) -> impl Iterator<Item = Room> {
        self.groups.iter().filter_map(Group::room).chain(self.system.read(system))
    }
}

impl Group {
    fn of(folder: &Path, names: &Names) -> Self {
        let figure = |name| Figure::new(folder.join(name));
        Self {
            limit: figure(names.limit),
            usage: figure(names.usage),
            stat: figure("memory.stat"),
            cache: names.cache,
        }
    }

    /// None if it has no limit.
    fn room(&self) -> Option<Room> {
        // Version 1 says a number that is no machine's; version 2 `max`.
        const UNLIMITED: u64 = 1 << 60;
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let of = self.limit.read(number).filter(|limit| *limit < UNLIMITED)?;
        let usage = self.usage.read(number)?;
        let cache = self.stat.read(|text| value(text, self.cache)).unwrap_or_default();
        Some(Room { left: of.saturating_sub(usage.saturating_sub(cache)), of })
    }
}

impl Figure {
    fn new(path: PathBuf) -> Self {
        Self { path, kept: RefCell::default() }
    }

    /// What `find` finds in it; nothing in what cannot be read.
    fn read<T>(&self, find: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let mut kept = self.kept.borrow_mut();
        let Kept { file, text } = &mut *kept;
        let open = match file {
            Some(open) => open,
            None => file.insert(File::open(&self.path).ok()?),
        };
        match whole(open, text) {
            Some(length) => find(std::str::from_utf8(text.get(..length)?).ok()?),
            None => {
                // What a file of that name says then, if there is one.
                *file = None;
                None
            }
        }
    }
}

/// Reads it from its beginning; gives how much it says. The room is left as large as it came to be.
fn whole(file: &File, into: &mut Vec<u8>) -> Option<usize> {
    const PAGE: usize = 4096;
    let mut length = 0;
    loop {
        if length == into.len() {
            into.resize(length + PAGE, 0);
        }
        match file.read_at(&mut into[length..], length as u64).ok()? {
            0 => return Some(length),
            // The kernel gives all that there is room for.
            read if length + read < into.len() => return Some(length + read),
            read => length += read,
        }
    }
}

fn system(meminfo: &str) -> Option<Room> {
    let bytes = |name| value(meminfo, name).map(|kilobytes| kilobytes << 10);
    Some(Room { left: bytes("MemAvailable:")?, of: bytes("MemTotal:")? })
}

/// The number behind a name.
fn value(text: &str, name: &str) -> Option<u64> {
    let mut words = text.lines().map(str::split_whitespace).find_map(|mut words| {
        let found = words.next() == Some(name);
        found.then_some(words)
    })?;
    words.next()?.parse().ok()
}

/// What is not there says nothing.
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    /// A system of these files.
    fn memory(files: &[(&str, &str)]) -> (tempfile::TempDir, Memory) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let memory = Memory::at(&folder.path().join("proc"), &folder.path().join("groups"));
        (folder, memory)
    }

    const MEMINFO: (&str, &str) =
        ("proc/meminfo", "MemTotal:         524288 kB\nMemFree: 1 kB\nMemAvailable:     262144 kB\n");

    #[test]
    fn a_figure_is_read_anew_each_time() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let figure = Figure::new(file.path().to_owned());
        for text in ["1", "23\n", "", "4", &"5".repeat(4096), &"6".repeat(10_000), "7"] {
            fs::write(file.path(), text).unwrap();
            assert_eq!(figure.read(|said| Some(said == text)), Some(true), "{text:.9}");
        }
        let nothing = Figure::new(file.path().with_extension("not"));
        assert_eq!(nothing.read(|_| Some(())), None);
        fs::write(&nothing.path, "8").unwrap();
        assert_eq!(nothing.read(|said| said.parse().ok()), Some(8));
        fs::remove_file(&nothing.path).unwrap();
    }

    #[test]
    fn without_groups_it_is_the_systems() {
        let (_folder, memory) = memory(&[MEMINFO]);
        assert_eq!(memory.room(), Some(Room { left: 256 * MB, of: 512 * MB }));
        assert_eq!(memory.bound(), Some(512 * MB));
        let (_folder, nothing) = self::memory(&[]);
        assert_eq!((nothing.room(), nothing.bound()), (None, None));
    }

    #[test]
    fn the_group_that_has_the_least_left_counts_without_what_the_kernel_gives_back() {
        let second = [
            MEMINFO,
            ("proc/self/cgroup", "0::/system.slice/lenslet.service\n"),
            ("groups/system.slice/memory.max", "134217728\n"),
            ("groups/system.slice/memory.current", "127926272\n"),
            ("groups/system.slice/memory.stat", "anon 1\nfile 2\ninactive_file 1048576\nactive_file 0\n"),
            ("groups/system.slice/lenslet.service/memory.max", "67108864\n"),
            ("groups/system.slice/lenslet.service/memory.current", "20971520\n"),
            (
                "groups/system.slice/lenslet.service/memory.stat",
                "inactive_file 4194304\nactive_file 6291456\n",
            ),
        ];
        let (_folder, memory) = memory(&second);
        assert_eq!(memory.room(), Some(Room { left: 7 * MB, of: 128 * MB }));
        assert_eq!(memory.bound(), Some(64 * MB));
        let (_folder, memory) = self::memory(&[&second[..2], &second[5..]].concat());
        assert_eq!(memory.room(), Some(Room { left: 48 * MB, of: 64 * MB }));
    }

    #[test]
    fn what_viewers_need_is_not_spared() {
        let (_folder, memory) = memory(&[MEMINFO]);
        assert!(memory.spares(192 * MB) && !memory.spares(193 * MB) && !memory.spares(u64::MAX));
        assert!(self::memory(&[]).1.spares(u64::MAX), "nobody knows");
    }

    #[test]
    fn version_1_has_other_names_and_no_limit_is_none() {
        let (_folder, memory) = memory(&[
            MEMINFO,
            ("proc/self/cgroup", "4:memory:/a/b\n1:cpu,cpuacct:/\n0::/\n"),
            ("groups/memory/a/memory.limit_in_bytes", "9223372036854771712\n"),
            ("groups/memory/a/memory.usage_in_bytes", "20971520\n"),
            ("groups/memory/a/b/memory.limit_in_bytes", "67108864\n"),
            ("groups/memory/a/b/memory.usage_in_bytes", "20971520\n"),
            ("groups/memory/a/b/memory.stat", "inactive_file 7\ntotal_inactive_file 1048576\n"),
        ]);
        assert_eq!(memory.room(), Some(Room { left: 45 * MB, of: 64 * MB }));
    }
}
