//! A QR code in a terminal.

use std::io;

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// The text as a code of half blocks, its light parts drawn, with the border of four that scanners need: it can be read
/// on dark terminals, and on light ones by most phones.
///
/// # Errors
/// The text is too long for one.
pub(super) fn code(text: &str) -> io::Result<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, format!("as a QR code: {error}")))?;
    let mut drawn: String = code
        .render::<Dense1x2>()
        // The crate's dark is a block, which shines where text is light on dark.
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .quiet_zone(true)
        .build();
    drawn.push('\n');
    Ok(drawn)
}
