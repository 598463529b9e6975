//! The faults that can be switched on, and the requests that meet them.
//!
//! Owns the names and the bookkeeping. `answer_fault` applies a fault to an answer; this file must
//! never touch a request or a response.

use hyper::header::HeaderValue;
use serde::{Deserialize, Serialize};
use simulator::tamper::Random;

/// Something that goes wrong, or is merely odd, in the answer to one request of the report.
///
/// In JSON a fault is its name, `"maintenance"`, or with a parameter `{"slow":{"seconds":3}}`.
/// Those that change the body answer 200 even where no row exists; their `msg` names the true count
/// of rows unless said otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// 500 with a page instead of JSON.
    #[serde(rename = "http_500")]
    Http500,
    /// 503 with a page instead of JSON.
    #[serde(rename = "http_503")]
    Http503,
    /// 504 with a page, as a gateway answers for a server that takes too long.
    #[serde(rename = "http_504")]
    Http504,
    /// 404 with a page, like a web server that does not have the report.
    ForeignNotFound,
    /// 200 with `{}`.
    NoReport,
    /// 200 with no body at all.
    EmptyBody,
    /// 200 with the message of a PHP program that ran out of memory.
    PhpFatal,
    /// 200 whose rows all have an unreadable date.
    RowsRejected,
    /// 403 with a text that the exporter does not know: the server makes its backup.
    Maintenance,
    /// 403, as if somebody else used the token at the same time.
    Concurrency,
    /// 403, as if the day's requests were spent.
    QuotaExhausted,
    /// 401, as if the header had not arrived.
    TokenMissing,
    /// 403, as if the token were wrong.
    TokenInvalid,
    /// 400, as if a parameter were missing.
    BadRequest,
    /// 400, as if the report did not exist.
    UnknownApi,
    /// 429, which the vendor does not document.
    Throttled {
        /// Sent as `Retry-After`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    },
    /// 503 that names a wait.
    Busy {
        /// Sent as `Retry-After`.
        retry_after: u64,
    },
    /// 302.
    Redirect {
        /// Sent as `Location`.
        to: String,
    },
    /// An empty window gives 404 with a page instead of JSON, as a gateway would. Other windows are
    /// not affected.
    EmptyNotJson,
    /// An empty window gives 200 with no rows. Other windows are not affected.
    EmptyOk,
    /// 200 with a page instead of JSON.
    NotJson,
    /// A PHP warning before the JSON.
    PhpWarning,
    /// A byte-order mark before the JSON, which is whole.
    ByteOrderMark,
    /// 200 whose body says 403 and maintenance.
    ErrorInOk,
    /// `code` is the number 200.
    IntCode,
    /// `code` is the number 0, which some endpoints use for success.
    ZeroCode,
    /// `code` is the text `0`.
    ZeroCodeText,
    /// `error` is the text `null`.
    ErrorTextNull,
    /// `error` is the empty text.
    ErrorEmpty,
    /// `data` is null, although `msg` may promise rows.
    DataNull,
    /// `data` is missing, although `msg` may promise rows.
    DataMissing,
    /// `data` is the first row itself instead of a list; `msg` may promise more.
    DataObject,
    /// The list of rows without the object around it.
    WrongSchema,
    /// A TOTAL row, which is no interaction, after the others.
    TotalRow,
    /// One more entry in `data` that is no object, counted in `msg`.
    RowNotObject,
    /// One more row whose date is unreadable, counted in `msg`.
    RowBadDate,
    /// Half the rows in a JSON that is whole; `msg` promises all, and always at least one more than
    /// came.
    Truncated,
    /// The connection closes in the middle of the JSON.
    CutJson,
    /// The connection is reset instead of an answer.
    Reset,
    /// The HTTP answer is complete, but its gzip stream is not (or its JSON, if gzip was not
    /// requested).
    HalfGzip,
    /// The head of an answer, and then nothing.
    Hang,
    /// Not even the head of an answer; the connection is reset after these seconds.
    Silence {
        /// Seconds until then.
        seconds: u64,
    },
    /// Every row's `conn_id` has a suffix.
    Respelled,
    /// One byte a second.
    Drip,
    /// Rows that never end.
    Endless,
    /// A good answer after a delay.
    Slow {
        /// Seconds until the answer begins.
        seconds: u64,
    },
}

impl Fault {
    /// Returns its name in JSON and in the counts of requests.
    pub fn name(&self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            Ok(serde_json::Value::Object(object)) => {
                object.keys().next().cloned().unwrap_or_default()
            }
            _ => String::new(),
        }
    }
}

/// A fault, and its frequency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The fault.
    pub fault: Fault,
    /// Number of requests that meet it; without it, all until the rules are cleared.
    #[serde(default)]
    pub times: Option<u64>,
    /// Share of requests that meet it, drawn from the simulator's seed; without it, all.
    #[serde(default)]
    pub probability: Option<f64>,
    /// The report whose requests meet it, as in the parameter `api`; without it, every report.
    #[serde(default)]
    pub report: Option<String>,
}

impl FaultRule {
    /// Makes a rule that strikes the next `times` requests.
    pub fn times(fault: Fault, times: u64) -> Self {
        Self { fault, times: Some(times), probability: None, report: None }
    }

    /// Makes a rule that strikes every request until the rules are cleared.
    pub fn always(fault: Fault) -> Self {
        Self { fault, times: None, probability: None, report: None }
    }

