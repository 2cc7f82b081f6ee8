//! The screen: `lenslet tui`, and `lenslet` alone.

use super::Done;
use super::control::DaemonArgument;
use super::serving::{self, ServeArguments};
use crate::logs::Logs;

/// The screen.
#[derive(Debug, clap::Args)]
#[cfg_attr(not(feature = "tui"), allow(dead_code, reason = "nothing reads them where there is no screen"))]
pub(super) struct TuiArguments {
    #[command(flatten)]
    daemon: DaemonArgument,
    /// For terminals that show lines and blocks as other signs: only what a typewriter has.
    #[arg(long)]
    ascii: bool,
    /// Dark text on light.
    #[arg(long)]
    light: bool,
    /// How the terminal takes pictures; it is asked unless this is said.
    #[arg(long, value_enum)]
    pictures: Option<PicturesArgument>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum PicturesArgument {
    /// As half blocks, in any terminal.
    Blocks,
    /// Whole, as kitty and Ghostty do.
    Kitty,
    /// Whole, as foot, mlterm and others do.
    Sixel,
}

#[cfg(not(feature = "tui"))]
const WITHOUT: &str = "this Lenslet was built without its screen (feature `tui`): `lenslet serve` serves, \
                       `lenslet status --watch` shows what a daemon does";

#[cfg(not(feature = "tui"))]
pub(super) fn tui(_: &TuiArguments) -> Done {
    Err(WITHOUT.into())
}

/// Who sits at a terminal expects a screen; else it serves, as with it.
#[cfg(not(feature = "tui"))]
pub(super) fn alone(logs: Option<Logs>) -> Done {
    use std::io::IsTerminal;

    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return Err(WITHOUT.into());
    }
    serving::serve(ServeArguments::default(), logs)
}

#[cfg(feature = "tui")]
pub(super) use screen::{alone, tui};

#[cfg(feature = "tui")]
mod screen {
    use std::collections::VecDeque;
    use std::io::{self, BufRead, BufReader};
    use std::path::{Path, PathBuf};
    use std::process::{Child, ChildStderr, Command, Stdio};
    use std::thread::{self, JoinHandle};
    use std::time::Duration;

    use super::{DaemonArgument, Done, Logs, PicturesArgument, ServeArguments, TuiArguments, serving};
    use crate::control::client::{Blocking, Daemon, Error};
    use crate::control::usual_path;
    use crate::tui::terminal;
    use crate::tui::theme::{Glyphs, Ground, Pictures, Theme};

    /// `lenslet tui`: leaves with the daemon going on.
    pub(in crate::cli) fn tui(arguments: &TuiArguments) -> Done {
        let mut theme = theme();
        if arguments.ascii {
            theme.glyphs = Glyphs::Ascii;
        }
        if arguments.light {
            theme.ground = Ground::Light;
        }
        if let Some(pictures) = arguments.pictures {
            theme.said = true;
            theme.pictures = match pictures {
                PicturesArgument::Blocks => Pictures::Signs,
                PicturesArgument::Kitty => Pictures::Kitty,
                PicturesArgument::Sixel => Pictures::Sixel,
            };
        }
        if !terminal::is_there() {
            return Err(terminal::ABSENT.into());
        }
        Ok(crate::tui::run(Daemon::At(arguments.daemon.path()?), theme, false)?)
    }

    /// `lenslet`: the screen of the daemon that answers, else of one that is started with it and ends with it; without a
    /// terminal it serves.
    pub(in crate::cli) fn alone(logs: Option<Logs>) -> Done {
        if !terminal::is_there() {
            return serving::serve(ServeArguments::default(), logs);
        }
        match DaemonArgument::default().path() {
            Ok(path) => Ok(crate::tui::run(Daemon::At(path), theme(), false)?),
            Err(Error::Absent(_)) => together(),
            Err(error) => Err(error.into()),
        }
    }

    fn theme() -> Theme {
        Theme::of(|name| std::env::var(name).ok())
    }

    /// A daemon and its screen.
    fn together() -> Done {
        let place = Place::choose()?;
        let mut server = Server::start(&place.socket)?;
        server.until_it_answers(&place.socket)?;
        let done = crate::tui::run(Daemon::At(place.socket.clone()), theme(), true);
        let said = server.end();
        done?;
        said.map_or(Ok(()), |said| Err(format!("the server ended by itself:\n{said}").into()))
    }

    /// Where its socket is: where others look for it, or, where that cannot be written, in a folder that goes with us.
    struct Place {
        socket: PathBuf,
        folder: Option<PathBuf>,
    }

    impl Place {
        fn choose() -> io::Result<Self> {
            let runtime = std::env::var_os("XDG_RUNTIME_DIR");
            let usual = usual_path(runtime.as_deref().map(Path::new));
            let folder = usual.parent().unwrap_or(Path::new("/"));
            let writable = std::fs::create_dir_all(folder).is_ok()
                && nix::unistd::access(folder, nix::unistd::AccessFlags::W_OK).is_ok();
            if writable {
                return Ok(Self { socket: usual, folder: None });
            }
            let name = format!("lenslet-{}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            let mut builder = std::fs::DirBuilder::new();
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(&folder)?;
            Ok(Self { socket: folder.join("control.sock"), folder: Some(folder) })
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            // What is left there is in the temporary folder, which is emptied by the system.
            let _ = self.folder.take().map(std::fs::remove_dir_all);
        }
    }

    /// A daemon that ends when we do, however that comes about: its standard input is ours.
    struct Server {
        child: Child,
        said: Option<JoinHandle<VecDeque<String>>>,
    }

    /// Lines of its log that are told where it ends by itself.
    const LAST_LINES: usize = 5;
    /// It answers by then, or has said why not.
    const START: Duration = Duration::from_secs(20);
    const LOOK: Duration = Duration::from_millis(20);

    impl Server {
        fn start(socket: &Path) -> io::Result<Self> {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["serve", "--tied", "--control"]).arg(socket);
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
            // What the terminal's keys and its end send goes to us; it is told by us.
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
            let mut child = command.spawn()?;
            let errors = child.stderr.take();
            let said = thread::Builder::new()
                .name("lenslet-said".to_owned())
                .spawn(move || errors.map(last_lines).unwrap_or_default())?;
            Ok(Self { child, said: Some(said) })
        }

        fn until_it_answers(&mut self, socket: &Path) -> Done {
            let mut looks = START.as_millis() / LOOK.as_millis();
            while Blocking::connect(socket).is_err() {
                looks = looks.saturating_sub(1);
                if looks == 0 || self.child.try_wait()?.is_some() {
                    let said = self.end().unwrap_or_else(|| "it does not answer".to_owned());
                    return Err(format!("the server did not start:\n{said}").into());
                }
                thread::sleep(LOOK);
            }
            Ok(())
        }

        /// Ends it; where it had ended by itself, what it said last.
        fn end(&mut self) -> Option<String> {
            let by_itself = self.child.try_wait().ok().flatten().is_some();
            drop(self.child.stdin.take());
            // It says goodbye to its readers, which it takes no longer for than it does by a signal.
            let _ = self.child.wait();
            let said = self.said.take().and_then(|said| said.join().ok()).unwrap_or_default();
            let said: Vec<String> = said.into();
            by_itself.then(|| said.join("\n"))
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            self.end();
        }
    }

    fn last_lines(errors: ChildStderr) -> VecDeque<String> {
        let mut last = VecDeque::new();
        for line in BufReader::new(errors).lines().map_while(Result::ok) {
            if last.len() == LAST_LINES {
                last.pop_front();
            }
            last.push_back(line);
        }
        last
    }
}
