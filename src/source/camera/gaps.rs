//! Where pictures are missing among those that are coded here: between which two, by the driver's own numbers. What is seen
//! in the coded pictures can be held against that, gap by gap (`tests/lab/exact.py`).

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
        let step = sequence.wrapping_sub(self.last.replace(sequence)?);
        // A driver that begins anew, or does not count, says nothing.
        let missing = if step < u32::MAX / 2 { step.saturating_sub(1) } else { 0 };
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
