//! The settings of access.

use super::Default::{Words, Written};
use super::Field;
use super::Shape::{List, Switch, Text};

pub(super) static FIELDS: &[Field] = &[
    Field::new(
        "realm",
        Text,
        Written("\"Lenslet\""),
        "\"Front door\"",
        "What players show where they ask for a password; with another one every user's password has to be set again.",
    ),
    Field::new(
        "users_file",
        Text,
        Words("users.ron in the folder of what is kept across starts"),
        "\"/etc/lenslet/users.ron\"",
        "Where users are kept, whose passwords are asked for once there is one; `lenslet user` writes it.",
    ),
    Field::new(
        "open_to_world",
        Switch,
        Written("false"),
        "true",
        "Whether without users every address is answered, and not those of this machine and of private networks alone.",
    ),
    Field::new(
        "basic",
        Switch,
        Written("false"),
        "true",
        "Whether passwords are taken in the clear too (Basic), for players that know nothing better.",
    ),
    Field::new(
        "allow",
        List(&Text),
        Words("every network"),
        "[\"192.168.1.0/24\", \"fd00::/8\"]",
        "Networks that clients may come from: all others are turned away before a word is read.",
    ),
    Field::new(
        "deny",
        List(&Text),
        Written("[]"),
        "[\"192.168.1.66\"]",
        "Networks that clients may not come from, whatever is allowed.",
    ),
    Field::new(
        "exempt",
        List(&Text),
        Written("[]"),
        "[\"192.168.1.0/24\"]",
        "Networks where nobody is banned for wrong passwords.",
    ),
];
