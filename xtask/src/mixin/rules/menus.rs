//! Owns the table of alerts about menus. Must not hold numbers: they are in `thresholds`.

use super::baselines::{L, OPTION, P, POINT};
use super::thresholds::{
    COLLAPSE_SCORE, DATA_LATE_SECONDS, FAST, FAST_SCORE, RISE_SCORE, SLOW, SLOW_HOLD, SLOW_SCORE,
    TIME_FACTOR, TIME_HITS, TIME_SECONDS,
};
use super::{Alert, Severity};

const MENUS: (&str, &str) =
    ("menus", "var-server=<server-code>&var-rp_id=<point-code>&var-cod_opc_menu=<option-code>");
const JOURNEYS: (&str, &str) = ("journeys", "var-server=<server-code>&var-rp_id=<point-code>");

/// Not on a holiday, and not while the data are late: that is an alert of its own.
fn calm(expr: &str) -> String {
    format!(
        "({expr})\nunless on () wolkvox:holiday == 1\nunless on (server)\n  \
         time() - max by (server) (wolkvox_watermark_timestamp_seconds) > {DATA_LATE_SECONDS}"
    )
}

/// The highest score of an option in the windows, over a limit.
fn score(name: &str, level: &str, windows: &str, limit: u32) -> String {
    let selector = if windows.is_empty() { String::new() } else { format!("{{window=~\"{windows}\"}}") };
    format!("max by ({level}) ({name}{selector}) > {limit}")
}

/// Not where the whole routing point fell.
fn not_the_point(expr: &str) -> String {
    format!("{expr}\nunless on ({P}) {}", score(&format!("{POINT}:drop_score"), P, "", COLLAPSE_SCORE))
}

/// Not where an option of the routing point stopped: the shares of the others rise by themselves.
fn not_beside_a_stop(expr: &str) -> String {
    format!("{expr}\nunless on ({P}) {}", score(&format!("{OPTION}:drop_score"), P, FAST, FAST_SCORE))
}

/// Nor where one is less: what rises in its place has the same cause.
fn not_in_place(expr: &str) -> String {
    let slow = score(&format!("{OPTION}:drop_score"), P, SLOW, SLOW_SCORE);
    format!("{}\nunless on ({P}) {slow}", not_beside_a_stop(expr))
}

/// `OBSERVED / EXPECTED (WINDOW)` of a recorded share.
fn share_counts(level: &str, name: &str) -> String {
    format!("<{level}-counts {name}:rise_score {name}:observed {name}:expected>")
}

