//! How many of something, in words.

use std::fmt::Display;

/// `1 mount`, `2 mounts`: of one thing as it is, of any other number with an s.
pub(crate) fn amount(number: impl Display, thing: &str) -> String {
    let number = number.to_string();
    let s = if number == "1" { "" } else { "s" };
    format!("{number} {thing}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_told_from_many() {
        assert_eq!(
            [0, 1, 2, 21].map(|number| amount(number, "mount")),
            ["0 mounts", "1 mount", "2 mounts", "21 mounts"]
        );
    }
}
