//! What a program writes instead of what it should, by its first bytes: that is told at once, and what to do.

use crate::source::camera::Coding;

/// As much as tells MPEG-TS, by three of its packets.
pub(super) const ENOUGH: usize = 2 * 188 + 1;

/// What bytes can be, by how they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recognized {
    /// Pictures one after the other, as they are served.
    Bare(Coding),
    /// In something that has to be taken off, or another coding.
    Other(&'static str),
}

/// What begins with these bytes, if it is known.
pub(super) fn recognize(head: &[u8]) -> Option<Recognized> {
    let other = |name| Some(Recognized::Other(name));
    for (magic, name) in BEGINNINGS {
        if head.starts_with(magic) {
            return other(name);
        }
    }
    if let Some(kind) = head.get(4..8)
        && [b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"sidx"].iter().any(|known| *known == kind)
    {
        return other("MP4");
    }
    if head.len() >= ENOUGH && [0, 188, 376].iter().all(|at| head[*at] == 0x47) {
        return other("MPEG-TS");
    }
    if head.starts_with(&[0xff, 0xd8, 0xff]) {
        return Some(Recognized::Bare(Coding::Mjpeg));
    }
    annex_b(head).map(Recognized::Bare)
}

/// How files and streams of other kinds begin.
const BEGINNINGS: [(&[u8], &str); 11] = [
    (&[0x1a, 0x45, 0xdf, 0xa3], "Matroska or WebM"),
    (b"FLV", "FLV"),
    (b"RIFF", "AVI"),
    (b"OggS", "Ogg"),
    (b"DKIF", "IVF"),
    (b"YUV4MPEG2", "pictures that are not coded (YUV4MPEG2)"),
    (b"\x89PNG", "PNG pictures"),
    (b"GIF8", "GIF pictures"),
    (&[0, 0, 1, 0xba], "MPEG program stream"),
    (&[0, 0, 1, 0xb3], "MPEG-1 or MPEG-2 video"),
    (&[0, 0, 1, 0xb0], "MPEG-4 part 2 video"),
];

/// Which coding a byte stream of NAL units has, by a first one that the other cannot have.
fn annex_b(head: &[u8]) -> Option<Coding> {
    let nal = head.strip_prefix(&[0, 0, 0, 1]).or_else(|| head.strip_prefix(&[0, 0, 1]))?;
    let [first, second, ..] = *nal else { return None };
    // Parameter sets, a delimiter or SEI of the base layer (ITU-T H.265 section 7.4.2.2): as H.264 they would be types 0, 2, 4
    // and 6 with a `nal_ref_idc` that those do not begin a stream with.
    if matches!(first, 0x40 | 0x42 | 0x44 | 0x46 | 0x4e) && second == 1 {
        return Some(Coding::Hevc);
    }
    // A sequence parameter set, or a delimiter (ITU-T H.264 section 7.4.1): as H.265 they would be pictures that need others.
    (matches!(first, 0x27 | 0x47 | 0x67) || first == 9 && second & 0x1f == 0x10).then_some(Coding::H264)
}

/// What it writes and what to do, if it is known and is not what it should be.
pub(super) fn mistaken(head: &[u8], format: Coding) -> Option<String> {
    let (wanted, muxer, encoder) = names(format);
    match recognize(head)? {
        Recognized::Bare(coding) if coding == format => None,
        Recognized::Bare(coding) => {
            let (name, _, _) = names(coding);
            Some(format!(
                "writes {name}, and its `format` is {format:?}: say `format: {coding:?}`, or have it write {wanted} (ffmpeg: `-c:v {encoder} -f {muxer}`)",
                format = Named(format),
                coding = Named(coding),
            ))
        }
        Recognized::Other(name) => Some(format!(
            "writes {name}, which is not {wanted} as it is: add `-f {muxer}` to ffmpeg's output (`-c:v {encoder} -f {muxer}` if it is coded otherwise), or what does the same in another program"
        )),
    }
}

/// What people, ffmpeg's `-f` and its usual encoder call it.
fn names(format: Coding) -> (&'static str, &'static str, &'static str) {
    match format {
        Coding::H264 => ("H.264", "h264", "libx264"),
        Coding::Hevc => ("H.265", "hevc", "libx265"),
        Coding::Mjpeg => ("JPEGs", "mjpeg", "mjpeg"),
    }
}

/// As it is written in the configuration.
struct Named(Coding);

impl std::fmt::Debug for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Coding::H264 => "H264",
            Coding::Hevc => "HEVC",
            Coding::Mjpeg => "MJPEG",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitstreams_are_known_and_beginnings_that_say_nothing_are_not() {
        for (file, coding) in
            [("clip.h264", Coding::H264), ("open-gop.h265", Coding::Hevc), ("420.jpg", Coding::Mjpeg)]
        {
            let head = std::fs::read(format!("tests/fixtures/bitstreams/{file}")).unwrap();
            assert_eq!(recognize(&head[..512.min(head.len())]), Some(Recognized::Bare(coding)), "{file}");
            assert_eq!(mistaken(&head, coding), None, "{file}");
        }
        for nothing in
            [&b""[..], b"usage: camera", &[0; 600], &[0, 0, 0, 1, 0x41, 0x9a], &[0, 0, 1, 0x65, 0x88]]
        {
            assert_eq!(recognize(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn what_to_do_is_said() {
        let mut ts = [0; 600];
        for packet in ts.chunks_mut(188) {
            packet[0] = 0x47;
        }
        assert!(
            mistaken(&ts, Coding::H264)
                .unwrap()
                .starts_with("writes MPEG-TS, which is not H.264 as it is: add `-f h264`")
        );
        assert_eq!(recognize(&ts[..376]), None, "a byte may be anything");
        let told = mistaken(&[0, 0, 0, 1, 0x40, 1, 12], Coding::H264).unwrap();
        assert!(told.starts_with("writes H.265, and its `format` is H264: say `format: HEVC`, or"), "{told}");
    }
}
