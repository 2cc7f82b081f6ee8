//! `--name value` on the command line; a name that nobody knows ends the program.

use std::collections::HashMap;
use std::str::FromStr;

/// The command line, of which each option is taken once.
pub struct Options(HashMap<String, String>);

impl Options {
    /// Reads the program's arguments.
    pub fn read() -> Self {
        let mut options = HashMap::new();
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments.next().unwrap_or_else(|| panic!("{name} wants a value"));
            options.insert(name, value);
        }
        Self(options)
    }

    /// The value of an option, or its default.
    pub fn take<T: FromStr>(&mut self, name: &str, default: T) -> T {
        self.find(name).unwrap_or(default)
    }

    /// The value of an option that has to be there.
    pub fn need<T: FromStr>(&mut self, name: &str) -> T {
        self.find(name).unwrap_or_else(|| panic!("{name} is needed"))
    }

    /// The value of an option, if it is there.
    pub fn find<T: FromStr>(&mut self, name: &str) -> Option<T> {
        let value = self.0.remove(name)?;
        Some(value.parse().unwrap_or_else(|_| panic!("{name} cannot be {value}")))
    }

    /// To be called when all were taken.
    pub fn end(self) {
        assert!(self.0.is_empty(), "unknown: {:?}", self.0.keys());
    }
}
