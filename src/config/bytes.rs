//! A configuration's bytes, as many as there may be.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// No configuration is larger: a thousand mounts with all their settings are a fifth of it.
const LARGEST: u64 = 4 << 20;

/// Reads a file that is said to be a configuration, and no more of one that never ends.
///
/// # Errors
/// It cannot be read, or is larger than any configuration.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        let most = LARGEST >> 20;
        return Err(io::Error::other(format!("it is larger than {most} MB: this is no configuration")));
    }
    Ok(bytes)
}
