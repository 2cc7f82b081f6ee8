//! Packetizing makes one allocation an image, whatever its size.

#![allow(unsafe_code, reason = "a counting allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use lenslet::media::{AccessUnit, Codec, Link, MediaTime, TrackId, aac, h264::ParameterSets, h265};
use lenslet::rtp::Sender;

thread_local! {
    // Of this thread alone: the other tests of the binary run beside this one.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    // A thread that is ending has no counter any more.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every method hands its arguments to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System`, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the pointer came from `System`, with this layout.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn unit(len: usize) -> AccessUnit {
    let mut data = vec![0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 0, 1, 0x68, 4, 0, 0, 0, 1, 0x65];
    data.resize(data.len() + len, 0xa5);
    AccessUnit {
        track: TrackId(0),
        time: MediaTime::from_nanos(40_000_000),
        link: Link::Start,
        data: data.into(),
    }
}

#[test]
fn every_format_makes_one_allocation() {
    let jpeg = std::fs::read("tests/fixtures/bitstreams/422.jpg").unwrap();
    let hevc = [&[0, 0, 0, 1, 0x26, 1][..], &[0xa5; 20_000]].concat();
    let sets = h265::ParameterSets::new(&[0x40, 1], &[0x42, 1], &[0x44, 1]);
    for (codec, data) in [
        (Codec::H265(sets), hevc),
        (Codec::Jpeg, jpeg),
        (Codec::Aac(aac::Config::parse(&[0x12, 0x10]).unwrap()), vec![7; 5_000]),
    ] {
        let mut sender = Sender::new(TrackId(0), &codec, 1, 65_000, 0, 1_420);
        let unit = AccessUnit { data: data.into(), ..unit(0) };
        let before = ALLOCATIONS.get();
        let image = sender.packetize(&unit).expect("there is something to send");
        assert_eq!(ALLOCATIONS.get() - before, 1, "{}", codec.name());
        assert!(image.packets > 1);
    }
}

#[test]
fn an_image_is_one_allocation_whatever_its_size() {
    let codec = Codec::H264(ParameterSets::new(&[0x67, 1, 2, 3], &[0x68, 4]));
    let mut sender = Sender::new(TrackId(0), &codec, 1, 65_000, 0, 1_420);
    for unit in [1, 1_300, 20_000, 1 << 20].map(unit) {
        let before = ALLOCATIONS.get();
        let image = sender.packetize(&unit).expect("there is a picture to send");
        let made = ALLOCATIONS.get() - before;
        assert_eq!(made, 1, "a picture of {} bytes", unit.data.len());
        // Readers share it: a clone and a walk over the packets cost nothing.
        let before = ALLOCATIONS.get();
        let packets = image.clone().packets().count();
        assert_eq!((ALLOCATIONS.get() - before, packets), (0, usize::from(image.packets)));
    }
}
