//! A picture is no allocation on the server's thread, whatever its size and whoever reads it.

#![allow(unsafe_code, reason = "a counting allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;
use std::time::Instant;

use lenslet::media::h264::Assembler;
use lenslet::media::{AccessUnit, Codec, Link, MediaTime, TrackId, aac, h264::ParameterSets, h265};
use lenslet::rtp::Sender;
use lenslet::server::Pacing;

#[path = "../bench/audience.rs"]
mod audience;

use audience::{Audience, Transport};

thread_local! {
    // Of this thread alone: the other tests of the binary run beside this one.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static LARGEST: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
    // A server's thread also counts here, for the test's thread to read.
    static TOLD: Cell<Option<&'static Told>> = const { Cell::new(None) };
}

/// What a server's thread allocated.
#[derive(Default)]
struct Told {
    count: AtomicUsize,
    /// Bytes that it has not freed.
    held: AtomicIsize,
}

/// Sizes that a server's thread does not count: see [`learn_timers`].
static TIMERS: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];

/// Tests whose servers share smol's reactor, and count, run one after the other.
static ONE: Mutex<()> = Mutex::new(());

thread_local! {
    // What is looked for in each block that this thread gives back, and how many had it.
    static SOUGHT: Cell<Option<&'static [u8]>> = const { Cell::new(None) };
    static HAD_IT: Cell<usize> = const { Cell::new(0) };
}

/// How many blocks of memory held this text when they were given back during the work on this thread.
pub(crate) fn given_back_with(text: &'static str, work: impl FnOnce()) -> usize {
    HAD_IT.set(0);
    SOUGHT.set(Some(text.as_bytes()));
    work();
    SOUGHT.set(None);
    HAD_IT.get()
}

/// Looks into a block that is given back.
fn look_for(pointer: *const u8, size: usize) {
    // A thread that is ending looks for nothing any more.
    let Ok(Some(sought)) = SOUGHT.try_with(Cell::get) else { return };
    let is = |place: usize, byte: u8| {
        // SAFETY: it is below `size`.
        let place = unsafe { pointer.add(place) };
        // SAFETY: the block is its owner's until this returns; nothing is made of the byte but a comparison.
        (unsafe { place.read_volatile() }) == byte
    };
    let found = (0..(size + 1).saturating_sub(sought.len()))
        .any(|start| sought.iter().enumerate().all(|(offset, byte)| is(start + offset, *byte)));
    HAD_IT.set(HAD_IT.get() + usize::from(found));
}

struct Counting;

fn count(size: usize) {
    // A thread that is ending has no counter any more.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
    let _ = BYTES.try_with(|bytes| bytes.set(bytes.get() + size));
    let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(size)));
    if TIMERS.iter().all(|known| size != known.load(Ordering::SeqCst)) {
        let _ = TOLD.try_with(|told| told.get().map(|told| told.count.fetch_add(1, Ordering::SeqCst)));
    }
}

fn hold(bytes: usize, sign: isize) {
    // Timers are put in by one thread and moved by another.
    if TIMERS.iter().any(|timers| timers.load(Ordering::SeqCst) == bytes) {
        return;
    }
    let change = sign * bytes as isize;
    let _ = TOLD.try_with(|told| told.get().map(|told| told.held.fetch_add(change, Ordering::SeqCst)));
}

// SAFETY: every method hands its arguments to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        hold(layout.size(), 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        hold(layout.size(), -1);
        look_for(pointer, layout.size());
        // SAFETY: the pointer came from `System`, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        hold(size, 1);
        hold(layout.size(), -1);
        // It may be moved, and what is left behind is given back.
        look_for(pointer, layout.size());
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
        journey: None,
        data: data.into(),
    }
}

