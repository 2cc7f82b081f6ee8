//! Tells the program what it was built from, and with what: `lenslet --version`.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=LENSLET_FEATURES={}", features());
    println!("cargo::rustc-env=LENSLET_TARGET={}", env::var("TARGET").unwrap_or_default());
    println!("cargo::rustc-env=LENSLET_COMMIT={}", commit());
}

fn features() -> String {
    let named = |(name, _): (String, String)| Some(name.strip_prefix("CARGO_FEATURE_")?.to_owned());
    let mut features: Vec<String> = env::vars().filter_map(named).filter(|name| name != "DEFAULT").collect();
    features.sort();
    let features = features.join(" ").to_lowercase().replace('_', "-");
    if features.is_empty() { "none".to_owned() } else { features }
}

/// Of a release: what the packager says, else git, else what `cargo package` wrote down. The daily builds are not made
/// anew for each commit.
fn commit() -> String {
    println!("cargo::rerun-if-env-changed=LENSLET_COMMIT");
    if let Ok(said) = env::var("LENSLET_COMMIT") {
        return said;
    }
    if env::var("PROFILE").as_deref() != Ok("release") {
        return "debug".to_owned();
    }
    from_git().or_else(from_package).unwrap_or_else(|| "unknown".to_owned())
}

fn from_git() -> Option<String> {
    // A source package that lies in somebody else's repository is not of that repository's commits.
    if !Path::new(".git").exists() {
        return None;
    }
    // It grows by a line with each commit and checkout.
    println!("cargo::rerun-if-changed={}", git(&["rev-parse", "--git-path", "logs/HEAD"])?);
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn from_package() -> Option<String> {
    let text = fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, rest) = text.split_once("\"sha1\"")?;
    let hash: String = rest.chars().skip_while(|c| !c.is_ascii_hexdigit()).take(12).collect();
    (hash.len() == 12).then_some(hash)
}
