//! The `AudioSpecificConfig` (ISO/IEC 14496-3 section 1.6.2.1).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::bits::Bits;

/// `samplingFrequencyIndex` (table 1.18); 15 stands before a rate of 24 bits.
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
const EXPLICIT: u32 = 15;

/// Audio object types (table 1.17).
const SBR: u32 = 5;
const PS: u32 = 29;

/// What a decoder must know of a track of AAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    bytes: Arc<[u8]>,
    rate: u32,
    channels: u8,
    samples: u32,
}

/// Why AAC cannot be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It ends too early.
    Truncated,
    /// There is no ADTS header where one belongs.
    NoAdts,
    /// An audio object type that is neither AAC Main, LC, SSR nor LTP, with or without SBR and PS.
    ObjectType(u32),
    /// A sample rate of none, or above 96 kHz.
    SampleRate(u32),
    /// A channel configuration that says nothing.
    Channels(u32),
    /// Several access units in one ADTS frame.
    Blocks,
}

impl Config {
    /// Reads an `AudioSpecificConfig`, as MP4 and SDP have it.
    ///
    /// The rate is the one that is heard: where SBR is signalled that of the extension, as ffmpeg has it;
    /// where it is not, a decoder finds SBR by itself, and the core's rate is the clock.
    ///
    /// # Errors
    /// See [`Unfit`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Unfit> {
        let mut bits = Bits::new(bytes);
        let mut kind = object_type(&mut bits).ok_or(Unfit::Truncated)?;
        let core = rate(&mut bits)?;
        let channels = bits.fixed(4).ok_or(Unfit::Truncated)?;
        let (mut heard, stereo) = (core, kind == PS);
        if kind == SBR || kind == PS {
            heard = rate(&mut bits)?;
            kind = object_type(&mut bits).ok_or(Unfit::Truncated)?;
        }
        if !(1..=4).contains(&kind) {
            return Err(Unfit::ObjectType(kind));
        }
        let short = bits.flag().ok_or(Unfit::Truncated)?;
        if bits.flag().ok_or(Unfit::Truncated)? {
            let _core_coder_delay = bits.fixed(14).ok_or(Unfit::Truncated)?;
        }
        let _extension = bits.flag().ok_or(Unfit::Truncated)?;
        let channels = match channels {
            0 => program(&mut bits).ok_or(Unfit::Truncated)?,
            1 if stereo => 2,
            1..=6 => channels as u8,
            7 | 12 | 14 => 8,
            11 => 7,
            _ => return Err(Unfit::Channels(channels)),
        };
        if heard == core {
            heard = sync_extension(&mut bits).unwrap_or(core);
        }
        let samples: u32 = if short { 960 } else { 1024 };
        // An access unit lasts as long, whatever rate is heard.
        let samples = (u64::from(samples) * u64::from(heard) / u64::from(core)) as u32;
        Ok(Self { bytes: bytes.into(), rate: heard, channels, samples })
    }

    /// The config of raw access units of this type, rate and channels, as ADTS has them.
    pub(super) fn of_adts(object_type: u8, rate_index: u8, channels: u8) -> Result<Self, Unfit> {
        if channels == 0 {
            return Err(Unfit::Channels(0));
        }
        if usize::from(rate_index) >= RATES.len() {
            return Err(Unfit::SampleRate(0));
        }
        // Type (5 bits), rate (4), channels (4), three flags of none.
        let fields =
            u16::from(object_type) << 11 | u16::from(rate_index & 15) << 7 | u16::from(channels & 15) << 3;
        Self::parse(&fields.to_be_bytes())
    }

    /// Type, rate and channels of the core as ADTS has them; `None` where it cannot have them.
    pub(super) fn adts_fields(&self) -> Option<[u8; 3]> {
        let mut bits = Bits::new(&self.bytes);
        let mut kind = object_type(&mut bits)?;
        let core = rate(&mut bits).ok()?;
        let channels = bits.fixed(4)?;
        if kind == SBR || kind == PS {
            rate(&mut bits).ok()?;
            kind = object_type(&mut bits)?;
        }
        let index = RATES.iter().position(|rate| *rate == core)?;
        let short = bits.flag()?;
        let said = !short && (1..=4).contains(&kind) && (1..=7).contains(&channels);
        said.then_some([kind as u8, index as u8, channels as u8])
    }

    /// The `AudioSpecificConfig`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Samples a second: the RTP clock.
    pub fn sample_rate(&self) -> u32 {
        self.rate
    }

    /// Channels.
    pub fn channels(&self) -> u8 {
        self.channels
    }

    /// Samples of an access unit, for each channel, at [`Config::sample_rate`].
    pub fn samples(&self) -> u32 {
        self.samples
    }

    /// How long `units` access units last, to the nanosecond: counted from the first one, times do not
    /// drift, though 1024 samples of 44.1 kHz are no whole number of nanoseconds.
    pub fn duration(&self, units: u64) -> Duration {
        let samples = u128::from(units) * u128::from(self.samples);
        let nanos = (samples * 1_000_000_000 + u128::from(self.rate) / 2) / u128::from(self.rate);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

fn object_type(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.fixed(5)? {
        31 => Some(32 + bits.fixed(6)?),
        kind => Some(kind),
    }
}

fn rate(bits: &mut Bits<'_>) -> Result<u32, Unfit> {
    let index = bits.fixed(4).ok_or(Unfit::Truncated)?;
    let rate = match RATES.get(index as usize) {
        Some(rate) => *rate,
        None if index == EXPLICIT => bits.fixed(24).ok_or(Unfit::Truncated)?,
        None => 0,
    };
    if (1..=96_000).contains(&rate) { Ok(rate) } else { Err(Unfit::SampleRate(rate)) }
}

/// The channels of a `program_config_element` (section 4.4.1.1).
fn program(bits: &mut Bits<'_>) -> Option<u8> {
    let _tag_type_rate = bits.fixed(4 + 2 + 4)?;
    let elements = bits.fixed(4)? + bits.fixed(4)? + bits.fixed(4)?;
    let low = bits.fixed(2)?;
    let _data_coupling = bits.fixed(3 + 4)?;
    for mixdown in [4, 4, 3] {
        if bits.flag()? {
            bits.fixed(mixdown)?;
        }
    }
    let mut channels = low;
    for _ in 0..elements {
        channels += if bits.flag()? { 2 } else { 1 };
        let _tag = bits.fixed(4)?;
    }
    Some(channels as u8).filter(|channels| *channels > 0)
}

/// SBR told behind the rest, for decoders that do not know it (section 1.6.5.2): the rate that is heard.
fn sync_extension(bits: &mut Bits<'_>) -> Option<u32> {
    const SYNC: u32 = 0x2b7;
    let sbr = bits.fixed(11)? == SYNC && object_type(bits)? == SBR && bits.flag()?;
    sbr.then(|| rate(bits).ok()).flatten()
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => write!(f, "the AAC configuration ends too early"),
            Self::NoAdts => write!(f, "this is no AAC in ADTS"),
            Self::ObjectType(kind) => {
                write!(f, "audio object type {kind} is not served; encode the sound as AAC-LC")
            }
            Self::SampleRate(rate) => {
                write!(f, "a sample rate of {rate} Hz is none of AAC; use 48000 or 44100")
            }
            Self::Channels(number) => {
                write!(
                    f,
                    "channel configuration {number} says no channels; encode the sound as mono or stereo"
                )
            }
            Self::Blocks => write!(f, "ADTS frames of several access units; write one into each frame"),
        }
    }
}

