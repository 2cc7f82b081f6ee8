//! Behaviour, shown through public doors.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
