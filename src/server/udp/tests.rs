//! What the kernel may answer to `sendmmsg`, each answer given on purpose: who is told what, and that nobody else notices.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use smol::channel::bounded;
use socket2::SockRef;

use super::super::house::{House, Order};
use super::super::sys::on_purpose::{self, Planned};
use super::super::testing::{Client, publish, serve};
use crate::clock;
use crate::hub::Outlet;
use crate::media::{AccessUnit, Link, TrackId};

const READERS: usize = 3;

/// Packets of a message that the kernel cuts apart: 65 507 bytes of packets of 1 372.
const CUT: usize = 47;

/// Bytes of a picture that is three messages for each reader, the last of them shorter.
const LARGE: usize = 160_000;

/// What a reader is to have of the large picture, and what is counted as the reason where that is not all.
enum Has {
    All,
    /// So many of its messages.
    Some(usize, &'static str),
}
use Has::{All, Some as Cut};

fn publish_large(outlet: &Outlet) {
    let data = [&[0, 0, 0, 1, 0x65][..], &[0xab; LARGE]].concat().into();
    let time = clock::media();
    outlet.publish(AccessUnit { track: TrackId(0), time, link: Link::Start, journey: None, data });
}

/// What each session was not sent, the oldest first.
fn dropped(house: &House) -> Vec<Vec<(&'static str, u32)>> {
    let (told, figures) = bounded(1);
    house.order(0, Order::Figures(told));
    let mut figures = figures.recv_blocking().unwrap();
    figures.sort_by_key(|session| session.number);
    figures.into_iter().map(|session| session.dropped).collect()
}

/// Packets until one of the time `end`, of which there is one: how many, and how many are missing between them.
fn until(client: &Client, mut next: u16, end: impl Fn(u32) -> bool) -> (usize, usize) {
    let (mut came, mut missing) = (0, 0);
    loop {
        let (seq, timestamp) = client.packet();
        missing += usize::from(seq.wrapping_sub(next));
        next = seq.wrapping_add(1);
        if end(timestamp) {
            return (came, missing);
        }
        came += 1;
    }
}

/// Has the calls that send a picture to all answered like this.
fn answered(answers: &[Result<usize, i32>], expected: [Has; READERS]) {
    let planned = Planned::default();
    let begin = || on_purpose::follow(planned.clone());
    serve(&["cam"], 1, begin, |house, address, outlets| {
        let outlet = &outlets[0];
        publish(outlet);
        let clients: Vec<(Client, u16)> = (0..READERS)
            .map(|_| {
                let mut client = Client::set_up(address, "cam");
                // It reads when all is sent.
                SockRef::from(&client.rtp).set_recv_buffer_size(1 << 20).unwrap();
                assert!(client.play().contains(" 200 "));
                // Its first picture came: no call is under way.
                let first = client.packet().0;
                (client, first.wrapping_add(1))
            })
            .collect();
        planned.lock().unwrap().extend(answers);
        publish_large(outlet);
        // All was sent, or given up, before the picture that comes behind it.
        while !planned.lock().unwrap().is_empty() {
            std::thread::yield_now();
        }
        let _ = dropped(house);
        let time = clock::media();
        publish(outlet);
        let last = outlet_timestamp(house, time);
        let dropped = dropped(house);
        let came: Vec<(usize, usize)> = clients
            .iter()
            .map(|(client, next)| until(client, *next, |timestamp| timestamp.wrapping_sub(last) < 1 << 31))
            .collect();
        let all = came.iter().map(|(came, missing)| came + missing).max().unwrap();
        assert!((2 * CUT + 1..3 * CUT).contains(&all), "not three messages: {all} packets");
        for (number, expected) in expected.iter().enumerate() {
            let (has, why) = match expected {
                All => (all, vec![]),
                Cut(messages, why) => (messages * CUT, vec![(*why, 1)]),
            };
            let got = (came[number], dropped[number].clone());
            assert_eq!(got, ((has, all - has), why), "{answers:?}: reader {number}");
        }
    });
}

/// The RTP timestamp of a media time, in the mount's own clock.
fn outlet_timestamp(house: &Arc<House>, time: crate::media::MediaTime) -> u32 {
    let feed = house.feed("cam").unwrap();
    feed.with_sender(TrackId(0), |sender| sender.timestamp(time)).unwrap()
}

#[test]
fn a_call_that_takes_a_part_is_followed_by_the_rest() {
    answered(&[Ok(1)], [All, All, All]);
    answered(&[Ok(1), Ok(1), Ok(4)], [All, All, All]);
    answered(&[Ok(8)], [All, All, All]);
}

#[test]
fn a_full_socket_costs_those_who_come_after_the_rest_of_the_picture() {
    answered(&[Err(libc::EAGAIN)], [Cut(0, "socket full"), Cut(0, "socket full"), Cut(0, "socket full")]);
    answered(&[Ok(4), Err(libc::EAGAIN)], [All, Cut(1, "socket full"), Cut(0, "socket full")]);
}

/// Two large pictures, and the socket is full before all of the second reader's and again before all of the first one's: had the
/// same reader been first in both, it alone would have had all of both.
#[test]
fn who_found_a_full_socket_is_first_in_the_next_round() {
    let planned = Planned::default();
    let begin = || on_purpose::follow(planned.clone());
    serve(&["cam"], 1, begin, |house, address, outlets| {
        let outlet = &outlets[0];
        publish(outlet);
        let _clients: Vec<Client> = (0..READERS)
            .map(|_| {
                let mut client = Client::set_up(address, "cam");
                assert!(client.play().contains(" 200 "));
                client.packet();
                client
            })
            .collect();
        let sent = |answers: &[Result<usize, i32>]| {
            planned.lock().unwrap().extend(answers);
            publish_large(outlet);
            while !planned.lock().unwrap().is_empty() {
                std::thread::yield_now();
            }
            dropped(house).iter().map(|why| why.iter().map(|(_, count)| *count).sum()).collect::<Vec<u32>>()
        };
        assert_eq!(sent(&[Ok(4), Err(libc::EAGAIN)]), [0, 1, 1]);
        // Three messages are one reader's.
        assert_eq!(sent(&[Ok(3), Err(libc::EAGAIN)]), [1, 1, 2], "the second was first");
        assert_eq!(sent(&[Ok(3), Err(libc::EAGAIN)]), [2, 2, 2], "then the third");
    });
}

#[test]
fn one_without_buffers_is_alone_with_that_unless_the_next_has_none_either() {
    answered(&[Err(libc::ENOBUFS)], [Cut(0, "no buffers"), All, All]);
    answered(&[Ok(4), Err(libc::ENOBUFS)], [All, Cut(1, "no buffers"), All]);
    answered(&[Ok(8), Err(libc::ENOMEM)], [All, All, Cut(2, "no buffers")]);
    let two = [Ok(1), Err(libc::ENOBUFS), Ok(1), Err(libc::ENOBUFS)];
    answered(&two, [Cut(1, "no buffers"), Cut(1, "no buffers"), Cut(0, "no buffers")]);
}

#[test]
fn an_error_that_is_told_once_is_of_a_datagram_before_and_costs_nobody_anything() {
    for error in [libc::ECONNREFUSED, libc::EPERM, libc::EHOSTUNREACH, libc::EIO] {
        answered(&[Err(error)], [All, All, All]);
        answered(&[Ok(4), Err(error)], [All, All, All]);
    }
}

#[test]
fn who_may_not_be_sent_to_or_cannot_be_reached_is_alone_with_that() {
    for (error, why) in [
        (libc::EPERM, "forbidden by a firewall"),
        (libc::EACCES, "forbidden by a firewall"),
        (libc::EHOSTUNREACH, "unreachable"),
        (libc::ENETUNREACH, "unreachable"),
    ] {
        answered(&[Err(error), Err(error)], [Cut(0, why), All, All]);
        answered(&[Ok(4), Err(error), Err(error)], [All, Cut(1, why), All]);
        answered(&[Ok(8), Err(error), Err(error)], [All, All, Cut(2, why)]);
    }
}

#[test]
fn whose_path_cuts_nothing_apart_is_sent_the_rest_packet_by_packet() {
    for error in [libc::EIO, libc::EINVAL, libc::EMSGSIZE] {
        answered(&[Err(error), Err(error)], [All, All, All]);
        answered(&[Ok(4), Err(error), Err(error)], [All, All, All]);
        // And if that is refused too, it is this reader that cannot be reached.
        let twice = [Ok(4), Err(error), Err(error), Ok(4), Err(error), Err(error)];
        answered(&twice, [All, Cut(1, "unreachable"), All]);
    }
}
