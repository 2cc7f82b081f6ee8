//! A text that may be secret: wiped where it is let go, written and read without copies that are not.

use std::fmt;
use std::io;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// A file of a room's.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Text(Zeroizing<String>);

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} bytes)", self.0.len())
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// From JSON alone: what reads it has other texts copied where they have escapes, and wipes no copy.
impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = <&RawValue>::deserialize(deserializer)?;
        let text = unescaped(written.get()).map(Self);
        text.ok_or_else(|| serde::de::Error::custom("a section is no text"))
    }
}

/// What a text of JSON means ([RFC 8259 section 7](https://www.rfc-editor.org/rfc/rfc8259#section-7)).
fn unescaped(written: &str) -> Option<Zeroizing<String>> {
    let mut rest = written.strip_prefix('"')?.strip_suffix('"')?;
    // No escape is shorter than what it stands for.
    let mut text = Zeroizing::new(String::with_capacity(rest.len()));
    while let Some(at) = rest.find('\\') {
        let (plain, escaped) = rest.split_at(at);
        let length = match escaped.as_bytes() {
            // The first of a pair.
            [_, b'u', b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B', ..] => 12,
            [_, b'u', ..] => 6,
            _ => 2,
        };
        let (escape, behind) = escaped.split_at_checked(length)?;
        let meant: String = serde_json::from_str(&format!("\"{escape}\"")).ok()?;
        text.push_str(plain);
        text.push_str(&meant);
        rest = behind;
    }
    text.push_str(rest);
    Some(text)
}

/// What is written twice, first to be counted: its memory is as large from the beginning as it becomes, for what grows leaves a
/// copy behind.
pub(super) fn whole(write: impl Fn(&mut dyn io::Write) -> serde_json::Result<()>) -> Zeroizing<Vec<u8>> {
    let mut count = Count(0);
    // Texts, numbers and maps of them: nothing that JSON has not.
    let _ = write(&mut count);
    let mut bytes = Zeroizing::new(Vec::with_capacity(count.0));
    let _ = write(&mut *bytes);
    bytes
}

struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_reads_as_it_was_written() {
        for meant in ["", "plain", "\"quoted\" \\ /\n\t\r\u{8}\u{c}\u{0}", "\u{e4} \u{1f408} \u{7f}\u{2028}"]
        {
            let text = Text::from(meant.to_owned());
            let written = serde_json::to_string(&text).unwrap();
            let escaped: String = meant.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
            for written in [written, format!("\"{escaped}\"")] {
                assert_eq!(&*serde_json::from_str::<Text>(&written).unwrap(), meant, "{written}");
            }
        }
        assert_eq!(&*serde_json::from_str::<Text>("\"\\/\"").unwrap(), "/");
        for wrong in ["\"\\ud83d\"", "\"\\ud83d\\u0041\"", "\"\\udc00\"", "7", "null", "[\"a\"]", "\"\\x\""] {
            assert!(serde_json::from_str::<Text>(wrong).is_err(), "{wrong}");
        }
        assert_eq!(format!("{:?}", Text::from("secret".to_owned())), "(6 bytes)");
    }
}
