//! Chooses format and encoding of an exposition by `Accept` and `Accept-Encoding`.
//!
//! As in RFC 9110, the most specific range that matches an offer gives its quality, and 0 excludes it. Of offers with equal
//! quality the more precisely named one wins, then the first; so `*/*` gets text 0.0.4. If nothing is acceptable the answer
//! is text 0.0.4 and not 406, as in every Prometheus client library.

use crate::exposition::Format;
use crate::web::qvalue::{elements, parameter, quality};

/// A format on offer.
#[derive(Debug, PartialEq, Eq)]
pub struct Offer {
    /// The format.
    pub format: Format,
    /// Its `Content-Type`.
    pub content_type: &'static str,
    media: (&'static str, &'static str),
    /// Parameters that a range must have if it names them.
    parameters: &'static [(&'static str, &'static str)],
}

/// All offers, the default first. OpenMetrics 0.0.1 is the same text under the name that older Prometheus versions
/// request. Protobuf comes last, so that only clients that name it get it.
static OFFERS: [Offer; 4] = [
    Offer {
        format: Format::Text,
        content_type: "text/plain; version=0.0.4; charset=utf-8",
        media: ("text", "plain"),
        parameters: &[("version", "0.0.4")],
    },
    Offer {
        format: Format::OpenMetrics,
        content_type: "application/openmetrics-text; version=1.0.0; charset=utf-8",
        media: ("application", "openmetrics-text"),
        parameters: &[("version", "1.0.0")],
    },
    Offer {
        format: Format::OpenMetrics,
        content_type: "application/openmetrics-text; version=0.0.1; charset=utf-8",
        media: ("application", "openmetrics-text"),
        parameters: &[("version", "0.0.1")],
    },
    Offer {
        format: Format::Protobuf,
        content_type: "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
        media: ("application", "vnd.google.protobuf"),
        parameters: &[("proto", "io.prometheus.client.MetricFamily"), ("encoding", "delimited")],
    },
];

/// Chooses a format for the values of the `Accept` headers, in their order.
pub fn negotiate<'a>(accept: impl IntoIterator<Item = &'a str>) -> &'static Offer {
    let ranges: Vec<Range<'_>> = elements(accept).filter_map(Range::parse).collect();
    let mut best: Option<(Rank, &Offer)> = None;
    for offer in &OFFERS {
        let Some(rank) = rank(&ranges, offer) else { continue };
        if best.as_ref().is_none_or(|(than, _)| rank.beats(than)) {
            best = Some((rank, offer));
        }
    }
    best.map_or(&OFFERS[0], |(_, offer)| offer)
}

/// Returns true if the `Accept-Encoding` headers ask for gzip. Identity is always acceptable.
pub fn accepts_gzip<'a>(accept_encoding: impl IntoIterator<Item = &'a str>) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    for element in elements(accept_encoding) {
        let (coding, parameters) = element.split_once(';').unwrap_or((element, ""));
        let Some(quality) = quality(parameters) else { continue };
        let coding = coding.trim();
        if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            gzip = Some(quality);
        } else if coding.eq_ignore_ascii_case("identity") {
            identity = Some(quality);
        } else if coding == "*" {
            any = Some(quality);
        }
    }
    let gzip = gzip.or(any).unwrap_or(0);
    gzip > 0 && gzip >= identity.unwrap_or(0)
}

/// The preference for an offer.
struct Rank {
    quality: u16,
    specificity: u8,
    position: usize,
}

impl Rank {
    fn beats(&self, than: &Self) -> bool {
        (self.quality, self.specificity, than.position) > (than.quality, than.specificity, self.position)
    }
}

/// Returns `None` if no range matches, or the most specific one has quality 0.
fn rank(ranges: &[Range<'_>], offer: &Offer) -> Option<Rank> {
    let mut best: Option<Rank> = None;
    for (position, range) in ranges.iter().enumerate() {
        let Some(specificity) = range.matches(offer) else { continue };
        if best.as_ref().is_none_or(|b| specificity > b.specificity) {
            best = Some(Rank { quality: range.quality, specificity, position });
        }
    }
    best.filter(|b| b.quality > 0)
}

/// One media range. Parameters that the offer lacks (`charset`, Prometheus 3's `escaping`) do not matter: the exposition
/// is UTF-8 and its names need no escaping.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    parameters: &'a str,
    quality: u16,
}

impl<'a> Range<'a> {
    /// Returns `None` for anything but a media range, which is then ignored.
    fn parse(element: &'a str) -> Option<Self> {
        let (media, parameters) = element.split_once(';').unwrap_or((element, ""));
        let (kind, subtype) = media.split_once('/')?;
        Some(Self { kind: kind.trim(), subtype: subtype.trim(), parameters, quality: quality(parameters)? })
    }

    /// Returns the precision with which this range names `offer`, if it matches.
    fn matches(&self, offer: &Offer) -> Option<u8> {
        let (kind, subtype) = offer.media;
        match (self.kind, self.subtype) {
            ("*", "*") => Some(0),
            (k, "*") if k.eq_ignore_ascii_case(kind) => Some(1),
            (k, s) if k.eq_ignore_ascii_case(kind) && s.eq_ignore_ascii_case(subtype) => offer
                .parameters
                .iter()
                .try_fold(2, |specificity, (name, value)| match parameter(self.parameters, name) {
                    None => Some(specificity),
                    Some(wanted) => (wanted == *value).then_some(specificity + 1),
                }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_as_real_scrapers_ask_for_them() {
        let [text, v1, v0, protobuf] = &OFFERS;
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
            ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", text),
            ("application/vnd.google.protobuf;proto=other.Message;encoding=delimited", text),
            ("application/vnd.google.protobuf", protobuf),
            // An older Prometheus.
            ("application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", v0),
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
            ("application/*", v1),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"", v1),
            // The most specific range decides, even against a better wildcard; 0 excludes.
            ("*/*,text/plain;q=0", v1),
            ("*/*,text/*;q=0,application/openmetrics-text;version=1.0.0;q=0", v0),
            ("application/openmetrics-text;q=0", text),
            ("*/*;q=0.1,text/*;q=0,application/openmetrics-text;q=0", protobuf),
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
            ("*", true),
            ("identity;q=0, *", true),
            ("", false),
            ("identity", false),
            ("deflate, br", false),
            ("gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("*;q=0", false),
            ("identity, gzip;q=0.5", false),
            ("gzip;q=x", false),
        ] {
            assert_eq!(accepts_gzip([accept]), expected, "{accept}");
        }
    }
}
