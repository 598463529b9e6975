//! Chooses format and encoding of an exposition by `Accept` and `Accept-Encoding`, as scrapers and
//! browsers send them.
//!
//! The format with the highest quality wins; of equal ones a named format before `*/*`, then the
//! first. A request that names no known format gets text 0.0.4 and not 406, as in every Prometheus
//! client library.

use crate::exposition::Format;
use crate::web::qvalue::{elements, parameter, quality};

/// A format on offer.
#[derive(Debug, PartialEq, Eq)]
pub struct Offer {
    /// The format.
    pub format: Format,
    /// Its `Content-Type`.
    pub content_type: &'static str,
}

static TEXT: Offer =
    Offer { format: Format::Text, content_type: "text/plain; version=0.0.4; charset=utf-8" };
static OPEN_METRICS: Offer = Offer {
    format: Format::OpenMetrics,
    content_type: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};
/// The same text under the version that older Prometheus versions request.
static OPEN_METRICS_0: Offer = Offer {
    format: Format::OpenMetrics,
    content_type: "application/openmetrics-text; version=0.0.1; charset=utf-8",
};
static PROTOBUF: Offer = Offer {
    format: Format::Protobuf,
    content_type: "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
};

/// Chooses a format for the values of the `Accept` headers, in their order.
pub fn negotiate<'a>(accept: impl IntoIterator<Item = &'a str>) -> &'static Offer {
    let mut best = (0, false);
    let mut chosen = &TEXT;
    for element in elements(accept) {
        let (media, parameters) = element.split_once(';').unwrap_or((element, ""));
        let Some(offer) = named(media, parameters) else { continue };
        let Some(quality) = quality(parameters).filter(|quality| *quality > 0) else { continue };
        let rank = (quality, !media.contains('*'));
        if rank > best {
            best = rank;
            chosen = offer;
        }
    }
    chosen
}

/// Returns the format that a media range names. Parameters such as `charset` and Prometheus 3's
/// `escaping` do not matter: the exposition is UTF-8 and its names need no escaping.
fn named(media: &str, parameters: &str) -> Option<&'static Offer> {
    match media.trim().to_ascii_lowercase().as_str() {
        "application/openmetrics-text" if allows(parameters, "version", "1.0.0") => {
            Some(&OPEN_METRICS)
        }
        "application/openmetrics-text" if allows(parameters, "version", "0.0.1") => {
            Some(&OPEN_METRICS_0)
        }
        "application/vnd.google.protobuf"
            if allows(parameters, "proto", "io.prometheus.client.MetricFamily")
                && allows(parameters, "encoding", "delimited") =>
        {
            Some(&PROTOBUF)
        }
        "text/plain" if allows(parameters, "version", "0.0.4") => Some(&TEXT),
        "*/*" | "text/*" => Some(&TEXT),
        _ => None,
    }
}

/// Returns true if a parameter has this value or is absent.
fn allows(parameters: &str, name: &str, value: &str) -> bool {
    parameter(parameters, name).is_none_or(|given| given == value)
}

/// Returns true if the `Accept-Encoding` headers name gzip.
pub fn accepts_gzip<'a>(accept_encoding: impl IntoIterator<Item = &'a str>) -> bool {
    elements(accept_encoding).any(|element| {
        let (coding, parameters) = element.split_once(';').unwrap_or((element, ""));
        let is_gzip =
            ["gzip", "x-gzip"].iter().any(|gzip| coding.trim().eq_ignore_ascii_case(gzip));
        is_gzip && quality(parameters).is_some_and(|quality| quality > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_as_real_scrapers_ask_for_them() {
        let text = &TEXT;
        let v1 = &OPEN_METRICS;
        let v0 = &OPEN_METRICS_0;
        let protobuf = &PROTOBUF;
        for (accept, expected) in [
            // Prometheus 2.42.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                v1,
            ),
            // Prometheus 3.x.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 application/openmetrics-text;version=0.0.1;q=0.4,\
                 text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                v1,
            ),
            // Prometheus 3.x with native histograms, and 2.42 with its feature flag.
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
                 application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 application/openmetrics-text;version=0.0.1;q=0.4,\
                 text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                protobuf,
            ),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
                 application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                protobuf,
            ),
            // Protobuf after text, in other encodings, of other messages, and on no terms.
            (
                "application/openmetrics-text;q=0.6,application/vnd.google.protobuf;\
                 proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.5",
                v1,
            ),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
                text,
            ),
            ("application/vnd.google.protobuf;proto=other.Message;encoding=delimited", text),
            ("application/vnd.google.protobuf", protobuf),
            // An older Prometheus.
            (
                "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                v0,
            ),
            // Firefox, curl, nothing.
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", text),
            ("*/*", text),
            ("", text),
            // By quality, by precision, by order.
            ("text/plain;q=0.5,application/openmetrics-text;q=0.6", v1),
            ("text/plain;q=0.6,application/openmetrics-text;q=0.5", text),
            ("*/*,application/openmetrics-text;version=1.0.0", v1),
            ("application/openmetrics-text,text/plain", v1),
            ("text/plain,application/openmetrics-text", text),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"", v1),
            ("application/openmetrics-text;q=0", text),
            ("application/openmetrics-text;q=0,text/plain;q=0.1", text),
            // Nothing acceptable, unknown versions, rubbish.
            ("image/png", text),
            ("*/*;q=0", text),
            ("application/openmetrics-text;version=9.0.0", text),
            ("application/openmetrics-text;q=1e9,text/plain;q=0.1", text),
            ("application/openmetrics-text;q=NaN", text),
            (";;=,/,q=", text),
        ] {
            assert_eq!(negotiate([accept]), expected, "{accept}");
        }
        assert_eq!(
            negotiate(["text/plain;q=0.5", "application/openmetrics-text"]),
            v1,
            "two headers are one list"
        );
    }

    #[test]
    fn gzip_only_when_it_is_wanted() {
        for (accept, expected) in [
            ("gzip", true),
            ("GZIP", true),
            ("x-gzip", true),
            ("gzip, deflate, br, zstd", true),
            ("gzip;q=0.1", true),
            ("", false),
            ("identity", false),
            ("deflate, br", false),
            ("gzip;q=0", false),
            ("gzip;q=x", false),
        ] {
            assert_eq!(accepts_gzip([accept]), expected, "{accept}");
        }
    }
}
