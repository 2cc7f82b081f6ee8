//! The parts of the program that say something: what a line of the log is said by.

/// All of them, by name.
pub const ROOMS: [&str; 22] = [
    "access", "backup", "board", "cli", "client", "clock", "config", "control", "daemon", "encode", "hub",
    "logs", "media", "rtcp", "rtp", "rtsp", "sdp", "server", "source", "tools", "tui", "v4l2",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_room_of_the_program_is_known() {
        let lib = include_str!("../lib.rs");
        let rooms: Vec<&str> =
            lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
        assert_eq!(rooms, ROOMS);
    }
}
