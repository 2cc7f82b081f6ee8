//! Lists of networks, as they are written.

use crate::access::Network;

/// A list of networks. Of a field that is not written there are none.
///
/// # Errors
/// A sentence for each that is none, beginning with its place: `allow[1]: ...`.
pub(super) fn networks(name: &str, written: Option<Vec<String>>) -> Result<Vec<Network>, Vec<String>> {
    let mut wrong = Vec::new();
    let mut networks = Vec::new();
    for (index, text) in written.unwrap_or_default().iter().enumerate() {
        match text.parse() {
            Ok(network) => networks.push(network),
            Err(error) => wrong.push(format!("{name}[{index}]: {error}{}", hint(text))),
        }
    }
    if wrong.is_empty() { Ok(networks) } else { Err(wrong) }
}

/// What people write for networks elsewhere, and how it is written here.
fn hint(text: &str) -> String {
    let meant = match text.to_ascii_lowercase().as_str() {
        "*" | "any" | "all" | "everyone" => "every address is \"0.0.0.0/0\" and \"::/0\"",
        "localhost" | "local" | "loopback" => "this machine is \"127.0.0.0/8\" and \"::1\"",
        "private" | "lan" | "home" => {
            "home networks are \"10.0.0.0/8\", \"172.16.0.0/12\", \"192.168.0.0/16\" and \"fc00::/7\""
        }
        text if text.contains('-') => "a network is written with its length, not from address to address",
        text if text.contains("/255.") => "its mask is written as a length: /24 for /255.255.255.0",
        _ => return String::new(),
    };
    format!("; {meant}")
}
