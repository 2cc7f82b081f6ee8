//! Who runs on this machine, as `/proc` tells: whose children they are, and in which groups.

use std::collections::HashMap;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, getsid};

/// What `/proc/*/stat` says of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) parent: u32,
    group: u32,
    session: u32,
    /// When it began, in ticks since the machine did.
    began: u64,
}

impl Process {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(&std::fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Reads a line of `/proc/*/stat`, of which the second field, the name, may hold anything.
    fn parse(stat: &[u8]) -> Option<Self> {
        let name = stat.iter().rposition(|byte| *byte == b')')?;
        let fields: Vec<&str> = std::str::from_utf8(&stat[name + 1..]).ok()?.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        let pid = |at: usize| u32::try_from(number(at)?).ok();
        Some(Self { parent: pid(1)?, group: pid(2)?, session: pid(3)?, began: number(19)? })
    }
}

/// All that there are.
pub(super) fn all() -> HashMap<u32, Process> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| Some((pid, Process::read(pid)?))).collect()
}

/// Who comes from one, by any number of steps.
pub(super) fn descendants(of: u32, processes: &HashMap<u32, Process>) -> Vec<u32> {
    let mut all = vec![of];
    let mut next = 0;
    while let Some(parent) = all.get(next).copied() {
        // A number that is given anew between two reads could make a ring.
        let children = processes.iter().filter(|(child, of)| of.parent == parent && !all.contains(child));
        let children: Vec<u32> = children.map(|(child, _)| *child).collect();
        all.extend(children);
        next += 1;
    }
    all.remove(0);
    all
}

/// The process group of a program that was started by somebody else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    /// The program, which leads it, and when it began if that was seen.
    leader: u32,
    began: Option<u64>,
}

impl Group {
    /// The group that a program leads.
    pub(super) fn of(leader: u32) -> Self {
        Self { leader, began: Process::read(leader).map(|process| process.began) }
    }

    /// Ends those of it who are left: who stayed in the group, though their parent is gone.
    pub(super) fn kill(self) {
        // Asked of the kernel, for an emulator has a line of its own for itself in `/proc`.
        let ours = getsid(None).map(|session| session.as_raw().cast_unsigned());
        if ours.is_ok_and(|session| self.is_left(session, &all())) {
            let _ = killpg(Pid::from_raw(self.leader.cast_signed()), Signal::SIGKILL);
        }
    }

    /// Whether there are any of it. Its number is nobody else's for as long as there are; else it may be given anew: to a
    /// process that began later, or to a group of somebody's session.
    fn is_left(self, session: u32, processes: &HashMap<u32, Process>) -> bool {
        // None and all but one are numbers that a signal takes for something else.
        if self.leader < 2
            || processes.get(&self.leader).is_some_and(|leader| Some(leader.began) != self.began)
        {
            return false;
        }
        let mut members = processes.values().filter(|process| process.group == self.leader).peekable();
        members.peek().is_some() && members.all(|member| member.session == session)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_read_behind_any_name() {
        let line = |name: &str| {
            format!("12 ({name}) S 7 10 9 0 -1 4194560 1 0 0 0 1 0 0 0 20 0 1 0 8675 9 9 9").into_bytes()
        };
        let read = Some(Process { parent: 7, group: 10, session: 9, began: 8675 });
        assert_eq!((Process::parse(&line("sh")), Process::parse(&line("a) S 9 (b"))), (read, read));
        let mut odd = line("a_b");
        odd[5] = 0xff;
        assert_eq!(Process::parse(&odd), read);
        for line in [
            "",
            "12 (sh",
            "12 (sh) S",
            "12 (sh) S 7 10 9 0 -1",
            "12 (sh) S -7 10 9 0 -1 1 1 0 0 0 1 0 0 0 2 0 1 0 8 9",
        ] {
            assert_eq!(Process::parse(line.as_bytes()), None, "{line}");
        }
    }

    fn process(parent: u32, group: u32, session: u32, began: u64) -> Process {
        Process { parent, group, session, began }
    }

    #[test]
    fn descendants_are_all_who_come_from_one_and_nobody_else() {
        let parents = [(2, 1), (3, 2), (4, 3), (5, 2), (6, 1), (7, 6), (8, 9), (9, 8)];
        let processes = parents.map(|(pid, parent)| (pid, process(parent, 1, 1, 0))).into();
        let sorted = |of| {
            let mut all = descendants(of, &processes);
            all.sort_unstable();
            all
        };
        assert_eq!((sorted(2), sorted(6), sorted(4)), (vec![3, 4, 5], vec![7], vec![]));
        assert_eq!(sorted(8), [9], "a ring ends");
    }

    #[test]
    fn a_group_is_ours_unless_its_number_was_given_anew() {
        let group = |leader, began| Group { leader, began };
        let table = [
            (80, process(1, 50, 7, 900)),
            (60, process(3, 60, 7, 500)),
            (61, process(1, 60, 7, 600)),
            (81, process(1, 70, 8, 900)),
            (82, process(1, 1, 7, 900)),
            (83, process(1, 90, 7, 900)),
            (84, process(1, 90, 8, 900)),
        ];
        let left = |leader, began| group(leader, began).is_left(7, &table.into());
        assert!(left(50, Some(400)), "its leader is gone, and one is left");
        assert!(left(50, None), "it had ended before it was looked at");
        assert!(left(60, Some(500)), "its leader is there");
        assert!(!left(60, Some(400)), "another process has its number");
        assert!(!left(60, None));
        assert!(!left(70, Some(400)), "it is of another session");
        assert!(!left(90, Some(400)), "in part");
        assert!(!left(40, Some(400)), "nobody is left");
        assert!(!left(1, None) && !left(0, None), "all of them");
    }

    fn leader(script: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null()).process_group(0).spawn().unwrap()
    }

    #[test]
    fn a_group_is_ended_and_a_stranger_with_its_number_is_not() {
        let mut child = leader("sleep 60");
        let group = Group::of(child.id());
        assert!(group.began.is_some());
        Group { began: group.began.map(|began| began + 1), ..group }.kill();
        assert!(child.try_wait().unwrap().is_none(), "it began at another time");
        group.kill();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
        // Its number is nobody's now, or somebody else's.
        group.kill();
    }
}
