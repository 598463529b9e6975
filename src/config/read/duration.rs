//! Reads and writes durations.
//!
//! Owns the notation of flags and file. Pure. A bare number is refused, because some readers take
//! it for seconds and others for minutes.

use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};

use crate::i18n::{Bilingual, bilingual};

/// Reads `30s`, `5m`, `1h30m`, `2d`; a day is 24 hours. Never negative.
pub(crate) fn parse(text: &str) -> Result<Duration, Bilingual> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bilingual!(
            "a duration needs a unit: `{text}s` for seconds, `{text}m` for minutes",
            "una duración necesita unidad: `{text}s` son segundos, `{text}m` son minutos"
        ));
    }
    // Months and years are refused too, because they have no fixed length.
    let exact = text
        .parse()
        .and_then(|span: Span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
        .map_err(|_| {
            bilingual!(
                "{text:?} is not a duration: write it like 30s, 5m, 1h30m or 2d",
                "{text:?} no es una duración: escríbala como 30s, 5m, 1h30m o 2d"
            )
        })?;
    Duration::try_from(exact).map_err(|_| {
        bilingual!(
            "{text:?} is negative: leave the sign away",
            "{text:?} es negativa: quite el signo"
        )
    })
}

/// Reads like [`parse`], but refuses a fraction of a second, because the vendor's dates have none.
pub(crate) fn parse_seconds(text: &str) -> Result<Duration, Bilingual> {
    let duration = parse(text)?;
    if duration.subsec_nanos() != 0 {
        return Err(bilingual!(
            "{:?} has a fraction of a second, and Wolkvox's dates have none",
            "{:?} tiene una fracción de segundo, y las fechas de Wolkvox no la tienen"; text.trim()
        ));
    }
    Ok(duration)
}

/// Formats a duration as [`parse`] reads it: `1h 30m`.
pub(crate) fn show(duration: Duration) -> String {
    // Out of range only for durations that `parse` cannot produce.
    SignedDuration::try_from(duration)
        .map_or_else(|_| format!("{duration:?}"), |exact| format!("{exact:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, seconds) in [
            ("30s", 30),
            (" 5m ", 300),
            ("1h30m", 5400),
            ("1h 30m", 5400),
            ("24h", 86400),
            ("2d", 172_800),
            ("1w", 604_800),
            ("5 minutes", 300),
            ("PT5M", 300),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
            assert_eq!(
                parse(&show(Duration::from_secs(seconds))),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
        }
        assert_eq!(parse("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(show(Duration::from_secs(5400)), "1h 30m");
    }

    #[test]
    fn refuses_with_a_remedy() {
        for (text, remedy) in [
            ("300", "`300s` for seconds"),
            ("0", "needs a unit"),
            ("", "write it like"),
            ("5x", "write it like"),
            ("1mo", "write it like"),
            ("99999999999999h", "write it like"),
            ("-5m", "leave the sign away"),
            ("5m ago", "leave the sign away"),
        ] {
            let refusal = parse(text).expect_err(text).to_string();
            assert!(refusal.contains(remedy), "{text}: {refusal}");
        }
        assert!(parse_seconds("1500ms").expect_err("a fraction").to_string().contains("fraction"));
    }
}
