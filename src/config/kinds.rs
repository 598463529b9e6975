//! What options mean, from what was written.
//!
//! Owns the three lists of codes. A code that stands in two lists, or that no row can carry any more once the
//! renaming rules have been applied, is a mistake that nobody would notice on a dashboard.

use super::{
    file::{ConfigFile, Text},
    label,
    problem::Findings,
    rules,
};
use crate::{
    option_kind::{Kind, Kinds},
    option_rules::OptionRules,
};

/// `label_length` is the longest label value.
pub(super) fn resolve(
    file: &ConfigFile,
    label_length: usize,
    rules: &OptionRules,
    findings: &mut Findings,
) -> Kinds {
    let section = &file.root.menu;
    let lists = [
        (Kind::NoInput, "menu.no_input_codes", section.no_input_codes.as_deref().unwrap_or_default()),
        (Kind::OptOut, "menu.opt_out_codes", section.opt_out_codes.as_slice()),
        (Kind::Terminal, "menu.terminal_codes", section.terminal_codes.as_slice()),
    ];
    let mut kinds = Kinds::none();
    let mut seen: Vec<(String, String)> = Vec::new();
    for (kind, key, texts) in lists {
        for (index, text) in texts.iter().enumerate() {
            let key = format!("{key}[{index}]");
            let Some(code) = code(file, text, &key, label_length, rules, findings) else { continue };
            let place = file.place(&text.referenced, &key);
            if let Some((_, first)) = seen.iter().find(|(other, _)| *other == code) {
                findings.problem(
                    place,
                    format!("{code:?} is listed already at {first}: an option has one kind, so keep one"),
                );
                continue;
            }
            kinds.list(&code, kind);
            seen.push((code, place));
        }
    }
    if section.no_input_codes.is_none() {
        // What was written wins over what is so by default.
        for code in Kinds::default().codes(Kind::NoInput) {
            if !seen.iter().any(|(other, _)| other == code) {
                kinds.list(code, Kind::NoInput);
            }
        }
    }
    kinds
}

fn code(
    file: &ConfigFile,
    text: &Text,
    key: &str,
    label_length: usize,
    rules: &OptionRules,
    findings: &mut Findings,
) -> Option<String> {
    let code = label::read(file, text, key, label_length, findings)?;
    if let Some(reason) = rules::out_of_sight(rules, &code) {
        findings.problem(file.place(&text.referenced, key), reason);
        return None;
    }
    Some(code)
}
