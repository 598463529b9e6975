//! Anomalies of a target: a line for each option, and the history behind them.

use maud::{Markup, html};

use crate::{
    i18n::{Language, count, say},
    status::{
        Deviations, UsualStatus, UsualText, compared_with, deviation_figures, deviation_place,
    },
};

pub(super) fn section(usual: &UsualStatus, language: Language) -> Markup {
    let highest = usual.deviations.as_ref().map_or(&[][..], |deviations| &deviations.highest);
    html! {
        h3 { (say(UsualText::Heading, language, &[])) }
        @if !highest.is_empty() {
            ul.unlike {
                @for deviation in highest {
                    li { strong { (deviation_place(deviation)) } ": " (deviation_figures(deviation, language)) "." }
                }
            }
        }
        p.quiet { (in_words(usual.deviations.as_ref(), language)) (compared_with(usual, language)) }
    }
}

/// Returns the reason why there is no list, or the number of deviations that are not in it. Ends
/// with a space unless empty.
fn in_words(deviations: Option<&Deviations>, language: Language) -> String {
    let (text, number) = match deviations {
        None => (UsualText::Unknown, 0),
        Some(all) if all.more > 0 => (UsualText::More, all.more),
        Some(all) if !all.highest.is_empty() => return String::new(),
        Some(all) if all.options_compared == 0 => (UsualText::NoWeeks, 0),
        Some(all) => (UsualText::Nothing, all.options_compared),
    };
    let number = count(number as u64, language);
    format!("{} ", say(text, language, &[("options", number.clone()), ("more", number)]))
}