    /// Restricts the rule to requests for one report.
    pub fn of_report(self, report: &str) -> Self {
        Self { report: Some(report.to_owned()), ..self }
    }

    fn is_about(&self, report: Option<&str>) -> bool {
        self.report.is_none() || self.report.as_deref() == report
    }

    fn check(&self) -> Result<(), BadFault> {
        if self.times == Some(0) {
            return Err(BadFault(
                "`times` is 0: leave the fault out, or give null to keep it until cleared",
            ));
        }
        if self.probability.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            return Err(BadFault("`probability` lies outside 0 to 1"));
        }
        match &self.fault {
            Fault::Redirect { to } if HeaderValue::from_str(to).is_err() => {
                Err(BadFault("`to` cannot be sent in a Location header"))
            }
            _ => Ok(()),
        }
    }
}

/// The reason why a rule was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadFault(&'static str);

/// The rules in force.
#[derive(Debug)]
pub(super) struct Faults {
    rules: Vec<FaultRule>,
    chance: Random,
}

impl Faults {
    pub(super) fn new(seed: u64) -> Self {
        // The word keeps this sequence apart from those of the traffic.
        Self { rules: Vec::new(), chance: Random::of(seed, &[u64::from_be_bytes(*b"faults..")]) }
    }

    /// Adds a rule after those in force.
    pub(super) fn add(&mut self, rule: FaultRule) -> Result<(), BadFault> {
        rule.check()?;
        self.rules.push(rule);
        Ok(())
    }

    /// Ends all faults.
    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    /// Returns the fault of the first rule that strikes the next request for a report.
    pub(super) fn strike(&mut self, report: Option<&str>) -> Option<Fault> {
        let chance = &mut self.chance;
        let index = self.rules.iter().position(|rule| {
            rule.is_about(report) && rule.probability.is_none_or(|share| chance.chance(share))
        })?;
        let rule = &mut self.rules[index];
        let fault = rule.fault.clone();
        if let Some(times) = &mut rule.times {
            *times -= 1;
            if *times == 0 {
                self.rules.remove(index);
            }
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<FaultRule, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn rules_are_written_as_documented() {
        let rule = parse(r#"{"fault":"maintenance","times":3}"#).unwrap();
        assert_eq!(rule, FaultRule::times(Fault::Maintenance, 3));
        let rule = parse(r#"{"fault":"http_500","times":null}"#).unwrap();
        assert_eq!(rule, FaultRule::always(Fault::Http500));
        let rule =
            parse(r#"{"fault":{"throttled":{"retry_after":30}},"probability":0.1}"#).unwrap();
        assert_eq!(rule.fault, Fault::Throttled { retry_after: Some(30) });
        assert_eq!(rule.fault.name(), "throttled");
        assert_eq!(Fault::Http503.name(), "http_503");
    }

    #[test]
    fn what_nobody_could_have_meant_is_refused() {
        assert!(
            parse(r#"{"fault":"maintenence"}"#).unwrap_err().to_string().contains("maintenance")
        );
        assert!(parse(r#"{"fault":"drip","time":3}"#).is_err());
        assert!(parse(r#"{"fault":{"slow":{"minutes":3}}}"#).is_err());
        let mut faults = Faults::new(1);
        assert!(faults.add(FaultRule::times(Fault::Drip, 0)).is_err());
        assert!(
            faults
                .add(FaultRule { probability: Some(f64::NAN), ..FaultRule::always(Fault::Drip) })
                .is_err()
        );
        assert!(faults.add(FaultRule::always(Fault::Redirect { to: "a\nb".into() })).is_err());
        assert_eq!(faults.strike(None), None);
    }

    #[test]
    fn rules_strike_in_order_as_often_as_they_say() {
        let mut faults = Faults::new(1);
        faults.add(FaultRule::times(Fault::Drip, 2)).unwrap();
        faults.add(FaultRule::always(Fault::Hang)).unwrap();
        let struck: Vec<_> = (0..4).filter_map(|_| faults.strike(None)).collect();
        assert_eq!(struck, [Fault::Drip, Fault::Drip, Fault::Hang, Fault::Hang]);
        faults.clear();
        assert_eq!(faults.strike(None), None);
    }

    #[test]
    fn a_fault_of_one_report_strikes_no_other() {
        let mut faults = Faults::new(1);
        faults.add(FaultRule::times(Fault::Drip, 1).of_report("diagram_1")).unwrap();
        assert_eq!([faults.strike(Some("diagram_13")), faults.strike(None)], [None, None]);
        assert_eq!(faults.strike(Some("diagram_1")), Some(Fault::Drip));
        assert_eq!(faults.strike(Some("diagram_1")), None);
    }

    #[test]
    fn a_probability_is_kept_and_drawn_from_the_seed() {
        let struck = |seed| -> Vec<bool> {
            let mut faults = Faults::new(seed);
            faults
                .add(FaultRule { probability: Some(0.1), ..FaultRule::always(Fault::Reset) })
                .unwrap();
            (0..1_000).map(|_| faults.strike(None).is_some()).collect()
        };
        assert_eq!(struck(1), struck(1));
        assert_ne!(struck(1), struck(2));
        let share = struck(1).iter().filter(|&&hit| hit).count();
        assert!((70..130).contains(&share), "{share}");
    }
}
