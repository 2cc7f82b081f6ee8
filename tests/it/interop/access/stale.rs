//! A nonce that is over while a client is on its way: on the connection that it signed in on it will do, for some clients take a
//! second 401 for the last word.

use std::time::Duration;

use lenslet::access::{Gate, Rights, Rules};
use lenslet::hub;
use lenslet::server::{Server, Settings};
use lenslet::source::{self, file};

use super::tap::Tap;
use super::{CLIENTS, Client, PASSWORD, User, Visit, user};
use crate::interop::has;

/// A nonce is taken for so long.
const LIVES: Duration = Duration::from_secs(1);
/// So long takes the answer to DESCRIBE: then the nonce that it was asked with is over.
const HELD: Duration = Duration::from_millis(2100);

fn rules() -> Rules {
    let mut rules = Rules { nonce_lives: LIVES, ..Rules::default() };
    let rights = Rights { read: vec!["*".into()], control: Vec::new() };
    rules.users.add("anna", PASSWORD, rights).unwrap();
    rules
}

/// One client's way in; what is not as it has to be.
fn cell(
    client: &Client,
    transport: &str,
    server: std::net::SocketAddr,
    gate: &Gate,
) -> Result<String, String> {
    let tap = Tap::holding_back(server, HELD);
    let url = format!("rtsp://{}/test", tap.address());
    let asked: Option<User> = user("anna");
    let done = (client.watch)(&Visit { url: &url, user: asked, transport });
    let talk = tap.talk();
    let told = format!("{:?}, stale {}, {done:?}", talk.statuses, talk.stale);
    let counters = gate.counters();
    if done.is_err() || talk.stale > 0 || counters.contains_key("wrong user or password") {
        return Err(format!("{told}, {counters:?}"));
    }
    Ok(told)
}

#[test]
fn clients_go_on_over_the_end_of_a_nonce() {
    let settings =
        Settings { listen: vec![([127, 0, 0, 1], 0).into()], udp_ports: 0..=0, ..Settings::default() };
    let server = Server::bind(settings).unwrap();
    let (address, gate) = (server.addresses()[0], server.handle().gate());
    gate.replace(rules());
    let (outlet, mount) = hub::mount("test");
    let path = "tests/fixtures/bitstreams/clip.h264".into();
    let clip = file::File::new(file::Settings { path, fps: Some(25.0) });
    let running = source::spawn("test", Box::new(clip), outlet).unwrap();
    let (stop, stopped) = smol::channel::bounded::<()>(1);
    let served = mount.clone();
    let serving = std::thread::spawn(move || {
        server.run(vec![served], async move {
            let _ = stopped.recv().await;
        });
    });
    let there = |client: &&Client| client.tool.is_none_or(|(tool, arguments)| has(tool, arguments));
    let there: Vec<&Client> = CLIENTS.iter().filter(there).collect();
    let cells: Vec<_> = std::thread::scope(|scope| {
        let visits = there.iter().flat_map(|client| ["udp", "tcp"].map(|transport| (*client, transport)));
        let runs: Vec<_> = visits
            .map(|(client, transport)| {
                let gate = &gate;
                (client.name, transport, scope.spawn(move || cell(client, transport, address, gate)))
            })
            .collect();
        runs.into_iter().map(|(name, transport, run)| (name, transport, run.join().unwrap())).collect()
    });
    drop(stop);
    serving.join().unwrap();
    mount.stop();
    running.join();
    for (name, transport, outcome) in &cells {
        println!("{name} {transport}: {outcome:?}");
    }
    let failed: Vec<_> = cells.iter().filter(|(_, _, outcome)| outcome.is_err()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}
