//! A text's tree held against the schema: every mistake, each with its place and path.

use super::nearest::nearest;
use super::schema::{Default, Field as Setting, KINDS, Shape, kinds, one_of};
use super::syntax::{Entry, Field, Kind, Path, Span, Value, float, integer};

/// Something that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wrong {
    /// The bytes that are wrong.
    pub(super) span: Span,
    pub(super) path: Path,
    /// What is wrong and what was expected.
    pub(super) what: String,
}

/// All that the schema finds wrong, in the text's order.
pub(super) fn check(value: &Value, shape: &Shape) -> Vec<Wrong> {
    let mut check = Check { wrong: Vec::new() };
    check.value(value, shape, &Path::default());
    check.wrong.sort_by_key(|wrong| wrong.span.start);
    check.wrong
}

struct Check {
    wrong: Vec<Wrong>,
}

impl Check {
    fn value(&mut self, value: &Value, shape: &Shape, path: &Path) {
        match (shape, &value.kind) {
            // Told already.
            (_, Kind::Wrong) => {}
            (_, Kind::Tuple { name: Some((name, _)), values }) if name == "Some" && values.len() == 1 => {
                values.iter().for_each(|value| self.value(value, shape, path));
            }
            (Shape::Switch, Kind::Bool(_)) | (Shape::Text, Kind::Text(_)) => {}
            (Shape::Integer(least, most), Kind::Number(text)) => match integer(text) {
                Some(number) if (*least..=*most).contains(&number) => {}
                Some(_) => self.add(&value.span, path, format!("{text} is not between {least} and {most}")),
                None => self.add(
                    &value.span,
                    path,
                    format!("{text} is no whole number: {} is expected", shape.words()),
                ),
            },
            (Shape::Number(least, most), Kind::Number(text)) => {
                match float(text).or(integer(text).map(|whole| whole as f64)) {
                    Some(number) if (*least..=*most).contains(&number) => {}
                    _ => self.add(&value.span, path, format!("{text} is not between {least} and {most}")),
                }
            }
            (Shape::Choice(names), Kind::Name(name)) => self.choice(name, names, &value.span, path),
            (Shape::Choice(names), Kind::Text(name)) => {
                let meant = nearest(name, names.iter().copied());
                let what = match meant {
                    Some(meant) => format!("\"{name}\" stands without quotes here: {meant}"),
                    None => format!("{} is expected, without quotes", one_of(names)),
                };
                self.add(&value.span, path, what);
            }
            (Shape::List(of), Kind::List(values)) => self.each(values, of, path),
            (Shape::Pair(of), Kind::Tuple { name: None, values }) if values.len() == 2 => {
                self.each(values, of, path)
            }
            (Shape::Map(of), Kind::Map(entries)) => self.map(entries, of, path),
            (Shape::Structure(what, settings), Kind::Struct { name: None, fields }) => {
                self.fields(fields, settings.iter(), what, path);
                self.missing(fields, settings.iter(), &value.span, what, path);
            }
            (Shape::Mount, Kind::Struct { name: Some((name, place)), fields }) => {
                self.mount(name, place, fields, path)
            }
            (Shape::Mount, Kind::Name(name)) => match KINDS.iter().find(|kind| kind.name == name) {
                Some(_) => self.add(
                    &value.span,
                    path,
                    format!("{name} has parentheses, even if nothing is in them: {name}()"),
                ),
                None => self.kind(name, &value.span, path),
            },
            (Shape::Mount, Kind::Struct { name: None, .. }) => {
                let start = value.span.start;
                self.add(
                    &(start..start + 1),
                    path,
                    format!("the kind of mount is missing before `(`: {}", one_of(&kinds())),
                );
            }
            (Shape::Mount, Kind::Tuple { name: Some((name, _)), values }) => {
                let first = values.first().map_or(&value.span, |value| &value.span);
                self.add(first, path, format!("each setting of {name} is written as `name: value`"));
            }
            (Shape::Either(_, shapes), _) => self.either(value, shapes, shape, path),
            (_, Kind::Map(entries)) if is_json(entries) && !matches!(shape, Shape::Map(..)) => self.add(
                &begin(value),
                path,
                format!(
                    "{} is expected, and this is JSON: here a name has no quotes, as in `(workers: 2)`",
                    shape.words()
                ),
            ),
            _ => self.add(
                &begin(value),
                path,
                format!("{} is expected, and this is {}", shape.words(), what_it_is(value)),
            ),
        }
    }

    fn either(&mut self, value: &Value, shapes: &[Shape], shape: &Shape, path: &Path) {
        let tries = shapes.iter().map(|shape| {
            let mut check = Self { wrong: Vec::new() };
            check.value(value, shape, path);
            check.wrong
        });
        let tries: Vec<_> = tries.collect();
        if tries.iter().any(Vec::is_empty) {
            return;
        }
        // What is of the right kind is told what is wrong with it.
        let near = tries.into_iter().flatten().find(|wrong| !wrong.what.contains("is expected"));
        if let Some(near) = near {
            return self.wrong.push(near);
        }
        self.add(
            &begin(value),
            path,
            format!("{} is expected, and this is {}", shape.words(), what_it_is(value)),
        );
    }

    fn each(&mut self, values: &[Value], of: &Shape, path: &Path) {
        for (index, value) in values.iter().enumerate() {
            self.value(value, of, &path.then(super::syntax::Step::Index(index)));
        }
    }

