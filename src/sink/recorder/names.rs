//! Names of recordings: a number that only grows, because clocks of boxes without a battery do not,
//! and the time for people.

/// Before the number.
const PREFIX: &str = "visaged-";
/// Behind the time.
const SUFFIX: &str = ".mcap";
/// Behind that, if the file is encrypted.
const SEALED: &str = ".age";

/// The number in `name`; `None` if it is not ours to delete.
pub(super) fn number(name: &str) -> Option<u64> {
    let (number, _) = name
        .strip_prefix(PREFIX)?
        .trim_end_matches(SEALED)
        .strip_suffix(SUFFIX)?
        .split_once('-')?;
    number.parse().ok()
}

/// The name of number `number`, begun at the Unix time `micros`, encrypted or not.
pub(super) fn name(number: u64, micros: i64, sealed: bool) -> String {
    let sealed = if sealed { SEALED } else { "" };
    let seconds = micros.div_euclid(1_000_000);
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!(
        "{PREFIX}{number:06}-{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z{SUFFIX}{sealed}"
    )
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01 (H. Hinnant,
/// "chrono-compatible low-level date algorithms", `civil_from_days`).
const fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `date -u -d @N +%Y%m%dT%H%M%SZ`
    #[test]
    fn names_carry_their_number_and_the_time_that_date_prints() {
        for (seconds, text) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (1_795_417_199, "20261123T065959Z"),
            (4_107_542_400, "21000301T000000Z"),
        ] {
            let name = name(42, seconds * 1_000_000, false);
            assert_eq!(name, format!("visaged-000042-{text}.mcap"));
            assert_eq!(number(&name), Some(42));
        }
        assert_eq!(number(&name(43, 0, true)), Some(43));
        assert_eq!(number("visaged-7.mcap"), None);
    }
}
