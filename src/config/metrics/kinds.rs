//! The three lists of codes that define the kinds of options.
//!
//! Owns their reading. It refuses a code that is in two lists, or that no row can have after the
//! renaming rules, because such a mistake would not show on a dashboard.

use std::collections::BTreeSet;

use crate::config::{
    MenuConfig,
    metrics::rules,
    read::{
        diagnostics::Diagnostics,
        file::{ConfigFile, Scalar},
        label,
    },
};
use crate::i18n::bilingual;

/// Fills in the lists. The label length and the rules of `menu` must have been read before.
pub(crate) fn resolve(file: &ConfigFile, menu: &mut MenuConfig, diagnostics: &mut Diagnostics) {
    let written = &file.root.menu;
    let mut lists = Lists { file, seen: Vec::new(), diagnostics };
    let no_input = written.no_input_codes.as_deref().unwrap_or_default();
    let no_input = lists.read("menu.no_input_codes", no_input, menu);
    menu.opt_out_codes = lists.read("menu.opt_out_codes", &written.opt_out_codes, menu);
    menu.terminal_codes = lists.read("menu.terminal_codes", &written.terminal_codes, menu);
    if written.no_input_codes.is_some() {
        menu.no_input_codes = no_input;
    } else {
        // A code that was written in another list wins over the default.
        menu.no_input_codes.retain(|code| !lists.seen.iter().any(|(other, _)| other == code));
    }
}

struct Lists<'a> {
    file: &'a ConfigFile,
    /// Codes of all lists, with their places.
    seen: Vec<(String, String)>,
    diagnostics: &'a mut Diagnostics,
}

impl Lists<'_> {
    fn read(&mut self, key: &str, texts: &[Scalar], menu: &MenuConfig) -> BTreeSet<String> {
        let mut codes = BTreeSet::new();
        for (index, text) in texts.iter().enumerate() {
            let key = format!("{key}[{index}]");
            let read = label::read(self.file, text, &key, menu.label_length, self.diagnostics);
            let Some(code) = read else { continue };
            let place = self.file.place(&text.referenced, &key);
            if let Some(reason) = rules::out_of_sight(&menu.options, &code) {
                self.diagnostics.problem(place, reason);
                continue;
            }
            if let Some((_, first)) = self.seen.iter().find(|(other, _)| *other == code) {
                let reason = bilingual!(
                    "{code:?} is listed already at {first}: an option has one kind, so keep one",
                    "{code:?} ya está en {first}: una opción es de una sola clase, así que deje una"
                );
                self.diagnostics.problem(place, reason);
                continue;
            }
            codes.insert(code.clone());
            self.seen.push((code, place));
        }
        codes
    }
}
