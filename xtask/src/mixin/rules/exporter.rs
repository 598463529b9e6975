//! Owns the table of alerts about the exporter and its data. Must not hold numbers: they are in `thresholds`.

use super::thresholds::{CLOCK_SKEW_SECONDS, DATA_LATE_SECONDS, JOB, LATE_SHARE, SERIES_SHARE, ZONE_HOURS};
use super::{Alert, Severity};

const HEALTH: (&str, &str) = ("health", "var-server=<server-code>");

/// Polls that failed in one of these ways within 15 minutes, while the last poll failed too.
fn failing(classes: &str) -> String {
    let is = if classes.contains('|') { "=~" } else { "=" };
    format!(
        "sum by (server, class) (increase(wolkvox_poll_failures_total{{class{is}\"{classes}\"}}[15m])) > 0\n\
         and on (server) max by (server) (wolkvox_up) == 0"
    )
}

fn alert(
    name: &'static str,
    severity: Severity,
    (hold, keep): (&'static str, &'static str),
    expr: String,
    summary: [&'static str; 2],
    description: [&str; 2],
) -> Alert {
    let description = description.map(str::to_owned);
    Alert { name, expr, hold, keep, severity, dashboard: HEALTH, summary, description }
}

pub fn alerts() -> Vec<Alert> {
    use Severity::{Critical, Info, Warning};
    let zone = 86400 + ZONE_HOURS * 3600;
    let midnight = format!("(86400 - (time() + {zone}) % 86400)");
    vec![
        Alert {
            // `up` knows no server.
            dashboard: ("health", ""),
            ..alert(
                "WolkvoxExporterDown",
                Critical,
                ("5m", ""),
                format!("up{{job=\"{JOB}\"}} == 0"),
                ["The exporter at <instance> does not answer", "El exporter en <instance> no responde"],
                [
                    "Prometheus has not been able to read it for five minutes. Nothing is lost as long as it is back within \
                     31 days: it reads what it missed. Until then no alert about menus can fire.",
                    "Prometheus no puede leerlo hace cinco minutos. Nada se pierde si vuelve antes de 31 días: lee lo que le \
                     faltó. Mientras tanto no puede haber alertas de menús.",
                ],
            )
        },
        alert(
            "WolkvoxDataLate",
            Critical,
            ("2m", ""),
            format!("time() - max by (server) (wolkvox_watermark_timestamp_seconds) > {DATA_LATE_SECONDS}"),
            [
                "The data of operation <server> are <seconds> old",
                "Los datos de la operación <server> tienen <seconds> de antigüedad",
            ],
            [
                "No poll has been committed since then. Alerts about menus are silent meanwhile. The alert about failing \
                 polls says why; nothing is lost, the exporter catches up.",
                "Desde entonces no se ha guardado ninguna consulta. Las alertas de menús callan mientras tanto. La alerta \
                 de consultas fallidas dice por qué; nada se pierde, el exporter se pone al día.",
            ],
        ),
        alert(
            "WolkvoxTokenRejected",
            Critical,
            ("", "10m"),
            failing("token_missing|token_invalid"),
            [
                "Wolkvox rejects the token of operation <server>",
                "Wolkvox rechaza el token de la operación <server>",
            ],
            [
                "The answer was <class>. Put a valid token into the token file; it is tried at once, without a restart.",
                "La respuesta fue <class>. Ponga un token válido en el archivo del token; se prueba de inmediato, sin \
                 reiniciar.",
            ],
        ),
        alert(
            "WolkvoxQuotaExhausted",
            Critical,
            ("", "10m"),
            failing("quota_exhausted"),
            [
                "The requests of operation <server> for today are spent",
                "Se agotaron las consultas de hoy de la operación <server>",
            ],
            [
                "All tokens of an operation share licences x 1000 requests a day. Who else uses them? The exporter goes \
                 on after the server's midnight and catches up.",
                "Todos los tokens de una operación comparten licencias x 1000 consultas al día. ¿Quién más los usa? El \
                 exporter sigue después de la medianoche del servidor y se pone al día.",
            ],
        ),
        alert(
            "WolkvoxUnreachable",
            Critical,
            ("5m", "10m"),
            failing("connect|tls|timeout"),
            [
                "No connection to Wolkvox for operation <server> (<class>)",
                "Sin conexión con Wolkvox para la operación <server> (<class>)",
            ],
            [
                "Is the public address of this machine on the operation's allow-list (at most 5 addresses)? A changed \
                 address is the usual cause: Wolkvox does not refuse it, the connection fails.",
                "¿Está la dirección pública de esta máquina en la lista de permitidas de la operación (máximo 5)? Una \
                 dirección que cambió es la causa habitual: Wolkvox no la rechaza, la conexión falla.",
            ],
        ),
        alert(
            "WolkvoxMaintenance",
            Info,
            ("30m", "10m"),
            failing("maintenance|http_5xx|throttled"),
            [
                "Wolkvox does not serve operation <server> (<class>)",
                "Wolkvox no atiende a la operación <server> (<class>)",
            ],
            [
                "Their trouble or their maintenance, for half an hour already. Wait; ask Wolkvox if it lasts. Nothing is \
                 lost.",
                "Es un problema o mantenimiento de ellos, ya hace media hora. Espere; pregunte a Wolkvox si dura. Nada se \
                 pierde.",
            ],
        ),
        alert(
            "WolkvoxTokenShared",
            Warning,
            ("15m", "10m"),
            failing("concurrency"),
            [
                "Somebody else uses the token of operation <server>",
                "Alguien más usa el token de la operación <server>",
            ],
            [
                "Wolkvox refuses requests because the token is in use at the same time. Give the exporter a token of its \
                 own.",
                "Wolkvox rechaza consultas porque el token se usa a la vez en otra parte. Dé al exporter un token propio.",
            ],
        ),
        alert(
            "WolkvoxAnswersUnusable",
            Warning,
            ("15m", "10m"),
            failing("not_json|schema|truncated|too_large|bad_request"),
            [
                "Wolkvox's answers for operation <server> cannot be read (<class>)",
                "Las respuestas de Wolkvox para la operación <server> no se pueden leer (<class>)",
            ],
            [
                "A proxy in between, a report that the operation does not have, or a change at Wolkvox. The exporter's log \
                 says what came.",
                "Un proxy intermedio, un reporte que la operación no tiene, o un cambio en Wolkvox. El registro del \
                 exporter dice qué llegó.",
            ],
        ),
        alert(
            "WolkvoxExporterFault",
            Critical,
            ("", "10m"),
            failing("internal"),
            [
                "The exporter cannot do its work for operation <server>",
                "El exporter no puede trabajar para la operación <server>",
            ],
            [
                "The disk of the state file, the token file, or a bug. The exporter's log says which.",
                "El disco del archivo de estado, el archivo del token, o un error del programa. El registro dice cuál.",
            ],
        ),
        Alert {
            // A configuration is of no server.
            dashboard: ("health", ""),
            ..alert(
                "WolkvoxReloadFailed",
                Warning,
                ("5m", ""),
                "min by (instance) (wolkvox_exporter_config_last_reload_successful) == 0".to_owned(),
                [
                    "The exporter at <instance> could not take over its configuration",
                    "El exporter en <instance> no pudo adoptar su configuración",
                ],
                [
                    "There was a mistake in it at the last reload; the one before it goes on. The exporter's log says what is \
                     wrong and where. At the next restart it would not start.",
                    "Tenía un error en la última recarga; sigue la anterior. El registro del exporter dice qué está mal y \
                     dónde. En el próximo reinicio no arrancaría.",
                ],
            )
        },
        alert(
            "WolkvoxWindowsIncomplete",
            Warning,
            ("", "1h"),
            "sum by (server) (increase(wolkvox_windows_incomplete_total[1h])) > 0".to_owned(),
            [
                "The counters of operation <server> are known to be short",
                "Se sabe que a los contadores de la operación <server> les faltan filas",
            ],
            [
                "A single second held more rows than one answer can. What was beyond that cannot be read.",
                "Un solo segundo tuvo más filas de las que caben en una respuesta. El resto no se puede leer.",
            ],
        ),
        alert(
            "WolkvoxRowsTooLate",
            Info,
            ("", "1h"),
            format!(
                "1 - sum by (server) (increase(wolkvox_row_lateness_seconds_bucket{{le=~\"86400(.0)?\"}}[1d]))\n\
                 / sum by (server) (increase(wolkvox_row_lateness_seconds_count[1d])) > {LATE_SHARE}"
            ),
            [
                "Operation <server>: <share> of the rows came more than a day late",
                "Operación <server>: el <share> de las filas llegó con más de un día de retraso",
            ],
            [
                "The nightly read goes back 48 hours; rows that come later than that are never seen. Read further back if \
                 this is usual for the operation.",
                "La lectura nocturna retrocede 48 horas; las filas que lleguen después no se ven nunca. Lea más atrás si \
                 esto es habitual en la operación.",
            ],
        ),
        alert(
            "WolkvoxQuotaRunningOut",
            Warning,
            ("15m", ""),
            format!(
                "max by (server) (\n  wolkvox_quota_requests_used\n  + clamp_min(deriv(wolkvox_quota_requests_used[1h]), 0) * \
                 {midnight}\n)\n> max by (server) (wolkvox_quota_requests_limit)"
            ),
            [
                "Operation <server> will have spent its requests before midnight",
                "La operación <server> agotará sus consultas antes de medianoche",
            ],
            [
                "At the pace of the last hour the day ends at <value> requests, above the limit. Find who else uses the \
                 operation's tokens, or poll less often.",
                "Al ritmo de la última hora el día termina en <value> consultas, por encima del límite. Busque quién más \
                 usa los tokens de la operación, o consulte con menos frecuencia.",
            ],
        ),
        alert(
            "WolkvoxSeriesLimitReached",
            Warning,
            ("", "1h"),
            format!(
                "sum by (server) (increase(wolkvox_series_overflow_total[1h])) > 0\n\
                 or max by (server) (wolkvox_series / wolkvox_series_limit) > {SERIES_SHARE}"
            ),
            [
                "Operation <server> has (nearly) as many options as the exporter keeps apart",
                "La operación <server> tiene (casi) tantas opciones como el exporter distingue",
            ],
            [
                "New options are counted under `other`: nothing is lost from totals, but new options cannot be told apart. \
                 Look for codes that hold free text, then raise the limit or sort them with menu.options.",
                "Las opciones nuevas se cuentan en `other`: los totales no pierden nada, pero las nuevas no se distinguen. \
                 Busque códigos con texto libre; luego suba el límite u ordénelos con menu.options.",
            ],
        ),
        alert(
            "WolkvoxClockSkew",
            Warning,
            ("15m", ""),
            format!("max by (server) (abs(wolkvox_clock_skew_seconds)) > {CLOCK_SKEW_SECONDS}"),
            [
                "This machine's clock and Wolkvox's differ by <seconds> (operation <server>)",
                "El reloj de esta máquina y el de Wolkvox difieren en <seconds> (operación <server>)",
            ],
            [
                "Windows are asked for too early or too late, so rows come late. Is this machine's clock synchronised?",
                "Las ventanas se piden demasiado pronto o tarde, y las filas llegan con retraso. ¿Está sincronizado el \
                 reloj de esta máquina?",
            ],
        ),
    ]
}
