use std::sync::{Arc, Mutex};

use super::*;
use crate::encode;
use crate::hub::mount;
use crate::media::{Encoder, EncoderError, Picture};
use crate::v4l2::{Colour, Format, FourCc, Plane};

/// A camera's pictures that wait, each of the luma that its number is.
type Waiting = Arc<Mutex<Vec<u32>>>;

/// A camera of four buffers that has taken so many pictures.
struct Camera {
    waiting: Waiting,
    /// Those that were not given back.
    out: u32,
}

impl Buffers for Camera {
    fn dequeue(&mut self) -> Result<Option<Filled>, v4l2::Error> {
        let mut waiting = self.waiting.lock().unwrap();
        if waiting.is_empty() {
            return Ok(None);
        }
        let number = waiting.remove(0);
        self.out += 1;
        Ok(Some(Filled::of(number, &[number as u8; SIZE])))
    }

    fn requeue(&mut self, _: Filled) -> Result<(), v4l2::Error> {
        self.out -= 1;
        Ok(())
    }

    fn buffers(&self) -> u32 {
        4
    }

    fn force_keyframe(&self) {}
}

/// Meanwhile the camera takes another four.
struct Slow {
    waiting: Waiting,
    taken: u32,
    coded: Arc<Mutex<Vec<u8>>>,
}

impl Encoder for Slow {
    fn encode(
        &mut self,
        picture: &Picture,
        _: bool,
        take: &mut dyn FnMut(&[&[u8]]),
    ) -> Result<(), EncoderError> {
        self.coded.lock().unwrap().push(picture.luma[0]);
        // Whoever never comes back does after fifty.
        if self.taken < 200 {
            self.waiting.lock().unwrap().extend(self.taken..self.taken + 4);
            self.taken += 4;
        }
        take(&[&[
            0,
            0,
            1,
            0x67,
            66,
            0xc0,
            30,
            0b1010_0000,
            0,
            0,
            1,
            0x68,
            0b1100_0001,
            0,
            0,
            1,
            0x65,
            0x88,
            0x81,
        ]]);
        Ok(())
    }

    fn set_gop(&mut self, _: u32) -> Result<(), EncoderError> {
        Ok(())
    }

    fn set_bitrate(&mut self, _: u32) -> Result<(), EncoderError> {
        Ok(())
    }
}

/// A picture's bytes: 32x16 of NV12.
const SIZE: usize = 32 * 24;

#[test]
fn an_encoder_slower_than_its_camera_codes_the_newest_picture_and_comes_back() {
    let planes = [Plane { bytesperline: 32, sizeimage: SIZE as u32 }].into_iter().collect();
    let (width, height) = (32, 16);
    let format =
        Format { fourcc: FourCc(*b"NV12"), width, height, field: 1, planes, colour: Colour::default() };
    let waiting: Waiting = Arc::new(Mutex::new((0..4).collect()));
    let coded = Arc::new(Mutex::new(Vec::new()));
    let slow = Slow { waiting: waiting.clone(), taken: 4, coded: coded.clone() };
    let settings = encode::Settings { bitrate: 100_000, gop: 30, fps: 30.0, level: None, full_range: false };
    let software = Software::by(&format, Box::new(slow), settings);
    let (outlet, mount) = mount("test");
    let thin = Thin::new(None, None);
    let stream = Stream::Software(Box::new(software));
    let mut pipeline = Pipeline::new("camera", &outlet, stream, None, false, thin);
    let mut camera = Camera { waiting, out: 0 };
    for (pass, newest) in [3, 7, 11].into_iter().enumerate() {
        assert!(pipeline.drain(&mut camera).unwrap());
        assert_eq!(coded.lock().unwrap()[pass..], [newest], "one picture a pass");
        assert_eq!(camera.out, 0, "the camera has all its buffers back");
        // What the loop does between two passes.
        pipeline.tell(clock::now());
        assert_eq!(mount.lost(), [("overtaken by the next one", (pass as u64 + 1) * 3)]);
    }
}
