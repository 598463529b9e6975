//! Tests of the exposition, read back: golden text in both text formats, protobuf through another
//! decoder, any label value, and gzip that every reader accepts.

use std::{io::Read as _, sync::Arc};

use flate2::read::GzDecoder;
use proptest::prelude::*;
use wolkvox_exporter::exposition::{
    Body, BucketBounds, Encoding, Family, Format, Histogram, MetricType, NativeHistogram,
    Publication, Published, Sample, encode, label_block,
};

use crate::support::metric_family::{self, MetricFamily, decode};

/// Returns families with one metric of each kind.
fn model() -> Vec<Family> {
    let labels = label_block(&[("server", "0042"), ("cod_opc_menu", "AGENTE \"ñandú\"\\\nfin")]);
    let mut hits = Family::new(
        "wolkvox_menu_option_hits_total",
        "Times an option was \"entered\",\nby C:\\.",
        MetricType::Counter,
    );
    hits.points.push(Sample::new(labels.clone(), 7).created(Some(1_768_782_812.25)));
    hits.points
        .push(Sample::new(label_block(&[("server", "0042"), ("cod_opc_menu", "PULSE")]), u64::MAX));
    let mut drift =
        Family::new("wolkvox_clock_skew_seconds", "Their clock minus ours.", MetricType::Gauge);
    for (i, value) in
        [-0.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e21, 3.0].into_iter().enumerate()
    {
        drift.points.push(Sample::new(label_block(&[("server", &i.to_string())]), value));
    }
    let bounds = Arc::new(BucketBounds::new(&[0.5, 5.0, 1e6]).unwrap());
    let mut time = Family::new(
        "wolkvox_menu_time_to_option_seconds",
        "Second of entry.",
        MetricType::Histogram,
    );
    let histogram = Histogram::new(bounds, &[1, 0, 3, 2], 12.5);
    time.points.push(Sample::new(labels, histogram.clone()).created(Some(1_768_782_812.0)));
    time.points.push(Sample::new("".into(), histogram));
    vec![
        hits,
        Family::new("wolkvox_none", "No series, so not written.", MetricType::Gauge),
        drift,
        time,
    ]
}

fn text(families: &[Family], format: Format) -> String {
    let mut out = Vec::new();
    encode(families, format, &mut out);
    String::from_utf8(out).unwrap()
}

fn rendered(published: &Published, live: &[Family], format: Format, gzip: bool) -> Body {
    published.render(live, Encoding { format, gzip }).expect("every encoding is there")
}

fn body(published: &Published, live: &[Family], format: Format) -> Vec<u8> {
    rendered(published, live, format, false).concat()
}

#[test]
fn text_0_0_4_is_written_so() {
    assert_eq!(
        text(&model(), Format::Text),
        r#"# HELP wolkvox_menu_option_hits_total Times an option was "entered",\nby C:\\.
# TYPE wolkvox_menu_option_hits_total counter
wolkvox_menu_option_hits_total{server="0042",cod_opc_menu="AGENTE \"ñandú\"\\\nfin"} 7
wolkvox_menu_option_hits_total{server="0042",cod_opc_menu="PULSE"} 18446744073709551615
# HELP wolkvox_clock_skew_seconds Their clock minus ours.
# TYPE wolkvox_clock_skew_seconds gauge
wolkvox_clock_skew_seconds{server="0"} -0.5
wolkvox_clock_skew_seconds{server="1"} +Inf
wolkvox_clock_skew_seconds{server="2"} -Inf
wolkvox_clock_skew_seconds{server="3"} NaN
wolkvox_clock_skew_seconds{server="4"} 1e21
wolkvox_clock_skew_seconds{server="5"} 3
# HELP wolkvox_menu_time_to_option_seconds Second of entry.
# TYPE wolkvox_menu_time_to_option_seconds histogram
wolkvox_menu_time_to_option_seconds_bucket{server="0042",cod_opc_menu="AGENTE \"ñandú\"\\\nfin",le="0.5"} 1
wolkvox_menu_time_to_option_seconds_bucket{server="0042",cod_opc_menu="AGENTE \"ñandú\"\\\nfin",le="5"} 1
wolkvox_menu_time_to_option_seconds_bucket{server="0042",cod_opc_menu="AGENTE \"ñandú\"\\\nfin",le="1e+06"} 4
wolkvox_menu_time_to_option_seconds_bucket{server="0042",cod_opc_menu="AGENTE \"ñandú\"\\\nfin",le="+Inf"} 6
wolkvox_menu_time_to_option_seconds_sum{server="0042",cod_opc_menu="AGENTE \"ñandú\"\\\nfin"} 12.5
wolkvox_menu_time_to_option_seconds_count{server="0042",cod_opc_menu="AGENTE \"ñandú\"\\\nfin"} 6
wolkvox_menu_time_to_option_seconds_bucket{le="0.5"} 1
wolkvox_menu_time_to_option_seconds_bucket{le="5"} 1
wolkvox_menu_time_to_option_seconds_bucket{le="1e+06"} 4
wolkvox_menu_time_to_option_seconds_bucket{le="+Inf"} 6
wolkvox_menu_time_to_option_seconds_sum 12.5
wolkvox_menu_time_to_option_seconds_count 6
"#
    );
}