#[test]
fn a_coded_picture_is_copied_once_whatever_the_encoder_leaves_out_or_puts_in() {
    const LENGTH: usize = 100_000;
    let slice = |first: u8| [&[first, 0b1000_1000, 0b1000_0001][..], &[0xa5; LENGTH]].concat();
    let (sps, pps) = (vec![0x67, 66, 0xc0, 30, 0b1010_0000], vec![0x68, 0b1100_0001]);
    let (idr, other) = (slice(0x65), slice(0x41));
    let (delimiter, filler) = (vec![9, 0xf0], vec![12, 0xff, 0xff, 0x80]);
    let mut assembler = Assembler::new();
    let mut copied = |nals: &[&Vec<u8>], code: &[u8]| {
        let unit: Vec<u8> = nals.iter().flat_map(|nal| [code, nal].concat()).collect();
        let before = BYTES.get();
        assembler.assemble(&unit).unwrap();
        BYTES.get() - before
    };
    let first = copied(&[&sps, &pps, &idr], &[0, 0, 0, 1]);
    assert!(first >= LENGTH, "what is copied is allocated");
    for (case, nals, code) in [
        ("as it is", &[&sps, &pps, &idr][..], &[0, 0, 0, 1][..]),
        ("as it is", &[&other], &[0, 0, 0, 1]),
        ("sets put in", &[&idr], &[0, 0, 0, 1]),
        ("short start codes", &[&sps, &pps, &idr], &[0, 0, 1]),
        ("short start codes", &[&other], &[0, 0, 1]),
        ("delimiter taken out", &[&delimiter, &sps, &pps, &idr], &[0, 0, 0, 1]),
        ("filler taken out", &[&other, &filler], &[0, 0, 0, 1]),
    ] {
        let bytes = copied(nals, code);
        assert!(bytes < LENGTH * 11 / 10, "{case}: {bytes} bytes for a picture of {LENGTH}");
    }
}

/// What openh264 itself allocates is not counted: it is not Rust's.
#[cfg(feature = "soft-h264")]
#[test]
fn what_the_processor_coded_is_copied_once() {
    use lenslet::encode::{self, Settings};
    use lenslet::media::Picture;

    let settings = Settings { bitrate: 40_000_000, gop: 4, fps: 30.0, level: None, full_range: false };
    let mut encoder = encode::h264(settings).unwrap();
    let (mut assembler, mut picture) = (Assembler::new(), Picture::black(640, 480));
    for number in 0..8 {
        // More of it would be another scene, and a keyframe each time.
        encode::draw::snow(&mut picture, 160, 160, number);
        let (mut unit, before) = (None, BYTES.get());
        encoder.encode(&picture, false, &mut |pieces| unit = assembler.assemble_pieces(pieces)).unwrap();
        let (allocated, (data, link)) = (BYTES.get() - before, unit.unwrap());
        assert_eq!(link == Link::Start, number % 4 == 0);
        let length = data.len();
        assert!(length > 20_000 && allocated >= length, "{allocated} bytes for a picture of {length}");
        assert!(allocated < length * 11 / 10, "{number}: {allocated} bytes for a picture of {length}");
    }
}

