//! One real row of a report, and the ways in which a server may spell it differently.
//!
//! Owns the JSON of a row and its labels, in both reports. It knows no moments: the world decides
//! when a spelling is in force.

use jiff::civil::DateTime;
use serde_json::json;
use wolkvox_exporter::wolkvox::ReportName;

/// The words of `result` with the outcome that each means.
const RESULTS: [(&str, &str); 3] =
    [("ok", "reached_queue"), ("hung up", "hung_up"), ("transfer", "other")];

/// One real row. Times are seconds from the start of the world.
#[derive(Debug, Clone)]
pub(crate) struct WorldRow {
    pub(crate) date: i64,
    pub(crate) visible: i64,
    pub(crate) conn: u8,
    pub(crate) option: u8,
    pub(crate) second: u32,
    /// Number of attempts. `diagram_1` has no such field, and uses it to choose the word of
    /// `result`.
    pub(crate) attempts: u32,
}

/// A change in the spelling of one identifying field. The row stays the same row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Respelling {
    /// `conn_id` gets a suffix.
    ConnSuffix,
    /// `conn_id` becomes another number.
    ConnNumber,
    /// `channel` gets a capital first letter; `result` is in capitals.
    ChannelCase,
    /// `second_event` becomes empty; so does `time` of the second report.
    NoSecond,
    /// `attempt` becomes `null`; has no effect on a report without it.
    NoAttempt,
    /// `cod_opc_menu` uses another character set, as if UTF-8 were read as Latin-1.
    Charset,
    /// `cod_opc_menu` becomes another option.
    OtherOption,
    /// `attempt` is one higher; `result` becomes another word.
    OneMoreAttempt,
}

impl Respelling {
    pub(crate) const ALL: [Self; 8] = [
        Self::ConnSuffix,
        Self::ConnNumber,
        Self::ChannelCase,
        Self::NoSecond,
        Self::NoAttempt,
        Self::Charset,
        Self::OtherOption,
        Self::OneMoreAttempt,
    ];
}

impl WorldRow {
    /// Returns the row as the server writes it in this report, with these changes of its spelling.
    pub(crate) fn json(
        &self,
        report: ReportName,
        date: DateTime,
        respellings: &[Respelling],
    ) -> String {
        let date = date.strftime("%Y-%m-%d %H:%M:%S").to_string();
        let is_without_second = respellings.contains(&Respelling::NoSecond);
        let second = if is_without_second { String::new() } else { self.second.to_string() };
        let is_without_attempt = respellings.contains(&Respelling::NoAttempt);
        let row = match report {
            ReportName::Diagram13 => json!({
                "rp_id": self.rp_id(),
                "conn_id": self.conn_id(respellings),
                "customer_id": "900", "telephone": "300",
                "channel": self.channel(respellings),
                "attempt": (!is_without_attempt).then(|| self.attempts(respellings).to_string()),
                "date": date,
                "second_event": second,
                "cod_opc_menu": self.option_text(respellings),
            }),
            ReportName::Diagram1 => json!({
                "rp_id": self.rp_id(), "rp_name": "Línea",
                "cod_opc_menu": self.option_text(respellings),
                "dn_transfer": "cola",
                "date": date,
                "result": self.result(respellings),
                "ani": "300",
                "time": second,
                "customer_id": "900",
                "conn_id": self.conn_id(respellings),
            }),
        };
        row.to_string()
    }

    fn conn_id(&self, respellings: &[Respelling]) -> String {
        let mut conn_id = format!("1.{}", self.conn);
        if respellings.contains(&Respelling::ConnNumber) {
            conn_id = format!("2.{}", 1000 + u32::from(self.conn));
        }
        if respellings.contains(&Respelling::ConnSuffix) {
            conn_id.push_str(".1");
        }
        conn_id
    }

    fn attempts(&self, respellings: &[Respelling]) -> u32 {
        self.attempts + u32::from(respellings.contains(&Respelling::OneMoreAttempt))
    }

    fn result(&self, respellings: &[Respelling]) -> String {
        let (word, _) = RESULTS[self.attempts(respellings) as usize % RESULTS.len()];
        match respellings.contains(&Respelling::ChannelCase) {
            true => word.to_uppercase(),
            false => word.to_owned(),
        }
    }

    /// Returns the outcome of its call, as a scrape shows it.
    pub(crate) fn outcome(&self) -> &'static str {
        self.outcome_as(&[])
    }

    fn outcome_as(&self, respellings: &[Respelling]) -> &'static str {
        RESULTS[self.attempts(respellings) as usize % RESULTS.len()].1
    }

    pub(crate) fn rp_id(&self) -> &'static str {
        if self.conn.is_multiple_of(2) { "10" } else { "4628" }
    }

    fn channel(&self, respellings: &[Respelling]) -> &'static str {
        match (self.conn.is_multiple_of(3), respellings.contains(&Respelling::ChannelCase)) {
            (true, false) => "voice",
            (true, true) => "Voice",
            (false, false) => "chat-web",
            (false, true) => "Chat-web",
        }
    }

    fn option_text(&self, respellings: &[Respelling]) -> String {
        let other = respellings.contains(&Respelling::OtherOption);
        let option = if other { self.option + 10 } else { self.option };
        let word = if respellings.contains(&Respelling::Charset) { "opciÃ³n" } else { "opción" };
        format!("{word} \"{option}\"")
    }

    /// Returns the labels of its routing point, as a scrape shows them.
    pub(crate) fn point(&self) -> String {
        self.point_as(&[])
    }

    /// Returns the labels of its option, as a scrape shows them.
    pub(crate) fn labels(&self, report: ReportName) -> String {
        self.labels_as(report, &[])
    }

    fn point_as(&self, respellings: &[Respelling]) -> String {
        let rp_id = self.rp_id();
        let channel = self.channel(respellings);
        format!("server=\"0042\",rp_id=\"{rp_id}\",channel=\"{channel}\"")
    }

    /// Returns the labels of its option with these changes of its spelling.
    pub(crate) fn labels_as(&self, report: ReportName, respellings: &[Respelling]) -> String {
        let option = self.option_text(respellings).replace('"', "\\\"");
        match report {
            ReportName::Diagram13 => {
                format!("{},cod_opc_menu=\"{option}\"", self.point_as(respellings))
            }
            ReportName::Diagram1 => {
                let rp_id = self.rp_id();
                let outcome = self.outcome_as(respellings);
                format!(
                    "server=\"0042\",rp_id=\"{rp_id}\",cod_opc_menu=\"{option}\",outcome=\"{outcome}\""
                )
            }
        }
    }
}
