//! The invented contact centre: its routing points, their menus, and the paths of callers.
//!
//! Owns data only. It must never know about time or HTTP. Like real ones, every code is free text
//! of an operator: Spanish, with accents, spaces, quotes, a backslash and an emoji, to exercise all
//! escaping downstream.

/// The form in which a routing point writes `second_event`. The real API uses each form somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SecondForm {
    /// `37`
    Plain,
    /// `37.0`
    Decimal,
    /// `00:00:37`
    Clock,
}

/// A routing point and its menu.
#[derive(Debug)]
pub struct RoutingPoint {
    /// Its `rp_id`.
    pub id: &'static str,
    /// Its `channel`.
    pub channel: &'static str,
    /// Interactions that begin per minute in the busiest hour.
    pub(super) per_minute: f64,
    /// The form of `second_event` in its rows.
    pub(super) seconds: SecondForm,
    /// The first options, with their probabilities in percent.
    pub(super) entry: &'static [(u32, &'static str)],
    /// All options.
    pub(super) options: &'static [MenuOption],
    /// The option that closes a conversation left open, hours later. Only chats have one.
    pub(super) left_open: Option<&'static str>,
}

impl RoutingPoint {
    /// Returns true if its interactions are calls, whose `conn_id` has a form of its own.
    pub(super) fn is_voice(&self) -> bool {
        self.channel == "voice"
    }

    /// Returns the option with this code.
    pub(super) fn option(&self, code: &str) -> Option<&'static MenuOption> {
        self.options.iter().find(|option| option.code == code)
    }
}

/// One option of a menu.
#[derive(Debug)]
pub(super) struct MenuOption {
    /// Its `cod_opc_menu`.
    pub(super) code: &'static str,
    /// Fewest and most seconds since the option before.
    pub(super) pause: (u32, u32),
    /// The options that follow, with their probabilities in percent. The rest to 100 is the
    /// probability that the interaction ends.
    pub(super) next: &'static [(u32, &'static str)],
    /// The caller entered nothing valid, so the menu is played again as another attempt.
    pub(super) invalid: bool,
}

const fn option(
    code: &'static str,
    pause: (u32, u32),
    next: &'static [(u32, &'static str)],
) -> MenuOption {
    MenuOption { code, pause, next, invalid: false }
}

const fn invalid(
    code: &'static str,
    pause: (u32, u32),
    next: &'static [(u32, &'static str)],
) -> MenuOption {
    MenuOption { code, pause, next, invalid: true }
}