#[test]
fn on_its_way_from_the_encoder_to_the_readers_a_coded_picture_is_copied_twice() {
    const LENGTH: usize = 100_000;
    let (sps, pps) = ([0x67, 66, 0xc0, 30, 0b1010_0000], [0x68, 0b1100_0001]);
    let idr = [&[0x65, 0b1000_1000, 0b1000_0001][..], &[0xa5; LENGTH]].concat();
    let coded: Vec<u8> =
        [&sps[..], &pps, &idr].iter().flat_map(|nal| [&[0, 0, 0, 1][..], nal].concat()).collect();
    let mut assembler = Assembler::new();
    let codec = Codec::H264(ParameterSets::new(&sps, &pps));
    let mut sender = Sender::new(TrackId(0), &codec, 1, 65_000, 0, 1_420);
    for _ in 0..3 {
        let before = BYTES.get();
        let (data, link) = assembler.assemble(&coded).unwrap();
        let unit = AccessUnit { link, data, ..unit(0) };
        sender.packetize(&unit).unwrap();
        let bytes = BYTES.get() - before;
        assert!((LENGTH * 2..LENGTH * 22 / 10).contains(&bytes), "{bytes} bytes for a picture of {LENGTH}");
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

/// smol's reactor splits its tree of timers whenever it is asked for events: a node of two sizes each time,
/// whoever reads and whatever is sent. Finds out the sizes.
fn learn_timers() {
    let size = |entries: usize| {
        let now = Instant::now();
        let mut timers: BTreeMap<(Instant, usize), Waker> =
            (0..entries).map(|number| ((now, number), Waker::noop().clone())).collect();
        LARGEST.set(0);
        let later = timers.split_off(&(now, entries / 2));
        assert!(later.len() >= entries / 2);
        LARGEST.get()
    };
    // A leaf, and a node above leaves.
    TIMERS[0].store(size(1), Ordering::SeqCst);
    TIMERS[1].store(size(100), Ordering::SeqCst);
}

/// The reactor makes a list of whom to wake for each timer that rings, as with each part of a keyframe: only
/// there this size is not counted.
fn learn_rings(pacing: Pacing) {
    LARGEST.set(0);
    let mut woken = Vec::new();
    woken.extend(std::iter::once(Waker::noop().clone()).filter(|_| pacing == Pacing::On));
    let size = if woken.is_empty() { 0 } else { LARGEST.get() };
    TIMERS[2].store(size, Ordering::SeqCst);
}

fn counted(transport: Transport, pacing: Pacing, readers: usize) -> (Audience, &'static Told) {
    let told: &'static Told = Box::leak(Box::default());
    let audience = Audience::new(transport, pacing, readers, move |serve| {
        TOLD.set(Some(told));
        serve();
        TOLD.set(None);
    });
    (audience, told)
}

/// Allocations of the server's thread in a row of pictures, at its steadiest: the seconds in which reports
/// are sent and the house is kept are others.
fn steadiest(
    transport: Transport,
    pacing: Pacing,
    readers: usize,
    paused: bool,
    bytes: usize,
    enough: usize,
) -> usize {
    let (mut audience, told) = counted(transport, pacing, readers);
    if paused {
        audience.pause();
    }
    let mut row = || {
        let before = told.count.load(Ordering::SeqCst);
        for number in 0..PICTURES {
            // As pictures are: no two of one size.
            let bytes = bytes - bytes / 5 * (number % 7) / 7;
            audience.picture_of(bytes, if pacing == Pacing::On { 4 } else { 1 });
        }
        told.count.load(Ordering::SeqCst) - before
    };
    // On a busy machine tasks are woken more often than they need.
    let mut least = row();
    for _ in 1..32 {
        if least <= enough {
            break;
        }
        least = least.min(row());
    }
    least
}

/// Two groups of pictures and some.
const PICTURES: usize = 62;

#[test]
fn a_picture_is_no_allocation_whoever_reads_it() {
    let _alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    learn_timers();
    let mut wrong = Vec::new();
    for (transport, pacing) in [
        (Transport::Tcp, Pacing::Auto),
        (Transport::TcpElsewhere, Pacing::Auto),
        (Transport::Udp, Pacing::Auto),
        (Transport::Udp, Pacing::On),
    ] {
        learn_rings(pacing);
        for readers in [1, 8, 32] {
            for (paused, bytes) in [(false, 1_000), (false, 20_000), (true, 1_000), (true, 20_000)] {
                // The executor's queue takes a block for each 31 times that a task is woken, as with each part.
                let blocks = if pacing == Pacing::On { 2 } else { 0 };
                let made = steadiest(transport, pacing, readers, paused, bytes, blocks);
                if made > blocks {
                    wrong.push(format!(
                        "{transport:?}, {pacing:?} x {readers}, paused {paused}, {bytes} B: {made}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "allocations for {PICTURES} pictures:\n{}", wrong.join("\n"));
}

/// Of those who play and have nothing waiting; beside what the kernel has of a socket. By UDP there is room for messages too,
/// which doubles when it is full.
#[test]
fn a_reader_is_small() {
    let _alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    learn_timers();
    let held = |transport, readers| {
        let (mut audience, told) = counted(transport, Pacing::Auto, readers);
        (0..PICTURES).for_each(|_| audience.picture(1_000));
        // At its least: on a busy machine something waits for somebody at any one instant.
        let now = |_| {
            audience.picture(1_000);
            told.held.load(Ordering::SeqCst)
        };
        (0..PICTURES).map(now).min().expect("some pictures")
    };
    for (transport, most) in [(Transport::Tcp, 1_600), (Transport::Udp, 1_984)] {
        let each = || (held(transport, 96) - held(transport, 32)) / 64;
        let small = |each: &isize| (200..=most).contains(each);
        let tries: Vec<isize> = (0..10)
            .map(|_| each())
            .scan(false, |done, each| (!std::mem::replace(done, small(&each))).then_some(each))
            .collect();
        assert!(tries.iter().any(small), "{transport:?}: {tries:?} bytes a reader");
    }
}
