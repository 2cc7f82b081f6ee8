//! A setting of what a source takes pictures with (brightness, focus, ...), on its way to the source, and the answer.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

/// What a control is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlValue {
    /// A number.
    Integer(i64),
    /// On or off.
    Boolean(bool),
    /// An entry of a menu, by its name.
    Entry(Arc<str>),
}

/// What is to be set, and who waits for the answer. One that is dropped is answered that nobody took it.
#[derive(Debug)]
pub struct ControlRequest {
    /// The control, as `v4l2-ctl -l` names it: `white_balance_automatic`.
    pub name: String,
    /// Its new value.
    pub value: ControlValue,
    reply: Arc<Reply>,
}

/// The answer to a request, once it is there.
#[derive(Clone, Debug)]
pub struct ControlAnswer(Arc<Reply>);

#[derive(Debug, Default)]
struct Reply(Mutex<(Option<Told>, Option<Waker>)>);

/// What became of it, in a sentence either way.
type Told = Result<Arc<str>, Arc<str>>;

impl ControlRequest {
    /// A request, and where its answer will be.
    pub(super) fn new(name: String, value: ControlValue) -> (Self, ControlAnswer) {
        let reply = Arc::new(Reply::default());
        (Self { name, value, reply: reply.clone() }, ControlAnswer(reply))
    }

    /// Answers in a sentence: what was done, or why nothing was.
    pub fn answer(self, told: Result<String, String>) {
        self.reply.tell(told.map(Into::into).map_err(Into::into));
    }
}

impl Drop for ControlRequest {
    fn drop(&mut self) {
        self.reply.tell(Err("the mount's source has no controls, or has ended".into()));
    }
}

impl ControlAnswer {
    /// The answer: what was done, or why nothing was, in a sentence.
    pub fn poll(&self, context: &mut Context<'_>) -> Poll<Result<Arc<str>, Arc<str>>> {
        let mut reply = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = &reply.0 {
            return Poll::Ready(told.clone());
        }
        reply.1 = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Reply {
    /// The first answer is the answer.
    fn tell(&self, told: Told) {
        let mut reply = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if reply.0.is_some() {
            return;
        }
        reply.0 = Some(told);
        let waker = reply.1.take();
        drop(reply);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl fmt::Display for ControlValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Boolean(on) => on.fmt(f),
            Self::Entry(name) => write!(f, "{name:?}"),
        }
    }
}

impl<'de> Deserialize<'de> for ControlValue {
    /// `140`, `true` or `"Manual Mode"`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

struct Written;

impl Visitor<'_> for Written {
    type Value = ControlValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number (140), true or false, or the name of a menu's entry (\"Manual Mode\")")
    }

    fn visit_bool<E: de::Error>(self, on: bool) -> Result<ControlValue, E> {
        Ok(ControlValue::Boolean(on))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<ControlValue, E> {
        Ok(ControlValue::Integer(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<ControlValue, E> {
        i64::try_from(number)
            .map(ControlValue::Integer)
            .map_err(|_| E::custom("a larger number than there is"))
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<ControlValue, E> {
        Ok(ControlValue::Entry(name.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_answered_once_and_also_when_nobody_takes_it() {
        let mut context = Context::from_waker(Waker::noop());
        let request = || ControlRequest::new("brightness".to_owned(), ControlValue::Integer(1));
        let (taken, answer) = request();
        assert_eq!(answer.poll(&mut context), Poll::Pending);
        taken.answer(Ok("done".to_owned()));
        assert_eq!(answer.poll(&mut context), Poll::Ready(Ok("done".into())));
        let (dropped, answer) = request();
        drop(dropped);
        let Poll::Ready(Err(why)) = answer.poll(&mut context) else { panic!("it was dropped") };
        assert!(why.contains("no controls"), "{why}");
    }
}
