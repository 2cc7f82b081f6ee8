//! From which machine a process came, as `systemd-logind` has it: who signed in by SSH is in a session of his own, whose
//! number the kernel tells by the process's control group, and whose file says from where (`sd-login(3)`). Nobody but root
//! can make either say anything else; `sudo` and a `tmux` that he started are of the same session.

use std::fs;
use std::path::Path;

/// What is told of it at most.
const LONGEST: usize = 64;

/// The address, or the name, of the other machine; none for who sits at this one, for services, and where nobody keeps sessions.
pub(super) fn origin(root: &Path, pid: i32) -> Option<String> {
    let groups = fs::read_to_string(root.join(format!("proc/{pid}/cgroup"))).ok()?;
    let file = root.join("run/systemd/sessions").join(session(&groups)?);
    let said = fs::read_to_string(file).ok()?;
    remote_host(&said).map(str::to_owned)
}

/// `3`, of `0::/user.slice/user-1000.slice/session-3.scope`.
fn session(groups: &str) -> Option<&str> {
    let mut names = groups.lines().flat_map(|line| line.split('/'));
    let number = names.find_map(|name| name.strip_prefix("session-")?.strip_suffix(".scope"))?;
    // It becomes a file's name.
    number.bytes().all(|byte| byte.is_ascii_alphanumeric()).then_some(number)
}

fn remote_host(said: &str) -> Option<&str> {
    let host = said.lines().find_map(|line| line.strip_prefix("REMOTE_HOST="))?.trim_matches('"');
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".:-_%[]".contains(&byte);
    (!host.is_empty() && host.len() <= LONGEST && host.bytes().all(is_plain)).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_signed_in_from_elsewhere_is_told_from_who_did_not() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let file = "# This is private data. Do not parse.\nUID=1000\nUSER=pi\nACTIVE=1\nREMOTE=1\nTYPE=tty\nSERVICE=sshd\n";
        write("run/systemd/sessions/3", &format!("{file}REMOTE_HOST=192.168.1.9\n"));
        write("run/systemd/sessions/4", file);
        write("run/systemd/sessions/5", "REMOTE_HOST=\"fe80::1%eth0\"\n");
        write("run/systemd/sessions/6", "REMOTE_HOST=a\u{1b}[31m\n");
        for (pid, group, origin_is) in [
            (1, "0::/user.slice/user-1000.slice/session-3.scope\n", Some("192.168.1.9")),
            (2, "0::/user.slice/user-1000.slice/session-4.scope\n", None),
            (3, "1:name=systemd:/user.slice/user-0.slice/session-5.scope\n", Some("fe80::1%eth0")),
            (4, "0::/user.slice/user-1000.slice/session-6.scope\n", None),
            (5, "0::/system.slice/lenslet.service\n", None),
            (6, "0::/user.slice/session-../3.scope\n", None),
            (7, "0::/user.slice/session-9.scope\n", None),
            (8, "", None),
        ] {
            write(&format!("proc/{pid}/cgroup"), group);
            assert_eq!(origin(root.path(), pid).as_deref(), origin_is, "{group:?}");
        }
        assert_eq!(origin(root.path(), 99), None);
    }
}
