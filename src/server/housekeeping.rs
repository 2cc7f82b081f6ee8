//! What a worker does beside sending: reads what readers report, and ends what is over.

use std::rc::Rc;
use std::time::Duration;

use super::admission::Since;
use super::alarm::until;
use super::lookout::Lookout;
use super::over::Over;
use super::reader::Reader;
use super::udp::Pair;
use super::worker::Worker;
use super::{Settings, sign_in, supervise};
use crate::clock;

/// Sessions are looked at this often: timeouts, unreachable peers.
const INTERVAL: Duration = Duration::from_secs(1);

/// The longest RTCP datagram that is read whole.
const DATAGRAM: usize = 2048;

impl Worker {
    /// Reads what readers report by UDP.
    pub(super) async fn read_reports(self: Rc<Self>, pair: Rc<Pair>) {
        let mut bytes = [0; DATAGRAM];
        loop {
            match pair.next_rtcp(&mut bytes).await {
                Ok((session, length)) => {
                    supervise::may_panic("reports");
                    // Anything from a reader's own port shows that it lives, well-formed or not.
                    self.house.sessions().touch(&session, clock::now());
                    if let Some(reader) = self.reader(&session)
                        && let Err(error) = reader.handle_rtcp(&bytes[..length])
                    {
                        tracing::debug!(peer = %reader.peer(), %error, "not RTCP");
                    }
                    // A reader may send without end.
                    smol::future::yield_now().await;
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot receive reports");
                    smol::Timer::after(INTERVAL).await;
                }
            }
        }
    }

    /// Ends sessions whose time is over and readers that cannot be reached.
    pub(super) async fn keep_house(self: Rc<Self>) {
        let mut lookout = Lookout::new();
        let mut rules = self.house.gate.changes();
        loop {
            let due = clock::now() + INTERVAL;
            until(due).await;
            supervise::may_panic("housekeeping");
            // What is the whole house's is the first worker's to do.
            if self.index == 0 {
                lookout.look(&self.house, clock::now().saturating_duration_since(due));
                tell_refused(&self);
                let over = self.house.sessions().expire(clock::now());
                over.iter().for_each(|session| self.release(session, Over::Silent));
            }
            let changed = self.house.gate.changes();
            if std::mem::replace(&mut rules, changed) != changed {
                self.end_who_may_no_more();
            }
            self.tell_who_is_there();
            let (readers, now) = (self.readers(), clock::now());
            self.ask_for_links(now);
            readers.iter().for_each(|reader| reader.note_volume(now));
            for (reader, why) in readers.iter().filter_map(|reader| Some((reader, over(reader)?))) {
                self.house.sessions().close(&reader.session);
                self.release(&reader.session, why);
            }
        }
    }

    /// Who watches on one connection for weeks signed in once.
    fn tell_who_is_there(&self) {
        let readers = self.readers();
        let users =
            readers.iter().filter_map(|reader| Some((reader.peer(), &*reader.client.user.as_ref()?.name)));
        self.house.gate.present(users, sign_in::now());
    }

    /// Other users, passwords, rights or networks are true of those too who play already.
    fn end_who_may_no_more(&self) {
        let ended = self.end(Over::MayNoMore, |reader| {
            let user = reader.client.user.as_deref();
            let may = self.house.gate.still(reader.peer(), user, reader.feed.mount.name());
            if let Err(reason) = may {
                let user = user.map(|user| &*user.name);
                tracing::info!(peer = %reader.peer(), user, mount = reader.feed.mount.name(), "may no more: {reason}");
            }
            may.is_err()
        });
        if ended > 0 {
            tracing::warn!(ended, "sessions ended: by the rules as they are now they would not be let in");
        }
    }
}

/// Whether a reader can be sent nothing more of use.
fn over(reader: &Reader) -> Option<Over> {
    let codec = reader.is_outdated().then_some(Over::CodecChanged);
    codec.or_else(|| reader.is_refused().then_some(Over::Refused))
}

fn tell_refused(worker: &Worker) {
    let Since { refused, made_way } = worker.house.admission.take_since();
    let Settings { max_connections, max_per_address, .. } = *worker.house.settings();
    if made_way > 0 {
        tracing::warn!(
            made_way,
            "connections without a user or a session made way for others: `max_connections` is {max_connections}"
        );
    }
    if refused > 0 {
        tracing::warn!(
            refused,
            "connections were refused: `max_connections` is {max_connections} and `max_per_address` is {max_per_address}"
        );
    }
}
