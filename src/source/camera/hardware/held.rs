//! The camera's pictures that are out of its hands: the newest, those that the encoder reads, and the last, which is
//! kept until another comes.

/// Buffers of pictures.
#[derive(Debug)]
pub(super) struct Held<T> {
    /// The picture that waits for the encoder.
    newest: Option<T>,
    /// Pictures that the encoder reads now, by their buffers' indices.
    lent: Vec<Option<T>>,
    /// Which of them was lent last.
    last_lent: usize,
    /// The last picture that was given, once it was read: what is shown if no other comes.
    kept: Option<T>,
    /// Whether the camera has enough buffers for that.
    keeps: bool,
}

impl<T> Held<T> {
    /// The encoder may read so many buffers of the camera's.
    pub(super) fn new(shared: usize, keeps: bool) -> Self {
        let lent = (0..shared).map(|_| None).collect();
        Self { newest: None, lent, last_lent: 0, kept: None, keeps }
    }

    /// A picture came: gives what the camera may have again, among that a picture that still waited.
    pub(super) fn came(&mut self, picture: T) -> (Option<T>, Option<T>) {
        (self.newest.replace(picture), self.kept.take())
    }

    /// Takes the picture that waits.
    pub(super) fn take_newest(&mut self) -> Option<T> {
        self.newest.take()
    }

    /// It waits on.
    pub(super) fn put_back(&mut self, picture: T) {
        self.newest = Some(picture);
    }

    /// The encoder reads it.
    pub(super) fn lend(&mut self, index: usize, picture: T) {
        if let Some(place) = self.lent.get_mut(index) {
            *place = Some(picture);
            self.last_lent = index;
        }
    }

    /// The encoder has read a buffer: gives the picture if the camera may have it again.
    pub(super) fn read(&mut self, index: usize) -> Option<T> {
        let picture = self.lent.get_mut(index)?.take()?;
        if index == self.last_lent { self.keep(picture) } else { Some(picture) }
    }

    /// The picture that was taken last is copied: gives it if the camera may have it again.
    pub(super) fn keep(&mut self, picture: T) -> Option<T> {
        if self.keeps && self.newest.is_none() { self.kept.replace(picture) } else { Some(picture) }
    }

    /// The newest picture of all.
    pub(super) fn last(&self) -> Option<&T> {
        let lent = || self.lent.get(self.last_lent)?.as_ref();
        self.newest.as_ref().or_else(lent).or(self.kept.as_ref())
    }

    /// All that there are.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = T> {
        self.lent.iter_mut().filter_map(Option::take).chain(self.newest.take()).chain(self.kept.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_picture_is_kept_until_another_comes() {
        let mut held = Held::new(3, true);
        assert_eq!((held.came(1), held.last()), ((None, None), Some(&1)));
        let one = held.take_newest().unwrap();
        held.lend(0, one);
        assert_eq!(held.last(), Some(&1));
        // The next waits meanwhile: the camera has the first again as soon as it was read.
        assert_eq!((held.came(2), held.last()), ((None, None), Some(&2)));
        assert_eq!(held.read(0), Some(1));
        let two = held.take_newest().unwrap();
        held.lend(1, two);
        assert_eq!((held.read(1), held.last()), (None, Some(&2)), "it is the last that came");
        assert_eq!((held.came(3), held.last()), ((None, Some(2)), Some(&3)));
        assert_eq!((held.came(4), held.last()), ((Some(3), None), Some(&4)), "the encoder had no room");
        let four = held.take_newest().unwrap();
        held.put_back(four);
        assert_eq!(held.last(), Some(&4));
        assert_eq!(held.take_all().collect::<Vec<_>>(), [4]);
        assert_eq!(held.last(), None);
    }

    #[test]
    fn what_the_encoder_reads_out_of_turn_is_not_the_last() {
        let mut held = Held::new(2, true);
        held.lend(0, 1);
        held.lend(1, 2);
        assert_eq!((held.read(1), held.last()), (None, Some(&2)));
        assert_eq!((held.read(0), held.last()), (Some(1), Some(&2)));
        assert_eq!((held.read(0), held.read(7)), (None, None), "there is no more");
    }

    #[test]
    fn what_is_copied_is_kept_unless_the_camera_has_few_buffers() {
        let mut held = Held::new(0, true);
        assert_eq!((held.keep(1), held.last()), (None, Some(&1)));
        assert_eq!(held.take_all().collect::<Vec<_>>(), [1]);
        let mut few = Held::new(0, false);
        assert_eq!((few.keep(1), few.last()), (Some(1), None));
    }
}
