//! The hang-ups of a target: their share of the calls, and the options with most of them.

use maud::{Markup, html};

use crate::{
    i18n::{Language, count, say},
    status::{HangUps, OutcomesStatus, OutcomesText, name_and_code},
};

pub(super) fn section(outcomes: &OutcomesStatus, language: Language) -> Markup {
    let numbers = [OutcomesText::HungUp, OutcomesText::Calls, OutcomesText::Share];
    html! {
        h3 { (say(OutcomesText::Heading, language, &[])) }
        p.quiet { (outcomes.sentence(language)) }
        @if !outcomes.options.is_empty() {
            div.scroll {
                table.polls.stacked {
                    thead {
                        tr {
                            th scope="col" { (say(OutcomesText::Option, language, &[])) }
                            @for name in numbers { th.number scope="col" { (say(name, language, &[])) } }
                        }
                    }
                    tbody {
                        @for option in &outcomes.options {
                            tr {
                                td { (place(option)) }
                                td.number { (count(option.hung_up, language)) }
                                td.number { (count(option.calls, language)) }
                                td.number { (percent(option)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Names an option and its routing point, with their codes.
fn place(option: &HangUps) -> String {
    let name = name_and_code(option.name.as_deref(), &option.code);
    format!("{name} · {}", name_and_code(option.point_name.as_deref(), &option.rp_id))
}

fn percent(option: &HangUps) -> String {
    format!("{} %", (option.hung_up * 100 + option.calls / 2) / option.calls.max(1))
}
