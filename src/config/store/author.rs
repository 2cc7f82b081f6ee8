//! Who is written beside a version.

use std::fs;

/// The name of the user of that number, as this machine's list of users (`passwd(5)`) has it; else the number.
///
/// The list is read here, and the system's library not asked: that may ask servers, and wait for them.
pub fn author(uid: u32) -> String {
    let list = fs::read("/etc/passwd").unwrap_or_default();
    named(&String::from_utf8_lossy(&list), uid).unwrap_or_else(|| format!("uid {uid}"))
}

fn named(list: &str, uid: u32) -> Option<String> {
    let of_line = |line: &str| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        let is_meant = number.parse() == Ok(uid) && !name.is_empty();
        is_meant.then(|| name.to_owned())
    };
    list.lines().find_map(of_line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_as_the_list_has_it() {
        let list = "root:x:0:0:root:/root:/bin/sh\n# none\n\nbad\n:x:7:7::/:\npi:x:1000:1000:,,,:/home/pi:/bin/bash\n";
        let told = |uid| named(list, uid);
        assert_eq!((told(0).as_deref(), told(1000).as_deref()), (Some("root"), Some("pi")));
        assert_eq!((told(7), told(1)), (None, None));
    }
}
