//! The form of the metrics: the settings of `menu`.
//!
//! Owns their declarations, the histogram's buckets, and the checks of one setting against another.
//! The modules below read the keys that are more than one text.

pub(crate) mod journey;
pub(crate) mod kinds;
pub(crate) mod rules;

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use serde_saphyr::Spanned;

use crate::{
    config::{
        Flags, PollConfig,
        read::{
            diagnostics::Diagnostics,
            duration::{parse_seconds, show},
            file::{ConfigFile, ExpectedEntry, OptionsEntry, Scalar},
        },
        setting::{Bounds, Kind, SectionRead, duration, listed, number, read_section, section},
    },
    i18n::{Bilingual, bilingual},
    model::{DigitFold, OptionKind, OptionKinds, OptionRules},
};

/// Most buckets of a histogram, because each costs a series.
const MOST_BUCKETS: usize = 100;
/// Most label sets of a target. Each has about twenty series, and Prometheus cannot scrape more
/// than a million.
const MOST_SERIES: usize = 100_000;
/// Longest hold of a zero: longer than any scrape interval.
const HOLD: Bounds<Duration> = Bounds::at_most(
    Duration::from_hours(1),
    [
        ": make it a little more than two scrapes",
        ": póngala un poco más larga que dos lecturas de Prometheus",
    ],
);
/// Shortest expiry, because a series that expires within a week would restart after every weekend.
const SHORTEST_EXPIRY: Duration = Duration::from_secs(7 * 86_400);

section! {
    /// The form of the metrics.
    pub struct MenuConfig: "menu", "Menu", MenuKeys {
        /// Upper bounds of the histogram, in seconds
        buckets: Vec<f64> as Option<Spanned<Vec<Scalar>>> =
            Kind::apart(
                "5 10 20 30 45 60 90 120 180 300 600",
                usual_buckets,
                |buckets| Some(bracketed(buckets)),
                numbers(),
            );
        /// Longest label value, in characters; 1 to 1024
        label_length: usize = number("128", 1, 1024).file_only();
        /// Time for which a new series is shown at 0 before its value
        zero_hold: Duration = duration("75s", HOLD);
        /// Options of the kind `no_input`: nothing was entered
        no_input_codes: BTreeSet<String> as Option<Vec<Scalar>> =
            Kind::apart("[PULSE]", usual_no_input, quoted, texts());
        /// Options of the kind `opt_out`: they leave the menu, usually for a person
        opt_out_codes: BTreeSet<String> as Vec<Scalar> =
            Kind::apart("[]", BTreeSet::new, quoted, texts());
        /// Options of the kind `terminal`: the menu has done its work
        terminal_codes: BTreeSet<String> as Vec<Scalar> =
            Kind::apart("[]", BTreeSet::new, quoted, texts());
        /// Patterns of options that have their own series, that have none, or that have another
        /// name
        options: OptionRules as OptionsEntry =
            Kind::apart(
                "",
                OptionRules::default,
                |rules| Some(rules::shown(rules)),
                rules::schema(),
            );
        /// Most label sets of a target; further ones are counted as "other"
        series_limit: usize = number("2000", 1, MOST_SERIES);
        /// Most different options of a routing point and channel
        options_limit: usize = number("200", 1, MOST_SERIES).file_only();
        /// Most different steps between options of a routing point and channel
        transitions_limit: usize = number("500", 1, MOST_SERIES).file_only();
        /// Time after which a label set without rows loses its series; 0s for never
        expire_after: Duration = Kind::new("DURATION", "90d", expiry, |value| Some(show(*value)));
        /// Count options in which somebody typed a number of at least this many digits as "number";
        /// 0 for never
        fold_digits: DigitFold =
            Kind::new("NUMBER", "7", fold_digits, |fold| Some(fold.digits().to_string()))
                .schema(json!({"type": "integer", "minimum": 0, "maximum": 64}));
    } in file only {
        expected: Vec<Spanned<ExpectedEntry>>;
    }
}

impl MenuConfig {
    /// Returns the kinds of the options that are listed.
    pub fn kinds(&self) -> OptionKinds {
        let mut kinds = OptionKinds::none();
        for (kind, codes) in [
            (OptionKind::NoInput, &self.no_input_codes),
            (OptionKind::OptOut, &self.opt_out_codes),
            (OptionKind::Terminal, &self.terminal_codes),
        ] {
            for code in codes {
                kinds.list(code, kind);
            }
        }
        kinds
    }
}

fn usual_buckets() -> Vec<f64> {
    vec![5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0]
}

fn usual_no_input() -> BTreeSet<String> {
    OptionKinds::default().codes(OptionKind::NoInput).map(str::to_owned).collect()
}

fn bracketed(buckets: &[f64]) -> String {
    format!("[{}]", listed(buckets))
}

fn quoted(codes: &BTreeSet<String>) -> Option<String> {
    Some(format!("[{}]", listed(codes.iter().map(|code| format!("{code:?}")))))
}

