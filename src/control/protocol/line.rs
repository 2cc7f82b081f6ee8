//! Lines: what stands around a request or an answer.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::reply::{Refusal, Reply};
use super::request::Request;
use super::{VERSION, secret};

/// Bytes of most requests.
const SHORT: usize = 4096;

/// A request as it is sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RequestLine {
    v: u32,
    /// Chosen by the client; every answer to it bears it. Several may be under way.
    pub id: u64,
    /// What is asked.
    #[serde(flatten)]
    pub request: Request,
}

/// A line that is no request: what is answered, and to which `id` where one was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The line's `id`.
    pub id: Option<u64>,
    /// What is wrong with it.
    pub refusal: Refusal,
}

impl RequestLine {
    /// With an `id` that no other request that is under way has.
    pub fn new(id: u64, request: Request) -> Self {
        Self { v: VERSION, id, request }
    }

    /// The line, with what ends it. It may hold a password: it is wiped at its end, and those that do are not so long that it
    /// grows, which leaves a copy.
    pub fn write(&self) -> Zeroizing<String> {
        let mut bytes = Vec::with_capacity(SHORT);
        // It has no maps with keys that are not text, and no text that is not UTF-8.
        let written = serde_json::to_writer(&mut bytes, self);
        let mut line = written.ok().and_then(|()| String::from_utf8(bytes).ok()).unwrap_or_default();
        line.push('\n');
        Zeroizing::new(line)
    }

    /// Reads a line, with or without what ends it.
    ///
    /// # Errors
    /// It is no JSON object, of another version, without `id`, or asks for what there is not.
    pub fn read(line: &[u8]) -> Result<Self, Unreadable> {
        let refused = |id, what: &str, why: String, what_to_do: &str| Unreadable {
            id,
            refusal: Refusal::new(what, why, what_to_do),
        };
        let help = "send one JSON object a line; docs/control.md has an example of each";
        let (rest, password) = secret::apart(line).unzip();
        let line = rest.as_ref().map_or(line, |rest| rest.as_slice());
        let mut fields: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(line).map_err(|error| {
                refused(None, "not-json", format!("the line is no JSON object: {error}"), help)
            })?;
        let id = fields.remove("id").and_then(|id| id.as_u64());
        match fields.remove("v").and_then(|v| v.as_u64()) {
            Some(v) if v == u64::from(VERSION) => {}
            other => {
                let said = other.map_or_else(|| "none".to_owned(), |v| v.to_string());
                let why = format!(
                    "this daemon speaks version {VERSION} (`\"v\":{VERSION}`), and the line's is {said}"
                );
                return Err(refused(id, "other-version", why, "use the client that belongs to the daemon"));
            }
        }
        let id =
            id.ok_or_else(|| refused(None, "no-id", "the line has no `id`, a number".to_owned(), help))?;
        let mut request = Request::deserialize(serde_json::Value::Object(fields))
            .map_err(|error| refused(Some(id), "not-understood", error.to_string(), help))?;
        if let (Request::Access(request), Some(password)) = (&mut request, password) {
            request.put(password);
        }
        Ok(Self { v: VERSION, id, request })
    }
}

/// An answer as it is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerLine {
    /// The request's; none where it could not be read.
    pub id: Option<u64>,
    /// Whether others to the same request follow.
    pub more: bool,
    /// The answer.
    pub outcome: Outcome,
}

/// What a request came to.
pub type Outcome = Result<Reply, Refusal>;

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<&'a Reply>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a Refusal>,
}

#[derive(Deserialize)]
struct Read {
    v: u32,
    id: Option<u64>,
    #[serde(default)]
    more: bool,
    reply: Option<Reply>,
    refusal: Option<Refusal>,
}

/// What a line is that is no answer.
fn other(line: &[u8], error: &serde_json::Error) -> String {
    #[derive(Deserialize)]
    struct Spoken {
        v: u32,
    }
    match serde_json::from_slice(line) {
        Ok(Spoken { v }) if v != VERSION => format!(
            "what answers speaks version {v} of the control protocol, and this Lenslet version {VERSION}: use the one that \
             belongs to it"
        ),
        _ => format!("what answers is no Lenslet of this version: {error}"),
    }
}

