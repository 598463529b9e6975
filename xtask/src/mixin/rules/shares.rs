//! Owns the recording rules of shares: finals, retries, repeats and no-input, each against its usual share, and the
//! usual time to an option. Must not decide what is an alert.

use super::Record;
use super::baselines::{L, OPTION, P, square};
use super::thresholds::{RISE_LEAST, SHARE_FACTOR, SHARE_NOISE, SHARE_WINDOWS};

/// A share: some count of all of a larger count.
struct Share {
    /// Prefix of the recorded names.
    name: &'static str,
    comment: &'static str,
    /// A counter that is counted, as a selector, and its labels.
    part: &'static str,
    by: &'static str,
    /// What it is a share of.
    whole: &'static str,
    whole_by: &'static str,
}

const SHARES: [Share; 4] = [
    Share {
        name: "server_rp_id_channel_cod_opc_menu:wolkvox_menu_option_final",
        comment: "Of all interactions of a routing point, those that end at this option. Options that are meant to end\n\
                  there are left out.",
        part: "wolkvox_menu_option_final_total",
        by: L,
        whole: "wolkvox_menu_option_final_total",
        whole_by: P,
    },
    Share {
        name: "server_rp_id_channel_cod_opc_menu:wolkvox_menu_option_retries",
        comment: "Of the hits of an option, those that took more than one attempt.",
        part: "wolkvox_menu_option_retries_total",
        by: L,
        whole: "wolkvox_menu_option_hits_total",
        whole_by: L,
    },
    Share {
        name: "server_rp_id_channel_cod_opc_menu:wolkvox_menu_option_repeats",
        comment: "Of the hits of an option, those of an interaction that had been there before.",
        part: "wolkvox_menu_option_repeats_total",
        by: L,
        whole: "wolkvox_menu_option_hits_total",
        whole_by: L,
    },
    Share {
        name: "server_rp_id_channel:wolkvox_menu_no_input",
        comment: "Of the hits of a routing point, those in which nothing was entered.",
        part: "wolkvox_menu_option_hits_total",
        by: P,
        whole: "wolkvox_menu_option_hits_total",
        whole_by: P,
    },
];

impl Share {
    /// The count of the part at an offset (empty for now), of the right kinds of option only.
    fn part_at(&self, offset: &str) -> String {
        let selector = format!("{}{offset}", self.part);
        let kinds = "on (server, cod_opc_menu) group by (server, cod_opc_menu)";
        if self.part.contains("final") {
            let done = "(wolkvox_menu_option_info{kind=~\"terminal|opt_out\"})";
            format!("(max by ({}) ({selector}) unless {kinds} {done})", self.by)
        } else if self.name.contains("no_input") {
            let silent = "(wolkvox_menu_option_info{kind=\"no_input\"})";
            format!("sum by ({P}) (max by ({L}) ({selector}) and {kinds} {silent})")
        } else {
            format!("max by ({}) ({selector})", self.by)
        }
    }

    fn whole_at(&self, offset: &str) -> String {
        let options = format!("max by ({L}) ({}{offset})", self.whole);
        if self.whole_by == L { options } else { format!("sum by ({P}) ({options})") }
    }

    /// What has to rise with the share, where it is known: nobody enters nothing more often because another option fell.
    fn more(&self) -> Option<String> {
        let kinds = "on (server, cod_opc_menu) group by (server, cod_opc_menu)";
        let silent = "(wolkvox_menu_option_info{kind=\"no_input\"})";
        let usual = format!("sum without (cod_opc_menu) ({OPTION}:expected and {kinds} {silent})");
        self.name.contains("no_input").then_some(usual)
    }

    /// Over a week that ended yesterday, of what had been counted before that week.
    fn usual(&self) -> String {
        let (late, early) = (" offset 1d".to_owned(), " offset 8d".to_owned());
        format!(
            "clamp_min(\n  {}\n  - ({} > 0),\n  0\n)\n/ on ({by}) group_left ()\n(({} - {}) >= 200)",
            self.part_at(&late),
            self.part_at(&early),
            self.whole_at(&late),
            self.whole_at(&early),
            by = self.whole_by
        )
    }
}

pub fn records() -> Vec<Record> {
    let mut rules = Vec::new();
    for share in &SHARES {
        let name = share.name;
        let plain = |name: String, comment: &'static str, expr: String| Record {
            name,
            labels: vec![],
            expr,
            comment,
        };
        rules.push(plain(format!("{name}:usual_share"), share.comment, share.usual()));
        for window in SHARE_WINDOWS {
            let offset = format!(" offset {window}");
            let whole = format!("({} - {})", share.whole_at(""), share.whole_at(&offset));
            for (kind, expr) in [
                ("observed", format!("clamp_min({} - {}, 0)", share.part_at(""), share.part_at(&offset))),
                ("expected", format!("{name}:usual_share\n* on ({}) group_left ()\n{whole}", share.whole_by)),
            ] {
                let labels = vec![("window", window.to_owned())];
                rules.push(Record { name: format!("{name}:{kind}"), labels, expr, comment: "" });
            }
        }
        let (many, usual) = (format!("({name}:observed - 0.5)"), format!("({name}:expected + 0.5)"));
        let more = share.more().map(|usual| format!("\nand ({name}:observed > {SHARE_FACTOR} * {usual})"));
        rules.push(plain(
            format!("{name}:rise_score"),
            "",
            format!(
                "2 * ({many} * ln({many} / {usual}) - {many} + {usual})\n/ (1 + {} * {usual})\nand ({many} > {SHARE_FACTOR} * {usual})\nand ({usual} > {RISE_LEAST}){}",
                square(SHARE_NOISE),
                more.unwrap_or_default()
            ),
        ));
    }
    let buckets = |late: &str, early: &str| {
        let at =
            |offset: &str| format!("max by ({L}, le) (wolkvox_menu_time_to_option_seconds_bucket{offset})");
        format!("histogram_quantile(0.9, {} - {})", at(late), at(early))
    };
    for (kind, comment, late, early) in [
        (
            "p90_usual",
            "Seconds within which 9 of 10 reach an option: over a week that ended yesterday,",
            " offset 1d",
            " offset 8d",
        ),
        ("p90_1h", "and in the last hour.", "", " offset 1h"),
    ] {
        rules.push(Record {
            name: format!("server_rp_id_channel_cod_opc_menu:wolkvox_menu_time_to_option_seconds:{kind}"),
            labels: vec![],
            expr: buckets(late, early),
            comment,
        });
    }
    rules
}
