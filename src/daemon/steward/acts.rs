//! What is done on request.

use std::future::poll_fn;
use std::time::Duration;

use smol::Timer;
use smol::future::FutureExt;

use super::looks::is_camera;
use super::{Steward, kind};
use crate::amount::amount;
use crate::control::Answer;
use crate::control::protocol::{Act, Refusal, Reply, Value};
use crate::daemon::listing::Listed;
use crate::hub::{ControlValue, Mount};
use crate::logs::Levels;

/// A source that has not set a control by then hangs.
const PATIENCE: Duration = Duration::from_secs(10);
/// A keyframe every so many pictures at most: at 30 pictures a second one in 20 minutes.
const GREATEST_GOP: u32 = 36_000;
/// Of what is refused.
const NOTHING: &str = "nothing was changed";

impl Steward {
    pub(super) async fn act(&self, act: Act) -> Answer {
        let said = match act {
            Act::Keyframe { mount } => self.keyframe(&mount)?,
            Act::SetBitrate { mount, bitrate_bps } => self.set_bitrate(&mount, bitrate_bps)?,
            Act::SetGop { mount, pictures } => self.set_gop(&mount, pictures)?,
            Act::SetControl { mount, control, value } => self.set_control(&mount, &control, value).await?,
            Act::LogLevels { levels } => self.set_levels(&levels)?,
            Act::Shutdown {} => {
                // More than one is as good as one.
                let _ = self.stop.try_send(());
                "Lenslet ends".to_owned()
            }
            Act::Kick { session } => self.kick(&session).await?,
            Act::MountEnable { mount } => self.enable(&mount, true).await?,
            Act::MountDisable { mount } => self.enable(&mount, false).await?,
            Act::Reload {} => return self.reload().await,
        };
        Ok(Reply::Done { said })
    }

    async fn kick(&self, session: &str) -> Result<String, Refusal> {
        let known = match session.parse() {
            Ok(number) => self.rooms.server.kick(number).await,
            Err(_) => false,
        };
        let none = || {
            let see = "`lenslet status` lists those that there are";
            Refusal::new("no-such-session", format!("there is no session {session:?}"), see)
        };
        known.then(|| format!("session {session} has ended")).ok_or_else(none)
    }

    async fn enable(&self, name: &str, enabled: bool) -> Result<String, Refusal> {
        let name = &*self.own_name(name);
        if let Err(refusal) = self.find(name)
            && refusal.what == "no-such-mount"
        {
            return Err(refusal);
        }
        match self.rooms.asker.enable(name, enabled).await {
            Ok(()) if enabled => Ok(format!("{name} is served")),
            Ok(()) => Ok(format!("{name} is served no longer, until it is enabled or Lenslet starts again")),
            Err(why) => Err(Refusal::new("not-enabled", why, "see `lenslet status` and `lenslet log`")),
        }
    }

    fn keyframe(&self, name: &str) -> Result<String, Refusal> {
        let mount = self.find(name)?.mount;
        if mount.tracks().is_some() && !mount.forces_keyframes() {
            let why = format!("the source of {} makes keyframes when it likes", mount.name());
            return Err(Refusal::new("no-keyframes", why, "who joins begins at the newest that there is"));
        }
        mount.request_keyframe();
        Ok(format!("{} makes a keyframe", mount.name()))
    }

    fn set_bitrate(&self, name: &str, bitrate_bps: u32) -> Result<String, Refusal> {
        let mount = self.coded_here(name, "only what is coded here has a bitrate that can be set")?;
        if !(10_000..=100_000_000).contains(&bitrate_bps) {
            let why = format!("{bitrate_bps} is not between 10000 and 100000000 bits a second");
            return Err(Refusal::new("out-of-range", why, NOTHING));
        }
        if let Some(why) = mount.making().encoder.and_then(|coder| coder.refuses(bitrate_bps)) {
            return Err(Refusal::new("out-of-range", why, NOTHING));
        }
        mount.set_bitrate(bitrate_bps);
        Ok(format!("{} is to be coded with {bitrate_bps} bits a second", mount.name()))
    }

    fn set_gop(&self, name: &str, pictures: u32) -> Result<String, Refusal> {
        let mount =
            self.coded_here(name, "only what is coded here has keyframes whose distance can be set")?;
        if !(1..=GREATEST_GOP).contains(&pictures) {
            let why = format!("{pictures} is not between 1 and {GREATEST_GOP} pictures");
            return Err(Refusal::new("out-of-range", why, NOTHING));
        }
        mount.set_gop(pictures);
        Ok(format!("{} is to have a keyframe every {}", mount.name(), amount(pictures, "picture")))
    }

    /// The mount of that name, if this machine codes its pictures; as far as can be said before it was opened.
    fn coded_here(&self, name: &str, what: &str) -> Result<Mount, Refusal> {
        let listed = self.find(name)?;
        let (kind, _) = kind(&listed.settings);
        let making = listed.mount.making();
        let comes_coded = !making.steps.is_empty() && making.encoder.is_none();
        if comes_coded || !matches!(kind, "camera" | "pattern") {
            let why = format!("{} comes coded from a {kind}", listed.mount.name());
            return Err(Refusal::new("not-coded-here", why, what));
        }
        Ok(listed.mount)
    }

    async fn set_control(&self, name: &str, control: &str, value: Value) -> Result<String, Refusal> {
        let Listed { mount, settings } = self.find(name)?;
        is_camera(&mount, &settings)?;
        let value = match value {
            Value::Switch(on) => ControlValue::Boolean(on),
            Value::Number(number) => ControlValue::Integer(number),
            Value::Entry(name) => ControlValue::Entry(name.into()),
        };
        let answer = mount.set_control(control, value);
        let silent = async {
            Timer::after(PATIENCE).await;
            Err("the camera does not answer".into())
        };
        let told = poll_fn(|context| answer.poll(context)).or(silent).await;
        let see = "`lenslet probe` lists the camera's controls";
        told.map(|said| said.to_string()).map_err(|why| Refusal::new("control-not-set", &*why, see))
    }

    fn set_levels(&self, text: &str) -> Result<String, Refusal> {
        let wrong = |why: String| Refusal::new("no-levels", why, "write them as info,server=debug");
        let levels: Levels = text.parse().map_err(|error: crate::logs::Unknown| wrong(error.to_string()))?;
        let logs = self.logs.as_ref().ok_or_else(|| wrong("this daemon's log is not its own".to_owned()))?;
        logs.set(&levels);
        Ok(format!("the log's levels are {levels}"))
    }
}
