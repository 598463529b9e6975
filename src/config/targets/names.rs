//! Resolves the sources of the names of routing points and options.
//!
//! Owns the choice between Wolkvox, the operator's own file, both, and neither; and the reading of
//! that file.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::config::{
    MenuConfig, NameSources, TargetConfig,
    metrics::rules,
    read::{
        diagnostics::Diagnostics,
        file::{NamesRoot, Scalar, YamlFile},
        label,
    },
    setting::flag_place,
    targets::{WrittenText, keys::NAMES_FROM},
};
use crate::{
    i18n::{Bilingual, bilingual},
    model::Names,
};

/// Combines the written source, if any, and the named file, if any.
pub(crate) fn resolve(
    from: Option<WrittenText<'_>>,
    file: Option<PathBuf>,
    diagnostics: &mut Diagnostics,
) -> Option<NameSources> {
    let place = from.as_ref().map_or_else(|| flag_place(NAMES_FROM), |from| from.place.clone());
    let from = match from {
        Some(from) => from.read(diagnostics, source)?,
        None => From::Vendor,
    };
    let reason = match (from, &file) {
        (From::File, None) => bilingual!(
            "`from: file` needs a file: name it in `names.file` (or --names.file)",
            "`from: file` necesita un archivo: nómbrelo en `names.file` (o --names.file)"
        ),
        (From::Off, Some(_)) => bilingual!(
            "`from: off` has no use for a file: take one of the two away",
            "`from: off` no usa ningún archivo: quite uno de los dos"
        ),
        _ => {
            return Some(NameSources { vendor: from == From::Vendor, file, own: Names::default() });
        }
    };
    diagnostics.problem(place, reason);
    None
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Vendor,
    File,
    Off,
}

fn source(text: &str) -> Result<From, Bilingual> {
    match text.trim() {
        "vendor" => Ok(From::Vendor),
        "file" => Ok(From::File),
        "off" => Ok(From::Off),
        other => Err(bilingual!(
            "{other:?} must be `vendor`, `file` or `off`",
            "{other:?} debe ser `vendor`, `file` u `off`"
        )),
    }
}

/// Reads the files that the targets name. `menu` has the longest label value and the rules for
/// options.
pub(crate) fn read_files(
    menu: &MenuConfig,
    targets: &mut [TargetConfig],
    diagnostics: &mut Diagnostics,
) {
    // The problems of a file that several targets share are reported once.
    let mut read: BTreeMap<PathBuf, Names> = BTreeMap::new();
    for target in targets {
        let Some(path) = &target.names.file else { continue };
        if !read.contains_key(path) {
            read.insert(path.clone(), read_file(path, menu, diagnostics));
        }
        target.names.own = read.get(path).cloned().unwrap_or_default();
    }
}

fn read_file(path: &Path, menu: &MenuConfig, diagnostics: &mut Diagnostics) -> Names {
    let what = bilingual!("the file of names", "el archivo de nombres");
    let file: YamlFile<NamesRoot> = match YamlFile::read(path, &what) {
        Ok(file) => file,
        Err(problem) => {
            diagnostics.problems.push(problem);
            return Names::default();
        }
    };
    let routing_points =
        list(&file, "routing_points", &file.root.routing_points, menu, diagnostics);
    let options = options(&file, "options", &file.root.options, menu, diagnostics);
    let mut options_at = BTreeMap::new();
    for (rp_id, written) in &file.root.options_at {
        let Some(first) = written.values().next() else { continue };
        let place = file.place(&first.referenced, "options_at");
        let Some(clean) = code(rp_id, &place, menu, diagnostics) else { continue };
        let there =
            self::options(&file, &format!("options_at.{clean}"), written, menu, diagnostics);
        if options_at.insert(clean.to_owned(), there).is_some() {
            let reason = bilingual!(
                "{clean:?} is there twice: keep one",
                "{clean:?} está dos veces: deje uno"
            );
            diagnostics.problem(place, reason);
        }
    }
    Names { routing_points, options, options_at }
}

/// Reads a list of options, with a warning for each whose code is not exposed.
fn options(
    file: &YamlFile<NamesRoot>,
    key: &str,
    written: &BTreeMap<String, Scalar>,
    menu: &MenuConfig,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, String> {
    let options = list(file, key, written, menu, diagnostics);
    for code in options.keys() {
        let text = written.iter().find(|(written, _)| written.trim() == code);
        if let (Some(reason), Some((_, text))) = (rules::out_of_sight(&menu.options, code), text) {
            diagnostics.warn(file.place(&text.referenced, &format!("{key}.{code}")), reason);
        }
    }
    options
}

fn list(
    file: &YamlFile<NamesRoot>,
    key: &str,
    written: &BTreeMap<String, Scalar>,
    menu: &MenuConfig,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for (code, text) in written {
        let place = file.place(&text.referenced, key);
        let Some(clean) = self::code(code, &place, menu, diagnostics) else { continue };
        let Some(name) =
            label::read(file, text, &format!("{key}.{clean}"), menu.label_length, diagnostics)
        else {
            continue;
        };
        if names.insert(clean.to_owned(), name).is_some() {
            let reason = bilingual!(
                "{clean:?} is named twice: keep one",
                "{clean:?} tiene nombre dos veces: deje uno"
            );
            diagnostics.problem(place, reason);
        }
    }
    names
}

/// Returns a code without the space around it.
fn code<'a>(
    written: &'a str,
    place: &str,
    menu: &MenuConfig,
    diagnostics: &mut Diagnostics,
) -> Option<&'a str> {
    let clean = written.trim();
    let longest = menu.label_length;
    if clean.is_empty() || clean.contains(char::is_control) || clean.chars().count() > longest {
        let reason = bilingual!(
            "{written:?} is no code: it must be one line of at most {longest} characters",
            "{written:?} no es un código: debe ser una línea de {longest} caracteres como máximo"
        );
        diagnostics.problem(place.to_owned(), reason);
        return None;
    }
    Some(clean)
}
