//! GStreamer's `rtspsrc` with its depayloaders, parsers and FFmpeg's decoders.

use std::process::Command;

use super::super::judge::PICTURES;
use super::super::source::Coding;
use super::{Heard, Seen, Times, Visit, all, behind, clock, complains, lines, read};
use crate::interop::run;

pub(super) fn gstreamer(visit: &Visit<'_>) -> Result<Seen, String> {
    let (stream, sound) = (visit.folder.join("stream"), visit.folder.join("sound"));
    let chain = match visit.source.coding {
        Coding::H264 => parsed("h264"),
        Coding::H265 => parsed("h265"),
        Coding::Jpeg => ["rtpjpegdepay".to_owned(), "jpegdec".to_owned()],
    };
    let [received, decoder] = chain;
    // Its other modes estimate the sender's clock from arrival times; this one takes the sender's.
    let mut pipeline = format!(
        "rtspsrc name=from location={} protocols={} buffer-mode=none from. ! application/x-rtp,media=video ! \
         queue ! {received} ! identity name=each silent=false eos-after={} ! tee name=both both. ! queue ! filesink location={} \
         both. ! queue ! {decoder} ! fakesink sync=false",
        visit.url,
        visit.transport,
        PICTURES + 1,
        stream.display()
    );
    if visit.source.sound {
        pipeline += &format!(
            " from. ! application/x-rtp,media=audio ! queue ! rtpmp4gdepay ! aacparse ! \
             audio/mpeg,stream-format=raw ! identity eos-after={} ! tee name=two two. ! \
             queue ! gdppay ! filesink location={} two. ! queue ! avdec_aac ! fakesink sync=false",
            // Both tracks have to end; this is as long as the pictures last.
            PICTURES * 40 / 64,
            sound.display()
        );
    }
    let mut gst = Command::new("gst-launch-1.0");
    gst.arg("-v").args(pipeline.split_whitespace());
    let output = run(&mut gst)?;
    let said = String::from_utf8_lossy(&output.stdout);
    let told = |name: &str| -> Vec<&str> {
        let mark = format!("{name}: last-message = chain");
        said.lines().filter(|line| line.contains(&mark)).collect()
    };
    let times = |told: &[&str]| all(told.iter().map(|line| clock(behind(line, ", pts: ")?)), "a buffer");
    let mut complaints = lines(&output.stderr, complains);
    // What the RTP session counted: `packets-lost=(int)0`.
    let lost = said.split("packets-lost=(int)").skip(1).filter(|rest| !rest.starts_with(['0', '-']));
    complaints.extend(lost.map(|rest| format!("packets-lost={}", &rest[..rest.len().min(8)])));
    let heard = || -> Result<Heard, String> {
        let (times, frames): (Vec<f64>, Vec<Vec<u8>>) = buffers(&read(&sound)?).into_iter().unzip();
        Ok(Heard { count: times.len(), times: Some(times), frames: Some(frames) })
    };
    let sound = visit.source.sound.then(heard).transpose()?;
    let seen = Seen::timed(Times::Decoding(times(&told("each"))?), Some(read(&stream)?));
    Ok(Seen { complaints, sound, ..seen })
}

/// What takes pictures of a format that is parsed out of packets, and what decodes them.
fn parsed(coding: &str) -> [String; 2] {
    let caps = format!("video/x-{coding},stream-format=byte-stream,alignment=au");
    [format!("rtp{coding}depay ! {coding}parse ! {caps}"), format!("avdec_{coding}")]
}

/// Buffers of the GStreamer Data Protocol, version 1.0, with their seconds: behind a head of 62 bytes each,
/// which says what it is (1 is a buffer), how long, and when. (`-v` loses lines of two tracks at once.)
fn buffers(mut written: &[u8]) -> Vec<(f64, Vec<u8>)> {
    let mut found = Vec::new();
    while let Some((head, rest)) = written.split_first_chunk::<62>() {
        let length = u32::from_be_bytes(head[6..10].try_into().unwrap()) as usize;
        let (payload, behind) = rest.split_at(length.min(rest.len()));
        if head[4..6] == [0, 1] {
            let nanoseconds = u64::from_be_bytes(head[10..18].try_into().unwrap());
            found.push((nanoseconds as f64 / 1e9, payload.to_vec()));
        }
        written = behind;
    }
    found
}
