//! What a form offers to be typed.

/// What fits a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// What is typed by it.
    pub value: String,
    /// How it is listed.
    pub shown: String,
}

impl Suggestion {
    pub(super) fn new(value: String, about: &str) -> Self {
        let shown = format!("{value} {about}").trim_end().to_owned();
        Self { value, shown }
    }
}