pub fn alerts() -> Vec<Alert> {
    let drop = format!("{OPTION}:drop_score");
    let drop_counts = format!("<option-counts {drop} {OPTION}:observed {OPTION}:expected_today>");
    let point_counts =
        format!("<point-counts {POINT}:drop_score {POINT}:observed {POINT}:expected_same_minutes>");
    let surge_counts =
        format!("<option-counts {OPTION}:surge_score {OPTION}:observed {OPTION}:expected_at_most>");
    let share = |part: &str| format!("server_rp_id_channel_cod_opc_menu:wolkvox_menu_option_{part}");
    let no_input = "server_rp_id_channel:wolkvox_menu_no_input";
    let time = "server_rp_id_channel_cod_opc_menu:wolkvox_menu_time_to_option_seconds";
    vec![
        Alert {
            name: "WolkvoxRoutingPointCollapsed",
            expr: calm(&score(&format!("{POINT}:drop_score"), P, "", COLLAPSE_SCORE)),
            hold: "",
            keep: "15m",
            severity: Severity::Critical,
            dashboard: ("menus", "var-server=<server-code>&var-rp_id=<point-code>"),
            summary: [
                "Routing point <point>, <channel>: next to nobody arrives",
                "Punto de enrutamiento <point>, <channel>: casi no llega nadie",
            ],
            description: [
                format!(
                    "Options entered, of those usual at this hour: {point_counts}. All options of the channel fell \
                     together, so look at the way to it first: number, trunk, WhatsApp line, schedule, a diagram that \
                     was just published."
                ),
                format!(
                    "Opciones marcadas, de las habituales a esta hora: {point_counts}. Todas las opciones del canal \
                     cayeron juntas: revise primero cómo se llega a él: número, troncal, línea de WhatsApp, horario, un \
                     diagrama recién publicado."
                ),
            ],
        },
        Alert {
            name: "WolkvoxMenuOptionDropOff",
            expr: calm(&not_the_point(&score(&drop, L, FAST, FAST_SCORE))),
            hold: "",
            keep: "30m",
            severity: Severity::Warning,
            dashboard: MENUS,
            summary: [
                "Option <option> of routing point <point>, <channel>: chosen far less than usual",
                "Opción <option> del punto de enrutamiento <point>, <channel>: se marca mucho menos que lo habitual",
            ],
            description: [
                format!(
                    "Entered, of what the same hour of earlier weeks (<weeks>) lets expect today: {drop_counts}. The \
                     other options of the routing point go on. Call the menu and choose this option yourself."
                ),
                format!(
                    "Marcada, de lo que permite esperar hoy la misma hora de semanas anteriores (<weeks>): \
                     {drop_counts}. Las demás opciones del punto siguen. Llame al menú y marque usted mismo esta opción."
                ),
            ],
        },
        Alert {
            name: "WolkvoxMenuOptionDropOffSlow",
            expr: calm(&format!(
                "{}\nunless on ({L}) {}",
                not_the_point(&score(&drop, L, SLOW, SLOW_SCORE)),
                score(&drop, L, FAST, FAST_SCORE)
            )),
            hold: SLOW_HOLD,
            keep: "1h",
            severity: Severity::Warning,
            dashboard: MENUS,
            summary: [
                "Option <option> of routing point <point>, <channel>: chosen less than usual for hours",
                "Opción <option> del punto de enrutamiento <point>, <channel>: lleva horas marcándose menos que lo habitual",
            ],
            description: [
                format!(
                    "Entered, of what the same hours of earlier weeks (<weeks>) let expect today: {drop_counts}. A \
                     small option that stopped, or a large one that became less: a text that changed, an order that changed."
                ),
                format!(
                    "Marcada, de lo que permiten esperar hoy las mismas horas de semanas anteriores (<weeks>): \
                     {drop_counts}. Una opción pequeña que se detuvo, o una grande que bajó: un texto o un orden que cambió."
                ),
            ],
        },
        Alert {
            name: "WolkvoxMenuOptionAbandonment",
            expr: calm(&not_in_place(&score(&format!("{}:rise_score", share("final")), L, "", RISE_SCORE))),
            hold: "",
            keep: "30m",
            severity: Severity::Warning,
            dashboard: JOURNEYS,
            summary: [
                "Option <option> of routing point <point>, <channel>: more people than usual leave here",
                "Opción <option> del punto de enrutamiento <point>, <channel>: aquí abandona más gente que lo habitual",
            ],
            description: [
                format!(
                    "Interactions that ended here, of those expected: {}. What comes after the option is what they do \
                     not wait for: a text, a query to another system, a queue.",
                    share_counts("option", &share("final"))
                ),
                format!(
                    "Interacciones que terminaron aquí, de las esperadas: {}. Lo que sigue a la opción es lo que no \
                     esperan: un audio, una consulta a otro sistema, una cola.",
                    share_counts("option", &share("final"))
                ),
            ],
        },
        Alert {
            name: "WolkvoxMenuOptionSurge",
            expr: calm(&not_in_place(&score(&format!("{OPTION}:surge_score"), L, "", RISE_SCORE))),
            hold: "",
            keep: "30m",
            severity: Severity::Warning,
            dashboard: MENUS,
            summary: [
                "Option <option> of routing point <point>, <channel>: chosen far more than usual",
                "Opción <option> del punto de enrutamiento <point>, <channel>: se marca mucho más que lo habitual",
            ],
            description: [
                format!(
                    "Entered, of what is usual at this hour: {surge_counts}. The other options did not rise with it. A \
                     campaign that leads here, or another option that sends people here by mistake."
                ),
                format!(
                    "Marcada, de lo habitual a esta hora: {surge_counts}. Las demás opciones no subieron con ella. Una \
                     campaña que lleva aquí, u otra opción que envía aquí por error."
                ),
            ],
        },
        Alert {
            name: "WolkvoxNoInputShareHigh",
            expr: calm(&not_beside_a_stop(&score(&format!("{no_input}:rise_score"), P, "", RISE_SCORE))),
            hold: "",
            keep: "30m",
            severity: Severity::Warning,
            dashboard: ("menus", "var-server=<server-code>&var-rp_id=<point-code>"),
            summary: [
                "Routing point <point>, <channel>: more people than usual enter nothing",
                "Punto de enrutamiento <point>, <channel>: más gente que lo habitual no marca nada",
            ],
            description: [
                format!(
                    "Entries of nothing, of those expected: {}. They do not hear the menu, or their keys are not \
                     heard: the audio, the tone detection, robocalls.",
                    share_counts("point", no_input)
                ),
                format!(
                    "Veces que no se marcó nada, de las esperadas: {}. No oyen el menú, o sus tonos no se detectan: el \
                     audio, la detección de DTMF, llamadas automáticas.",
                    share_counts("point", no_input)
                ),
            ],
        },
        Alert {
            name: "WolkvoxMenuRetriesHigh",
            expr: calm(&score(&format!("{}:rise_score", share("retries")), L, "", RISE_SCORE)),
            hold: "",
            keep: "30m",
            severity: Severity::Info,
            dashboard: MENUS,
            summary: [
                "Option <option> of routing point <point>, <channel>: reached only after more attempts than usual",
                "Opción <option> del punto de enrutamiento <point>, <channel>: requiere más intentos que lo habitual",
            ],
            description: [
                format!(
                    "Hits that took more than one attempt, of those expected: {}. A text that misleads, or keys that \
                     are not recognised.",
                    share_counts("option", &share("retries"))
                ),
                format!(
                    "Marcaciones que tomaron más de un intento, de las esperadas: {}. Un audio que confunde, o tonos \
                     que no se reconocen.",
                    share_counts("option", &share("retries"))
                ),
            ],
        },
        Alert {
            name: "WolkvoxTimeToOptionHigh",
            expr: calm(&format!(
                "{time}:p90_1h > {TIME_FACTOR} * {time}:p90_usual\nand {time}:p90_1h - {time}:p90_usual > \
                 {TIME_SECONDS}\nand on ({L}) {OPTION}:observed{{window=\"1h\"}} >= {TIME_HITS}"
            )),
            hold: "15m",
            keep: "30m",
            severity: Severity::Info,
            dashboard: MENUS,
            summary: [
                "Option <option> of routing point <point>, <channel>: takes longer to reach than usual",
                "Opción <option> del punto de enrutamiento <point>, <channel>: se tarda más que lo habitual en llegar",
            ],
            description: [
                format!(
                    "One in ten needs more than <seconds>; last week it was \
                     {{{{ with printf \"{time}:p90_usual{{server=%q,rp_id=%q,channel=%q,cod_opc_menu=%q}}\" \
                     $labels.server $labels.rp_id $labels.channel $labels.cod_opc_menu | query }}}}\
                     {{{{ . | first | value | humanizeDuration }}}}{{{{ end }}}}. A longer text, a slow query to \
                     another system before the menu."
                ),
                format!(
                    "Uno de cada diez tarda más de <seconds>; la semana pasada eran \
                     {{{{ with printf \"{time}:p90_usual{{server=%q,rp_id=%q,channel=%q,cod_opc_menu=%q}}\" \
                     $labels.server $labels.rp_id $labels.channel $labels.cod_opc_menu | query }}}}\
                     {{{{ . | first | value | humanizeDuration }}}}{{{{ end }}}}. Un audio más largo, o una consulta \
                     lenta a otro sistema antes del menú."
                ),
            ],
        },
        Alert {
            name: "WolkvoxMenuLoopsHigh",
            expr: calm(&score(&format!("{}:rise_score", share("repeats")), L, "", RISE_SCORE)),
            hold: "",
            keep: "30m",
            severity: Severity::Info,
            dashboard: JOURNEYS,
            summary: [
                "Option <option> of routing point <point>, <channel>: people come back to it more than usual",
                "Opción <option> del punto de enrutamiento <point>, <channel>: la gente vuelve a ella más que lo habitual",
            ],
            description: [
                format!(
                    "Hits of people who had been here in the same interaction, of those expected: {}. The option leads \
                     back, or does not give what its text promises.",
                    share_counts("option", &share("repeats"))
                ),
                format!(
                    "Marcaciones de quienes ya habían estado aquí en la misma interacción, de las esperadas: {}. La \
                     opción devuelve al menú, o no da lo que su audio promete.",
                    share_counts("option", &share("repeats"))
                ),
            ],
        },
    ]
}
