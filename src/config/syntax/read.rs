//! The reader: text into the tree.

use super::{Body, Entry, Error, Key, Node, Shape};

/// Brackets inside brackets, at most.
const DEEPEST: usize = 32;

pub(super) fn document(text: &str) -> Result<Node, Error> {
    let mut reader = Reader { text, at: 0 };
    reader.attributes()?;
    if reader.rest().is_empty() {
        return Err(reader.wrong("there is nothing: the least is `()`"));
    }
    let node = reader.value(0)?;
    reader.space()?;
    if reader.rest().is_empty() {
        Ok(node)
    } else {
        Err(reader.wrong("the end was expected: everything stands inside the first bracket"))
    }
}

/// What the string says with which `text` begins, and what is behind it.
pub(super) fn string_at(text: &str) -> Option<(String, &str)> {
    let mut reader = Reader { text, at: 0 };
    let said = reader.string().ok()?;
    Some((said, reader.rest()))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn wrong(&self, what: impl Into<String>) -> Error {
        Error { at: self.at, what: what.into() }
    }

    fn take(&mut self, token: &str) -> bool {
        let there = self.rest().starts_with(token);
        if there {
            self.at += token.len();
        }
        there
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|letter| !belongs(letter)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Over blanks and comments.
    fn space(&mut self) -> Result<(), Error> {
        loop {
            self.take_while(char::is_whitespace);
            if self.rest().starts_with("//") {
                self.take_while(|letter| letter != '\n');
            } else if self.rest().starts_with("/*") {
                self.block_comment()?;
            } else {
                return Ok(());
            }
        }
    }

    fn block_comment(&mut self) -> Result<(), Error> {
        let open = self.at;
        let mut depth = 0_usize;
        loop {
            if self.take("/*") {
                depth += 1;
            } else if self.take("*/") {
                depth -= 1;
                if depth == 0 {
                    return Ok(());
                }
            } else if let Some(letter) = self.peek() {
                self.at += letter.len_utf8();
            } else {
                return Err(Error { at: open, what: "this comment is not closed by `*/`".to_owned() });
            }
        }
    }

    /// Over `#![enable(...)]`.
    fn attributes(&mut self) -> Result<(), Error> {
        self.space()?;
        while self.take("#![") {
            self.take_while(|letter| letter != ']');
            if !self.take("]") {
                return Err(self.wrong("']' was expected"));
            }
            self.space()?;
        }
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Node, Error> {
        let start = self.at;
        let shape = self.shape(depth)?;
        Ok(Node { span: start..self.at, shape })
    }

    fn shape(&mut self, depth: usize) -> Result<Shape, Error> {
        match self.peek() {
            Some('(') => self.parentheses(None, depth),
            Some('[') => self.body(None, depth, ']', false).map(Shape::List),
            Some('{') => self.body(None, depth, '}', true).map(Shape::Map),
            Some('"') => self.string().map(Shape::Text),
            Some('\'') => self.character().map(|()| Shape::Word),
            Some('r' | 'b') if self.is_string() => self.string().map(Shape::Text),
            Some(letter) if letter.is_ascii_digit() || "+-.".contains(letter) => self.number(),
            Some(letter) if is_name(letter) => self.named(depth),
            _ => Err(self.wrong("a value was expected")),
        }
    }

    /// Whether `r` or `b` begins a string here.
    fn is_string(&self) -> bool {
        let rest = self.rest();
        let behind = rest.strip_prefix('b').unwrap_or(rest);
        let raw = behind.strip_prefix('r').map(|behind| behind.trim_start_matches('#'));
        behind.starts_with('"') || raw.is_some_and(|behind| behind.starts_with('"'))
    }

    fn number(&mut self) -> Result<Shape, Error> {
        let written = self.take_while(|letter| letter.is_ascii_alphanumeric() || "+-._".contains(letter));
        let says_one = written.contains(|letter: char| letter.is_ascii_digit())
            || ["inf", "NaN"].contains(&written.trim_start_matches(['+', '-']));
        if says_one {
            return Ok(Shape::Word);
        }
        self.at -= written.len();
        Err(self.wrong("a value was expected"))
    }

    fn named(&mut self, depth: usize) -> Result<Shape, Error> {
        let name = self.take_while(is_in_name).to_owned();
        let end = self.at;
        self.space()?;
        if self.peek() == Some('(') {
            return self.parentheses(Some(name), depth);
        }
        self.at = end;
        Ok(Shape::Word)
    }

    /// A structure if a name and a colon come first, else a tuple.
    fn parentheses(&mut self, name: Option<String>, depth: usize) -> Result<Shape, Error> {
        let open = self.at;
        self.at += 1;
        self.space()?;
        let first = self.take_while(is_in_name);
        let begins = first.starts_with(is_name);
        self.space()?;
        // `(fps 30)` is a structure without its colon, and no tuple without its comma.
        let fields = begins && !matches!(self.peek(), Some(',' | ')' | '(' | '"' | '#'));
        self.at = open;
        let body = self.body(name, depth, ')', fields)?;
        Ok(if fields { Shape::Struct(body) } else { Shape::Tuple(body) })
    }

    fn body(&mut self, name: Option<String>, depth: usize, close: char, keyed: bool) -> Result<Body, Error> {
        if depth >= DEEPEST {
            return Err(self.wrong(format!("this is nested deeper than {DEEPEST} brackets")));
        }
        self.at += 1;
        let inside = self.at;
        let mut entries = Vec::new();
        loop {
            self.space()?;
            if self.peek() == Some(close) {
                break;
            }
            self.still_open(close)?;
            let key = if keyed { Some(self.key(close == '}', depth)?) } else { None };
            let value = self.value(depth + 1)?;
            let end = self.at;
            self.space()?;
            let comma = (self.peek() == Some(',')).then_some(self.at);
            entries.push(Entry { key, value, comma });
            if comma.is_some() {
                self.at += 1;
            } else if self.peek() != Some(close) {
                self.still_open(close)?;
                // The comma's place is behind the value; what stands on the next line is shown by it.
                let between = &self.text[end..self.at];
                if between.contains('\n') {
                    self.at = end;
                }
                return Err(self.wrong(format!("a comma or '{close}' was expected")));
            }
        }
        let inside = inside..self.at;
        self.at += 1;
        Ok(Body { name, inside, entries })
    }

    fn still_open(&self, close: char) -> Result<(), Error> {
        match self.peek() {
            None => Err(self.wrong(format!("the text ends here, and '{close}' was expected"))),
            Some(')' | ']' | '}') => Err(self.wrong(format!("'{close}' was expected"))),
            Some(_) => Ok(()),
        }
    }

    fn key(&mut self, of_map: bool, depth: usize) -> Result<Key, Error> {
        let start = self.at;
        let name = if of_map {
            match self.value(depth + 1)? {
                Node { shape: Shape::Text(said), .. } => said,
                node => self.text[node.span].to_owned(),
            }
        } else if self.peek().is_some_and(is_name) {
            self.take_while(is_in_name).to_owned()
        } else {
            return Err(self.wrong("the name of a field was expected"));
        };
        let span = start..self.at;
        self.space()?;
        if !self.take(":") {
            return Err(self.wrong(format!("':' was expected behind {name:?}")));
        }
        self.space()?;
        Ok(Key { span, name })
    }

    fn character(&mut self) -> Result<(), Error> {
        let open = self.at;
        self.at += 1;
        if self.peek() == Some('\\') {
            self.escape()?;
        } else if let Some(letter) = self.peek() {
            self.at += letter.len_utf8();
        }
        if self.take("'") {
            Ok(())
        } else {
            Err(Error { at: open, what: "a text stands between double quotes: \"like this\"".to_owned() })
        }
    }

    fn string(&mut self) -> Result<String, Error> {
        let open = self.at;
        self.take("b");
        if self.take("r") {
            return self.raw_string(open);
        }
        self.take("\"");
        let mut said = String::new();
        loop {
            said.push_str(self.take_while(|letter| !matches!(letter, '"' | '\\')));
            match self.peek() {
                Some('"') => {
                    self.at += 1;
                    return Ok(said);
                }
                Some(_) => said.extend(self.escape()?),
                None => return Err(Error { at: open, what: "this text is not closed by '\"'".to_owned() }),
            }
        }
    }

    fn raw_string(&mut self, open: usize) -> Result<String, Error> {
        let hashes = self.take_while(|letter| letter == '#');
        self.take("\"");
        let end = format!("\"{hashes}");
        let not_closed = || Error { at: open, what: format!("this text is not closed by `{end}`") };
        let length = self.rest().find(&end).ok_or_else(not_closed)?;
        let said = self.rest()[..length].to_owned();
        self.at += length + end.len();
        Ok(said)
    }

    /// None: a line's end that is continued.
    fn escape(&mut self) -> Result<Option<char>, Error> {
        let start = self.at;
        let unknown = Error { at: start, what: "there is no such escape: a backslash is `\\\\`".to_owned() };
        self.at += 1;
        let letter = self.peek().ok_or_else(|| unknown.clone())?;
        self.at += letter.len_utf8();
        let code = match letter {
            'n' => return Ok(Some('\n')),
            'r' => return Ok(Some('\r')),
            't' => return Ok(Some('\t')),
            '0' => return Ok(Some('\0')),
            '\\' | '"' | '\'' => return Ok(Some(letter)),
            'x' => self.rest().get(..2).inspect(|_| self.at += 2),
            'u' if self.take("{") => {
                let code = self.take_while(|letter| letter.is_ascii_hexdigit());
                self.take("}").then_some(code)
            }
            _ => None,
        };
        let code = code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        code.map(Some).ok_or(unknown)
    }
}

/// What a name begins with.
fn is_name(letter: char) -> bool {
    letter == '_' || letter.is_alphabetic()
}

fn is_in_name(letter: char) -> bool {
    letter == '_' || letter.is_alphanumeric()
}