#[test]
fn open_metrics_1_0_is_written_so() {
    let published = Published::new(&model());
    let body = body(&published, &[], Format::OpenMetrics);
    assert_eq!(
        String::from_utf8(body).unwrap(),
        r#"# HELP wolkvox_menu_option_hits Times an option was \"entered\",\nby C:\\.
# TYPE wolkvox_menu_option_hits counter
wolkvox_menu_option_hits_total{server="0042",cod_opc_menu="AGENTE \"ñandú\"\\\nfin"} 7
wolkvox_menu_option_hits_created{server="0042",cod_opc_menu="AGENTE \"ñandú\"\\\nfin"} 1768782812.25
wolkvox_menu_option_hits_total{server="0042",cod_opc_menu="PULSE"} 18446744073709551615
# HELP wolkvox_clock_skew_seconds Their clock minus ours.
# TYPE wolkvox_clock_skew_seconds gauge
wolkvox_clock_skew_seconds{server="0"} -0.5
wolkvox_clock_skew_seconds{server="1"} +Inf
wolkvox_clock_skew_seconds{server="2"} -Inf
wolkvox_clock_skew_seconds{server="3"} NaN
wolkvox_clock_skew_seconds{server="4"} 1e21
wolkvox_clock_skew_seconds{server="5"} 3
# HELP wolkvox_menu_time_to_option_seconds Second of entry.
# TYPE wolkvox_menu_time_to_option_seconds histogram
wolkvox_menu_time_to_option_seconds_bucket{server="0042",cod_opc_menu="AGENTE \"ñandú\"\\\nfin",le="0.5"} 1
wolkvox_menu_time_to_option_seconds_bucket{server="0042",cod_opc_menu="AGENTE \"ñandú\"\\\nfin",le="5.0"} 1
wolkvox_menu_time_to_option_seconds_bucket{server="0042",cod_opc_menu="AGENTE \"ñandú\"\\\nfin",le="1e+06"} 4
wolkvox_menu_time_to_option_seconds_bucket{server="0042",cod_opc_menu="AGENTE \"ñandú\"\\\nfin",le="+Inf"} 6
wolkvox_menu_time_to_option_seconds_sum{server="0042",cod_opc_menu="AGENTE \"ñandú\"\\\nfin"} 12.5
wolkvox_menu_time_to_option_seconds_count{server="0042",cod_opc_menu="AGENTE \"ñandú\"\\\nfin"} 6
wolkvox_menu_time_to_option_seconds_created{server="0042",cod_opc_menu="AGENTE \"ñandú\"\\\nfin"} 1768782812
wolkvox_menu_time_to_option_seconds_bucket{le="0.5"} 1
wolkvox_menu_time_to_option_seconds_bucket{le="5.0"} 1
wolkvox_menu_time_to_option_seconds_bucket{le="1e+06"} 4
wolkvox_menu_time_to_option_seconds_bucket{le="+Inf"} 6
wolkvox_menu_time_to_option_seconds_sum 12.5
wolkvox_menu_time_to_option_seconds_count 6
# EOF
"#
    );
}

