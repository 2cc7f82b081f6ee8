//! Who signed in.

use std::sync::Arc;

/// A user, as he signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// His name.
    pub name: Arc<str>,
    /// Which of the passwords that this name had: by another one it may be somebody else.
    pub password: u64,
}
