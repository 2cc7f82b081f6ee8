//! JPEG pictures, as far as RTP can carry them (ITU-T T.81, [RFC 2435](https://www.rfc-editor.org/rfc/rfc2435)).

mod huffman;
mod image;
mod splitter;
mod unfit;
mod write;

pub use image::{Image, Sampling};
pub use splitter::Splitter;
pub use unfit::Unfit;
pub use write::with_tables;
