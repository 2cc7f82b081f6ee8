//! GStreamer's `rtspsrc` with its depayloaders, parsers and FFmpeg's decoders.

use std::process::Command;

use super::super::judge::PICTURES;
use super::super::source::Coding;
use super::{Heard, Seen, Times, Visit, all, behind, clock, complains, lines, read};
use crate::interop::run;

/// What is said when its lines are not those of the buffers that it wrote.
const TORN: &str = "its lines do not fit what it wrote";

/// `identity` tells its last message by a property, in which an event of another thread now and then takes
/// the place of a buffer: such a visit says nothing of the sound's times and is made again.
pub(super) fn gstreamer(visit: &Visit<'_>) -> Result<Seen, String> {
    let mut visits = (0..4).map(|_| plays(visit));
    visits.find(|seen| seen.as_ref().err().is_none_or(|why| why != TORN)).ok_or(TORN)?
}

fn plays(visit: &Visit<'_>) -> Result<Seen, String> {
    let (stream, sound) = (visit.folder.join("stream"), visit.folder.join("sound"));
    let coding = match visit.source.coding {
        Coding::H264 => "h264",
        Coding::H265 => "h265",
    };
    // Its other modes estimate the sender's clock from arrival times; this one takes the sender's.
    let mut pipeline = format!(
        "rtspsrc name=from location={} protocols={} buffer-mode=none from. ! application/x-rtp,media=video ! \
         queue ! rtp{coding}depay ! {coding}parse ! video/x-{coding},stream-format=byte-stream,alignment=au ! \
         identity name=each silent=false eos-after={} ! tee name=both both. ! queue ! filesink location={} \
         both. ! queue ! avdec_{coding} ! fakesink sync=false",
        visit.url,
        visit.transport,
        PICTURES + 1,
        stream.display()
    );
    if visit.source.sound {
        pipeline += &format!(
            " from. ! application/x-rtp,media=audio ! queue ! rtpmp4gdepay ! aacparse ! \
             audio/mpeg,stream-format=raw ! identity name=heard silent=false eos-after={} ! tee name=two two. ! \
             queue ! filesink location={} two. ! queue ! avdec_aac ! fakesink sync=false",
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
        let (told, mut rest) = (told("heard"), read(&sound)?);
        let size =
            |line: &&str| line.split_once("(heard:sink) (")?.1.split(' ').next()?.parse::<usize>().ok();
        if told.iter().filter_map(size).sum::<usize>() != rest.len() {
            return Err(TORN.to_owned());
        }
        let mut frames = Vec::new();
        for size in told.iter().map_while(size) {
            let after = rest.split_off(size.min(rest.len()));
            frames.push(std::mem::replace(&mut rest, after));
        }
        Ok(Heard { count: told.len(), times: Some(times(&told)?), frames: Some(frames) })
    };
    let sound = visit.source.sound.then(heard).transpose()?;
    let seen = Seen::timed(Times::Decoding(times(&told("each"))?), Some(read(&stream)?));
    Ok(Seen { complaints, sound, ..seen })
}
