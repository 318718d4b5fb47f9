//! Schedules of cron jobs: five fields, or `@hourly` and its like.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A schedule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    minutes: Vec<i8>,
    hours: Vec<i8>,
    days: Vec<i8>,
    months: Vec<i8>,
    weekdays: Vec<i8>,
    /// Whether days of the month, and of the week, are restricted: either will do where both are.
    restricted: (bool, bool),
}

impl Schedule {
    /// Reads one.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = match text.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            text => text,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return None;
        };
        let names = [
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ];
        let week = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
        let mut weekdays_of = field(weekdays, 0, 7, &week, 0)?;
        for day in &mut weekdays_of {
            *day %= 7;
        }
        Some(Self {
            minutes: field(minutes, 0, 59, &[], 0)?,
            hours: field(hours, 0, 23, &[], 0)?,
            days: field(days, 1, 31, &[], 0)?,
            months: field(months, 1, 12, &names, 1)?,
            weekdays: weekdays_of,
            restricted: (!days.starts_with('*'), !weekdays.starts_with('*')),
        })
    }

    /// The first time after another, in UTC seconds.
    pub(super) fn next(&self, after: i64) -> Option<i64> {
        let start = jiff::Timestamp::from_second(after - after.rem_euclid(60) + 60).ok()?;
        let mut at: DateTime = TimeZone::UTC.to_datetime(start);
        for _ in 0..366 * 5 {
            if self.fits_day(at) {
                while at.hour() < 24 {
                    let day = at.date();
                    if self.hours.contains(&at.hour()) {
                        for minute in at.minute()..60 {
                            if self.minutes.contains(&minute) {
                                let found = at.with().minute(minute).build().ok()?;
                                let found = TimeZone::UTC.to_timestamp(found).ok()?;
                                return Some(found.as_second());
                            }
                        }
                    }
                    if at.hour() == 23 {
                        break;
                    }
                    at = day.at(at.hour() + 1, 0, 0, 0);
                }
            }
            at = at.date().tomorrow().ok()?.at(0, 0, 0, 0);
        }
        None
    }

    fn fits_day(&self, at: DateTime) -> bool {
        let day = self.days.contains(&at.day());
        let weekday = self
            .weekdays
            .contains(&at.weekday().to_sunday_zero_offset());
        let fits = match self.restricted {
            (true, true) => day || weekday,
            _ => day && weekday,
        };
        fits && self.months.contains(&at.month())
    }
}

/// The values of a field.
fn field(text: &str, least: i8, most: i8, names: &[&str], offset: i8) -> Option<Vec<i8>> {
    let value = |text: &str| -> Option<i8> {
        let found = match names
            .iter()
            .position(|name| text.eq_ignore_ascii_case(name))
        {
            Some(index) => i8::try_from(index).ok()? + offset,
            None => text.parse().ok()?,
        };
        (least..=most).contains(&found).then_some(found)
    };
    let mut all = Vec::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<usize>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range {
            "*" | "?" => (least, most),
            range => match range.split_once('-') {
                Some((from, to)) => (value(from)?, value(to)?),
                None if part.contains('/') => (value(range)?, most),
                None => (value(range)?, value(range)?),
            },
        };
        if from > to {
            return None;
        }
        all.extend((from..=to).step_by(step));
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_time_is_found() {
        let at = |text: &str| text.parse::<jiff::Timestamp>().expect("a time").as_second();
        for (schedule, after, next) in [
            (
                "*/15 * * * *",
                "2026-01-31T08:05:10Z",
                "2026-01-31T08:15:00Z",
            ),
            ("0 2 * * *", "2026-01-31T08:05:00Z", "2026-02-01T02:00:00Z"),
            (
                "30 6 * * mon-fri",
                "2026-01-31T08:05:00Z",
                "2026-02-02T06:30:00Z",
            ),
            ("0 0 29 2 *", "2026-01-31T08:05:00Z", "2028-02-29T00:00:00Z"),
            ("@hourly", "2026-01-31T23:05:00Z", "2026-02-01T00:00:00Z"),
        ] {
            let schedule = Schedule::read(schedule).expect("good");
            assert_eq!(schedule.next(at(after)), Some(at(next)), "{schedule:?}");
        }
        for bad in ["", "* * * *", "61 * * * *", "* * * * funday", "*/0 * * * *"] {
            assert_eq!(Schedule::read(bad), None, "{bad}");
        }
    }
}
