//! The rules that decide which options have series and under which names, as written.
//!
//! Owns the reading of `menu.options`. `option_rules` judges the patterns themselves.

use serde_json::{Value, json};

use crate::config::{
    metrics::texts,
    read::{
        diagnostics::Diagnostics,
        file::{ConfigFile, RenameEntry, Scalar},
        label,
    },
    setting::listed,
};
use crate::{
    i18n::{Bilingual, bilingual},
    model::{OTHER, OptionRules, PatternError, Ruled},
};

/// Most rules in one list: more are a list of options, and slow.
const MOST_RULES: usize = 100;

/// Reads the rules, and leaves out those with a problem, which it reports. `label_length` is the
/// longest label value.
pub(crate) fn resolve(
    file: &ConfigFile,
    label_length: usize,
    diagnostics: &mut Diagnostics,
) -> OptionRules {
    let written = &file.root.menu.options;
    let mut rules = OptionRules::default();
    patterns(file, "menu.options.allow", &written.allow, diagnostics, |pattern| {
        rules.allow(pattern)
    });
    patterns(file, "menu.options.deny", &written.deny, diagnostics, |pattern| rules.deny(pattern));
    // The other two lists judge a new name, so the renamings are read last.
    let judges = rules.clone();
    for (index, entry) in written.rename.iter().enumerate() {
        let key = format!("menu.options.rename[{index}]");
        let place = file.place(&entry.referenced, &key);
        if index >= MOST_RULES {
            diagnostics.problem(place, too_many());
            break;
        }
        let Some((pattern, to)) =
            renaming(file, &entry.value, &place, &key, label_length, diagnostics)
        else {
            continue;
        };
        if to != OTHER && judges.apply(&to) == Ruled::Other {
            diagnostics.problem(
                place,
                bilingual!(
                    "{to:?} is itself folded into {OTHER:?} by `allow` or `deny`: let them keep it, or write \
                     `to: {OTHER}`",
                    "`allow` o `deny` suman a su vez {to:?} en {OTHER:?}: deje que la conserven, o escriba `to: {OTHER}`"
                ),
            );
            continue;
        }
        let place = file.place(&pattern.referenced, &format!("{key}.match"));
        diagnostics.keep(&place, rules.rename(&pattern.value, &to).map_err(refused));
    }
    rules
}

/// Returns the rules as `--config.check` prints them, a line each.
pub(crate) fn shown(rules: &OptionRules) -> String {
    let allowed = rules.allowed().map(|pattern| format!("{pattern:?}"));
    let denied = rules.denied().map(|pattern| format!("{pattern:?}"));
    let renamed = rules.renamed().map(|(from, to)| format!("{{match: {from:?}, to: {to:?}}}"));
    format!(
        "\n    allow: [{}]\n    deny: [{}]\n    rename: [{}]",
        listed(allowed),
        listed(denied),
        listed(renamed)
    )
}

/// Returns the JSON schema of `menu.options`.
pub(crate) fn schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "allow": texts(),
            "deny": texts(),
            "rename": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["match", "to"],
                    "properties": {"match": {"type": "string"}, "to": {"type": ["string", "integer"]}}
                }
            }
        }
    })
}

/// Returns the reason why the rules leave no series called `option`, if they do not.
pub(crate) fn out_of_sight(rules: &OptionRules, option: &str) -> Option<Bilingual> {
    match rules.apply(option) {
        Ruled::Keep(same) if same == option => None,
        Ruled::Other if option == OTHER => None,
        Ruled::Keep(new) => Some(bilingual!(
            "{option:?} is renamed by `menu.options.rename`: write {new:?} here instead",
            "`menu.options.rename` le cambia el nombre a {option:?}: escriba aquí {new:?}"
        )),
        Ruled::Other => Some(bilingual!(
            "{option:?} is folded into {OTHER:?} by `menu.options`: take it away here, or let the rules keep it",
            "`menu.options` suma {option:?} en {OTHER:?}: quítela de aquí, o deje que las reglas la conserven"
        )),
    }
}

fn patterns(
    file: &ConfigFile,
    key: &str,
    texts: &[Scalar],
    diagnostics: &mut Diagnostics,
    mut add: impl FnMut(&str) -> Result<(), PatternError>,
) {
    for (index, text) in texts.iter().enumerate() {
        let place = file.place(&text.referenced, &format!("{key}[{index}]"));
        if index >= MOST_RULES {
            diagnostics.problem(place, too_many());
            break;
        }
        diagnostics.keep(&place, add(&text.value).map_err(refused));
    }
}

/// Returns the pattern and the new name of an entry.
fn renaming<'a>(
    file: &ConfigFile,
    entry: &'a RenameEntry,
    place: &str,
    key: &str,
    label_length: usize,
    diagnostics: &mut Diagnostics,
) -> Option<(&'a Scalar, String)> {
    let (Some(pattern), Some(to)) = (&entry.pattern, &entry.to) else {
        let reason = bilingual!(
            "a renaming needs `match`, a pattern, and `to`, the new name",
            "un cambio de nombre necesita `match`, un patrón, y `to`, el nombre nuevo"
        );
        diagnostics.problem(place, reason);
        return None;
    };
    Some((pattern, label::read(file, to, &format!("{key}.to"), label_length, diagnostics)?))
}

fn refused(error: PatternError) -> Bilingual {
    match error {
        PatternError::Empty => bilingual!(
            "an empty pattern matches no option: write one, or take it away",
            "un patrón vacío no coincide con ninguna opción: escriba uno, o quítelo"
        ),
        PatternError::TooLong(longest) => bilingual!(
            "a pattern of more than {longest} bytes: write it as several",
            "un patrón de más de {longest} bytes: escríbalo en varios"
        ),
        PatternError::TooLarge => bilingual!(
            "the pattern is too large: make its repetitions smaller",
            "el patrón es demasiado grande: reduzca sus repeticiones"
        ),
        PatternError::NoExpression(reason) => {
            bilingual!("no regular expression: {reason}", "no es una expresión regular: {reason}")
        }
    }
}

fn too_many() -> Bilingual {
    bilingual!(
        "more than {MOST_RULES} rules: several options fit into one pattern, as in `A|B|C`",
        "más de {MOST_RULES} reglas: en un patrón caben varias opciones, como en `A|B|C`"
    )
}
