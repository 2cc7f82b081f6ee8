//! `Range` ([RFC 2326 section 12.29](https://www.rfc-editor.org/rfc/rfc2326#section-12.29)).

use crate::rtsp::message::Status;

/// What a live mount answers to a PLAY's Range: always in npt, since it plays from now on.
///
/// # Errors
/// 457 for a range that ends before it begins, or in clock or frame times, which a live mount has not;
/// 400 for one that cannot be read.
pub fn live(asked: Option<&str>) -> Result<&'static str, Status> {
    let Some(asked) = asked else { return Ok("npt=now-") };
    // Parameters such as `;time=` say when to begin, which is now.
    let asked = asked.split(';').next().unwrap_or_default().trim();
    let (unit, range) = asked.split_once('=').unwrap_or(("npt", asked));
    let (unit, range) = match asked.split_once(':') {
        Some((unit, range)) if !asked.contains('=') && unit.eq_ignore_ascii_case("npt") => (unit, range),
        _ => (unit, range),
    };
    match unit.trim().to_ascii_lowercase().as_str() {
        "npt" => npt(range.trim()),
        "clock" | "smpte" | "smpte-25" | "smpte-30-drop" => Err(Status(457)),
        _ => Err(Status(400)),
    }
}

fn npt(range: &str) -> Result<&'static str, Status> {
    let (start, end) = range.split_once('-').ok_or(Status(400))?;
    let (start, end) = (seconds(start.trim())?, seconds(end.trim())?);
    match (start, end) {
        (Some(start), Some(end)) if start > end => Err(Status(457)),
        // Who asks for the beginning is told that this is it: ffmpeg reads its start time here.
        (Some(_), _) => Ok("npt=0.000-"),
        (None, _) => Ok("npt=now-"),
    }
}

/// `now` and nothing are `None`; `12.5` and `1:02:03.5` are seconds.
fn seconds(text: &str) -> Result<Option<f64>, Status> {
    if text.is_empty() || text.eq_ignore_ascii_case("now") {
        return Ok(None);
    }
    let part = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        text.parse::<f64>().ok().filter(|_| digits).ok_or(Status(400))
    };
    text.split(':').try_fold(0.0, |sum, text| Ok(sum * 60.0 + part(text)?)).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_has_its_answer() {
        for (asked, answer) in [
            (None, Ok("npt=now-")),
            (Some("npt=now-"), Ok("npt=now-")),
            (Some("npt=-"), Ok("npt=now-")),
            (Some("npt=0.000-"), Ok("npt=0.000-")),
            (Some("npt=10-20"), Ok("npt=0.000-")),
            (Some("npt=00:01:02.5-"), Ok("npt=0.000-")),
            (Some("0-"), Ok("npt=0.000-")),
            (Some("npt:0-"), Ok("npt=0.000-")),
            (Some("npt=20-10"), Err(Status(457))),
            (Some("clock=20260101T000000Z-"), Err(Status(457))),
            (Some("smpte=00:00:10-"), Err(Status(457))),
            (Some("npt=x-"), Err(Status(400))),
            (Some("npt="), Err(Status(400))),
            (Some("lightyears=1-2"), Err(Status(400))),
            (Some("npt=0-;time=20260101T000000Z"), Ok("npt=0.000-")),
        ] {
            assert_eq!(live(asked), answer, "{asked:?}");
        }
    }
}
