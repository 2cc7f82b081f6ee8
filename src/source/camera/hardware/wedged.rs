//! What is done once an encoder is believed to be wedged.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

/// A machine that has run for less is not started anew: it would never be up.
const UP: Duration = Duration::from_secs(600);

/// What is done when the board's encoder needs the machine to be started anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum OnWedged {
    /// It is said.
    #[default]
    Tell,
    /// The machine is started anew, if it has been up for ten minutes.
    Reboot,
}

/// Starts the machine anew.
pub(super) trait Machine: Send {
    /// Time since it was started.
    fn up(&self) -> Duration;
    /// Asks for it.
    fn reboot(&mut self) -> Result<(), String>;
}

/// This machine.
#[derive(Debug)]
pub(super) struct This;

impl Machine for This {
    fn up(&self) -> Duration {
        let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
        let seconds = text.split_whitespace().next().and_then(|seconds| seconds.parse().ok());
        seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or_default()
    }

    fn reboot(&mut self) -> Result<(), String> {
        let ask = |program: &str, argument: Option<&str>| {
            let mut command = Command::new(program);
            command.args(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            match command.status() {
                Ok(status) if status.success() => Ok(()),
                Ok(status) => Err(format!("{program}: {status}")),
                Err(error) => Err(format!("{program}: {error}")),
            }
        };
        ask("systemctl", Some("reboot"))
            .or_else(|why| ask("reboot", None).map_err(|and| format!("{why}; {and}")))
    }
}

/// Does what is configured, once; says what in words, or nothing if there is nothing to do.
pub(super) fn act(on: OnWedged, done: &mut bool, machine: &mut dyn Machine) -> Option<String> {
    if on == OnWedged::Tell || *done {
        return None;
    }
    let up = machine.up();
    if up < UP {
        return Some(format!("no reboot: the machine is up for {} s only", up.as_secs()));
    }
    *done = true;
    Some(match machine.reboot() {
        Ok(()) => "the machine is started anew, as is configured".to_owned(),
        Err(why) => format!("it cannot be started anew: {why}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counted(Duration, u32, Result<(), String>);

    impl Machine for Counted {
        fn up(&self) -> Duration {
            self.0
        }

        fn reboot(&mut self) -> Result<(), String> {
            self.1 += 1;
            self.2.clone()
        }
    }

    #[test]
    fn the_machine_is_started_anew_where_that_is_configured_and_once() {
        for (on, up, answer, reboots, says) in [
            (OnWedged::Tell, 6000, Ok(()), 0, None),
            (OnWedged::Reboot, 599, Ok(()), 0, Some("no reboot: the machine is up for 599 s only")),
            (OnWedged::Reboot, 600, Ok(()), 1, Some("the machine is started anew, as is configured")),
            (OnWedged::Reboot, 600, Err("no".to_owned()), 1, Some("it cannot be started anew: no")),
        ] {
            let mut machine = Counted(Duration::from_secs(up), 0, answer);
            let mut done = false;
            assert_eq!(act(on, &mut done, &mut machine).as_deref(), says);
            act(on, &mut done, &mut machine);
            assert_eq!(machine.1, reboots);
        }
    }
}
