//! Where pictures are missing among those that are coded here: between which two, by the driver's own numbers. What is seen
//! in the coded pictures can be held against that, gap by gap (`tests/lab/exact.py`).

/// More pictures than these are not missing: the driver begins anew, or counts otherwise.
const MOST: u32 = 1000;

/// How many pictures are missing between two of the driver's numbers.
pub(super) fn missing(last: u32, sequence: u32) -> u32 {
    let missing = sequence.wrapping_sub(last).wrapping_sub(1);
    if missing < MOST { missing } else { 0 }
}

/// Follows the numbers of the pictures that are coded.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    coded: u64,
    last: Option<u32>,
}

impl Gaps {
    /// The next picture that is coded has this number of the driver's; what to say if it is not the next one.
    pub(super) fn coded(&mut self, sequence: u32) -> Option<String> {
        let before = self.coded;
        self.coded += 1;
        let missing = missing(self.last.replace(sequence)?, sequence);
        (missing > 0).then(|| format!("{missing} missing before coded picture {before}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_told_with_its_place() {
        let mut gaps = Gaps::default();
        let told: Vec<_> =
            [7, 8, 11, 12, 14, 3, 4].into_iter().filter_map(|number| gaps.coded(number)).collect();
        assert_eq!(told, ["2 missing before coded picture 2", "1 missing before coded picture 4"]);
    }
}
