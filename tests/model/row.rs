//! One real row of the report, and the ways in which a server may come to spell it.
//!
//! Owns the JSON of a row and its labels. Knows nothing of moments: which spelling holds when is
//! the world's to say.

use jiff::civil::DateTime;
use serde_json::json;

/// One real row. Times are seconds from the start of the world.
#[derive(Debug, Clone)]
pub(crate) struct WorldRow {
    pub(crate) date: i64,
    pub(crate) visible: i64,
    pub(crate) conn: u8,
    pub(crate) option: u8,
    pub(crate) second: u32,
    pub(crate) attempts: u32,
}

/// A change of one identifying field. The row stays the same row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Respelling {
    /// `conn_id` gets a suffix.
    ConnSuffix,
    /// `conn_id` becomes another number.
    ConnNumber,
    /// `channel` begins with a capital.
    ChannelCase,
    /// `second_event` becomes empty.
    NoSecond,
    /// `attempt` becomes `null`.
    NoAttempt,
    /// `cod_opc_menu` comes in another character set, as where UTF-8 is read as Latin-1.
    Charset,
    /// `cod_opc_menu` becomes another option.
    OtherOption,
    /// `attempt` becomes one more.
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
    /// The row as the server tells it, with these changes of its spelling.
    pub(crate) fn json(&self, date: DateTime, respellings: &[Respelling]) -> String {
        let has = |respelling| respellings.contains(&respelling);
        let mut conn_id = format!("1.{}", self.conn);
        if has(Respelling::ConnNumber) {
            conn_id = format!("2.{}", 1000 + u32::from(self.conn));
        }
        if has(Respelling::ConnSuffix) {
            conn_id.push_str(".1");
        }
        let attempts = self.attempts + u32::from(has(Respelling::OneMoreAttempt));
        let attempt = if has(Respelling::NoAttempt) { None } else { Some(attempts.to_string()) };
        let second =
            if has(Respelling::NoSecond) { String::new() } else { self.second.to_string() };
        json!({
            "rp_id": self.rp_id(),
            "conn_id": conn_id,
            "customer_id": "900", "telephone": "300",
            "channel": self.channel(respellings),
            "attempt": attempt,
            "date": date.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            "second_event": second,
            "cod_opc_menu": self.option_text(respellings),
        })
        .to_string()
    }

    fn rp_id(&self) -> &'static str {
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

    /// The labels of its routing point as a scrape shows them.
    pub(crate) fn point(&self) -> String {
        self.point_as(&[])
    }

    /// The labels of its option as a scrape shows them.
    pub(crate) fn labels(&self) -> String {
        self.labels_as(&[])
    }

    fn point_as(&self, respellings: &[Respelling]) -> String {
        let rp_id = self.rp_id();
        let channel = self.channel(respellings);
        format!("server=\"0042\",rp_id=\"{rp_id}\",channel=\"{channel}\"")
    }

    /// The labels of its option, with these changes of its spelling.
    pub(crate) fn labels_as(&self, respellings: &[Respelling]) -> String {
        let option = self.option_text(respellings).replace('"', "\\\"");
        format!("{},cod_opc_menu=\"{option}\"", self.point_as(respellings))
    }
}