impl AnswerLine {
    /// The line, with what ends it.
    pub fn write(&self) -> String {
        let (reply, refusal) = match &self.outcome {
            Ok(reply) => (Some(reply), None),
            Err(refusal) => (None, Some(refusal)),
        };
        let written = Written { v: VERSION, id: self.id, more: self.more, reply, refusal };
        // It has no maps with keys that are not text, and no text that is not UTF-8.
        serde_json::to_string(&written).unwrap_or_default() + "\n"
    }

    /// Reads a line, with or without what ends it.
    ///
    /// # Errors
    /// It is no answer of this version, in a sentence.
    pub fn read(line: &[u8]) -> Result<Self, String> {
        let read: Read = serde_json::from_slice(line).map_err(|error| other(line, &error))?;
        let Read { v, id, more, reply, refusal } = read;
        let outcome = match (reply, refusal) {
            (_, Some(refusal)) => Err(refusal),
            (Some(reply), None) => Ok(reply),
            (None, None) => return Err(format!("an answer of version {v} has neither reply nor refusal")),
        };
        Ok(Self { id, more, outcome })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Act, Ask};
    use super::*;

    #[test]
    fn a_request_is_flat_and_comes_back_as_it_went() {
        let line = RequestLine::new(7, Request::Act(Act::Kick { session: "5f2a".into() }));
        assert_eq!(*line.write(), "{\"v\":1,\"id\":7,\"do\":\"kick\",\"session\":\"5f2a\"}\n");
        assert_eq!(RequestLine::read(line.write().as_bytes()), Ok(line));
    }

    #[test]
    fn what_is_no_request_is_refused_in_a_sentence_that_names_it() {
        for (line, id, what, part) in [
            ("", None, "not-json", "no JSON object"),
            ("[1]", None, "not-json", "no JSON object"),
            ("{\"v\":1,\"id\":3}", Some(3), "not-understood", "`do` is missing"),
            ("{\"v\":1,\"id\":3,\"do\":7}", Some(3), "not-understood", "`do` is not a text"),
            (
                "{\"v\":1,\"id\":3,\"do\":\"kik\"}",
                Some(3),
                "not-understood",
                "no verb is \"kik\": there are status,",
            ),
            (
                "{\"v\":1,\"id\":3,\"do\":\"kick\"}",
                Some(3),
                "not-understood",
                "kick: missing field `session`",
            ),
            (
                "{\"v\":1,\"id\":3,\"do\":\"reload\",\"now\":1}",
                Some(3),
                "not-understood",
                "reload: unknown field `now`",
            ),
            (
                "{\"v\":1,\"id\":3,\"do\":\"log\",\"rooom\":1}",
                Some(3),
                "not-understood",
                "log: unknown field `rooom`",
            ),
            ("{\"v\":2,\"id\":3,\"do\":\"reload\"}", Some(3), "other-version", "the line's is 2"),
            ("{\"id\":3,\"do\":\"reload\"}", Some(3), "other-version", "the line's is none"),
            ("{\"v\":1,\"id\":-3,\"do\":\"reload\"}", None, "no-id", "`id`"),
        ] {
            let unreadable = RequestLine::read(line.as_bytes()).unwrap_err();
            assert_eq!((unreadable.id, unreadable.refusal.what.as_str()), (id, what), "{line}");
            assert!(unreadable.refusal.why.contains(part), "{line}: {}", unreadable.refusal.why);
        }
    }

    #[test]
    fn an_answer_comes_back_as_it_went_and_new_fields_are_passed_over() {
        let done = Reply::Done { said: "so".into() };
        let refused = Refusal::new("no-such-mount", "there is no x", "see `lenslet status`");
        for (outcome, more) in [(Ok(done), true), (Ok(Reply::End {}), false), (Err(refused), false)] {
            let line = AnswerLine { id: Some(1), more, outcome };
            assert_eq!(AnswerLine::read(line.write().as_bytes()), Ok(line));
        }
        let newer = r#"{"v":1,"id":1,"new":[1],"reply":{"done":{"said":"so","how":"well"}}}"#;
        assert!(AnswerLine::read(newer.as_bytes()).is_ok());
        assert!(AnswerLine::read(br#"{"v":1,"id":1}"#).is_err());
    }

    #[test]
    fn a_verb_that_the_table_lacks_would_not_be_read() {
        let ask = Request::Ask(Ask::Status { every_ms: Some(250) });
        assert_eq!(serde_json::to_value(&ask).unwrap()["do"], "status");
        assert_eq!(Request::verbs().count(), 38);
    }
}
