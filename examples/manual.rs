//! Writes the manual pages and the shells' completions, from the command line's own description:
//!
//! ```sh
//! cargo run --example manual -- FOLDER
//! ```
//!
//! An example, so that none of it is in the program.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap_complete::Shell;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).ok_or("which folder?")?;
    fs::create_dir_all(&folder)?;
    let mut command = lenslet::cli::command();
    // A page a command: lenslet(1), lenslet-serve(1), lenslet-config-set(1), ...
    clap_mangen::generate_to(command.clone(), &folder)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut command, "lenslet", &folder)?;
    }
    Ok(())
}
