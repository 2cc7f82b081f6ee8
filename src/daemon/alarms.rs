//! What is wrong, since when, and what was wrong before.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// Alarms that ended are kept, so many of them.
const ENDED: usize = 100;

/// What ended, and is there again by then, goes on: a loose plug is one alarm and not a thousand.
const AGAIN: Duration = Duration::from_secs(60);

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
    /// Since when; if it came and went, since it came last.
    pub since: SystemTime,
    /// When it came first.
    pub first: SystemTime,
    /// Until when; none while it lasts.
    pub until: Option<SystemTime>,
    /// How often it began.
    pub times: u32,
}

/// All alarms. Each is told to the log when it begins and when it ends; of what comes and goes the second time, the fourth, the
/// eighth.
#[derive(Debug, Default)]
pub struct Alarms {
    lasting: Vec<Alarm>,
    ended: VecDeque<Alarm>,
}

impl Alarms {
    /// What is wrong at this time, and nothing else; of what is `tried` nobody knows yet: what was wrong with it lasts.
    pub fn look(&mut self, troubles: Vec<Trouble>, tried: &[String], now: SystemTime) {
        let over = |alarm: &mut Alarm| {
            let id = &alarm.trouble.id;
            !troubles.iter().any(|trouble| trouble.id == *id) && !tried.contains(id)
        };
        let ended: Vec<Alarm> = self.lasting.extract_if(.., over).collect();
        for alarm in ended {
            if alarm.is_told() {
                tracing::info!(alarm = alarm.trouble.id, "over: {}", alarm.trouble.why);
            }
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
            let alarm = self.begun(trouble, now);
            let Trouble { id, why, what_to_do } = &alarm.trouble;
            match alarm.times {
                1 => tracing::warn!(alarm = id, "{why}: {what_to_do}"),
                times if alarm.is_told() => tracing::warn!(alarm = id, times, "{why}, again: {what_to_do}"),
                _ => {}
            }
            self.lasting.push(alarm);
        }
    }

    /// The alarm of a trouble that begins: the one before it, if that has just ended.
    fn begun(&mut self, trouble: Trouble, now: SystemTime) -> Alarm {
        let just = |alarm: &Alarm| {
            let over = alarm.until.and_then(|until| now.duration_since(until).ok());
            alarm.trouble.id == trouble.id && over.is_some_and(|over| over < AGAIN)
        };
        match self.ended.iter().rposition(just).and_then(|at| self.ended.remove(at)) {
            Some(known) => {
                let times = known.times.saturating_add(1);
                Alarm { trouble, since: now, first: known.first, until: None, times }
            }
            None => Alarm { trouble, since: now, first: now, until: None, times: 1 },
        }
    }

    /// Those that last, then those that ended; of both the last first.
    pub fn all(&self) -> impl Iterator<Item = &Alarm> {
        self.lasting.iter().rev().chain(self.ended.iter().rev())
    }
}

impl Alarm {
    /// Whether its begin and end are worth a line of the log.
    fn is_told(&self) -> bool {
        self.times.is_power_of_two()
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

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
        alarms.look(vec![trouble("a", "80 °C"), trouble("b", "x")], &[], at(1));
        alarms.look(vec![trouble("a", "81 °C"), trouble("b", "x")], &[], at(2));
        assert_eq!(told(&alarms), [("b x".to_owned(), 1, None), ("a 81 °C".to_owned(), 1, None)]);
        alarms.look(vec![trouble("b", "x")], &[], at(3));
        assert_eq!(told(&alarms), [("b x".to_owned(), 1, None), ("a 81 °C".to_owned(), 1, Some(3))]);
        alarms.look(vec![trouble("a", "82 °C")], &[], at(63));
        let again = [
            ("a 82 °C".to_owned(), 63, None),
            ("b x".to_owned(), 1, Some(63)),
            ("a 81 °C".to_owned(), 1, Some(3)),
        ];
        assert_eq!(told(&alarms), again);
    }

    #[test]
    fn what_is_only_tried_again_is_not_over() {
        let mut alarms = Alarms::default();
        let tried = ["a".to_owned()];
        alarms.look(vec![trouble("a", "x")], &[], at(1));
        alarms.look(vec![], &tried, at(2));
        alarms.look(vec![trouble("a", "y")], &tried, at(3));
        assert_eq!(told(&alarms), [("a y".to_owned(), 1, None)]);
        assert_eq!(alarms.all().map(|alarm| alarm.times).collect::<Vec<_>>(), [1]);
        alarms.look(vec![], &[], at(4));
        alarms.look(vec![], &tried, at(5));
        assert_eq!(told(&alarms), [("a y".to_owned(), 1, Some(4))], "what is over does not begin by a try");
    }

    #[test]
    fn what_comes_and_goes_is_one_alarm() {
        let mut alarms = Alarms::default();
        for second in 0..1000 {
            alarms.look(
                if second % 50 == 0 { vec![trouble("plug", "it is out")] } else { vec![] },
                &[],
                at(second),
            );
        }
        // Its times are those of the last time that it was so: it was well in between.
        assert_eq!(told(&alarms), [("plug it is out".to_owned(), 950, Some(951))]);
        let all: Vec<(u32, SystemTime)> = alarms.all().map(|alarm| (alarm.times, alarm.first)).collect();
        assert_eq!(all, [(20, at(0))]);
        // By a clock that is set back nothing has just ended.
        alarms.look(vec![trouble("plug", "it is out")], &[], at(10));
        assert_eq!(told(&alarms).len(), 2);
    }

    #[test]
    fn those_that_ended_are_kept_within_bounds() {
        let mut alarms = Alarms::default();
        for second in 0..500 {
            alarms.look(vec![trouble(&second.to_string(), "x")], &[], at(second));
        }
        assert_eq!(alarms.all().count(), 1 + ENDED);
        assert_eq!(told(&alarms)[1], ("498 x".to_owned(), 498, Some(499)));
    }
}
