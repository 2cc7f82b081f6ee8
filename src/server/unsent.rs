//! How much TCP sockets may hold unsent: a whole keyframe, so that one picture is one `write` on a link that
//! keeps up, and not much more, so that what is behind waits where it can be skipped.

use std::net::TcpStream;
use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::sys;

/// Half a second of 2 Mbit/s.
const LEAST: usize = 128 << 10;

/// Larger keyframes take more than one write.
const MOST: usize = 1 << 20;

/// A keyframe counts for at least as long, and at most for twice that.
const MEMORY: Duration = Duration::from_secs(60);

/// The largest keyframes of this minute and of the one before.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    largest: usize,
    before: usize,
    since: Option<Instant>,
}

impl Unsent {
    /// A keyframe of so many bytes goes out.
    pub(super) fn note(&mut self, bytes: usize, now: Instant) {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= MEMORY) {
            self.before = std::mem::take(&mut self.largest);
            self.since = Some(now);
        }
        self.largest = self.largest.max(bytes);
    }

    /// Bytes for each socket: a power of two, so that it seldom changes.
    pub(super) fn bytes(&self) -> u32 {
        let largest = self.largest.max(self.before);
        largest.clamp(LEAST, MOST).next_power_of_two() as u32
    }
}

/// What `net.core.wmem_max` is unless somebody set it.
const USUAL: usize = 212_992;

/// How far `net.core.wmem_max` lets anybody set a send buffer: of some kernels containers cannot read it.
pub(super) fn settable() -> usize {
    static SETTABLE: OnceLock<usize> = OnceLock::new();
    *SETTABLE.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/sys/net/core/wmem_max").unwrap_or_default();
        text.trim().parse().unwrap_or(USUAL)
    })
}

/// Has a socket take so many bytes unsent and no more, with room for twice that, of which the half is the kernel's own.
///
/// A buffer that is set is one that the kernel makes no larger any more, and is cut to what is `settable`: 208 KB without
/// the package's setting. Where that does not do the kernel is left to make it larger, up to `net.ipv4.tcp_wmem`: a
/// keyframe of 700 KB a second was parted each time in 416 KB that were set, and once in what the kernel made itself.
pub(super) fn hold(socket: &TcpStream, bytes: u32, settable: usize, set_before: bool) {
    let options = SockRef::from(socket);
    // Where it cannot be set, the picture is written in parts.
    let _ = options.set_tcp_notsent_lowat(bytes);
    let bytes = bytes as usize;
    let Ok(has) = options.send_buffer_size() else { return };
    if has >= bytes * 2 {
        return;
    }
    let (enough, can_be) = (bytes <= settable, bytes.min(settable));
    // Kernels before 5.14 never make one larger that was set: what can be had of it is the best there then.
    let worth = enough || set_before || sys::tune_send_buffer(socket.as_fd()).is_ok();
    if worth && has < can_be * 2 {
        let _ = options.set_send_buffer_size(can_be);
    }
    if !enough {
        let _ = sys::tune_send_buffer(socket.as_fd());
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_buffer_that_cannot_be_as_large_as_a_keyframe_is_left_to_the_kernel() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // What can be set, what is asked for one after the other, and whether the kernel has to be left to it in the end.
        for (settable, asked, left) in [
            (USUAL, &[128 << 10][..], false),
            (USUAL, &[1 << 20], true),
            (USUAL, &[128 << 10, 1 << 20], true),
            (4096, &[128 << 10], true),
        ] {
            // As over Ethernet: the kernel begins with less, the shorter segments are.
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            socket.set_tcp_mss(1000).unwrap();
            socket.connect(&listener.local_addr().unwrap().into()).unwrap();
            let socket = TcpStream::from(socket);
            let mut before = false;
            for bytes in asked {
                hold(&socket, *bytes, settable, std::mem::replace(&mut before, true));
            }
            let has = SockRef::from(&socket).send_buffer_size().unwrap();
            let wanted = *asked.last().unwrap() as usize * 2;
            assert_eq!(sys::tunes_send_buffer(socket.as_fd()).unwrap(), left, "{settable}, {asked:?}");
            assert!(left || has >= wanted, "{settable}, {asked:?}: {has}");
        }
    }

    #[test]
    fn the_largest_keyframe_of_the_last_minute_counts() {
        let mut unsent = Unsent::default();
        assert_eq!(unsent.bytes(), 128 << 10);
        let start = crate::clock::now();
        let mut after = |seconds, bytes| {
            unsent.note(bytes, start + Duration::from_secs(seconds));
            unsent.bytes() >> 10
        };
        assert_eq!([after(0, 1000), after(1, 200_000), after(2, 300_000)], [128, 256, 512]);
        assert_eq!([after(60, 1000), after(119, 1000)], [512, 512]);
        assert_eq!([after(120, 1000), after(121, 100 << 20)], [128, 1024]);
    }
}
