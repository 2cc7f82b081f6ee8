//! What is different between versions, as `diff -u` shows it.

use similar::TextDiff;

use super::{Error, Store};

/// The lines that differ between two texts, with three lines around each; empty: they are the same.
pub fn difference(before: (&str, &str), after: (&str, &str)) -> String {
    let ((before_name, before), (after_name, after)) = (before, after);
    TextDiff::from_lines(before, after).unified_diff().header(before_name, after_name).to_string()
}

impl Store {
    /// What is different from a version, the newest if none is named, to another, or to what the file says now.
    ///
    /// # Errors
    /// There is no such version, it is damaged, or the file cannot be read.
    pub fn difference(&self, from: Option<u64>, to: Option<u64>) -> Result<String, Error> {
        let version = |number: u64| Ok::<_, Error>((format!("version {number}"), self.text(number)?));
        let before = match from.or_else(|| self.newest()) {
            Some(number) => version(number)?,
            None => ("no version".to_owned(), String::new()),
        };
        let after = match to {
            Some(number) => version(number)?,
            None => (self.path.display().to_string(), self.written()?.unwrap_or_default()),
        };
        Ok(difference((&before.0, &before.1), (&after.0, &after.1)))
    }
}
