//! Texts of the file that become label values.

use crate::config::read::{
    diagnostics::Diagnostics,
    file::{Scalar, YamlFile},
};
use crate::i18n::bilingual;

/// The longest name of a target, in characters.
pub(crate) const LONGEST_NAME: usize = 128;

/// Reads a text that will be compared with the vendor's texts, or shown beside them: trimmed, not
/// empty, one line, at most `longest` characters. A whole number may have no quotes if it has one
/// spelling only.
pub(crate) fn read<R>(
    file: &YamlFile<R>,
    text: &Scalar,
    key: &str,
    longest: usize,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    let value = text.value.trim();
    let one_spelling = value == "0"
        || (!value.starts_with('0') && value.bytes().all(|byte| byte.is_ascii_digit()));
    let refusal = if value.is_empty() {
        bilingual!("it is empty", "está vacío")
    } else if value.chars().any(char::is_control) {
        bilingual!(
            "it holds a line break or another control character",
            "tiene un salto de línea u otro carácter de control"
        )
    } else if value.chars().count() > longest {
        bilingual!("it is longer than {longest} characters", "tiene más de {longest} caracteres")
    } else if file.is_bare_number(text) && !one_spelling {
        bilingual!(
            "put it in quotes, \"{value}\": without them YAML reads a number or a boolean",
            "póngalo entre comillas, \"{value}\": sin ellas YAML lee un número o un valor lógico"
        )
    } else {
        return Some(value.to_owned());
    };
    diagnostics.problem(file.place(&text.referenced, key), refusal);
    None
}
