//! What fan-out is measured with: see `README.md` here.

pub mod clip;
pub mod cpu;
pub mod options;
pub mod rtsp;
pub mod sys;
pub mod viewer;
