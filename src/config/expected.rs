//! The menus that the operator expects, given to their targets.
//!
//! Owns the reading of `menu.expected`. What it yields must equal, character by character, what a row of
//! the vendor becomes, or the series at 0 would stand beside the real one for ever.

use super::{
    ExpectedMenu, Target,
    file::{ConfigFile, ExpectedEntry},
    hint, label,
    problem::Findings,
};

/// Adds each menu of the file to its target. `label_length` is the longest label value.
///
/// Where a target is itself in error, menus are only read: to look for their target would accuse them of
/// a mistake that stands elsewhere.
pub(super) fn resolve(
    file: &ConfigFile,
    label_length: usize,
    targets: &mut [Target],
    findings: &mut Findings,
) {
    let all_targets_known = targets.len() == file.root.targets.len().max(1);
    for (index, entry) in file.root.menu.expected.iter().enumerate() {
        let place = file.place(&entry.referenced, &format!("menu.expected[{index}]"));
        let key = |key: &str| format!("menu.expected[{index}].{key}");
        let menu = read(file, &entry.value, &place, key, label_length, findings);
        if !all_targets_known {
            continue;
        }
        let target = target_of(file, &entry.value, &place, &key("target"), targets, findings);
        let (Some(menu), Some(target)) = (menu, target) else { continue };
        if target.expected.iter().any(|other| (&other.rp_id, &other.channel) == (&menu.rp_id, &menu.channel))
        {
            let reason = format!(
                "rp_id {:?} with the channel {:?} is listed already: put its options there",
                menu.rp_id, menu.channel
            );
            findings.problem(place, reason);
        } else {
            target.expected.push(menu);
        }
    }
}

fn read(
    file: &ConfigFile,
    entry: &ExpectedEntry,
    place: &str,
    key: impl Fn(&str) -> String,
    label_length: usize,
    findings: &mut Findings,
) -> Option<ExpectedMenu> {
    let (Some(rp_id), Some(channel)) = (&entry.rp_id, &entry.channel) else {
        findings.problem(place, "an expected menu needs `rp_id`, `channel` and `options`");
        return None;
    };
    let rp_id = label::read(file, rp_id, &key("rp_id"), label_length, findings);
    let channel = label::read(file, channel, &key("channel"), label_length, findings);
    if entry.options.is_empty() {
        findings.problem(place, "an expected menu needs at least one of `options`");
        return None;
    }
    let mut options: Vec<String> = Vec::with_capacity(entry.options.len());
    let mut good = true;
    for (index, text) in entry.options.iter().enumerate() {
        let key = key(&format!("options[{index}]"));
        match label::read(file, text, &key, label_length, findings) {
            Some(option) if options.contains(&option) => {
                findings.problem(
                    file.place(&text.referenced, &key),
                    format!("{option:?} is listed twice: keep one"),
                );
                good = false;
            }
            Some(option) => options.push(option),
            None => good = false,
        }
    }
    let (rp_id, channel) = (rp_id?, channel?);
    good.then_some(ExpectedMenu { rp_id, channel, options })
}

fn target_of<'a>(
    file: &ConfigFile,
    entry: &ExpectedEntry,
    place: &str,
    key: &str,
    targets: &'a mut [Target],
    findings: &mut Findings,
) -> Option<&'a mut Target> {
    let Some(text) = &entry.target else {
        // Routing points are numbered by each operation for itself.
        if targets.len() > 1 {
            findings.problem(place, "there are several targets: say in `target` whose menu this is");
        }
        return match targets {
            [only] => Some(only),
            _ => None,
        };
    };
    let name = text.value.trim();
    let Some(index) = targets.iter().position(|target| target.name == name) else {
        let meant = hint::did_you_mean(name, targets.iter().map(|target| target.name.as_str()));
        findings.problem(file.place(&text.referenced, key), format!("no target is called {name:?}{meant}"));
        return None;
    };
    targets.get_mut(index)
}
