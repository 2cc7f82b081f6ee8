//! retina, a client in Rust, in this process.

use futures::StreamExt;
use retina::client::{PlayOptions, Session, SessionOptions, SetupOptions, Transport};
use retina::codec::{CodecItem, VideoFrame};

use super::super::judge::{FRAMES, PICTURES};
use super::super::source::Coding;
use super::{Heard, Seen, Times, Visit};
use crate::support::PATIENCE;

pub(super) fn retina(visit: &Visit<'_>) -> Result<Seen, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(plays(visit))
}

async fn plays(visit: &Visit<'_>) -> Result<Seen, String> {
    let said = |error: retina::Error| error.to_string();
    let url = url::Url::parse(visit.url).map_err(|error| error.to_string())?;
    let mut session = Session::describe(url, SessionOptions::default()).await.map_err(said)?;
    for track in 0..session.streams().len() {
        let transport = match visit.transport {
            "udp" => Transport::Udp(Default::default()),
            _ => Transport::Tcp(Default::default()),
        };
        session.setup(track, SetupOptions::default().transport(transport)).await.map_err(said)?;
    }
    let session = session.play(PlayOptions::default()).await.map_err(said)?;
    let mut demuxed = session.demuxed().map_err(said)?;
    let (mut times, mut stream, mut complaints) = (Vec::new(), Vec::new(), Vec::new());
    let (mut heard, mut frames) = (Vec::new(), Vec::new());
    while times.len() < PICTURES || visit.source.sound && heard.len() < FRAMES {
        let item = tokio::time::timeout(PATIENCE, demuxed.next()).await.map_err(|_| "nothing comes")?;
        let Some(item) = item else { return Err("it ended".into()) };
        let lost = match item.map_err(said)? {
            CodecItem::VideoFrame(frame) => {
                times.push(frame.timestamp().elapsed() as f64 / 90_000.0);
                match visit.source.coding {
                    Coding::H264 | Coding::H265 => annex_b(&frame, &mut stream),
                    Coding::Jpeg => stream.extend(frame.data()),
                }
                frame.loss()
            }
            CodecItem::AudioFrame(frame) => {
                let rate = f64::from(frame.timestamp().clock_rate().get());
                heard.push(frame.timestamp().elapsed() as f64 / rate);
                frames.push(frame.data().to_vec());
                frame.loss()
            }
            _ => 0,
        };
        if lost > 0 {
            complaints.push(format!("lost {lost} before picture {}", times.len()));
        }
    }
    let heard = Heard { count: heard.len(), times: Some(heard), frames: Some(frames) };
    let sound = visit.source.sound.then_some(heard);
    Ok(Seen { complaints, sound, ..Seen::timed(Times::Decoding(times), Some(stream)) })
}

/// NAL units behind their lengths as a byte stream.
fn annex_b(frame: &VideoFrame, stream: &mut Vec<u8>) {
    let mut sized = frame.data();
    while let Some((length, rest)) = sized.split_first_chunk::<4>() {
        let (nal, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        stream.extend([0, 0, 0, 1]);
        stream.extend(nal);
        sized = rest;
    }
}