    fn map(&mut self, entries: &[Entry], of: &Shape, path: &Path) {
        for (index, entry) in entries.iter().enumerate() {
            let Some(name) = entry.name() else {
                if !matches!(entry.key.kind, Kind::Wrong | Kind::Name(_)) {
                    let what =
                        format!("a name between two \" is expected, and this is {}", what_it_is(&entry.key));
                    self.add(&begin(&entry.key), path, what);
                }
                continue;
            };
            let path = path.key(name);
            if entries[..index].iter().any(|earlier| earlier.name() == Some(name)) {
                self.add(
                    &entry.key.span,
                    &path,
                    format!("\"{name}\" stands here twice: leave one out, or give it another name"),
                );
            }
            self.value(&entry.value, of, &path);
        }
    }

    fn mount(&mut self, name: &str, place: &Span, fields: &[Field], path: &Path) {
        let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
            return self.kind(name, place, path);
        };
        self.fields(fields, kind.fields(), kind.name, path);
        self.missing(fields, kind.fields(), place, kind.name, path);
    }

    fn kind(&mut self, name: &str, place: &Span, path: &Path) {
        let kinds = kinds();
        let what = match nearest(name, kinds.iter().copied()) {
            Some(meant) => format!("there is no kind of mount {name}: is {meant} meant?"),
            None => format!("there is no kind of mount {name}: it is {}", one_of(&kinds)),
        };
        self.add(place, path, what);
    }

    fn choice(&mut self, name: &str, names: &[&'static str], place: &Span, path: &Path) {
        if names.contains(&name) || name == "None" {
            return;
        }
        let what = match nearest(name, names.iter().copied()) {
            Some(meant) => format!("{name} is not known here: is {meant} meant? It is {}", one_of(names)),
            None => format!("{name} is not known here: {} is expected", one_of(names)),
        };
        self.add(place, path, what);
    }

    fn fields<'a>(
        &mut self,
        fields: &[Field],
        settings: impl Iterator<Item = &'a Setting> + Clone,
        of: &str,
        path: &Path,
    ) {
        for (index, field) in fields.iter().enumerate() {
            let path = path.field(&field.name);
            let Some(setting) = settings.clone().find(|setting| setting.name == field.name) else {
                let names = settings.clone().map(|setting| setting.name);
                let what = match nearest(&field.name, names.clone()) {
                    Some(meant) => format!("there is no setting {} of {of}: is {meant} meant?", field.name),
                    None => format!(
                        "there is no setting {} of {of}: it has {}",
                        field.name,
                        names.collect::<Vec<_>>().join(", ")
                    ),
                };
                self.add(&field.place, &path, what);
                continue;
            };
            if fields[..index].iter().any(|earlier| earlier.name == field.name) {
                self.add(&field.place, &path, format!("{} stands here twice: leave one out", field.name));
            }
            let left_out = matches!(&field.value.kind, Kind::Name(name) if name == "None");
            if !left_out || matches!(setting.default, Default::Required) {
                self.value(&field.value, &setting.shape, &path);
            }
        }
    }

    fn missing<'a>(
        &mut self,
        fields: &[Field],
        settings: impl Iterator<Item = &'a Setting>,
        place: &Span,
        of: &str,
        path: &Path,
    ) {
        for setting in settings.filter(|setting| matches!(setting.default, Default::Required)) {
            // A name that is wrong is told as that.
            let meant = |field: &Field| nearest(&field.name, [setting.name].into_iter()).is_some();
            if !fields.iter().any(meant) {
                let what =
                    format!("{of} needs {}, as in {}: {}", setting.name, setting.name, setting.example);
                self.add(place, path, what);
            }
        }
    }

    fn add(&mut self, span: &Span, path: &Path, what: String) {
        self.wrong.push(Wrong { span: span.clone(), path: path.clone(), what });
    }
}

/// The place by which a value is shown: of a bracket its opening alone.
fn begin(value: &Value) -> Span {
    let start = value.span.start;
    match &value.kind {
        Kind::Struct { name: Some((_, place)), .. } | Kind::Tuple { name: Some((_, place)), .. } => {
            place.clone()
        }
        Kind::Struct { .. } | Kind::Tuple { .. } | Kind::List(_) | Kind::Map(_) => start..start + 1,
        _ => value.span.clone(),
    }
}

/// Whether somebody wrote names as JSON has them.
fn is_json(entries: &[Entry]) -> bool {
    !entries.is_empty() && entries.iter().all(|entry| matches!(entry.key.kind, Kind::Text(_)))
}

fn what_it_is(value: &Value) -> String {
    match &value.kind {
        Kind::Bool(switch) => switch.to_string(),
        Kind::Number(text) => format!("the number {text}"),
        Kind::Text(_) => "a text".to_owned(),
        Kind::Name(name) => format!("the name {name}"),
        Kind::Struct { name: Some((name, _)), .. } | Kind::Tuple { name: Some((name, _)), .. } => {
            format!("{name}(...)")
        }
        Kind::Struct { name: None, .. } => "a structure between `(` and `)`".to_owned(),
        Kind::Tuple { name: None, values } => format!("{} values between `(` and `)`", values.len()),
        Kind::List(_) => "a list between `[` and `]`".to_owned(),
        Kind::Map(_) => "a map between `{` and `}`".to_owned(),
        Kind::Wrong => "nothing that can be read".to_owned(),
    }
}
