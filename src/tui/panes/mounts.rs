//! Mounts, as several screens know them: which one is meant, where it is played from, whether it is served.

use super::super::effect::Effect;
use super::super::message::Asked;
use super::super::model::{Deed, Model, Overlay, Question};
use super::Effects;
use crate::control::protocol::{Act, MountState, MountStatus};

/// The mount that keys of the dashboard act on.
pub fn chosen(model: &Model) -> Option<&MountStatus> {
    let mounts = &model.status.as_ref()?.mounts;
    mounts.get(model.panes.dashboard.cursor.chosen.min(mounts.len().saturating_sub(1)))
}

/// The mount that its own screen shows.
pub fn shown(model: &Model) -> Option<&MountStatus> {
    match &model.panes.mount.name {
        Some(name) => model.mount(name),
        None => chosen(model),
    }
}

/// The URL by which a mount is watched, as far as one can say from here.
pub fn url(model: &Model, mount: &str) -> Option<String> {
    let status = model.status.as_ref()?;
    // One that this machine alone reaches is the last choice.
    let near = |address: &&String| {
        address.parse::<std::net::SocketAddr>().is_ok_and(|address| address.ip().is_loopback())
    };
    let address = status.addresses.iter().find(|it| !near(it)).or(status.addresses.first())?;
    let (host, port) = address.rsplit_once(':')?;
    let everywhere = matches!(host, "[::]" | "0.0.0.0");
    let host = if everywhere { status.board.hostname.as_deref().unwrap_or("localhost") } else { host };
    let port = if port == "554" { String::new() } else { format!(":{port}") };
    Some(format!("rtsp://{host}{port}/{}", encoded(mount)))
}

/// A path as it stands in a URL ([RFC 3986 section 2](https://www.rfc-editor.org/rfc/rfc3986#section-2)).
fn encoded(path: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(byte);
    path.bytes()
        .map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Serves a mount again, or asks whether it is to be served no longer.
pub fn toggle(model: &mut Model, mount: &MountStatus) -> Effects {
    let name = mount.name.clone();
    if mount.state == MountState::Disabled {
        return vec![Effect::ask(Asked::Deed, Act::MountEnable { mount: name })];
    }
    let viewers = match mount.readers {
        0 => "Nobody watches it".to_owned(),
        1 => "Its one viewer is told goodbye".to_owned(),
        readers => format!("Its {readers} viewers are told goodbye"),
    };
    model.overlay = Some(Overlay::Question(Question::sure(
        format!("Serve {name} no longer, until it is enabled or the daemon starts again? {viewers}."),
        Deed::Act(Act::MountDisable { mount: name }),
    )));
    Vec::new()
}
