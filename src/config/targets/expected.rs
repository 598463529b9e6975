//! Adds the menus that the operator expects to their targets.
//!
//! Owns the reading of `menu.expected`. Its labels must equal, character by character, those of the
//! vendor's rows. Otherwise the series at 0 would stay next to the real one for ever.

use crate::config::{
    ExpectedMenu, MenuConfig, TargetConfig,
    metrics::rules,
    read::{
        diagnostics::Diagnostics,
        file::{ConfigFile, ExpectedEntry},
        label, suggest,
    },
};
use crate::i18n::{Bilingual, bilingual};

/// Adds each menu of the file to its target. `limits` has the limits and the rules for options.
///
/// If a target has a problem, its menus are only read: looking for it would report the wrong
/// mistake.
pub(crate) fn resolve(
    file: &ConfigFile,
    limits: &MenuConfig,
    targets: &mut [TargetConfig],
    diagnostics: &mut Diagnostics,
) {
    let all_targets_known = targets.len() == file.root.targets.len().max(1);
    for (index, entry) in file.root.menu.expected.iter().enumerate() {
        let place = file.place(&entry.referenced, &format!("menu.expected[{index}]"));
        let path = format!("menu.expected[{index}]");
        let menu = read(file, &entry.value, &place, &path, limits, diagnostics);
        if !all_targets_known {
            continue;
        }
        let target =
            target_of(file, &entry.value, &place, &format!("{path}.target"), targets, diagnostics);
        let Some(menu) = menu else { continue };
        let Some(target) = target else { continue };
        if target
            .expected
            .iter()
            .any(|other| (&other.rp_id, &other.channel) == (&menu.rp_id, &menu.channel))
        {
            let reason = bilingual!(
                "rp_id {:?} with the channel {:?} is listed already: put its options there",
                "el rp_id {:?} con el canal {:?} ya está en la lista: ponga allí sus opciones";
                menu.rp_id, menu.channel
            );
            diagnostics.problem(place, reason);
        } else if let Some(reason) = too_many(&menu, &target.expected, limits) {
            diagnostics.problem(place, reason);
        } else {
            target.expected.push(menu);
        }
    }
}

/// Returns the reason why a menu exceeds the limits together with the `others` of its target. A
/// listed option must never be folded.
fn too_many(
    menu: &ExpectedMenu,
    others: &[ExpectedMenu],
    limits: &MenuConfig,
) -> Option<Bilingual> {
    let options = menu.options.len();
    if options > limits.options_limit {
        return Some(bilingual!(
            "{options} options are more than menu.options_limit ({}): list fewer, or raise it",
            "{options} opciones son más que menu.options_limit ({}): liste menos, o súbalo";
            limits.options_limit
        ));
    }
    let all = others.iter().map(|other| other.options.len()).sum::<usize>() + options;
    (all > limits.series_limit).then(|| {
        bilingual!(
            "with this menu {all} label sets are listed for its target, more than menu.series_limit ({}): \
             list fewer, or raise it",
            "con este menú su destino tiene {all} combinaciones de etiquetas en la lista, más que menu.series_limit ({}): \
             liste menos, o súbalo";
            limits.series_limit
        )
    })
}

fn read(
    file: &ConfigFile,
    entry: &ExpectedEntry,
    place: &str,
    path: &str,
    limits: &MenuConfig,
    diagnostics: &mut Diagnostics,
) -> Option<ExpectedMenu> {
    let (Some(rp_id), Some(channel)) = (&entry.rp_id, &entry.channel) else {
        let reason = bilingual!(
            "an expected menu needs `rp_id`, `channel` and `options`",
            "un menú esperado necesita `rp_id`, `channel` y `options`"
        );
        diagnostics.problem(place, reason);
        return None;
    };
    let length = limits.label_length;
    let rp_id = label::read(file, rp_id, &format!("{path}.rp_id"), length, diagnostics);
    let channel = label::read(file, channel, &format!("{path}.channel"), length, diagnostics);
    if entry.options.is_empty() {
        let reason = bilingual!(
            "an expected menu needs at least one of `options`",
            "un menú esperado necesita al menos una opción en `options`"
        );
        diagnostics.problem(place, reason);
        return None;
    }
    let options = read_options(file, entry, path, limits, diagnostics);
    Some(ExpectedMenu { rp_id: rp_id?, channel: channel?, options: options? })
}

/// Reads the options of a menu; `None` if one of them has a problem.
fn read_options(
    file: &ConfigFile,
    entry: &ExpectedEntry,
    path: &str,
    limits: &MenuConfig,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<String>> {
    let mut options: Vec<String> = Vec::with_capacity(entry.options.len());
    let mut good = true;
    for (index, text) in entry.options.iter().enumerate() {
        let key = format!("{path}.options[{index}]");
        let read = label::read(file, text, &key, limits.label_length, diagnostics);
        let unseen =
            read.as_deref().and_then(|option| rules::out_of_sight(&limits.options, option));
        if let Some(reason) = unseen {
            diagnostics.problem(file.place(&text.referenced, &key), reason);
            good = false;
            continue;
        }
        match read {
            Some(option) if options.contains(&option) => {
                diagnostics.problem(
                    file.place(&text.referenced, &key),
                    bilingual!(
                        "{option:?} is listed twice: keep one",
                        "{option:?} está dos veces: deje una"
                    ),
                );
                good = false;
            }
            Some(option) => options.push(option),
            None => good = false,
        }
    }
    good.then_some(options)
}

fn target_of<'a>(
    file: &ConfigFile,
    entry: &ExpectedEntry,
    place: &str,
    key: &str,
    targets: &'a mut [TargetConfig],
    diagnostics: &mut Diagnostics,
) -> Option<&'a mut TargetConfig> {
    let Some(text) = &entry.target else {
        // Each operation numbers its routing points independently.
        if targets.len() > 1 {
            let reason = bilingual!(
                "there are several targets: say in `target` whose menu this is",
                "hay varios destinos: diga en `target` de cuál es este menú"
            );
            diagnostics.problem(place, reason);
        }
        return match targets {
            [only] => Some(only),
            _ => None,
        };
    };
    let name = text.value.trim();
    let Some(index) = targets.iter().position(|target| target.name == name) else {
        let suggestion =
            suggest::did_you_mean(name, targets.iter().map(|target| target.name.as_str()))
                .unwrap_or_else(|| Bilingual::verbatim(""));
        let reason = bilingual!(in suggestion:
            "no target is called {name:?}{suggestion}",
            "ningún destino se llama {name:?}{suggestion}"
        );
        diagnostics.problem(file.place(&text.referenced, key), reason);
        return None;
    };
    targets.get_mut(index)
}
