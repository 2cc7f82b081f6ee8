//! A camera that is faster than it was asked to be: which of its pictures are coded. Pure.

/// Rates so near are one.
const NEAR: f64 = 1.05;

/// One of how many pictures is coded: the others would only make the encoder late.
pub(super) fn one_of(asked: Option<f64>, given: Option<f64>) -> u32 {
    match (asked, given) {
        (Some(asked), Some(given)) if asked > 0.0 && given > asked * NEAR => (given / asked).ceil() as u32,
        _ => 1,
    }
}

/// Counts pictures, those that are overtaken too.
#[derive(Debug)]
pub(super) struct Thin {
    every: u64,
    came: u64,
    due: bool,
}

impl Thin {
    /// One of so many is to be coded.
    pub(super) fn new(every: u32) -> Self {
        Self { every: every.max(1).into(), came: 0, due: false }
    }

    /// Another picture came.
    pub(super) fn came(&mut self) {
        self.due |= self.came.is_multiple_of(self.every);
        self.came += 1;
    }

    /// Whether the newest one is to be coded, or one that will be newer.
    pub(super) fn is_due(&self) -> bool {
        self.due
    }

    /// The same, and that one is coded now.
    pub(super) fn take(&mut self) -> bool {
        std::mem::take(&mut self.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_is_faster_than_asked_is_thinned_out() {
        for (asked, given, every) in [
            (Some(15.0), Some(60.0), 4),
            (Some(25.0), Some(30.0), 2),
            (Some(30.0), Some(30.0003), 1),
            (Some(30.0), Some(5.0), 1),
            (Some(30.0), None, 1),
            (None, Some(60.0), 1),
        ] {
            assert_eq!(one_of(asked, given), every);
        }
    }

    #[test]
    fn a_picture_is_coded_for_each_that_is_due_though_it_is_overtaken() {
        let mut thin = Thin::new(3);
        let mut taken = Vec::new();
        for came in [1, 1, 1, 1, 1, 4, 1] {
            (0..came).for_each(|_| thin.came());
            taken.push(thin.take());
        }
        assert_eq!(taken, [true, false, false, true, false, true, true]);
    }
}
