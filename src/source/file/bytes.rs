//! A file's bytes, read where they are needed; where that goes on and on, some more of them at once.

use std::cell::{Cell, RefCell};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use crate::source::Error;

/// Read at once where reading goes on: a quarter of a second of 4 Mbit/s, so that a picture is not a system call.
const AHEAD: usize = 128 << 10;

/// An open file.
#[derive(Debug)]
pub(super) struct Bytes {
    file: File,
    length: u64,
    /// When its content was changed last, as it was opened.
    changed: (i64, i64),
    /// Whether it was written to, as it was read last.
    was_written: Cell<bool>,
    ahead: RefCell<Ahead>,
}

/// A part of the file that was read at once.
#[derive(Debug, Default)]
struct Ahead {
    offset: u64,
    bytes: Vec<u8>,
    /// Where the last read ended, of the file or of this.
    end: u64,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// MP4, MOV: ISO/IEC 14496-12.
    Mp4,
    /// Matroska, WebM: RFC 9559.
    Mkv,
    /// A byte stream, or nothing that is known.
    Stream,
    /// A container that is not served.
    Other(&'static str),
}

impl Bytes {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            file,
            length: metadata.len(),
            changed: changed(&metadata),
            was_written: Cell::new(false),
            ahead: RefCell::default(),
        })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Whether it reaches to `end`, or does by now.
    pub(super) fn has(&self, end: u64) -> bool {
        end <= self.length || self.file.metadata().is_ok_and(|metadata| end <= metadata.len())
    }

    /// Whether it was written to since it was opened.
    pub(super) fn written(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| changed(&metadata) != self.changed)
    }

    /// Whether it had been when [`read_on`](Self::read_on) last read of it.
    pub(super) fn was_written(&self) -> bool {
        self.was_written.get()
    }

    /// The bytes at `offset`, as many as there are; fewer only at the file's end.
    pub(super) fn read_some(&self, offset: u64, into: &mut [u8]) -> Result<usize, Error> {
        let mut read = 0;
        while read < into.len() {
            match self.file.read_at(&mut into[read..], offset.saturating_add(read as u64)) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::new(error.to_string())),
            }
        }
        Ok(read)
    }

    /// As [`read`](Self::read), for what is read from the file's beginning to its end: where one piece follows the
    /// other, more of them are read at once. [`was_written`](Self::was_written) tells whether
    /// they may be others by now.
    pub(super) fn read_on(&self, offset: u64, length: usize) -> Result<Option<Vec<u8>>, Error> {
        let mut ahead = self.ahead.borrow_mut();
        let follows = std::mem::replace(&mut ahead.end, offset.saturating_add(length as u64)) == offset;
        if let Some(there) = ahead.at(offset, length) {
            return Ok(Some(there.to_vec()));
        }
        let bytes = if follows && length <= AHEAD / 2 {
            let mut bytes = std::mem::take(&mut ahead.bytes);
            bytes.resize(AHEAD, 0);
            let read = self.read_some(offset, &mut bytes)?;
            bytes.truncate(read);
            (ahead.offset, ahead.bytes) = (offset, bytes);
            ahead.at(offset, length).map(<[u8]>::to_vec)
        } else {
            self.read(offset, length)?
        };
        // Only now: what was read is as it was opened, or this says that it may not be.
        self.was_written.set(self.written());
        Ok(bytes)
    }

    /// `length` bytes at `offset`; `None` if the file ends before.
    ///
    /// Nothing is allocated for what the file cannot have.
    pub(super) fn read(&self, offset: u64, length: usize) -> Result<Option<Vec<u8>>, Error> {
        if !offset.checked_add(length as u64).is_some_and(|end| self.has(end)) {
            return Ok(None);
        }
        let mut bytes = vec![0; length];
        Ok((self.read_some(offset, &mut bytes)? == length).then_some(bytes))
    }

    /// What it is, by its first bytes.
    pub(super) fn holds(&self) -> Result<Holds, Error> {
        let mut head = [0; 192];
        let length = self.read_some(0, &mut head)?;
        Ok(holds(&head[..length]))
    }
}

