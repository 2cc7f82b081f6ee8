//! Other names of mounts: what is written about them, held against the mounts that there are.

use super::nearest::nearest;
use super::syntax::quoted;
use crate::rtsp::server::{Alias, Aliases};

/// The aliases as the server wants them. `is_mount` knows the mounts.
///
/// # Errors
/// Each that cannot be, by name.
pub(super) fn aliases(
    written: Vec<(String, String)>,
    is_mount: impl Fn(&str) -> bool,
    names: &[String],
) -> Result<Aliases, Vec<String>> {
    let mut aliases = Aliases::default();
    let mut wrong = Vec::new();
    for (text, mount) in written {
        if let Err(why) = add(&mut aliases, &text, &mount, &is_mount, names) {
            wrong.push(format!("aliases[{}]: {why}", quoted(&text)));
        }
    }
    if wrong.is_empty() { Ok(aliases) } else { Err(wrong) }
}

fn add(
    aliases: &mut Aliases,
    text: &str,
    mount: &str,
    is_mount: impl Fn(&str) -> bool,
    names: &[String],
) -> Result<(), String> {
    let alias = Alias::parse(text).map_err(|error| error.to_string())?;
    if is_mount(alias.path()) {
        return Err(format!(
            "there is a mount {:?} already, which goes first: leave the alias out",
            alias.path()
        ));
    }
    let mount = mount.trim_matches('/');
    if !is_mount(mount) {
        let meant = nearest(mount, names.iter().map(String::as_str));
        return Err(match (meant, names) {
            (Some(meant), _) => format!("there is no mount {mount:?}: is {meant:?} meant?"),
            (None, []) => format!("there is no mount {mount:?}, nor any other"),
            (None, _) => format!("there is no mount {mount:?}: there are {}", names.join(", ")),
        });
    }
    aliases.add(alias, mount).map_err(|error| error.to_string())
}