#[test]
fn counts_that_do_not_fit_the_bounds_lose_no_observation() {
    let bounds = Arc::new(BucketBounds::new(&[1.0, 2.0]).unwrap());
    assert_eq!(Histogram::new(bounds.clone(), &[4], 0.0).counts(), [4, 0, 0]);
    assert_eq!(Histogram::new(bounds, &[1, 2, 3, 4, 5], 0.0).counts(), [1, 2, 12]);
    for unsound in [&[2.0, 1.0][..], &[1.0, 1.0], &[f64::NAN], &[1.0, f64::INFINITY]] {
        assert!(BucketBounds::new(unsound).is_none(), "{unsound:?}");
    }
}

#[test]
fn gzip_is_one_member_with_the_same_bytes() {
    let mut live = Family::new("process_open_fds", "Open files.", MetricType::Gauge);
    live.points.push(Sample::new("".into(), 9));
    let live = [live];
    let mut large = Family::new("wolkvox_menu_option_hits_total", "Hits.", MetricType::Counter);
    large.points = (0..5_000)
        .map(|i| Sample::new(label_block(&[("option", &i.to_string())]), i * 37))
        .collect();
    for (families, live) in
        [(&[][..], &[][..]), (&[], &live), (&model(), &[]), (&model(), &live), (&[large], &live)]
    {
        let published = Published::new(families);
        for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
            let plain = rendered(&published, live, format, false);
            let packed = rendered(&published, live, format, true);
            assert_eq!(packed.len(), packed.clone().concat().len());
            // `GzDecoder` reads one member and stops, as browsers do, so a second member would be
            // missed here. It also verifies the checksum and the length.
            let packed = packed.concat();
            let mut unpacked = Vec::new();
            GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
            assert_eq!(unpacked, plain.concat());
            let eofs = unpacked.windows(6).filter(|w| w == b"# EOF\n").count();
            assert_eq!(eofs, usize::from(format == Format::OpenMetrics));
        }
    }
}

#[test]
fn a_publication_replaces_the_whole_and_leaves_a_scrape_under_way_alone() {
    let publication = Publication::default();
    let before = publication.load();
    publication.publish(Published::new(&model()));
    for format in [Format::Text, Format::Protobuf] {
        assert!(rendered(&before, &[], format, false).is_empty());
    }
    assert_eq!(
        body(&publication.load(), &[], Format::Text),
        text(&model(), Format::Text).into_bytes()
    );
}

#[test]
fn the_text_is_that_of_the_prometheus_crate() {
    use prometheus::{Gauge, HistogramOpts, IntCounterVec, Opts, Registry};
    let registry = Registry::new();
    let scrapes = IntCounterVec::new(Opts::new("scrapes_total", "Scrapes."), &["code"]).unwrap();
    scrapes.with_label_values(&["2\"00"]).inc_by(3);
    let skew = Gauge::new("skew_seconds", "Skew.").unwrap();
    skew.set(-1.5);
    let opts = HistogramOpts::new("took_seconds", "Took.").buckets(vec![0.5, 2.0]);
    let took = prometheus::Histogram::with_opts(opts).unwrap();
    [0.25, 1.0, 1.0, 8.0].into_iter().for_each(|v| took.observe(v));
    registry.register(Box::new(scrapes)).unwrap();
    registry.register(Box::new(skew)).unwrap();
    registry.register(Box::new(took)).unwrap();
    let theirs = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();

    let mut ours = [
        Family::new("scrapes_total", "Scrapes.", MetricType::Counter),
        Family::new("skew_seconds", "Skew.", MetricType::Gauge),
        Family::new("took_seconds", "Took.", MetricType::Histogram),
    ];
    let bounds = Arc::new(BucketBounds::new(&[0.5, 2.0]).unwrap());
    ours[0].points.push(Sample::new(label_block(&[("code", "2\"00")]), 3));
    ours[1].points.push(Sample::new("".into(), -1.5));
    ours[2].points.push(Sample::new("".into(), Histogram::new(bounds, &[1, 2, 1], 10.25)));
    assert_eq!(text(&ours, Format::Text), theirs);
}

fn protobuf(families: &[Family]) -> Vec<MetricFamily> {
    let mut out = Vec::new();
    encode(families, Format::Protobuf, &mut out);
    decode(&out).unwrap()
}

