//! What a tree says, without its places, and changes of that: what a changed text is held against.

use super::super::syntax::{Entry, Field, Kind, Path, Step, Value, float, integer};

/// Whether both say the same.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    let all = |ones: &[Value], others: &[Value]| {
        ones.len() == others.len() && ones.iter().zip(others).all(|(one, other)| same(one, other))
    };
    let name = |name: &Option<(String, _)>| name.as_ref().map(|(name, _)| name.clone());
    match (&one.kind, &other.kind) {
        (Kind::Bool(one), Kind::Bool(other)) => one == other,
        (Kind::Number(one), Kind::Number(other)) => match (integer(one), integer(other)) {
            (Some(one), Some(other)) => one == other,
            (None, None) => float(one).map(f64::to_bits) == float(other).map(f64::to_bits),
            _ => false,
        },
        (Kind::Text(one), Kind::Text(other)) | (Kind::Name(one), Kind::Name(other)) => one == other,
        (Kind::Struct { name: a, fields: ones }, Kind::Struct { name: b, fields: others }) => {
            name(a) == name(b)
                && ones.len() == others.len()
                && ones
                    .iter()
                    .zip(others)
                    .all(|(one, other)| one.name == other.name && same(&one.value, &other.value))
        }
        (Kind::Tuple { name: a, values: ones }, Kind::Tuple { name: b, values: others }) => {
            name(a) == name(b) && all(ones, others)
        }
        (Kind::List(ones), Kind::List(others)) => all(ones, others),
        (Kind::Map(ones), Kind::Map(others)) => {
            ones.len() == others.len()
                && ones
                    .iter()
                    .zip(others)
                    .all(|(one, other)| same(&one.key, &other.key) && same(&one.value, &other.value))
        }
        _ => false,
    }
}

pub(super) fn set(tree: &mut Value, path: &Path, new: Value) -> Option<()> {
    let place = at(tree, &path.0)?;
    *place = new;
    Some(())
}

pub(super) fn insert(tree: &mut Value, outer: &Path, step: &Step, new: Value) -> Option<()> {
    match (&mut members(at(tree, &outer.0)?)?.kind, step) {
        (Kind::Struct { fields, .. }, Step::Field(name)) => fields.push(field(name, new)),
        (Kind::Map(entries), Step::Key(name)) => entries.push(entry(name, new)),
        (Kind::List(values), Step::Index(index)) if *index == values.len() => values.push(new),
        _ => return None,
    }
    Some(())
}

pub(super) fn remove(tree: &mut Value, path: &Path) -> Option<()> {
    let (step, outer) = path.0.split_last()?;
    match (&mut members(at(tree, outer)?)?.kind, step) {
        (Kind::Struct { fields, .. }, Step::Field(name)) => {
            let index = fields.iter().position(|field| field.name == *name)?;
            fields.remove(index);
        }
        (Kind::Map(entries), Step::Key(name)) => {
            let index = entries.iter().position(|entry| entry.name() == Some(name))?;
            entries.remove(index);
        }
        (Kind::List(values), Step::Index(index)) if *index < values.len() => drop(values.remove(*index)),
        _ => return None,
    }
    Some(())
}

pub(super) fn rename(tree: &mut Value, path: &Path, new: &str) -> Option<()> {
    let (step, outer) = path.0.split_last()?;
    match (&mut members(at(tree, outer)?)?.kind, step) {
        (Kind::Struct { fields, .. }, Step::Field(name)) => {
            fields.iter_mut().find(|field| field.name == *name)?.name = new.to_owned();
        }
        (Kind::Map(entries), Step::Key(name)) => {
            entries.iter_mut().find(|entry| entry.name() == Some(name))?.key.kind =
                Kind::Text(new.to_owned());
        }
        _ => return None,
    }
    Some(())
}

/// A value that has this one at that step.
pub(super) fn around(step: &Step, value: Value) -> Value {
    let kind = match step {
        Step::Field(name) => Kind::Struct { name: None, fields: vec![field(name, value)] },
        Step::Key(name) => Kind::Map(vec![entry(name, value)]),
        Step::Index(_) => Kind::List(vec![value]),
    };
    Value { span: 0..0, kind }
}

fn field(name: &str, value: Value) -> Field {
    Field { name: name.to_owned(), place: 0..0, value }
}

fn entry(name: &str, value: Value) -> Entry {
    Entry { key: Value { span: 0..0, kind: Kind::Text(name.to_owned()) }, value }
}

fn at<'a>(value: &'a mut Value, path: &[Step]) -> Option<&'a mut Value> {
    let Some((step, deeper)) = path.split_first() else { return Some(value) };
    let inner = match (&mut members(value)?.kind, step) {
        (Kind::Struct { fields, .. }, Step::Field(name)) => {
            &mut fields.iter_mut().find(|field| field.name == *name)?.value
        }
        (Kind::Map(entries), Step::Key(name)) => {
            &mut entries.iter_mut().find(|entry| entry.name() == Some(name))?.value
        }
        (Kind::List(values) | Kind::Tuple { values, .. }, Step::Index(index)) => values.get_mut(*index)?,
        _ => return None,
    };
    at(inner, deeper)
}

/// What has members: behind `Some(...)`.
fn members(value: &mut Value) -> Option<&mut Value> {
    let some = matches!(&value.kind, Kind::Tuple { name: Some((name, _)), .. } if name == "Some");
    if !some {
        return Some(value);
    }
    match &mut value.kind {
        Kind::Tuple { values, .. } => members(values.first_mut()?),
        _ => None,
    }
}
