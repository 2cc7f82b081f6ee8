//! Where something stands: `mounts["cam"].fps`.

use std::fmt;
use std::str::FromStr;

/// A way from the whole to a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(pub Vec<Step>);

/// One step of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into a field: `.fps`.
    Field(String),
    /// To a map's key: `["cam"]`.
    Key(String),
    /// To one of a list or tuple: `[0]`.
    Index(usize),
}

impl Path {
    /// The path and one step more.
    #[must_use]
    pub fn to(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) if index == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
                Step::Index(number) => write!(f, "[{number}]")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Path {
    type Err = String;

    /// # Errors
    /// What is expected where it is no path.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut path = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            let (step, behind) = step(rest, path.0.is_empty())
                .ok_or_else(|| format!("{text:?} is no path: one is like `mounts[\"cam\"].fps`"))?;
            path.0.push(step);
            rest = behind;
        }
        if path.0.is_empty() {
            return Err("the path is empty: one is like `mounts[\"cam\"].fps`".to_owned());
        }
        Ok(path)
    }
}

fn step(rest: &str, first: bool) -> Option<(Step, &str)> {
    if let Some(rest) = rest.strip_prefix('[') {
        if rest.starts_with('"') {
            let (key, behind) = super::read::string_at(rest)?;
            return Some((Step::Key(key), behind.strip_prefix(']')?));
        }
        let (number, behind) = rest.split_once(']')?;
        return Some((Step::Index(number.parse().ok()?), behind));
    }
    let rest = if first { rest } else { rest.strip_prefix('.')? };
    let end = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
    (!name.is_empty()).then(|| (Step::Field(name.to_owned()), behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_they_are_written() {
        for text in [
            "fps",
            "mounts[\"cam\"].fps",
            "listen[0]",
            "mounts[\"a \\\"b\\\" ]\"].controls[\"x\"]",
            "aliases[\"/cam?channel=1\"]",
        ] {
            assert_eq!(text.parse::<Path>().unwrap().to_string(), text);
        }
        for text in ["", ".", "a..b", "a[", "a[x]", "a[\"x]", "a[\"x\"", "a b", "a[-1]"] {
            assert!(text.parse::<Path>().is_err(), "{text}");
        }
    }
}