#[test]
fn protobuf_is_read_as_it_was_meant() {
    let live = {
        let mut live = Family::new("process_open_fds", "Open files.", MetricType::Gauge);
        live.points.push(Sample::new("".into(), 9));
        [live]
    };
    let body = body(&Published::new(&model()), &live, Format::Protobuf);
    let families = decode(&body).unwrap();
    let heads: Vec<_> = families.iter().map(|f| (f.name(), f.r#type, f.metric.len())).collect();
    assert_eq!(
        heads,
        [
            ("wolkvox_menu_option_hits_total", Some(0), 2),
            ("wolkvox_clock_skew_seconds", Some(1), 6),
            ("wolkvox_menu_time_to_option_seconds", Some(4), 2),
            ("process_open_fds", Some(1), 1),
        ]
    );
    let [hits, skew, time, _] = &families[..] else { unreachable!() };
    assert_eq!(
        hits.help(),
        "Times an option was \"entered\",\nby C:\\.",
        "nothing is escaped here"
    );

    let [agent, pulse] = &hits.metric[..] else { unreachable!() };
    let labels: Vec<_> = agent.label.iter().map(|pair| (pair.name(), pair.value())).collect();
    assert_eq!(labels, [("server", "0042"), ("cod_opc_menu", "AGENTE \"ñandú\"\\\nfin")]);
    let counter = agent.counter.as_ref().unwrap();
    assert_eq!(counter.value, Some(7.0));
    let created = counter.created_timestamp.as_ref().unwrap();
    assert_eq!((created.seconds(), created.nanos()), (1_768_782_812, 250_000_000));
    let counter = pulse.counter.as_ref().unwrap();
    assert_eq!((counter.value, &counter.created_timestamp), (Some(u64::MAX as f64), &None));

    let skews: Vec<_> =
        skew.metric.iter().map(|m| m.gauge.as_ref().unwrap().value().to_bits()).collect();
    let expected = [-0.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e21, 3.0].map(f64::to_bits);
    assert_eq!(skews, expected);

    let classic = time.metric[0].histogram.as_ref().unwrap();
    let buckets: Vec<_> =
        classic.bucket.iter().map(|b| (b.upper_bound(), b.cumulative_count())).collect();
    assert_eq!(buckets, [(0.5, 1), (5.0, 1), (1e6, 4)], "+Inf is the count");
    assert_eq!((classic.sample_count(), classic.sample_sum()), (6, 12.5));
    assert_eq!(classic.created_timestamp.as_ref().unwrap().seconds(), 1_768_782_812);
    // Without native buckets every native field must be absent.
    assert_eq!((classic.schema, classic.zero_threshold, classic.zero_count), (None, None, None));
    assert!(classic.positive_span.is_empty() && classic.positive_delta.is_empty());
}

/// Encodes one histogram of these values with native buckets, and returns what the decoder reads.
fn native(values: &[f64]) -> metric_family::Histogram {
    let mut native = NativeHistogram::default();
    values.iter().for_each(|value| native.observe(*value, 1));
    let bounds = Arc::new(BucketBounds::new(&[]).unwrap());
    let histogram = Histogram::new(bounds, &[values.len() as u64], values.iter().sum());
    let mut family = Family::new("took_seconds", "Took.", MetricType::Histogram);
    family.points.push(Sample::new("".into(), histogram.with_native(native)));
    protobuf(&[family])[0].metric[0].histogram.clone().unwrap()
}

#[test]
fn native_buckets_are_written_as_spans_and_deltas() {
    // At schema 4 the bucket of 2^(n/4) has the index 4 n.
    let histogram =
        native(&[0.0, 0.0, 0.5, 1.0, 1.0, 1.0, 2f64.powf(1.5 / 16.0), 1.2, 1.2, 1000.0]);
    assert_eq!(
        (histogram.schema, histogram.zero_count, histogram.sample_count),
        (Some(4), Some(2), Some(10))
    );
    assert_eq!(histogram.zero_threshold, Some(2f64.powi(-128)), "as the Go client has it");
    // Buckets -16 and 0; 2 after a gap of one bucket, which is filled; 5 after a gap of two; and
    // 160.
    let spans: Vec<_> = histogram.positive_span.iter().map(|s| (s.offset(), s.length())).collect();
    assert_eq!(spans, [(-16, 1), (15, 6), (154, 1)]);
    assert_eq!(histogram.positive_delta, [1, 2, -3, 1, -1, 0, 2, -1]);
    assert_eq!(
        histogram.buckets(),
        [(-16, 1), (0, 3), (1, 0), (2, 1), (3, 0), (4, 0), (5, 2), (160, 1)]
    );
}

#[test]
fn an_empty_native_histogram_still_shows_that_it_is_one() {
    let histogram = native(&[]);
    // By either of these a scraper recognizes a native histogram: "zero bucket" and "no-op span" in
    // https://prometheus.io/docs/specs/native_histograms/.
    assert!(histogram.zero_threshold() > 0.0);
    assert_eq!(
        (histogram.schema, histogram.zero_count, histogram.sample_count),
        (Some(4), Some(0), Some(0))
    );
}

#[test]
fn native_buckets_of_other_observations_are_left_out() {
    let bounds = Arc::new(BucketBounds::new(&[1.0]).unwrap());
    let mut native = NativeHistogram::default();
    native.observe(0.5, 2);
    assert!(
        Histogram::new(bounds.clone(), &[1, 0], 1.0).with_native(native.clone()).native().is_none()
    );
    assert!(Histogram::new(bounds, &[2, 0], 1.0).with_native(native).native().is_some());
}

/// Reads a line as a scraper does: name, unescaped labels, value.
fn parse(line: &str) -> (String, Vec<(String, String)>, f64) {
    let (name, rest) = line.split_once('{').unwrap();
    let mut labels = Vec::new();
    let mut chars = rest.chars();
    loop {
        let label: String = chars.by_ref().take_while(|c| *c != '=').collect();
        assert_eq!(chars.next(), Some('"'));
        let mut value = String::new();
        loop {
            match chars.next().unwrap() {
                '"' => break,
                '\n' => panic!("a raw newline inside a label"),
                '\\' => value.push(match chars.next().unwrap() {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    c => panic!("\\{c} is no escape"),
                }),
                c => value.push(c),
            }
        }
        labels.push((label, value));
        match chars.next().unwrap() {
            ',' => {}
            '}' => break,
            c => panic!("{c} after a label"),
        }
    }
    assert_eq!(chars.next(), Some(' '));
    (name.to_owned(), labels, chars.as_str().parse().unwrap())
}

proptest! {
    #[test]
    fn native_buckets_of_any_values_read_back(
        values in prop::collection::vec(prop_oneof![0.0..4.0, 1e-3..1e9], 0..60),
    ) {
        let mut native = NativeHistogram::default();
        values.iter().for_each(|value| native.observe(*value, 1));
        let read: Vec<_> = self::native(&values).buckets().into_iter().filter(|(_, count)| *count > 0).collect();
        let written: Vec<_> = native.buckets().iter().map(|&(index, count)| (index, count as i64)).collect();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn any_label_and_any_number_read_back(
        first in any::<String>(),
        second in "[\"\\\\\nn,{}=ñ ]{0,12}",
        value in prop_oneof![any::<f64>(), (-1e17..1e17).prop_map(f64::trunc)],
        count in any::<u64>(),
    ) {
        let labels = [("a", first.as_str()), ("b", second.as_str())];
        let mut family = Family::new("x_total", "X.", MetricType::Counter);
        family.points.push(Sample::new(label_block(&labels), value));
        family.points.push(Sample::new(label_block(&labels), count));
        for format in [Format::Text, Format::OpenMetrics] {
            let text = text(std::slice::from_ref(&family), format);
            // Not `lines()`, which also removes a carriage return: a label may hold any character
            // that Unicode takes for the end of a line.
            let lines: Vec<_> = text.split_terminator('\n').skip(2).collect();
            prop_assert_eq!(lines.len(), 2);
            for (line, expected) in lines.iter().zip([value, count as f64]) {
                let (name, parsed, number) = parse(line);
                prop_assert_eq!(name, "x_total");
                let parsed: Vec<_> = parsed.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                prop_assert_eq!(parsed, labels);
                prop_assert!(number == expected || (number.is_nan() && expected.is_nan()), "{} {}", number, expected);
            }
        }
        let families = protobuf(&[family]);
        for (metric, expected) in families[0].metric.iter().zip([value, count as f64]) {
            let parsed: Vec<_> = metric.label.iter().map(|pair| (pair.name(), pair.value())).collect();
            prop_assert_eq!(parsed, labels);
            prop_assert_eq!(metric.counter.as_ref().unwrap().value().to_bits(), expected.to_bits());
        }
    }
}