impl Ahead {
    /// The bytes at `offset`, if all of them are here.
    fn at(&self, offset: u64, length: usize) -> Option<&[u8]> {
        let start = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        self.bytes.get(start..)?.get(..length)
    }
}

fn changed(metadata: &Metadata) -> (i64, i64) {
    (metadata.mtime(), metadata.mtime_nsec())
}

fn holds(head: &[u8]) -> Holds {
    let at =
        |place: usize, signature: &[u8]| head.get(place..).is_some_and(|head| head.starts_with(signature));
    let boxes: [&[u8; 4]; 9] =
        [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof"];
    if boxes.iter().any(|kind| at(4, *kind)) {
        return Holds::Mp4;
    }
    if at(0, &[0x1a, 0x45, 0xdf, 0xa3]) {
        return Holds::Mkv;
    }
    type Signature = (usize, &'static [u8]);
    let other: [(&[Signature], &str); 7] = [
        (&[(0, b"G"), (188, b"G")], "an MPEG transport stream"),
        (&[(0, &[0, 0, 1, 0xba])], "an MPEG program stream"),
        (&[(0, b"RIFF"), (8, b"AVI ")], "an AVI file"),
        (&[(0, b"FLV\x01")], "a Flash video"),
        (&[(0, b"OggS")], "an Ogg file"),
        (&[(0, &[0xff, 0xd8, 0xff])], "a JPEG picture"),
        (&[(0, b"\x89PNG")], "a PNG picture"),
    ];
    let known =
        other.iter().find(|(signatures, _)| signatures.iter().all(|(place, bytes)| at(*place, bytes)));
    known.map_or(Holds::Stream, |(_, what)| Holds::Other(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_first_bytes() {
        for (head, expected) in [
            (&b"\0\0\0\x20ftypisom"[..], Holds::Mp4),
            (b"\0\0\0\x08wide\0\0\0\0mdat", Holds::Mp4),
            (&[0, 0, 0, 1, 0x67, 0x42], Holds::Stream),
            (b"", Holds::Stream),
            (b"this is text", Holds::Stream),
            (&[0x1a, 0x45, 0xdf, 0xa3, 0x80], Holds::Mkv),
            (&[0x47; 192], Holds::Other("an MPEG transport stream")),
            (b"RIFF\0\0\0\0AVI LIST", Holds::Other("an AVI file")),
            (b"RIFF\0\0\0\0WAVE", Holds::Stream),
        ] {
            assert_eq!(holds(head), expected, "{head:?}");
        }
    }

    #[test]
    fn what_is_read_ahead_is_what_the_file_has() {
        let content: Vec<u8> = (0..AHEAD * 2 + 77).map(|at| ((at / 3) ^ (at >> 9)) as u8).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &content).unwrap();
        let bytes = Bytes::new(File::open(file.path()).unwrap()).unwrap();
        let check = |offset: usize, length: usize| {
            let read = bytes.read_on(offset as u64, length).unwrap();
            assert!(read.as_deref() == content.get(offset..offset + length), "{length} bytes at {offset}");
        };
        // On and on, over the end, from one place to another and back, and in pieces larger than what is read ahead.
        (0..content.len() + 999).step_by(999).for_each(|offset| check(offset, 999));
        for offset in (0..AHEAD).step_by(7_919) {
            for (offset, length) in
                [(offset, 20), (offset + 20, 400), (offset + AHEAD, 30), (offset + 420, AHEAD)]
            {
                check(offset, length);
            }
        }
        assert!(!bytes.was_written());
        std::fs::write(file.path(), b"another").unwrap();
        bytes.read_on(0, AHEAD + 1).unwrap();
        assert!(bytes.was_written());
    }

    #[test]
    fn nothing_is_allocated_for_what_is_not_there() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"0123456789").unwrap();
        let bytes = Bytes::new(File::open(file.path()).unwrap()).unwrap();
        assert_eq!(bytes.read(2, 3).unwrap().as_deref(), Some(&b"234"[..]));
        for (offset, length) in [(8, 3), (0, usize::MAX), (u64::MAX, 1), (1 << 40, 1 << 30)] {
            assert_eq!(bytes.read(offset, length).unwrap(), None, "{offset} {length}");
        }
    }
}