/// Every routing point of the centre.
pub(super) const ROUTING_POINTS: &[RoutingPoint] = &[
    // The main line: a numeric menu in front of the agents.
    RoutingPoint {
        id: "10",
        channel: "voice",
        per_minute: 9.5,
        seconds: SecondForm::Plain,
        entry: &[(38, "1"), (27, "2"), (12, "3"), (8, "9"), (11, "PULSE"), (4, "N/D")],
        options: &[
            option(
                "1",
                (6, 19),
                &[(40, "AGENTE"), (30, "Facturación y pagos"), (8, "PULSE"), (7, "9")],
            ),
            option("2", (8, 22), &[(55, "AGENTE"), (15, "Soporte técnico"), (8, "NO_PASA_AGENTE")]),
            option("3", (9, 25), &[(35, "BUZON"), (30, "AGENTE"), (10, "9")]),
            option("9", (3, 10), &[(30, "1"), (25, "2"), (15, "3"), (10, "9")]),
            option(
                "Facturación y pagos",
                (7, 20),
                &[(60, "AGENTE"), (12, "Pagos \\ PSE \"en línea\""), (8, "9")],
            ),
            option("Pagos \\ PSE \"en línea\"", (10, 40), &[(20, "AGENTE")]),
            option("Soporte técnico", (7, 18), &[(70, "AGENTE"), (10, "NO_PASA_AGENTE")]),
            option("AGENTE", (2, 45), &[(9, "NO_PASA_AGENTE")]),
            option("NO_PASA_AGENTE", (20, 90), &[(55, "BUZON"), (10, "1")]),
            option("BUZON", (4, 15), &[(70, "CV_BUZON")]),
            option("CV_BUZON", (10, 60), &[]),
            invalid("PULSE", (10, 12), &[(28, "1"), (20, "2"), (25, "PULSE"), (12, "AGENTE")]),
            invalid("N/D", (3, 14), &[(30, "1"), (20, "2"), (20, "N/D")]),
        ],
        left_open: None,
    },
    // Sales: short, and most callers reach somebody.
    RoutingPoint {
        id: "4628",
        channel: "voice",
        per_minute: 5.4,
        seconds: SecondForm::Plain,
        entry: &[(50, "1"), (25, "2"), (15, "0"), (10, "PULSE")],
        options: &[
            option("1", (5, 15), &[(45, "VENTAS_HOGAR"), (25, "AGENTE"), (8, "PULSE")]),
            option("2", (6, 17), &[(50, "VENTAS_EMPRESAS"), (25, "AGENTE")]),
            option("0", (2, 6), &[(80, "AGENTE"), (10, "NO_PASA_AGENTE")]),
            option("VENTAS_HOGAR", (6, 20), &[(70, "AGENTE"), (10, "0")]),
            option("VENTAS_EMPRESAS", (6, 20), &[(75, "AGENTE"), (5, "BUZON")]),
            option("AGENTE", (2, 60), &[(7, "NO_PASA_AGENTE")]),
            option("NO_PASA_AGENTE", (25, 90), &[(60, "BUZON")]),
            option("BUZON", (4, 12), &[(65, "CV_BUZON")]),
            option("CV_BUZON", (8, 50), &[]),
            invalid("PULSE", (10, 12), &[(40, "1"), (15, "2"), (20, "PULSE")]),
        ],
        left_open: None,
    },
    // The voice assistant: long conversations, intents instead of keys.
    RoutingPoint {
        id: "conversations-voice-61083",
        channel: "voice",
        per_minute: 2.3,
        seconds: SecondForm::Clock,
        entry: &[(45, "consulta_saldo"), (30, "estado_pedido"), (15, "AGENTE"), (10, "N/D")],
        options: &[
            option("consulta_saldo", (12, 40), &[(35, "autenticado"), (15, "AGENTE"), (10, "N/D")]),
            option(
                "autenticado",
                (15, 50),
                &[(50, "consulta_saldo"), (15, "estado_pedido"), (10, "AGENTE")],
            ),
            option("estado_pedido", (14, 45), &[(30, "autenticado"), (20, "AGENTE"), (10, "N/D")]),
            option("AGENTE", (4, 30), &[(12, "NO_PASA_AGENTE")]),
            option("NO_PASA_AGENTE", (20, 80), &[]),
            invalid("N/D", (8, 20), &[(40, "consulta_saldo"), (20, "estado_pedido"), (20, "N/D")]),
        ],
        left_open: None,
    },
    // The chat of the web page.
    RoutingPoint {
        id: "712",
        channel: "chat-web",
        per_minute: 3.4,
        seconds: SecondForm::Plain,
        entry: &[(45, "1"), (30, "2"), (25, "Preguntas frecuentes")],
        options: &[
            option("1", (4, 40), &[(50, "AGENTE"), (20, "Facturación y pagos")]),
            option("2", (4, 45), &[(60, "AGENTE"), (15, "1")]),
            option("Preguntas frecuentes", (8, 90), &[(35, "1"), (20, "Preguntas frecuentes")]),
            option("Facturación y pagos", (8, 80), &[(60, "AGENTE")]),
            option("AGENTE", (5, 80), &[]),
            option("CIERRE_INACTIVIDAD", (1, 1), &[]),
        ],
        left_open: Some("CIERRE_INACTIVIDAD"),
    },
    // WhatsApp: people answer with words, hours later if at all.
    RoutingPoint {
        id: "715",
        channel: "chat-whatsapp",
        per_minute: 6.2,
        seconds: SecondForm::Decimal,
        entry: &[(35, "1"), (25, "2"), (20, "Menú principal 🙂"), (20, "hola")],
        options: &[
            option("1", (5, 60), &[(55, "AGENTE"), (20, "Menú principal 🙂")]),
            option("2", (5, 60), &[(30, "Agendar cita"), (30, "AGENTE")]),
            option("Menú principal 🙂", (3, 30), &[(40, "1"), (30, "2")]),
            option("Agendar cita", (10, 85), &[(25, "AGENTE"), (20, "Menú principal 🙂")]),
            option("AGENTE", (5, 85), &[(6, "NO_PASA_AGENTE")]),
            option("NO_PASA_AGENTE", (30, 90), &[]),
            option("CIERRE_INACTIVIDAD", (1, 1), &[]),
            invalid("hola", (2, 20), &[(60, "Menú principal 🙂"), (15, "hola")]),
        ],
        left_open: Some("CIERRE_INACTIVIDAD"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_leads_to_an_option_of_the_same_menu() {
        for point in ROUTING_POINTS {
            let steps =
                point.entry.iter().chain(point.options.iter().flat_map(|option| option.next));
            for (_, code) in steps {
                assert!(point.option(code).is_some(), "{} leads to the unknown {code}", point.id);
            }
            assert!(point.left_open.is_none_or(|code| point.option(code).is_some()));
            assert_eq!(
                point.entry.iter().map(|(weight, _)| weight).sum::<u32>(),
                100,
                "{}",
                point.id
            );
        }
    }

    #[test]
    fn no_walk_is_forced_to_go_on_for_ever() {
        for option in ROUTING_POINTS.iter().flat_map(|point| point.options) {
            assert!(
                option.next.iter().map(|(weight, _)| weight).sum::<u32>() < 95,
                "{}",
                option.code
            );
        }
    }

    #[test]
    fn codes_try_every_kind_of_escaping() {
        let all: String =
            ROUTING_POINTS.iter().flat_map(|p| p.options).map(|option| option.code).collect();
        for wanted in ['"', '\\', '/', ' ', 'ó', '🙂'] {
            assert!(all.contains(wanted), "{wanted:?}");
        }
    }
}
