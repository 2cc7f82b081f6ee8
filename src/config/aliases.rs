//! Other names of mounts: what is written about them, held against the mounts that there are.

use crate::rtsp::server::{Alias, Aliases};

/// The aliases as the server wants them. `is_mount` knows the mounts.
///
/// # Errors
/// The first that cannot be, by name.
pub(super) fn aliases(
    written: Vec<(String, String)>,
    is_mount: impl Fn(&str) -> bool,
) -> Result<Aliases, String> {
    let mut aliases = Aliases::default();
    for (text, mount) in written {
        let wrong = |why: String| format!("aliases[{text:?}]: {why}");
        let alias = Alias::parse(&text).map_err(|error| wrong(error.to_string()))?;
        if is_mount(alias.path()) {
            return Err(wrong(format!("there is a mount {:?} already, which goes first", alias.path())));
        }
        let mount = mount.trim_matches('/');
        if !is_mount(mount) {
            return Err(wrong(format!("there is no mount {mount:?}")));
        }
        aliases.add(alias, mount).map_err(|error| wrong(error.to_string()))?;
    }
    Ok(aliases)
}
