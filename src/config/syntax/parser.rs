//! Tokens into a tree. After a mistake it goes on where that can be guessed.

use super::MAX_DEPTH;
use super::lexer::{self, Token};
use super::tree::{Entry, Field, Kind, Mistake, Span, Value};

pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(Token, Span)>,
    at: usize,
    /// What is open: the sign that closes it, and where it was opened.
    open: Vec<(char, usize)>,
    mistakes: Vec<Mistake>,
    given_up: bool,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let (tokens, mistakes) = lexer::tokens(text);
        // A comment that is not closed takes the closing brackets along.
        let given_up = mistakes.iter().any(|mistake| mistake.what.starts_with("this comment"));
        Self { text, tokens, at: 0, open: Vec::new(), mistakes, given_up }
    }

    /// The whole text as one value.
    pub(super) fn file(mut self) -> (Option<Value>, Vec<Mistake>) {
        if *self.token() == Token::End {
            if self.mistakes.is_empty() {
                let what = match self.text.trim().is_empty() {
                    true => "the file is empty",
                    false => "there is nothing but comments in the file",
                };
                let least = "a configuration that leaves everything as it is, is `()`";
                self.wrong(0..0, format!("{what}: {least}"));
            }
            return (None, self.mistakes);
        }
        let value = if self.names_a_field() {
            let start = self.place().start;
            self.wrong(
                start..start,
                "the whole configuration stands between `(` and `)`: a `(` is missing here",
            );
            let (fields, _) = self.members(None);
            Value { span: start..self.end(), kind: Kind::Struct { name: None, fields } }
        } else {
            self.value(None)
        };
        if *self.token() != Token::End && self.mistakes.is_empty() {
            self.wrong(self.place(), "nothing may stand behind the configuration's last bracket");
        }
        self.mistakes.sort_by_key(|mistake| mistake.span.start);
        self.mistakes.dedup_by_key(|mistake| mistake.span.start);
        (Some(value), self.mistakes)
    }

    /// A value; where there is none, nothing is passed over. `of` is the field or key that it is the value of.
    fn value(&mut self, of: Option<&str>) -> Value {
        let start = self.place().start;
        let kind = match self.token().clone() {
            Token::Sign(sign @ ('(' | '[' | '{')) => {
                if self.open.len() >= MAX_DEPTH {
                    self.too_deep();
                    Kind::Wrong
                } else {
                    self.opened(sign, None)
                }
            }
            Token::Sign(_) | Token::End => {
                let what = match of {
                    Some(name) => format!("a value is missing behind `{name}:`"),
                    None => format!("a value is expected here, and this is {}", self.shown()),
                };
                self.wrong(start..self.place().end, what);
                return Value { span: start..start, kind: Kind::Wrong };
            }
            Token::Text(text) => self.pass(Kind::Text(text)),
            Token::Wrong => self.pass(Kind::Wrong),
            Token::Number(text) => self.number(text),
            Token::Name(name) => self.named(name),
        };
        Value { span: start..self.end(), kind }
    }

    /// Ends the reading: what is open then is not told.
    fn too_deep(&mut self) {
        self.wrong(self.place(), "this is nested too deeply for a configuration");
        self.at = self.tokens.len() - 1;
        self.given_up = true;
    }

    fn number(&mut self, text: String) -> Kind {
        if is_number(&text) {
            return self.pass(Kind::Number(text));
        }
        self.wrong(self.place(), not_a_number(&text));
        self.pass(Kind::Wrong)
    }

    /// What begins with a name: a switch, a name alone or a variant with what it has.
    fn named(&mut self, name: String) -> Kind {
        let place = self.place();
        match name.as_str() {
            "true" => return self.pass(Kind::Bool(true)),
            "false" => return self.pass(Kind::Bool(false)),
            "inf" | "NaN" => return self.pass(Kind::Number(name)),
            _ => {}
        }
        self.at += 1;
        match *self.token() {
            Token::Sign('(') if self.open.len() < MAX_DEPTH => self.opened('(', Some((name, place))),
            Token::Sign(sign @ ('{' | '[')) if self.open.len() < MAX_DEPTH => {
                let what = format!("what {name} has stands between `(` and `)`, not behind `{sign}`");
                self.wrong(self.place(), what);
                self.opened(sign, None);
                Kind::Wrong
            }
            Token::Sign('(' | '{' | '[') => {
                self.too_deep();
                Kind::Wrong
            }
            _ => Kind::Name(name),
        }
    }

    /// What stands between two brackets, and both of them.
    fn opened(&mut self, sign: char, name: Option<(String, Span)>) -> Kind {
        let begin = self.place().start;
        self.at += 1;
        let close = match sign {
            '(' => ')',
            '[' => ']',
            _ => '}',
        };
        self.open.push((close, begin));
        let kind = match sign {
            '(' => {
                let (fields, values) = self.members(Some(close));
                match (fields.is_empty(), values.first()) {
                    (true, Some(_)) => Kind::Tuple { name, values },
                    (false, Some(first)) => {
                        self.wrong(first.span.clone(), "the name is missing: each of these is `name: value`");
                        Kind::Struct { name, fields }
                    }
                    (_, None) => Kind::Struct { name, fields },
                }
            }
            '[' => Kind::List(self.elements()),
            _ => Kind::Map(self.entries()),
        };
        self.close(close, begin);
        self.open.pop();
        kind
    }

    /// `name: value, ...` or `value, ...`.
    fn members(&mut self, close: Option<char>) -> (Vec<Field>, Vec<Value>) {
        let (mut fields, mut values) = (Vec::new(), Vec::new());
        while self.more() {
            if self.names_a_field() {
                fields.push(self.field());
            } else {
                values.push(self.value(None));
            }
            self.separate(close);
        }
        (fields, values)
    }

    fn elements(&mut self) -> Vec<Value> {
        let mut values = Vec::new();
        while self.more() {
            values.push(self.value(None));
            self.separate(Some(']'));
        }
        values
    }

    fn entries(&mut self) -> Vec<Entry> {
        let mut entries = Vec::new();
        while self.more() {
            let key = self.value(None);
            let shown = self.text.get(key.span.clone()).unwrap_or_default().to_owned();
            if let Kind::Name(name) = &key.kind {
                self.wrong(key.span.clone(), format!("names in a map stand between two \": \"{name}\""));
            }
            self.colon(&shown);
            let value = self.value(Some(&shown));
            entries.push(Entry { key, value });
            self.separate(Some('}'));
        }
        entries
    }

    /// `name: value`.
    fn field(&mut self) -> Field {
        let place = self.place();
        let name = match self.token().clone() {
            Token::Name(name) => name,
            Token::Text(name) => {
                self.wrong(place.clone(), format!("names of settings have no quotes: {name}"));
                name
            }
            _ => String::new(),
        };
        self.at += 1;
        self.colon(&name);
        let value = self.value(Some(&name));
        Field { name, place, value }
    }

    /// Whether what comes is `name:`, or meant to be.
    fn names_a_field(&self) -> bool {
        match (self.token(), self.ahead()) {
            (Token::Name(_) | Token::Text(_), Token::Sign(':' | '=')) => true,
            // `fps 30`, on one line.
            (Token::Name(_), Token::Number(_) | Token::Text(_) | Token::Name(_) | Token::Sign('[' | '{')) => {
                let between =
                    self.place().end..self.tokens.get(self.at + 1).map_or(0, |(_, place)| place.start);
                self.text.get(between).is_some_and(|between| !between.contains('\n') && !between.is_empty())
            }
            _ => false,
        }
    }

    /// Passes the colon between a name and its value.
    fn colon(&mut self, name: &str) {
        match self.token() {
            Token::Sign(':') => self.at += 1,
            Token::Sign('=') => {
                self.wrong(self.place(), format!("`:` is expected between {name} and its value, not `=`"));
                self.at += 1;
            }
            _ => {
                let end = self.end();
                self.wrong(end..end, format!("`:` is missing behind {name}"));
            }
        }
    }

    /// Passes the comma behind an element; none is needed before what closes.
    fn separate(&mut self, close: Option<char>) {
        match self.token() {
            Token::Sign(',') => self.at += 1,
            Token::Sign(')' | ']' | '}') | Token::End => {}
            Token::Sign(';') => {
                self.wrong(self.place(), "`,` is expected here, not `;`");
                self.at += 1;
            }
            Token::Sign(':' | '=') => {
                let what = match close {
                    Some(']') => "a list has no names; a map stands between `{` and `}`",
                    _ => "`,` is expected here",
                };
                self.wrong(self.place(), what);
                self.at += 1;
            }
            _ => {
                let end = self.end();
                // What could not be read may have held the comma.
                if !matches!(self.before(), Token::Wrong) {
                    self.wrong(end..end, "a comma is missing here");
                }
            }
        }
    }

    /// Whether another element comes. Commas without one before them are passed.
    fn more(&mut self) -> bool {
        while let Token::Sign(sign @ (',' | ':' | '=' | ';')) = *self.token() {
            self.wrong(self.place(), format!("there is nothing before this `{sign}`: take it out"));
            self.at += 1;
        }
        match *self.token() {
            Token::End => false,
            // Without an opener this one is left over; at the top it ends what has no bracket of its own.
            Token::Sign(')' | ']' | '}') => false,
            _ => true,
        }
    }

    /// Passes the closing bracket, or says which is missing.
    fn close(&mut self, close: char, begin: usize) {
        let opener = format!(
            "`{}` of line {}",
            &self.text[begin..=begin],
            super::super::place::line(self.text, begin)
        );
        match *self.token() {
            Token::Sign(sign) if sign == close => self.at += 1,
            Token::End if self.given_up => {}
            Token::End => self.wrong(begin..begin + 1, format!("this is not closed: `{close}` is missing")),
            Token::Sign(sign) => {
                self.wrong(
                    self.place(),
                    format!("`{close}` is expected here, to close the {opener}, not `{sign}`"),
                );
                // It may close something further out; else it was meant for this.
                let (_, outer) = self.open.split_last().unwrap_or((&(' ', 0), &[]));
                if !outer.iter().any(|(closing, _)| *closing == sign) {
                    self.at += 1;
                }
            }
            _ => self.wrong(self.place(), format!("`{close}` is expected here, to close the {opener}")),
        }
    }

    fn pass(&mut self, kind: Kind) -> Kind {
        self.at += 1;
        kind
    }

    fn token(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(token, _)| token)
    }

    fn ahead(&self) -> &Token {
        self.tokens.get(self.at + 1).map_or(&Token::End, |(token, _)| token)
    }

    fn before(&self) -> &Token {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(&Token::End, |(token, _)| token)
    }

    fn place(&self) -> Span {
        self.tokens.get(self.at).map_or(self.text.len()..self.text.len(), |(_, place)| place.clone())
    }

    /// Where the token before ends.
    fn end(&self) -> usize {
        self.at.checked_sub(1).and_then(|before| self.tokens.get(before)).map_or(0, |(_, place)| place.end)
    }

    fn shown(&self) -> String {
        match self.token() {
            Token::Sign(sign) => format!("`{sign}`"),
            _ => "the end of the file".to_owned(),
        }
    }

    fn wrong(&mut self, span: Span, what: impl Into<String>) {
        self.mistakes.push(Mistake::new(span, what));
    }
}

/// Whether RON has such a number.
fn is_number(text: &str) -> bool {
    super::integer(text).is_some() || super::float(text).is_some()
}

/// What begins like a number and is none: as people write them elsewhere.
fn not_a_number(text: &str) -> String {
    let digits = text.trim_end_matches(|last: char| last.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    let plain = digits.replace(['.', '\''], "");
    let groups: Vec<&str> = digits.split('.').collect();
    let thousands = groups.len() > 2 && groups[1..].iter().all(|group| group.len() == 3);
    let scale = match unit {
        "k" | "K" => Some(1000),
        "m" | "M" => Some(1_000_000),
        _ => None,
    };
    match (digits.parse::<u64>(), scale) {
        (Ok(number), Some(scale)) if number < 1_000_000 => {
            format!("{text} is no number: all its digits are written: {}", number * scale)
        }
        (Ok(number), None) if !unit.is_empty() => {
            format!("{text} is no number: it is written without its unit: {number}")
        }
        _ if thousands && unit.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{text} is no number: it is written without points: {plain}")
        }
        _ => format!("{text} is no number; if it is a text, it stands between two \""),
    }
}
