//! What is said over the control socket: a request a line, an answer a line, both JSON. Pure: text in, text out.
//!
//! ```text
//! -> {"v":1,"id":1,"do":"kick","session":"5f2a"}
//! <- {"v":1,"id":1,"reply":{"done":{"said":"session 5f2a was ended"}}}
//! -> {"v":1,"id":2,"do":"status","every_ms":250}
//! <- {"v":1,"id":2,"more":true,"reply":{"status":{...}}}      again and again, until {"do":"cancel","of":2}
//! <- {"v":1,"id":3,"refusal":{"what":"no-such-mount","why":"...","what_to_do":"..."}}
//! ```

mod access;
mod config;
mod line;
mod reply;
mod request;
mod secret;
mod status;

pub use access::{
    AccessCount, AccessRequest, AccessState, AuditEntry, BanEntry, OpenTo, Password, UserEntry,
};
pub use config::{
    Base, Change, Checked, ConfigRequest, ConfigText, Edit, MountChange, Plan, Problem, VersionEntry, Written,
};
pub use line::{AnswerLine, Outcome, RequestLine, Unreadable};
pub use reply::{Control, ControlKind, LogEvent, LogLine, Refusal, Reply, Snapshot};
pub use request::{Act, Ask, Level, LogWish, Look, Request, Value};
pub use status::{
    Alarm, AlarmLevel, Board, ConfigOrigin, ConfigState, Disk, Dropped, Encoder, MountState, MountStatus,
    Power, RestartReason, SessionState, SessionStatus, StageLatency, Status, TrackStatus, Transport, Wifi,
};

/// The version of the protocol that this program speaks. Fields are added within a version; who reads passes over
/// those that it does not know.
pub const VERSION: u32 = 1;
