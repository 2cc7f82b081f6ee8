//! A password, asked for where a person sits and read from where a script writes; never an argument, which every user of
//! the machine could read.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;

use nix::sys::termios::{self, LocalFlags, SetArg, SpecialCharacterIndices, Termios};
use zeroize::{Zeroize, Zeroizing};

use crate::control::protocol::Password;

/// Bytes that are kept for it from the beginning: what grows leaves a copy behind.
const ROOM: usize = 4096;

/// The new password. A person types it twice.
///
/// # Errors
/// There is nobody to ask, the two are not the same, it is no text, or the person thinks better of it: in a sentence.
pub(super) fn new_password(name: &str, from_stdin: bool) -> Result<Password, String> {
    if from_stdin {
        // Not by the buffer of its own that standard input has.
        let stdin = io::stdin().as_fd().try_clone_to_owned();
        return piped(&mut File::from(
            stdin.map_err(|error| format!("the password cannot be read: {error}"))?,
        ));
    }
    if !io::stdin().is_terminal() {
        return Err(
            "a password is typed at a terminal; a script pipes it in with --password-stdin".to_owned()
        );
    }
    let typed = typed(&format!("Password for {name}: "))?;
    if typed != self::typed("Again: ")? {
        return Err("the two are not the same: nothing was changed".to_owned());
    }
    Ok(typed)
}

/// All that is piped in, without the line's end that `echo` writes.
fn piped(input: &mut impl Read) -> Result<Password, String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(ROOM));
    input.read_to_end(&mut bytes).map_err(|error| format!("the password cannot be read: {error}"))?;
    let line = bytes.strip_suffix(b"\n").map_or(&bytes[..], |line| line.strip_suffix(b"\r").unwrap_or(line));
    text(line)
}

fn text(bytes: &[u8]) -> Result<Password, String> {
    let text = std::str::from_utf8(bytes);
    text.map(Password::from).map_err(|_| "the password is no UTF-8 text, which players send".to_owned())
}

/// A line that is typed and not shown.
fn typed(question: &str) -> Result<Password, String> {
    let no_terminal = |error: io::Error| format!("the terminal does not hide what is typed: {error}");
    let mut err = io::stderr().lock();
    let hidden = Hidden::new().map_err(no_terminal)?;
    // Where the question cannot be seen, the answer can still be typed.
    let _ = write!(err, "{question}").and_then(|()| err.flush());
    // Not by the buffer of its own that standard input has.
    let line = line(&mut File::from(io::stdin().as_fd().try_clone_to_owned().map_err(no_terminal)?));
    drop(hidden);
    let _ = writeln!(err);
    text(&line?)
}

/// Reads single keys until Enter.
fn line(input: &mut impl Read) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut line = Zeroizing::new(Vec::with_capacity(ROOM));
    let mut key = [0];
    loop {
        match input.read(&mut key) {
            Ok(0) => return Err("the terminal was closed: nothing was changed".to_owned()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("the password cannot be read: {error}")),
        }
        match key[0] {
            b'\r' | b'\n' => return Ok(line),
            CTRL_C | CTRL_D => return Err("nothing was changed".to_owned()),
            CTRL_U => line.zeroize(),
            BACKSPACE | DELETE => {
                // A character of several bytes goes as a whole.
                while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            byte => line.push(byte),
        }
    }
}

const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const BACKSPACE: u8 = 8;
const CTRL_U: u8 = 21;
const DELETE: u8 = 127;

/// A terminal that shows nothing and gives keys one by one, Ctrl-C too: whoever ends the program by it does not leave
/// the terminal so. As it was before, once this is dropped.
struct Hidden(Termios);

impl Hidden {
    fn new() -> io::Result<Self> {
        let stdin = io::stdin();
        let before = termios::tcgetattr(stdin.as_fd())?;
        let mut hidden = before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG);
        hidden.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
        hidden.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        // What was typed before the question was no answer to it.
        termios::tcsetattr(stdin.as_fd(), SetArg::TCSAFLUSH, &hidden)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // A terminal that is gone needs no order.
        let _ = termios::tcsetattr(io::stdin().as_fd(), SetArg::TCSADRAIN, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_piped_in_is_the_password_without_the_last_lines_end() {
        for (bytes, password) in [
            (&b"secret\n"[..], "secret"),
            (b"secret\r\n", "secret"),
            (b"secret", "secret"),
            (b" a:b%\"\\@\t\n\n", " a:b%\"\\@\t\n"),
            ("päss wörd".as_bytes(), "päss wörd"),
        ] {
            assert_eq!(piped(&mut { bytes }), Ok(Password::from(password)));
        }
        assert!(piped(&mut &b"\xff\xfe"[..]).unwrap_err().contains("UTF-8"));
    }

    #[test]
    fn what_is_typed_can_be_mended_and_thought_better_of() {
        let typed = |keys: &[u8]| line(&mut { keys }).map(|line| String::from_utf8(line.to_vec()).unwrap());
        assert_eq!(typed(b"secrt\x7fet\r").as_deref(), Ok("secret"));
        assert_eq!(typed("aä\x7fb\n".as_bytes()).as_deref(), Ok("ab"));
        assert_eq!(typed(b"\x7fwrong\x15right\n").as_deref(), Ok("right"));
        assert_eq!(typed(b"secret\x03"), Err("nothing was changed".to_owned()));
        assert!(typed(b"secret").is_err(), "it was not ended");
    }
}
