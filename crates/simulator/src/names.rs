//! The names of the invented contact centre's routing points and options.
//!
//! Owns data, and the answers made from it. As in the real API a code has one description for the
//! whole operation, though `1` means something else in each menu.

use super::json::PhpFormatter;
use super::menus::ROUTING_POINTS;
use jiff::civil::DateTime;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// By `rp_id`.
const ROUTING_POINT_NAMES: &[(&str, &str)] = &[
    ("10", "Línea principal"),
    ("4628", "Ventas"),
    ("712", "Chat de la página web"),
    ("715", "WhatsApp atención al cliente"),
    ("conversations-voice-61083", "Asistente de voz \"Clara\""),
];

/// By `cod_opc_menu`.
const OPTION_NAMES: &[(&str, &str)] = &[
    ("0", "Operadora"),
    ("1", "Opción 1"),
    ("2", "Opción 2"),
    ("3", "Opción 3"),
    ("9", "Repetir el menú"),
    ("AGENTE", "Hablar con un asesor"),
    ("Agendar cita", "Agendar una cita"),
    ("BUZON", "Buzón de voz"),
    ("CIERRE_INACTIVIDAD", "Cierre por inactividad"),
    ("CV_BUZON", "Dejó mensaje en el buzón"),
    ("Facturación y pagos", "Facturación y pagos"),
    ("Menú principal 🙂", "Menú principal"),
    ("N/D", "Opción no válida"),
    ("NO_PASA_AGENTE", "Ningún asesor disponible"),
    ("PULSE", "No marcó ninguna opción"),
    ("Pagos \\ PSE \"en línea\"", "Pagos PSE en línea"),
    ("Preguntas frecuentes", "Preguntas frecuentes"),
    ("Soporte técnico", "Soporte técnico"),
    ("VENTAS_EMPRESAS", "Ventas a empresas"),
    ("VENTAS_HOGAR", "Ventas al hogar"),
    ("autenticado", "Cliente autenticado"),
    ("consulta_saldo", "Consulta de saldo"),
    ("estado_pedido", "Estado del pedido"),
    ("hola", "Saludo sin opción"),
];

/// Returns the name of a routing point; empty for an unknown one.
pub(super) fn routing_point_name(rp_id: &str) -> &'static str {
    name_of(ROUTING_POINT_NAMES, rp_id).unwrap_or_default()
}

fn name_of(names: &'static [(&str, &str)], code: &str) -> Option<&'static str> {
    names.iter().find(|(known, _)| *known == code).map(|(_, name)| *name)
}

/// Answers `api=routing_points` at this local time.
pub(super) fn routing_points(now: DateTime) -> String {
    let last_use = now.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let rows = ROUTING_POINTS.iter().map(|point| {
        json!({
            "rp_id": point.id,
            "rp_name": name_of(ROUTING_POINT_NAMES, point.id),
            "ivr_active": point.is_voice().to_string(),
            "chat_active": (!point.is_voice()).to_string(),
            "last_use": last_use,
        })
    });
    // The real server's `code` for success is 200 here, and 0 for activity codes.
    answer("200", &rows.collect::<Vec<_>>())
}

/// Answers `api=activity_codes`.
pub(super) fn activity_codes() -> String {
    let codes: BTreeSet<&str> =
        ROUTING_POINTS.iter().flat_map(|point| point.options).map(|option| option.code).collect();
    let rows = codes
        .into_iter()
        .map(|code| json!({ "cod_act": code, "description_cod_act": name_of(OPTION_NAMES, code) }));
    answer("0", &rows.collect::<Vec<_>>())
}

fn answer(code: &str, rows: &[Value]) -> String {
    let msg = format!("{} records were found", rows.len());
    let answer = json!({ "code": code, "error": null, "msg": msg, "data": rows });
    let mut bytes = Vec::new();
    // Neither can fail: memory takes every byte, and JSON is UTF-8.
    let _ = answer.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, PhpFormatter));
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_a_name() {
        for point in ROUTING_POINTS {
            assert!(name_of(ROUTING_POINT_NAMES, point.id).is_some(), "{}", point.id);
            for option in point.options {
                assert!(name_of(OPTION_NAMES, option.code).is_some(), "{}", option.code);
            }
        }
    }

    #[test]
    fn answers_look_as_the_real_ones_do() {
        let points = routing_points(jiff::civil::date(2026, 1, 18).at(19, 34, 31, 0));
        assert!(points.contains(r#""rp_name":"L\u00ednea principal""#), "{points}");
        assert!(points.contains(r#""last_use":"2026-01-18 19:34:31""#), "{points}");
        let codes: Value = serde_json::from_str(&activity_codes()).expect("JSON");
        assert_eq!(codes["code"], "0");
        assert_eq!(codes["data"].as_array().map(Vec::len), Some(OPTION_NAMES.len()));
        assert!(
            codes["msg"].as_str().is_some_and(|msg| msg.starts_with("24 ")),
            "{}",
            codes["msg"]
        );
    }
}
