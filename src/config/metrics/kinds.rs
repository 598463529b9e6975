//! What options mean, from what was written.
//!
//! Owns the three lists of codes. A code that stands in two lists, or that no row can carry any more once the
//! renaming rules have been applied, is a mistake that nobody would notice on a dashboard.

use crate::config::{
    metrics::rules,
    read::{
        diagnostics::Diagnostics,
        file::{ConfigFile, Scalar},
        label,
    },
};
use crate::model::{OptionKind, OptionKinds, OptionRules};

/// `label_length` is the longest label value.
pub(crate) fn resolve(
    file: &ConfigFile,
    label_length: usize,
    rules: &OptionRules,
    findings: &mut Diagnostics,
) -> OptionKinds {
    let section = &file.root.menu;
    let lists = [
        (OptionKind::NoInput, "menu.no_input_codes", section.no_input_codes.as_deref().unwrap_or_default()),
        (OptionKind::OptOut, "menu.opt_out_codes", section.opt_out_codes.as_slice()),
        (OptionKind::Terminal, "menu.terminal_codes", section.terminal_codes.as_slice()),
    ];
    let mut kinds = OptionKinds::none();
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
        for code in OptionKinds::default().codes(OptionKind::NoInput) {
            if !seen.iter().any(|(other, _)| other == code) {
                kinds.list(code, OptionKind::NoInput);
            }
        }
    }
    kinds
}

fn code(
    file: &ConfigFile,
    text: &Scalar,
    key: &str,
    label_length: usize,
    rules: &OptionRules,
    findings: &mut Diagnostics,
) -> Option<String> {
    let code = label::read(file, text, key, label_length, findings)?;
    if let Some(reason) = rules::out_of_sight(rules, &code) {
        findings.problem(file.place(&text.referenced, key), reason);
        return None;
    }
    Some(code)
}
