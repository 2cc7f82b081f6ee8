//! Names that many have alike, of mounts and programs: once in memory, whoever has them.

use std::sync::Arc;

/// Names that are known to be had: as many as there are mounts and kinds of clients, mostly.
const MOST: usize = 32;

/// A longer one is a stranger's, and its own.
const LONGEST: usize = 128;

/// The names that came last.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<Arc<str>>);

impl Names {
    /// The name, in the one place where others have it too.
    pub(super) fn one(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.iter().find(|known| ***known == *name) {
            return known.clone();
        }
        let new: Arc<str> = name.into();
        if name.len() <= LONGEST {
            if self.0.len() == MOST {
                self.0.remove(0);
            }
            self.0.push(new.clone());
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_there_once_and_strangers_leave_nothing_behind() {
        let mut names = Names::default();
        let first = names.one("camera0");
        assert!(Arc::ptr_eq(&first, &names.one("camera0")));
        for number in 0..1000 {
            names.one(&number.to_string());
            let long = "x".repeat(LONGEST + number + 1);
            assert!(!Arc::ptr_eq(&names.one(&long), &names.one(&long)));
        }
        assert_eq!(names.0.len(), MOST);
        assert_eq!(names.one("camera0"), first);
    }
}
