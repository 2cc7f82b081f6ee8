//! Colours in the escapes that a terminal knows: one of eight colours was never told of `38;5;2`.

use std::io::{self, Write};

use super::theme::Colours;

/// Passes on what is written; what has to do with colours as the terminal knows them.
#[derive(Debug)]
pub struct Sgr<W> {
    to: W,
    colours: Colours,
    /// What came of a sequence that is not whole yet.
    begun: Vec<u8>,
}

impl<W: Write> Sgr<W> {
    /// Before a terminal of so many colours.
    pub fn new(to: W, colours: Colours) -> Self {
        Self { to, colours, begun: Vec::new() }
    }

    fn byte(&mut self, byte: u8) -> io::Result<()> {
        match (&self.begun[..], byte) {
            ([], b'\x1b') | ([b'\x1b'], b'[') => self.begun.push(byte),
            ([b'\x1b', b'[', ..], b'0'..=b';') => self.begun.push(byte),
            ([b'\x1b', b'[', numbers @ ..], b'm') => {
                let told = told(&String::from_utf8_lossy(numbers), self.colours);
                self.begun.clear();
                if let Some(told) = told {
                    write!(self.to, "\x1b[{told}m")?;
                }
            }
            _ => {
                self.to.write_all(&self.begun)?;
                self.begun.clear();
                self.to.write_all(&[byte])?;
            }
        }
        Ok(())
    }
}

impl<W: Write> Write for Sgr<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.colours == Colours::All {
            return self.to.write(bytes);
        }
        bytes.iter().try_for_each(|byte| self.byte(*byte))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The numbers of a sequence (`38;5;2;1`) for a terminal of fewer colours; none: nothing is left of it.
fn told(numbers: &str, colours: Colours) -> Option<String> {
    let (mut told, mut left) = (Vec::new(), numbers.split(';').peekable());
    while let Some(number) = left.next() {
        let colour = match number.parse::<u8>() {
            Ok(ground @ (38 | 48)) => match left.next() {
                Some("5") => left.next().and_then(|it| basic(ground - 8, it)),
                // Red, green and blue: nothing that is drawn for such a terminal has them.
                _ => left.by_ref().nth(2).and(None),
            },
            Ok(colour @ (30..=49 | 90..=107)) => Some(colour.to_string()),
            _ => {
                told.push(number.to_owned());
                continue;
            }
        };
        told.extend(colour.filter(|_| colours != Colours::None));
    }
    (!told.is_empty()).then(|| told.join(";"))
}

/// One of 256 as one of eight, from 30 or 40 on: bright ones as the others.
fn basic(from: u8, colour: &str) -> Option<String> {
    let colour: u8 = colour.parse().ok().filter(|colour| *colour < 16)?;
    Some((from + colour % 8).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(colours: Colours, text: &str) -> String {
        let mut out = Vec::new();
        let mut to = Sgr::new(&mut out, colours);
        // In pieces of any size.
        text.as_bytes().iter().for_each(|byte| to.write_all(&[*byte]).unwrap());
        to.flush().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn colours_are_told_as_the_terminal_knows_them() {
        let drawn =
            "\x1b[2;5H\x1b[38;5;2;49mlive\x1b[1m\x1b[48;5;9;38;5;7mx\x1b[39m\x1b[49m\x1b[0m\x1b[m\x1b7é";
        let eight = "\x1b[2;5H\x1b[32;49mlive\x1b[1m\x1b[41;37mx\x1b[39m\x1b[49m\x1b[0m\x1b[m\x1b7é";
        assert_eq!(sent(Colours::All, drawn), drawn);
        assert_eq!(sent(Colours::Eight, drawn), eight);
        assert_eq!(sent(Colours::None, drawn), "\x1b[2;5Hlive\x1b[1mx\x1b[0m\x1b[m\x1b7é");
        assert_eq!(sent(Colours::Eight, "\x1b[38;2;1;2;3;1mx\x1b[?25l"), "\x1b[1mx\x1b[?25l");
    }
}
