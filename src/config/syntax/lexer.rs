//! Text into tokens. What is between them (comments, blanks) needs no token: the text has it.

use super::strings;
use super::tree::{Mistake, Span};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// One of `( ) [ ] { } , :`, or what people write for one of them: `= ;`.
    Sign(char),
    /// A name.
    Name(String),
    /// What begins like a number.
    Number(String),
    /// A text or character.
    Text(String),
    /// Wrong, and told.
    Wrong,
    End,
}

/// All tokens with their places, the last is the end; and what no token can be made of.
pub(super) fn tokens(text: &str) -> (Vec<(Token, Span)>, Vec<Mistake>) {
    // What some editors begin every file with is no part of it; places stay those of the file.
    let begin = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut lexer = Lexer { text, at: begin, mistakes: Vec::new() };
    let mut tokens = Vec::new();
    loop {
        lexer.skip();
        let start = lexer.at;
        let token = lexer.token();
        let ended = token == Token::End;
        tokens.push((token, start..lexer.at));
        if ended {
            return (tokens, lexer.mistakes);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    mistakes: Vec<Mistake>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong(&mut self, length: usize, what: impl Into<String>) -> Token {
        let start = self.at;
        self.at += length;
        self.mistakes.push(Mistake::new(start..self.at, what));
        Token::Wrong
    }

    /// Goes on to the next token: behind blanks and comments.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches(is_blank).len();
            self.at += blank;
            let rest = self.rest();
            if rest.starts_with("//") {
                self.at += line(rest);
            } else if rest.starts_with("/*") {
                self.block_comment();
            } else if rest.starts_with("#![") {
                // `#![enable(...)]`: RON's extensions, which are all that is needed here already.
                self.at += rest.find(']').map_or(rest.len(), |end| end + 1);
            } else if rest.starts_with('#') {
                let length = line(rest);
                self.wrong(length, "a comment begins with `//` here, not with `#`");
            } else if blank == 0 {
                return;
            }
        }
    }

    fn block_comment(&mut self) {
        let rest = self.rest();
        let mut depth = 0_usize;
        let mut at = 0;
        while at < rest.len() {
            match &rest.as_bytes()[at..rest.len().min(at + 2)] {
                b"/*" => (depth, at) = (depth + 1, at + 2),
                b"*/" => (depth, at) = (depth - 1, at + 2),
                _ => at += 1,
            }
            if depth == 0 {
                self.at += at;
                return;
            }
        }
        let start = self.at;
        self.at = self.text.len();
        self.mistakes.push(Mistake::new(start..start + 2, "this comment is not closed: `*/` is missing"));
    }

    fn token(&mut self) -> Token {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Token::End };
        match first {
            '(' | ')' | '[' | ']' | '{' | '}' | ',' | ':' | '=' | ';' => {
                self.at += 1;
                Token::Sign(first)
            }
            '"' => self.quoted(),
            '\'' => self.character(),
            'r' if raw_hashes(rest).is_some() => self.raw(),
            '0'..='9' | '+' | '-' | '.' => {
                let length = run(rest, |character| character.is_alphanumeric() || "+-._".contains(character));
                self.at += length;
                Token::Number(rest[..length].to_owned())
            }
            _ if first.is_alphabetic() || first == '_' => {
                let length = run(rest, |character| character.is_alphanumeric() || "_-".contains(character));
                self.at += length;
                Token::Name(rest[..length].to_owned())
            }
            '“' | '”' | '„' | '‟' | '‘' | '’' | '«' | '»' => {
                let what = format!("{first} is a typographic quote: texts stand between two \"");
                // To its partner, so that what is between them is not read as well.
                let end =
                    rest.char_indices().skip(1).find(|(_, character)| "“”‘’«»\"\n,".contains(*character));
                let length = match end {
                    Some((at, character)) if !"\n,".contains(character) => at + character.len_utf8(),
                    _ => first.len_utf8(),
                };
                self.wrong(length, what)
            }
            '\0' => {
                let length = run(rest, |character| character == '\0');
                self.wrong(length, "zeros stand here, as a power cut leaves them: take a version from before (`lenslet config history`, `rollback`)")
            }
            '/' | '~' | '*' | '&' | '<' | '>' | '@' | '%' | '!' | '$' => {
                let length = run(rest, |character| !is_blank(character) && !",:()[]{}\"".contains(character));
                let shown: String = rest[..length].chars().take(40).collect();
                self.wrong(
                    length,
                    format!("{shown} is no value: texts, and with them paths, stand between two \""),
                )
            }
            _ => self.wrong(first.len_utf8(), format!("the character {first:?} has no meaning here")),
        }
    }

    fn quoted(&mut self) -> Token {
        let rest = self.rest();
        let Some(length) = strings::length(rest) else {
            let what = "this text is not closed: a \" is missing";
            let length = line(rest);
            return self.wrong(length.max(1), what);
        };
        match rest.get(..length).map(strings::unquoted) {
            Some(Ok(text)) => {
                self.at += length;
                Token::Text(text)
            }
            Some(Err(escape)) => {
                let what = format!("{escape} means nothing in a text: a backslash itself is written \\\\");
                self.wrong(length, what)
            }
            // A backslash before a character of several bytes.
            None => {
                let length = line(rest);
                self.wrong(
                    length.max(1),
                    "a backslash means nothing here: the backslash itself is written \\\\",
                )
            }
        }
    }

    fn character(&mut self) -> Token {
        let rest = self.rest();
        let length = strings::length(rest).filter(|length| *length <= line(rest));
        let text = length.and_then(|length| rest.get(..length)).map(strings::unquoted);
        match (text, length) {
            (Some(Ok(text)), Some(length)) if text.chars().count() == 1 => {
                self.at += length;
                Token::Text(text)
            }
            (_, length) => self.wrong(length.unwrap_or(1), "texts stand between two \", not between two '"),
        }
    }

    fn raw(&mut self) -> Token {
        let rest = self.rest();
        let hashes = raw_hashes(rest).unwrap_or_default();
        let begin = hashes + 2;
        let close = format!("\"{}", "#".repeat(hashes));
        let Some(end) = rest[begin..].find(&close) else {
            return self.wrong(line(rest).max(1), format!("this text is not closed: a {close} is missing"));
        };
        self.at += begin + end + close.len();
        Token::Text(rest[begin..begin + end].to_owned())
    }
}

/// How many `#` stand between the `r` and the quote of a raw text.
fn raw_hashes(text: &str) -> Option<usize> {
    let behind = text.strip_prefix('r')?;
    let hashes = run(behind, |character| character == '#');
    behind[hashes..].starts_with('"').then_some(hashes)
}

/// The bytes with which the text begins and whose characters are such.
fn run(text: &str, such: impl Fn(char) -> bool) -> usize {
    text.find(|character| !such(character)).unwrap_or(text.len())
}

/// The bytes to the end of the line.
fn line(text: &str) -> usize {
    text.find(['\n', '\r']).unwrap_or(text.len())
}

/// What RON passes over.
fn is_blank(character: char) -> bool {
    matches!(
        character,
        ' ' | '\t'
            | '\n'
            | '\r'
            | '\u{b}'
            | '\u{c}'
            | '\u{85}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'
            | '\u{2029}'
    )
}
