//! The schema as JSON.

use serde_json::{Map, Value, json};

use super::{Default, FILE, Field, KINDS, Shape};

/// Every setting with `help`, `type`, `default`, `unit`, range (`min`, `max`) and `choices`, as JSON: the file's own
/// under `fields`, each with its name; what a mount may be under `kinds`.
pub fn schema() -> Value {
    let fields = match &FILE {
        Shape::Structure(_, fields) => fields.iter().map(field).collect(),
        _ => Vec::new(),
    };
    let kinds: Vec<Value> = KINDS
        .iter()
        .map(|kind| {
            let fields: Vec<Value> = kind.fields().map(field).collect();
            json!({"name": kind.name, "help": kind.help, "fields": fields})
        })
        .collect();
    json!({"schema": 1, "fields": Value::Array(fields), "kinds": kinds})
}

fn field(field: &Field) -> Value {
    let mut object = shape(&field.shape);
    object.insert("name".into(), field.name.into());
    object.insert("help".into(), field.help.into());
    object.insert("example".into(), field.example.into());
    match field.default {
        Default::Required => object.insert("required".into(), true.into()),
        Default::Written(text) => object.insert("default".into(), text.into()),
        Default::Words(words) => object.insert("default_in_words".into(), words.into()),
    };
    if let Some(unit) = field.unit {
        object.insert("unit".into(), unit.into());
    }
    Value::Object(object)
}

fn shape(shape: &Shape) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    // Bounds as far as JSON has such numbers.
    let bound = |number: i128| i64::try_from(number).map_or(Value::Null, Value::from);
    let inner = |of: &Shape| Value::Object(self::shape(of));
    match shape {
        Shape::Switch => drop(put("type", "switch".into())),
        Shape::Integer(least, most) => {
            put("type", "integer".into());
            put("min", bound(*least));
            put("max", bound(*most));
        }
        Shape::Number(least, most) => {
            put("type", "number".into());
            put("min", (*least).into());
            put("max", (*most).into());
        }
        Shape::Text => drop(put("type", "text".into())),
        Shape::Choice(names) => {
            put("type", "choice".into());
            put("choices", (*names).into());
        }
        Shape::List(of) => {
            put("type", "list".into());
            put("of", inner(of));
        }
        Shape::Pair(of) => {
            put("type", "pair".into());
            put("of", inner(of));
        }
        Shape::Map(of) => {
            put("type", "map".into());
            put("of", inner(of));
        }
        Shape::Structure(_, fields) => {
            put("type", "structure".into());
            put("fields", fields.iter().map(field).collect());
        }
        Shape::Mount => drop(put("type", "mount".into())),
        Shape::Either(_, shapes) => {
            put("type", "either".into());
            put("of", shapes.iter().map(inner).collect());
        }
    }
    object
}
