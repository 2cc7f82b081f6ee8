//! What may be written of access.

use serde::Deserialize;

/// Who may watch, and from where.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct AccessFile {
    pub(in crate::config) realm: Option<String>,
    pub(in crate::config) users_file: Option<String>,
    pub(in crate::config) open_to_world: Option<bool>,
    pub(in crate::config) basic: Option<bool>,
    pub(in crate::config) allow: Option<Vec<String>>,
    pub(in crate::config) deny: Option<Vec<String>>,
    pub(in crate::config) exempt: Option<Vec<String>>,
}