fn numbers() -> Value {
    json!({
        "type": "array", "minItems": 1, "maxItems": MOST_BUCKETS,
        "items": {"type": "number", "exclusiveMinimum": 0}
    })
}

/// A list of codes. YAML reads an unquoted code of digits as a number.
pub(crate) fn texts() -> Value {
    json!({"type": "array", "items": {"type": ["string", "integer"]}})
}

/// Reads the section; returns nothing if a setting cannot be read. `poll` is `None` if it has a
/// problem itself.
pub(crate) fn resolve(
    flags: &Flags<MenuConfig>,
    file: &ConfigFile,
    poll: Option<&PollConfig>,
    diagnostics: &mut Diagnostics,
) -> Option<MenuConfig> {
    let mut menu = read_section(flags, file, &file.root.menu, diagnostics);
    match buckets(file, diagnostics) {
        Ok(Some(buckets)) => menu.config.buckets = buckets,
        Ok(None) => {}
        Err(Refused) => menu.sound = false,
    }
    menu.config.options = rules::resolve(file, menu.config.label_length, diagnostics);
    kinds::resolve(file, &mut menu.config, diagnostics);
    check_expiry(&menu, poll, diagnostics);
    menu.sound.then_some(menu.config)
}

/// A setting whose problem was reported.
struct Refused;

/// Reads the buckets of the file, if it has any.
fn buckets(file: &ConfigFile, diagnostics: &mut Diagnostics) -> Result<Option<Vec<f64>>, Refused> {
    let Some(written) = &file.root.menu.buckets else { return Ok(None) };
    let place = file.place(&written.referenced, "menu.buckets");
    if written.value.is_empty() || written.value.len() > MOST_BUCKETS {
        let reason = bilingual!(
            "{} buckets: there must be 1 to {MOST_BUCKETS}",
            "{} límites: deben ser de 1 a {MOST_BUCKETS}"; written.value.len()
        );
        diagnostics.problem(place, reason);
        return Err(Refused);
    }
    let mut bounds: Vec<f64> = Vec::with_capacity(written.value.len());
    for text in &written.value {
        let bound = text.value.trim().parse().unwrap_or(f64::NAN);
        let last = bounds.last().copied().unwrap_or(0.0);
        if !bound.is_finite() || bound <= last {
            diagnostics.problem(
                file.place(&text.referenced, "menu.buckets"),
                bilingual!(
                    "{:?} must be a number of seconds above {last}; the last bucket, +Inf, is not listed",
                    "{:?} debe ser un número de segundos mayor que {last}; el último límite, +Inf, no se escribe";
                    text.value
                ),
            );
            return Err(Refused);
        }
        bounds.push(bound);
    }
    Ok(Some(bounds))
}

fn fold_digits(text: &str) -> Result<DigitFold, Bilingual> {
    let digits =
        text.trim().parse().ok().filter(|digits| *digits == 0 || (4..=64).contains(digits));
    digits.map(DigitFold::of).ok_or_else(|| {
        bilingual!(
            "{text:?} must be a number of digits from 4 to 64, or 0 to let every option through as it is",
            "{text:?} debe ser un número de dígitos de 4 a 64, o 0 para dejar pasar cada opción como viene"
        )
    })
}

fn expiry(text: &str) -> Result<Duration, Bilingual> {
    let expiry = parse_seconds(text)?;
    if expiry.is_zero() || expiry >= SHORTEST_EXPIRY {
        return Ok(expiry);
    }
    Err(bilingual!(
        "{} is less than 7d: a series that is away at weekends would begin anew each week; \
         write 0s to keep series for ever",
        "{} es menos de 7d: una serie que falta los fines de semana empezaría de nuevo cada semana; \
         escriba 0s para conservar las series siempre";
        show(expiry)
    ))
}

/// Refuses a series that ends while rows of it can still be read.
fn check_expiry(
    menu: &SectionRead<MenuConfig>,
    poll: Option<&PollConfig>,
    diagnostics: &mut Diagnostics,
) {
    let expiry = menu.config.expire_after;
    let Some(poll) = poll else { return };
    let deepest = poll.interval.saturating_add(poll.deepest());
    if !expiry.is_zero() && expiry <= deepest {
        diagnostics.problem(
            menu.place("expire_after"),
            bilingual!(
                "{} must be longer than rows are read again ({}), or a row would bring its series back: \
                 make it longer, or poll.nightly_lookback shorter",
                "{} debe ser más que el tiempo en que se releen filas ({}), o una fila haría volver su serie: \
                 alárguelo, o acorte poll.nightly_lookback";
                show(expiry),
                show(deepest)
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_last_for_a_week_or_for_ever() {
        assert_eq!(expiry("0s"), Ok(Duration::ZERO));
        assert_eq!(expiry("7d"), Ok(SHORTEST_EXPIRY));
        assert!(expiry("6d").expect_err("too short").to_string().contains("0s"));
        assert!(expiry("90").expect_err("no unit").to_string().contains("unit"));
    }
}
