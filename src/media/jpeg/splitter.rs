//! Concatenated JPEGs (`.mjpeg`) cut apart.

use memchr::{memchr, memmem};

use super::Unfit;
use super::image::MOST_BYTES;

/// Cuts a stream of JPEGs into pictures; what stands between them is passed over.
///
/// It looks at markers and lengths alone, so that a thumbnail inside a segment begins no picture. What is
/// damaged or cut short is handed out too: [`Image::parse`](super::Image::parse) says what it lacks.
#[derive(Debug, Default)]
pub struct Splitter {
    buffer: Vec<u8>,
    /// How far it was looked at; behind the buffer's end where a segment is.
    at: usize,
    place: Place,
}

#[derive(Clone, Copy, Debug, Default)]
enum Place {
    #[default]
    Between,
    Segments,
    Scan,
}

/// What one look at the buffer found.
enum Look {
    /// More can be said at once.
    On,
    /// Not without more bytes.
    Wait,
    /// The picture ends here.
    End(usize),
}

impl Splitter {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next picture; `None` until more bytes come. Ask until then before the next [`Splitter::push`]:
    /// no more than one picture is held.
    ///
    /// # Errors
    /// [`Unfit::TooLong`] for 16 MB without an end.
    pub fn poll_picture(&mut self) -> Option<Result<Vec<u8>, Unfit>> {
        loop {
            let look = match self.place {
                Place::Between => self.between(),
                Place::Segments => self.segment(),
                Place::Scan => self.scan(),
            };
            match look {
                Look::On => {}
                Look::End(end) => {
                    let picture = self.buffer.drain(..end).collect();
                    (self.at, self.place) = (0, Place::Between);
                    return Some(Ok(picture));
                }
                Look::Wait if self.buffer.len() > MOST_BYTES => {
                    *self = Self::default();
                    return Some(Err(Unfit::TooLong));
                }
                Look::Wait => return None,
            }
        }
    }

    /// Bytes that are held.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// The picture that the stream's end cuts short, if there is one.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        let unended = std::mem::take(self);
        (!matches!(unended.place, Place::Between)).then_some(unended.buffer)
    }

    fn between(&mut self) -> Look {
        match memmem::find(&self.buffer, &[0xff, 0xd8, 0xff]) {
            Some(start) => {
                self.buffer.drain(..start);
                (self.at, self.place) = (2, Place::Segments);
                Look::On
            }
            None => {
                // A start may be cut.
                let passed = self.buffer.len().saturating_sub(2);
                self.buffer.drain(..passed);
                Look::Wait
            }
        }
    }

    fn segment(&mut self) -> Look {
        let Some(rest) = self.buffer.get(self.at..) else { return Look::Wait };
        let fill = rest.iter().take_while(|byte| **byte == 0xff).count();
        let Some(marker) = rest.get(fill) else { return Look::Wait };
        let behind = self.at + fill + 1;
        match marker {
            0 => Look::End(self.at),
            _ if fill == 0 => Look::End(self.at),
            0xd9 => Look::End(behind),
            0x01 | 0xd0..=0xd8 => {
                self.at = behind;
                Look::On
            }
            marker => {
                let Some(&[high, low]) = self.buffer.get(behind..behind + 2) else { return Look::Wait };
                if *marker == 0xda {
                    self.place = Place::Scan;
                }
                self.at = behind + usize::from(u16::from_be_bytes([high, low])).max(2);
                Look::On
            }
        }
    }

    fn scan(&mut self) -> Look {
        let Some(rest) = self.buffer.get(self.at..) else { return Look::Wait };
        let Some(found) = memchr(0xff, rest) else {
            self.at = self.buffer.len();
            return Look::Wait;
        };
        self.at += found;
        match self.buffer.get(self.at + 1) {
            None => return Look::Wait,
            Some(0xd9) => return Look::End(self.at + 2),
            // Another picture begins: this one has no end.
            Some(0xd8) => return Look::End(self.at),
            Some(0xff) => self.at += 1,
            Some(0 | 0xd0..=0xd7) => self.at += 2,
            Some(_) => self.place = Place::Segments,
        }
        Look::On
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::jpeg::Image;

    fn fixture(name: &str) -> Vec<u8> {
        std::fs::read(format!("tests/fixtures/bitstreams/{name}.jpg")).unwrap()
    }

    fn pictures(stream: &[u8], piece: usize) -> Vec<Vec<u8>> {
        let mut splitter = Splitter::new();
        let mut pictures = Vec::new();
        for piece in stream.chunks(piece) {
            splitter.push(piece);
            while let Some(picture) = splitter.poll_picture() {
                pictures.push(picture.unwrap());
            }
        }
        pictures.extend(splitter.finish());
        pictures
    }

    #[test]
    fn pictures_come_apart_whatever_the_pieces() {
        let (first, second) = (fixture("420"), fixture("422"));
        // A thumbnail inside a segment.
        let length = (first.len() as u16 + 2).to_be_bytes();
        let outer = [&second[..2], &[0xff, 0xe1], &length, &first, &second[2..]].concat();
        let stream = [b"--boundary\xff\xd8\r\n", &first[..], &outer, b"\0\0\xff", &second].concat();
        for piece in (1..200).chain([stream.len()]) {
            assert_eq!(pictures(&stream, piece), [&first[..], &outer, &second], "{piece}");
        }
    }

    #[test]
    fn the_picture_behind_a_damaged_one_is_whole() {
        let jpeg = fixture("420");
        let scan = memmem::find(&jpeg, &[0xff, 0xda]).unwrap();
        for cut in [scan + 200, jpeg.len() - 2] {
            let found = pictures(&[&jpeg[..cut], &jpeg].concat(), 100);
            assert_eq!(found, [&jpeg[..cut], &jpeg], "{cut}");
        }
        let found = pictures(&[&[0xff, 0xd8, 0xff, 0xfe, 0, 2, 7], &jpeg[..]].concat(), 100);
        assert_eq!(found, [&[0xff, 0xd8, 0xff, 0xfe, 0, 2], &jpeg[..]]);
        let found = pictures(&jpeg[..jpeg.len() - 2], 100);
        assert_eq!(Image::parse(&found[0]), Err(Unfit::Truncated));
        assert!(pictures(b"no picture at all \xff\xd8", 3).is_empty());
    }

    #[test]
    fn no_more_is_held_than_a_picture_may_have() {
        let jpeg = fixture("420");
        let mut splitter = Splitter::new();
        splitter.push(&jpeg[..jpeg.len() - 2]);
        let zeros = vec![0; 1 << 20];
        let mut pushed = 0;
        let found = loop {
            splitter.push(&zeros);
            pushed += zeros.len();
            if let Some(found) = splitter.poll_picture() {
                break found;
            }
        };
        assert_eq!((found, pushed), (Err(Unfit::TooLong), MOST_BYTES));
        splitter.push(&jpeg);
        assert_eq!(splitter.poll_picture(), Some(Ok(jpeg)));
    }
}
