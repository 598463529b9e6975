//! Wolkvox's names of its routing points and options (`information.php`).
//!
//! Codes and names are cleaned and cut like the labels of rows, so that one finds the other.
//! Nothing else of an answer is read.

use serde::Deserialize;

use super::{
    mend::mended,
    splitter::Element,
    text::{Text, clean, cut, is_absent},
};
use model::NameKind;

/// Most names that are read; no operation has more.
pub(super) const MOST_NAMES: usize = 10_000;
/// Size of the largest answer, in bytes: far above that of so many names.
pub(super) const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// Returns the vendor's name of the call that lists names of a kind.
pub(super) fn call(kind: NameKind) -> &'static str {
    match kind {
        NameKind::RoutingPoints => "routing_points",
        NameKind::Options => "activity_codes",
    }
}

/// The fields that are read. Servers write the code of an option in one of two ways.
#[derive(Deserialize)]
struct NamedElement<'a> {
    #[serde(borrow, default)]
    rp_id: Text<'a>,
    #[serde(borrow, default)]
    rp_name: Text<'a>,
    #[serde(borrow, default)]
    cod_act: Text<'a>,
    #[serde(borrow, default)]
    code_act: Text<'a>,
    #[serde(borrow, default)]
    description_cod_act: Text<'a>,
}

/// Returns code and name of an element, both of at most `length` characters; nothing if it lacks
/// one of them.
pub(super) fn parse(
    kind: NameKind,
    element: Element<'_>,
    length: usize,
) -> Option<(String, String)> {
    let Element::Value(bytes) = element else { return None };
    if bytes.first() != Some(&b'{') {
        return None;
    }
    let text = String::from_utf8_lossy(bytes);
    let text = mended(&text);
    let fields: NamedElement<'_> = serde_json::from_str(&text).ok()?;
    let (code, name) = match kind {
        NameKind::RoutingPoints => (clean(&fields.rp_id), clean(&fields.rp_name)),
        NameKind::Options => {
            let code = clean(&fields.cod_act);
            let code = if code.is_empty() { clean(&fields.code_act) } else { code };
            (code, clean(&fields.description_cod_act))
        }
    };
    // "0" is a key that a caller can press.
    let is_option_0 = kind == NameKind::Options && code == "0";
    if (is_absent(&code) && !is_option_0) || is_absent(&name) {
        return None;
    }
    Some((cut(&code, length).to_owned(), cut(&name, length).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(kind: NameKind, json: &str) -> Option<(String, String)> {
        parse(kind, Element::Value(json.as_bytes()), 8)
    }

    #[test]
    fn names_are_read_as_labels_are() {
        let some = |code: &str, name: &str| Some((code.to_owned(), name.to_owned()));
        for (json, expected) in [
            (r#"{"rp_id":"4628","rp_name":"Ventas","ivr_active":"true"}"#, some("4628", "Ventas")),
            (r#"{"rp_id":10,"rp_name":" L\u00ednea\n "}"#, some("10", "Línea")),
            (r#"{"rp_id":"10","rp_name":"Facturación y pagos"}"#, some("10", "Facturac")),
            (r#"{"rp_id":"10","rp_name":""}"#, None),
            (r#"{"rp_id":"10","rp_name":null}"#, None),
            (r#"{"rp_id":"10"}"#, None),
            (r#"{"rp_id":"0","rp_name":"x"}"#, None),
            (r#"{"rp_name":"Ventas"}"#, None),
            (r#"["10","Ventas"]"#, None),
            (r#"{"rp_id":{"a":1},"rp_name":"x"}"#, None),
            ("null", None),
        ] {
            assert_eq!(parsed(NameKind::RoutingPoints, json), expected, "{json}");
        }
        for (json, expected) in [
            (r#"{"cod_act":"PULSE","description_cod_act":"No marcó"}"#, some("PULSE", "No marcó")),
            (r#"{"code_act":"1","description_cod_act":"Ventas"}"#, some("1", "Ventas")),
            (
                r#"{"cod_act":"","code_act":"1","description_cod_act":"Ventas"}"#,
                some("1", "Ventas"),
            ),
            (r#"{"cod_act":"0","description_cod_act":"Operador"}"#, some("0", "Operador")),
            (r#"{"cod_act":"-","description_cod_act":"x"}"#, None),
            (r#"{"cod_act":"1"}"#, None),
        ] {
            assert_eq!(parsed(NameKind::Options, json), expected, "{json}");
        }
        assert_eq!(parse(NameKind::Options, Element::TooLong, 8), None);
    }
}
