//! A network of a test's own: addresses and ports that nobody else has.

use std::fs;
use std::process::{Child, Command, Stdio};

/// A network of its own, as long as this lives.
pub(crate) struct Network(Child);

impl Network {
    /// None where none can be had, which is told.
    pub(crate) fn new() -> Option<Self> {
        let unshare = |arguments: &[&str]| {
            Command::new("unshare").arg("-n").args(arguments).stdout(Stdio::null()).spawn()
        };
        if !unshare(&["ip", "link"]).is_ok_and(|mut child| child.wait().is_ok_and(|status| status.success()))
        {
            assert!(std::env::var_os("LENSLET_REQUIRE_TOOLS").is_none(), "there is no network to be had");
            println!("SKIPPED: no network of its own");
            return None;
        }
        let network = Self(unshare(&["sleep", "120"]).unwrap());
        let mine = fs::read_link("/proc/self/ns/net").unwrap();
        while fs::read_link(format!("/proc/{}/ns/net", network.0.id())).unwrap() == mine {
            std::thread::yield_now();
        }
        Some(network)
    }

    /// Runs a program in it.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.0.id().to_string(), "-n", program]);
        command.env("RUNTIME_DIRECTORY", super::NO_DAEMONS);
        command
    }

    /// Who is in it.
    pub(crate) fn process(&self) -> u32 {
        self.0.id()
    }

    /// `ip`, with these arguments.
    pub(crate) fn ip(&self, arguments: &str) {
        assert!(self.command("ip").args(arguments.split(' ')).status().unwrap().success(), "{arguments}");
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