impl std::error::Error for Unfit {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn configs_say_rate_channels_and_samples() {
        for (bytes, expected) in [
            (&[0x12, 0x10][..], (44_100, 2, 1024)),
            (&[0x11, 0x88], (48_000, 1, 1024)),
            (&[0x11, 0x8c], (48_000, 1, 960)),
            // Index 15, then 44 100 in 24 bits.
            (&[0x17, 0x80, 0x56, 0x22, 0x10], (44_100, 2, 1024)),
            // SBR told first: core 24 000, heard 48 000, then LC.
            (&[0x2b, 0x11, 0x88, 0x00], (48_000, 2, 2048)),
            // PS: one channel is coded, two are heard.
            (&[0xeb, 0x09, 0x88, 0x00], (48_000, 2, 2048)),
            // LC of 24 000, SBR of 48 000 told behind it.
            (&[0x13, 0x10, 0x56, 0xe5, 0x98], (48_000, 2, 2048)),
        ] {
            let config = Config::parse(bytes).unwrap();
            let told = (config.sample_rate(), config.channels(), config.samples());
            assert_eq!((told, config.as_bytes()), (expected, bytes), "{bytes:x?}");
        }
    }

    #[test]
    fn what_cannot_be_served_says_why() {
        for (bytes, why) in [
            (&[][..], Unfit::Truncated),
            (&[0x12], Unfit::Truncated),
            (&[0x17, 0x80], Unfit::Truncated),
            (&[0x16, 0x90], Unfit::SampleRate(0)),
            (&[0x17, 0xff, 0xff, 0xff, 0x90], Unfit::SampleRate(0xff_ffff)),
            (&[0xb9, 0x90], Unfit::ObjectType(23)),
            (&[0x12, 0x78], Unfit::Channels(15)),
            (&[0x12, 0x00], Unfit::Truncated),
        ] {
            assert_eq!(Config::parse(bytes), Err(why), "{bytes:x?}");
        }
        assert_eq!(
            Unfit::ObjectType(42).to_string(),
            "audio object type 42 is not served; encode the sound as AAC-LC"
        );
    }

    #[test]
    fn a_day_of_44_100_hz_is_exact() {
        let config = Config::parse(&[0x12, 0x10]).unwrap();
        for units in [1, 3, 1_000, 3_720_937] {
            let time = crate::media::MediaTime::from_duration(config.duration(units));
            assert_eq!(time.ticks(44_100), units * 1024);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(config) = Config::parse(&bytes) {
                prop_assert!(config.sample_rate() > 0 && config.channels() > 0);
            }
        }
    }
}
