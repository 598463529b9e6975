//! The load of the invented contact centre by time of day and day of the week.
//!
//! Owns one pure function of local time. It must never know about routing points or seeds.

use jiff::civil::{DateTime, Weekday};

/// Load at each full hour, as a share of the busiest one. It is interpolated in between.
const DAY: [f64; 24] = [
    0.03, 0.02, 0.02, 0.02, 0.03, 0.06, 0.18, 0.45, 0.80, 0.95, 1.00, 1.00, //
    0.75, 0.70, 0.85, 0.95, 0.95, 0.85, 0.60, 0.40, 0.25, 0.15, 0.10, 0.05,
];

/// Returns the load at a local moment, as a share of the busiest hour of the week.
pub(super) fn load(local: DateTime) -> f64 {
    let hour = local.hour().unsigned_abs() as usize % 24;
    let into = f64::from(local.minute()) / 60.0;
    let day = DAY[hour] * (1.0 - into) + DAY[(hour + 1) % 24] * into;
    let week = match local.weekday() {
        Weekday::Monday => 1.0,
        Weekday::Tuesday => 0.95,
        Weekday::Wednesday | Weekday::Thursday => 0.92,
        Weekday::Friday => 0.97,
        Weekday::Saturday => 0.45,
        Weekday::Sunday => 0.12,
    };
    day * week
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn mornings_are_busy_nights_quiet_and_sundays_nearly_empty() {
        let monday = date(2026, 1, 19);
        assert_eq!(load(monday.at(10, 30, 0, 0)), 1.0);
        assert!(load(monday.at(3, 0, 0, 0)) < 0.05);
        assert!(load(date(2026, 1, 18).at(10, 30, 0, 0)) < 0.2);
        assert!(load(date(2026, 1, 17).at(10, 30, 0, 0)) < 0.5);
    }

    #[test]
    fn load_never_jumps_within_a_day_nor_leaves_its_range() {
        let start = date(2026, 1, 19).at(0, 0, 0, 0);
        let mut before = load(start);
        for minute in 1..24 * 60 {
            let now = load(start + jiff::Span::new().minutes(minute));
            assert!((0.0..=1.0).contains(&now));
            assert!((now - before).abs() < 0.02, "minute {minute}");
            before = now;
        }
    }
}
