//! Levels and profiles: what a decoder must bear (ITU-T H.264 annex A).

use std::fmt;

/// A level, as its limits' row in `LIMITS` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(u8);

/// What streams of a level keep to (table A-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limits {
    level: Level,
    /// Macroblocks a second.
    rate: u64,
    /// Macroblocks a picture.
    size: u64,
    /// Bits a second of Baseline and Main.
    bitrate: u64,
}

/// Coding tools that a decoder must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// Constrained Baseline.
    Baseline,
    /// Main.
    Main,
    /// High.
    High,
}

const fn row(level: u8, rate: u64, size: u64, kilobits: u64) -> Limits {
    Limits { level: Level(level), rate, size, bitrate: kilobits * 1000 }
}

const LIMITS: [Limits; 16] = [
    row(10, 1_485, 99, 64),
    row(11, 3_000, 396, 192),
    row(12, 6_000, 396, 384),
    row(13, 11_880, 396, 768),
    row(20, 11_880, 396, 2_000),
    row(21, 19_800, 792, 4_000),
    row(22, 20_250, 1_620, 4_000),
    row(30, 40_500, 1_620, 10_000),
    row(31, 108_000, 3_600, 14_000),
    row(32, 216_000, 5_120, 20_000),
    row(40, 245_760, 8_192, 20_000),
    row(41, 245_760, 8_192, 50_000),
    row(42, 522_240, 8_704, 50_000),
    row(50, 589_824, 22_080, 135_000),
    row(51, 983_040, 36_864, 240_000),
    row(52, 2_073_600, 36_864, 240_000),
];

/// What a stream asks of a decoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// In pixels.
    pub size: (u32, u32),
    /// Pictures a second.
    pub rate: f64,
    /// Bits a second.
    pub bitrate: u32,
    /// High may have a quarter more bits.
    pub profile: Profile,
}

impl Level {
    /// The level called so: `4.1`.
    pub fn from_number(number: f64) -> Option<Self> {
        let tenths = (number * 10.0).round();
        let near = (tenths - number * 10.0).abs() < 1e-6;
        LIMITS.iter().map(|limits| limits.level).find(|level| near && f64::from(level.0) == tenths)
    }

    /// Ten times its number, as `level_idc` has it.
    pub fn idc(self) -> u8 {
        self.0
    }

    /// The lowest level for this.
    pub fn lowest_for(load: &Load) -> Option<Self> {
        LIMITS.iter().find(|limits| limits.excess(load).is_none()).map(|limits| limits.level)
    }

    /// Bits a second that it allows at most.
    pub fn bitrate(self, profile: Profile) -> u32 {
        let limits = LIMITS.iter().find(|limits| limits.level == self);
        limits.and_then(|limits| u32::try_from(limits.bitrate(profile)).ok()).unwrap_or(u32::MAX)
    }

    /// What is more than the level allows, and how much it allows: in words.
    pub fn excess(self, load: &Load) -> Option<String> {
        LIMITS.iter().find(|limits| limits.level == self).and_then(|limits| limits.excess(load))
    }
}

impl Limits {
    fn bitrate(&self, profile: Profile) -> u64 {
        if profile == Profile::High { self.bitrate * 5 / 4 } else { self.bitrate }
    }

    fn excess(&self, load: &Load) -> Option<String> {
        let blocks = macroblocks(load.size);
        let (width, height) = load.size;
        let rate = (blocks as f64 * load.rate).round() as u64;
        // Macroblocks in a line or column: 8 times the picture's limit is the square of the most.
        let side = ((8 * self.size) as f64).sqrt() as u64;
        let longest = u64::from(width.max(height).div_ceil(16));
        let bitrate = self.bitrate(load.profile);
        if blocks > self.size {
            Some(format!("pictures of {} macroblocks, and {width}x{height} has {blocks}", self.size))
        } else if longest > side {
            Some(format!("sides of {side} macroblocks, and {width}x{height} has one of {longest}"))
        } else if rate > self.rate {
            Some(format!("{} macroblocks a second, and this is {rate}", self.rate))
        } else if u64::from(load.bitrate) > bitrate {
            Some(format!("{bitrate} bits a second, and this is {}", load.bitrate))
        } else {
            None
        }
    }
}

/// Macroblocks of 16x16 pixels in a picture.
pub fn macroblocks((width, height): (u32, u32)) -> u64 {
    u64::from(width.div_ceil(16)) * u64::from(height.div_ceil(16))
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Baseline => "Baseline",
            Self::Main => "Main",
            Self::High => "High",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(width: u32, height: u32, rate: f64, bitrate: u32) -> Load {
        Load { size: (width, height), rate, bitrate, profile: Profile::Baseline }
    }

    #[test]
    fn levels_are_those_that_the_table_gives() {
        for (load, level) in [
            (load(176, 144, 15.0, 64_000), "1.0"),
            (load(640, 480, 30.0, 1_000_000), "3.0"),
            (load(1280, 720, 30.0, 2_000_000), "3.1"),
            (load(1280, 720, 60.0, 2_000_000), "3.2"),
            (load(1920, 1080, 30.0, 5_000_000), "4.0"),
            (load(1920, 1080, 30.0, 20_000_001), "4.1"),
            (load(1920, 1080, 60.0, 5_000_000), "4.2"),
            (load(3840, 2160, 30.0, 5_000_000), "5.1"),
        ] {
            assert_eq!(Level::lowest_for(&load).unwrap().to_string(), level, "{load:?}");
        }
        assert_eq!(Level::lowest_for(&load(16_000, 16_000, 30.0, 1)), None);
        let high = Load { profile: Profile::High, ..load(1920, 1080, 30.0, 25_000_000) };
        assert_eq!(Level::lowest_for(&high).unwrap().to_string(), "4.0");
    }

    #[test]
    fn what_is_too_much_is_named_with_the_limit() {
        let level = Level::from_number(4.0).unwrap();
        for (load, why) in [
            (load(1920, 1200, 15.0, 1), "pictures of 8192 macroblocks, and 1920x1200 has 9000"),
            (load(4112, 256, 15.0, 1), "sides of 256 macroblocks, and 4112x256 has one of 257"),
            (load(1920, 1080, 60.0, 1), "245760 macroblocks a second, and this is 489600"),
            (load(1280, 720, 30.0, 20_000_001), "20000000 bits a second, and this is 20000001"),
        ] {
            assert_eq!(level.excess(&load).unwrap(), why);
        }
        assert_eq!(level.excess(&load(1920, 1080, 30.0, 20_000_000)), None);
    }

    #[test]
    fn only_levels_that_there_are_have_numbers() {
        assert_eq!(Level::from_number(3.1).map(Level::idc), Some(31));
        for number in [0.0, 1.4, 4.3, 6.0, -1.0, 3.11, f64::NAN, f64::INFINITY] {
            assert_eq!(Level::from_number(number), None, "{number}");
        }
    }
}
