//! A worker's thread: what runs on it, the orders it follows, and how it ends.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;

use async_net::TcpListener;
use smol::LocalExecutor;
use smol::future::or;

use super::alarm::seldom;
use super::house::{House, Order};
use super::over::Over;
use super::requests::Caller;
use super::worker::Worker;
use super::{connection, listener, supervise, timers};
use crate::clock;

/// Runs a worker until `stop` ends or its desk is closed; begins it again, without the readers it had, when it
/// panics as a whole.
pub(super) fn run(house: &Arc<House>, index: usize, stop: impl Future<Output = ()>) {
    // What the thread itself waits for is polled whenever it is woken, for each picture too; a signal's socket would
    // be read each time.
    let mut stop = pin!(seldom(stop));
    while let Err(panic) = catch_unwind(AssertUnwindSafe(|| live(house, index, stop.as_mut()))) {
        let panic = supervise::sentence(&*panic);
        tracing::error!(worker = index, panic, "a worker panicked and begins again; please report this");
        house.bury(index);
        std::thread::sleep(supervise::PAUSE);
    }
}

/// A worker's life.
fn live(house: &Arc<House>, index: usize, stop: Pin<&mut impl Future<Output = ()>>) {
    let executor = Rc::new(LocalExecutor::new());
    let worker = Rc::new(Worker::new(house.clone(), index, Rc::downgrade(&executor)));
    house.feeds().iter().for_each(|feed| worker.open(feed));
    listen(&worker);
    let keeping = worker.clone();
    executor
        .spawn(async move {
            supervise::restarted("housekeeping", || keeping.clone().keep_house()).await;
        })
        .detach();
    // Likewise in a task of its own.
    let following = worker.clone();
    let main = or(stop, executor.spawn(follow_orders(following)));
    // Sockets are watched by the reactor's own thread.
    let lived = catch_unwind(AssertUnwindSafe(|| timers::block_on(executor.run(main))));
    // However it ended: its readers are told.
    let told = catch_unwind(AssertUnwindSafe(|| worker.say_goodbye()));
    if let Err(panic) = lived.and(told) {
        resume_unwind(panic);
    }
}

/// The first worker listens where it is to, and nowhere else.
fn listen(worker: &Rc<Worker>) {
    if worker.index != 0 {
        return;
    }
    let listeners = worker.house.listeners();
    let bound = |socket: &TcpListener| socket.local_addr().ok();
    let wanted = |address: SocketAddr| listeners.iter().any(|(_, socket)| bound(socket) == Some(address));
    let mut listening = worker.listening.borrow_mut();
    listening.retain(|(address, _)| wanted(*address));
    for (_, listener) in listeners {
        let Some(address) = bound(&listener) else { continue };
        if listening.iter().any(|(known, _)| *known == address) {
            continue;
        }
        let accepting = worker.clone();
        let task = worker.spawn_kept(async move {
            supervise::restarted("listener", || listener::accept(accepting.clone(), &listener)).await;
        });
        listening.push((address, task));
    }
}

/// Does what other workers want until there will be no more of it.
async fn follow_orders(worker: Rc<Worker>) {
    let Some(inbox) = worker.house.inbox(worker.index) else { return };
    while let Ok(order) = inbox.recv().await {
        match order {
            Order::Serve { stream, peer, seat } => connection::serve(&worker, stream, peer, seat),
            Order::Ask { event, peer, local, answer } => {
                let asked = worker.clone();
                let work = async move {
                    let caller = Caller::elsewhere(peer, local);
                    let starting = connection::starting(&event);
                    // Without an answer who asked takes the session for ended.
                    if let Ok(Some(said)) = supervise::caught(asked.handle(&caller, event)).await {
                        let _ = answer.try_send(said);
                    }
                    asked.begin(starting.as_ref());
                };
                worker.spawn(work);
            }
            Order::Release(session, why) => worker.release(&session, why),
            Order::Open(feed) => worker.open(&feed),
            // Whoever asked may have given up waiting.
            Order::Withdraw { feed, told } => drop(told.try_send(worker.withdraw(&feed))),
            Order::End { number, told } => {
                let ended = worker.end(Over::Kicked, |reader| reader.client.number == number);
                let _ = told.try_send(ended);
            }
            Order::Figures(told) => {
                let now = clock::now();
                let figures = worker.readers().iter().map(|reader| reader.figures(now)).collect();
                drop(told.try_send(figures));
            }
            Order::Answer(told) => drop(told.try_send(())),
            Order::Pace { mount, pacing } => worker.pace(&mount, pacing),
            Order::Listen => listen(&worker),
            #[cfg(test)]
            Order::Panic => panic!("as ordered"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpStream;

    use super::super::testing::{Client, publish, says_goodbye, serve};
    use super::*;

    #[test]
    fn a_worker_that_panics_as_a_whole_ends_its_own_readers_and_begins_again() {
        let mut ended = None;
        serve(
            &["cam"],
            2,
            || (),
            |house, address, outlets| {
                let outlet = &outlets[0];
                let mut clients = [(); 2].map(|()| Client::set_up(address, "cam"));
                publish(outlet);
                for client in &mut clients {
                    assert!(client.play().contains(" 200 "));
                    client.packet();
                }
                assert_eq!(house.registry().loads(2), [1, 1]);
                // The first worker accepted the first connection.
                let [mut first, mut second] = clients;
                house.order(1, Order::Panic);
                assert!(says_goodbye(&second.rtcp), "its readers are told");
                assert_eq!(second.stream.read(&mut [0; 16]).unwrap(), 0, "its connections are closed");
                publish(outlet);
                first.packet();
                // The next goes to the worker that has the least to do: the new one.
                let mut third = Client::set_up(address, "cam");
                assert_eq!(house.registry().loads(2), [1, 1]);
                assert!(third.play().contains(" 200 "));
                third.packet();
                second.stream = TcpStream::connect(address).unwrap();
                assert!(second.play().contains(" 454 "), "its session is over");
                assert!(first.play().contains(" 200 "));
                ended = Some((first, third));
            },
        );
        let (first, third) = ended.unwrap();
        assert!(says_goodbye(&first.rtcp) && says_goodbye(&third.rtcp));
    }
}
