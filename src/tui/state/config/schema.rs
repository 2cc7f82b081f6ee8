//! `config schema`, read: what a form is made of.

use serde::Deserialize;

/// Everything that may be written.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Schema {
    /// The file's own settings.
    pub fields: Vec<Field>,
    /// What a mount may be.
    pub kinds: Vec<Kind>,
}

/// What a mount may be.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Kind {
    /// As it is written.
    pub name: String,
    /// A sentence.
    pub help: String,
    /// Its settings.
    pub fields: Vec<Field>,
}

/// A setting.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Field {
    /// As it is written.
    pub name: String,
    /// A sentence.
    #[serde(default)]
    pub help: String,
    /// As it may be written.
    #[serde(default)]
    pub example: String,
    /// What holds where it is not written, as it would be written.
    #[serde(default)]
    pub default: Option<String>,
    /// The same where no text says it.
    #[serde(default)]
    pub default_in_words: Option<String>,
    /// It has to be written.
    #[serde(default)]
    pub required: bool,
    /// What is counted.
    #[serde(default)]
    pub unit: Option<String>,
    /// What it looks like.
    #[serde(flatten)]
    pub shape: Shape,
}

/// What a value looks like.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Shape {
    /// `true` or `false`.
    Switch,
    /// A whole number.
    Integer {
        /// The least.
        min: Option<i64>,
        /// The greatest.
        max: Option<i64>,
    },
    /// A number.
    Number {
        /// The least.
        min: Option<f64>,
        /// The greatest.
        max: Option<f64>,
    },
    /// A text.
    Text,
    /// One of some names.
    Choice {
        /// The names.
        choices: Vec<String>,
    },
    /// Settings of its own.
    Structure {
        /// They.
        fields: Vec<Field>,
    },
    /// Several of the same.
    List {
        /// What each is.
        of: Box<Shape>,
    },
    /// A map of names.
    Map {
        /// What stands behind each.
        of: Box<Shape>,
    },
    /// A mount.
    Mount,
    /// Anything else: it is written as in the file.
    #[serde(other)]
    Other,
}

impl Schema {
    /// Of a daemon's answer; none: it is not understood.
    pub fn read(value: serde_json::Value) -> Option<Self> {
        serde_json::from_value(value).ok()
    }

    /// A kind of mount.
    pub fn kind(&self, name: &str) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.name == name)
    }

    /// The file's own settings that are no form of their own.
    pub fn plain(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| !field.is_form())
    }

    /// Those that are.
    pub fn structures(&self) -> impl Iterator<Item = (&Field, &[Field])> {
        self.fields.iter().filter_map(|field| match &field.shape {
            Shape::Structure { fields } => Some((field, &fields[..])),
            _ => None,
        })
    }
}

impl Field {
    /// Whether it is several texts, which are typed without their brackets and quotes.
    pub fn is_texts(&self) -> bool {
        matches!(&self.shape, Shape::List { of } if **of == Shape::Text)
    }

    /// Whether it has a form of its own: mounts, and what has settings in it.
    fn is_form(&self) -> bool {
        match &self.shape {
            Shape::Structure { .. } => true,
            Shape::Map { of } => **of == Shape::Mount,
            _ => false,
        }
    }

    /// What holds where it is not written, for people.
    pub fn otherwise(&self) -> String {
        match (&self.default, &self.default_in_words) {
            (Some(written), _) => written.clone(),
            (None, Some(words)) => words.clone(),
            (None, None) if self.required => "it has to be written".to_owned(),
            (None, None) => String::new(),
        }
    }

    /// What it may be, for people.
    pub fn range(&self) -> Option<String> {
        let bound = |least: Option<String>, most: Option<String>| match (least, most) {
            (Some(least), Some(most)) => Some(format!("{least} to {most}")),
            (Some(least), None) => Some(format!("from {least}")),
            (None, Some(most)) => Some(format!("to {most}")),
            (None, None) => None,
        };
        let range = match &self.shape {
            Shape::Integer { min, max } => {
                bound(min.map(|min| min.to_string()), max.map(|max| max.to_string()))
            }
            Shape::Number { min, max } => {
                bound(min.map(|min| min.to_string()), max.map(|max| max.to_string()))
            }
            Shape::Choice { choices } => Some(choices.join(", ")),
            Shape::Switch => Some("true, false".to_owned()),
            _ => None,
        }?;
        Some(self.unit.as_ref().map_or_else(|| range.clone(), |unit| format!("{range} {unit}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_daemon_says_of_every_setting_is_understood() {
        let schema = Schema::read(crate::config::schema()).unwrap();
        let workers = schema.fields.iter().find(|field| field.name == "workers").unwrap();
        assert_eq!(workers.range().as_deref(), Some("1 to 64"));
        assert!(schema.plain().any(|field| field.name == "aliases"));
        assert!(schema.plain().all(|field| field.name != "mounts"));
        let camera = schema.kind("Camera").unwrap();
        let device = camera.fields.iter().find(|field| field.name == "device").unwrap();
        assert!(device.required && device.shape == Shape::Text, "{device:?}");
        let encode = camera.fields.iter().find(|field| field.name == "encode").unwrap();
        assert_eq!(encode.otherwise(), "Auto");
        assert_eq!(Schema::read(serde_json::json!({"fields": 1})), None);
        // What a later daemon knows is edited as it is written.
        let later = serde_json::json!({"fields": [{"name": "x", "type": "tensor"}], "kinds": []});
        assert_eq!(Schema::read(later).unwrap().fields[0].shape, Shape::Other);
    }
}
