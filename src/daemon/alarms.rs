//! What is wrong, since when, and what was wrong before.

use std::collections::VecDeque;
use std::time::SystemTime;

/// Alarms that ended are kept, so many of them.
const ENDED: usize = 100;

/// Something is wrong now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The same as long as it is the same trouble: `mount/cam/failed`, `box/under-voltage`.
    pub id: String,
    /// What is wrong, in a sentence.
    pub why: String,
    /// What a person does about it, in a sentence.
    pub what_to_do: String,
}

/// A trouble with its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// What is wrong; why is what was seen last.
    pub trouble: Trouble,
    /// Since when.
    pub since: SystemTime,
    /// Until when; none while it lasts.
    pub until: Option<SystemTime>,
}

/// All alarms. Each is told to the log when it begins and when it ends.
#[derive(Debug, Default)]
pub struct Alarms {
    lasting: Vec<Alarm>,
    ended: VecDeque<Alarm>,
}

impl Alarms {
    /// What is wrong at this time, and nothing else.
    pub fn look(&mut self, troubles: Vec<Trouble>, now: SystemTime) {
        let over = |alarm: &mut Alarm| !troubles.iter().any(|trouble| trouble.id == alarm.trouble.id);
        let ended: Vec<Alarm> = self.lasting.extract_if(.., over).collect();
        for alarm in ended {
            tracing::info!(alarm = alarm.trouble.id, "over: {}", alarm.trouble.why);
            self.ended.push_back(Alarm { until: Some(now), ..alarm });
        }
        while self.ended.len() > ENDED {
            self.ended.pop_front();
        }
        for trouble in troubles {
            if let Some(known) = self.lasting.iter_mut().find(|alarm| alarm.trouble.id == trouble.id) {
                known.trouble = trouble;
                continue;
            }
            tracing::warn!(alarm = trouble.id, "{}: {}", trouble.why, trouble.what_to_do);
            self.lasting.push(Alarm { trouble, since: now, until: None });
        }
    }

    /// Those that last, in the order in which they began, then those that ended, the last first.
    pub fn all(&self) -> impl Iterator<Item = &Alarm> {
        self.lasting.iter().chain(self.ended.iter().rev())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn trouble(id: &str, why: &str) -> Trouble {
        Trouble { id: id.to_owned(), why: why.to_owned(), what_to_do: "look".to_owned() }
    }

    fn told(alarms: &Alarms) -> Vec<(String, u64, Option<u64>)> {
        let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs();
        let tell = |alarm: &Alarm| {
            (
                format!("{} {}", alarm.trouble.id, alarm.trouble.why),
                seconds(alarm.since),
                alarm.until.map(seconds),
            )
        };
        alarms.all().map(tell).collect()
    }

    #[test]
    fn an_alarm_has_a_begin_and_an_end() {
        let mut alarms = Alarms::default();
        alarms.look(vec![trouble("a", "80 °C"), trouble("b", "x")], at(1));
        alarms.look(vec![trouble("a", "81 °C"), trouble("b", "x")], at(2));
        assert_eq!(told(&alarms), [("a 81 °C".to_owned(), 1, None), ("b x".to_owned(), 1, None)]);
        alarms.look(vec![trouble("b", "x")], at(3));
        assert_eq!(told(&alarms), [("b x".to_owned(), 1, None), ("a 81 °C".to_owned(), 1, Some(3))]);
        alarms.look(vec![trouble("a", "82 °C")], at(4));
        let again = [
            ("a 82 °C".to_owned(), 4, None),
            ("b x".to_owned(), 1, Some(4)),
            ("a 81 °C".to_owned(), 1, Some(3)),
        ];
        assert_eq!(told(&alarms), again);
    }

    #[test]
    fn those_that_ended_are_kept_within_bounds() {
        let mut alarms = Alarms::default();
        for second in 0..500 {
            alarms.look(vec![trouble(&second.to_string(), "x")], at(second));
        }
        assert_eq!(alarms.all().count(), 1 + ENDED);
        assert_eq!(told(&alarms)[1], ("498 x".to_owned(), 498, Some(499)));
    }
}
