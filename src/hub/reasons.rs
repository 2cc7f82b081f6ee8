//! Which reasons are one: those that differ by their numbers alone.

/// Whether two reasons are the same but for what is counted or measured in them: "after 12.5 s" and "after 9 s", or where in
/// memory a program had what it complains of ("@ 0x55d0c8a3"). What begins with a letter is a name, as `/dev/video0` is.
pub fn alike(one: &str, other: &str) -> bool {
    pieces(one).eq(pieces(other))
}

/// What a text is made of.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Number,
    Other(&'a str),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let length = match first {
            '0'..='9' => number(rest),
            _ if first.is_alphanumeric() => {
                rest.find(|sign: char| !sign.is_alphanumeric()).unwrap_or(rest.len())
            }
            _ => first.len_utf8(),
        };
        let (piece, behind) = rest.split_at(length);
        rest = behind;
        Some(if first.is_ascii_digit() { Piece::Number } else { Piece::Other(piece) })
    })
}

/// How long the number is that a text begins with: its unit, its letters where it is hexadecimal, and its fraction are of it.
fn number(text: &str) -> usize {
    let word = |text: &str| text.find(|sign: char| !sign.is_alphanumeric()).unwrap_or(text.len());
    let whole = word(text);
    match text[whole..].strip_prefix(['.', ',']) {
        Some(fraction) if fraction.starts_with(|sign: char| sign.is_ascii_digit()) => {
            whole + 1 + word(fraction)
        }
        _ => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_do_not_make_another_reason_and_names_do() {
        for (one, other, same) in [
            ("", "", true),
            ("no signal", "no signal", true),
            ("gave no picture for 2 s", "gave no picture for 31.5 s", true),
            (
                "error while decoding MB 4 12, bytestream -7",
                "error while decoding MB 119 0, bytestream -1204",
                true,
            ),
            ("[h264 @ 0x55d0c8a3d0c0] no frame", "[h264 @ 0x7f3a00] no frame", true),
            ("128 bytes came", "9000 bytes came", true),
            ("frame 12: lost", "frame 12: late", false),
            ("/dev/video0: busy", "/dev/video1: busy", false),
            ("exit status 1", "exit status 1; it said last: no camera", false),
            ("1", "", false),
            ("a 1", "a b", false),
            ("ärger 1", "ärger 2", true),
        ] {
            assert_eq!(alike(one, other), same, "{one:?} {other:?}");
            assert_eq!(alike(other, one), same, "{other:?} {one:?}");
        }
    }
}
