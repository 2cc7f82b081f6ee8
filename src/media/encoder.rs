//! What an encoder of pictures is, whoever does it.

use std::fmt;

/// A picture of 4:2:0: luma, then both chroma planes of half its width and height, without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Luma pixels a row; even.
    pub width: usize,
    /// Luma rows; even.
    pub height: usize,
    /// `width * height` bytes.
    pub luma: Vec<u8>,
    /// Blue difference: a quarter of the luma's bytes.
    pub blue: Vec<u8>,
    /// Red difference: a quarter of the luma's bytes.
    pub red: Vec<u8>,
}

impl Picture {
    /// A black picture; odd sizes are rounded down.
    pub fn black(width: usize, height: usize) -> Self {
        let (width, height) = (width & !1, height & !1);
        let quarter = (width / 2) * (height / 2);
        Self {
            width,
            height,
            luma: vec![16; width * height],
            blue: vec![128; quarter],
            red: vec![128; quarter],
        }
    }
}

/// Codes pictures of one size, one after the other.
pub trait Encoder: Send {
    /// Codes a picture, as a keyframe if that is asked. `take` is given the access unit of Annex B where the encoder has it, in
    /// pieces of whole NAL units; none if the encoder left the picture out to keep its bitrate.
    ///
    /// # Errors
    /// What the encoder says.
    fn encode(
        &mut self,
        picture: &Picture,
        keyframe: bool,
        take: &mut dyn FnMut(&[&[u8]]),
    ) -> Result<(), EncoderError>;

    /// The same as bytes of one's own.
    ///
    /// # Errors
    /// What the encoder says.
    fn coded(&mut self, picture: &Picture, keyframe: bool) -> Result<Vec<u8>, EncoderError> {
        let mut coded = Vec::new();
        self.encode(picture, keyframe, &mut |pieces| coded = pieces.concat())?;
        Ok(coded)
    }

    /// Holds another bitrate from the next picture on, in bits a second, in the same stream.
    ///
    /// # Errors
    /// What the encoder says.
    fn set_bitrate(&mut self, bitrate: u32) -> Result<(), EncoderError>;

    /// Makes a keyframe every so many pictures from the next picture on, in the same stream; at least 1.
    ///
    /// # Errors
    /// What the encoder says.
    fn set_gop(&mut self, pictures: u32) -> Result<(), EncoderError>;
}

/// Why an encoder does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncoderError(pub String);

impl fmt::Display for EncoderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for EncoderError {}
