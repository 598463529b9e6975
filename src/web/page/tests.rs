use std::{collections::BTreeMap, time::Duration};

use jiff::{civil::date, tz::TimeZone};

use super::*;
use crate::{
    baseline::{Anomaly, HOURS, Score},
    model::{LocalSecond, OptionKind, PointLabels},
    status::{
        Day, Deviation, DeviationKind, Deviations, OptionDay, PointDay, PollOutcome, PollRecord,
        QuotaUse, Remainder, UsualStatus, UsualText, WarmUpState, WarmUpStatus,
    },
    wolkvox::{ApiError, ErrorClass},
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn hourly(hits: u64) -> [u64; HOURS] {
    let mut hourly = [0; HOURS];
    (hourly[10], hourly[23]) = (hits - 1, 1);
    hourly
}

fn option(code: &str, name: Option<&str>, hits: u64) -> OptionDay {
    let name = name.map(str::to_owned);
    OptionDay { code: code.to_owned(), name, kind: OptionKind::Option, hits, hourly: hourly(hits) }
}

/// 2026-01-18, 12:36 in Bogotá.
fn target(name: &str) -> TargetStatus {
    let point = PointDay {
        labels: PointLabels::new("4628", "voice"),
        name: Some("Ventas & más".to_owned()),
        hits: 13_590,
        options: vec![
            option("AGENTE", Some("Hablar con un asesor"), 12_345),
            option("N/D", None, 1234),
        ],
        rest: Some(Remainder { number: 7, hits: 11, hourly: hourly(11) }),
    };
    // 2026-01-17, 13:00.
    let first = LocalSecond::new(1_768_654_800);
    TargetStatus {
        outcome: PollOutcome::Committed,
        usual_lag: Duration::from_secs(640),
        watermark: Some(at("2026-01-18T17:35:00Z")),
        last_row: Some(at("2026-01-18T17:34:00Z")),
        quota: QuotaUse { day: date(2026, 1, 18), used: 1234, limit: Some(20_000) },
        polls: vec![
            PollRecord {
                at: at("2026-01-18T17:30:30Z"),
                took: Duration::from_millis(840),
                failure: Some(ErrorClass::Tls),
            },
            PollRecord {
                at: at("2026-01-18T17:35:30Z"),
                took: Duration::from_millis(1250),
                failure: None,
            },
        ],
        day: Day {
            first,
            until: first + 23 * 3600 + 35 * 60,
            known_from: Some(first + 9 * 3600 + 600),
            hits: 13_640,
            points: vec![point],
            rest: Some(Remainder { number: 3, hits: 50, hourly: hourly(50) }),
        },
        ..TargetStatus::waiting(
            name,
            TimeZone::get("America/Bogota").unwrap(),
            at("2026-01-18T17:40:30Z"),
        )
    }
}

fn failing(fault: ApiError) -> TargetStatus {
    TargetStatus {
        outcome: PollOutcome::Failed { fault, since: at("2026-01-18T15:31:00Z") },
        ..target("soporte")
    }
}

fn html(targets: &[TargetStatus], language: Language, not_ready: Option<&str>) -> String {
    let targets: Vec<_> = targets.iter().cloned().map(Arc::new).collect();
    page(&PageView {
        version: "1.2.3-<test>",
        telemetry_path: "/m'etrics",
        not_ready,
        notices: &[],
        targets: &targets,
        now: at("2026-01-18T17:36:00Z"),
        language,
    })
}

/// What a reader sees: without the tags, and with their entities read.
fn seen(html: &str) -> String {
    let body = html.split_once("<body>").unwrap().1;
    let mut text = String::new();
    for part in body.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, after)| after));
    }
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
        .iter()
        .fold(text, |text, (entity, character)| text.replace(entity, character))
}

fn assert_seen(html: &str, texts: &[&str]) {
    let seen = seen(html);
    for text in texts {
        assert!(seen.contains(text), "{text:?} is not in\n{seen}");
    }
}

/// Every tag that is opened is closed, in order.
fn assert_well_formed(html: &str) {
    const VOID: [&str; 3] = ["meta", "link", "!DOCTYPE"];
    let mut open = Vec::new();
    for part in html.split('<').skip(1) {
        let (tag, _) = part.split_once('>').unwrap_or_else(|| panic!("no end: {part}"));
        let name = tag.split([' ', '/']).next().unwrap();
        match tag.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed), "{part}"),
            None if VOID.contains(&name) || tag.ends_with('/') => {}
            None => open.push(name),
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn a_good_target_in_english() {
    let html = html(&[target("ventas")], Language::En, None);
    assert_seen(
        &html,
        &[
            "version 1.2.3-<test>",
            "Up to date",
            "All is well: the figures are complete and up to date.",
            "Complete up to12:351 min ago".replace("1 min", "60 s").as_str(),
            "Next poll12:40in 4 min",
            "1,234 of 20,000",
            "18,766 left; starts again at midnight, in 11 h 24 min",
            "2 polls since 12:30, 1 of them failed",
            "✕ TLS failed",
            "1.3 s",
            "13,640 hits, by hour of the server's clock (America/Bogota), from 13:00 to 12:35.",
            "Known since 22:10",
            "Ventas & más 4628 · voice · 13,590 hits",
            "Hablar con un asesor AGENTE",
            "12,345 hits; most from 23:00 to 00:00: 12,344",
            "7 more options",
            "3 more routing points with 50 hits are in the metrics.",
        ],
    );
    assert!(html.starts_with("<!DOCTYPE html><html lang=\"en\">"));
    // Nine whole hours are unknown; the tenth is known in part.
    assert!(html.contains("<rect class=\"unknown\" width=\"90\""));
    assert!(html.contains("<a href=\"m'etrics\">") && html.contains("<a href=\"?lang=es\""));
    assert!(html.contains("<meter max=\"20000\" value=\"1234\""));
    assert!(!html.contains("attention\"") && !html.contains("What to do"));
    assert_well_formed(&html);
}

#[test]
fn a_good_target_in_spanish() {
    let html = html(&[target("ventas")], Language::Es, None);
    assert_seen(
        &html,
        &[
            "Al día",
            "hace 60 s",
            "1234 de 20\u{202f}000",
            "2 lecturas desde las 12:30; fallidas: 1",
            "1,3 s",
            "13\u{202f}640 marcaciones",
            "7 opciones más",
            "English",
        ],
    );
    assert!(html.contains("<html lang=\"es\">") && html.contains("href=\"?lang=en\""));
    assert!(html.contains("href=\"status.json?lang=es\""));
    assert_well_formed(&html);
}

#[test]
fn a_failing_target_says_what_to_do_and_its_words_stay_words() {
    let script = ApiError::Maintenance("<script>alert(1)</script>".to_owned());
    for (language, texts) in [
        (Language::En, ["Failing", "What to do: Nothing is wrong on this side.", "for 2 h 5 min"]),
        (
            Language::Es,
            ["Con fallas", "Qué hacer: El problema no es de este lado.", "desde hace 2 h 5 min"],
        ),
    ] {
        let html = html(&[failing(script.clone())], language, None);
        assert_seen(&html, &texts);
        assert_seen(&html, &["\"<script>alert(1)</script>\""]);
        assert!(html.contains("class=\"target attention\"") && !html.contains("<script"));
        assert_well_formed(&html);
    }
}

#[test]
fn names_from_elsewhere_stay_text() {
    let mut evil = target("<img src=x>");
    evil.day.points[0].labels = PointLabels::new("\"><svg onload=x>", "<i>");
    evil.day.points[0].name = None;
    evil.day.points[0].options = vec![option("\" onmouseover=\"x", Some("</table>"), 5)];
    let html = html(&[evil], Language::En, None);
    for text in ["<img", "<svg onload", "<i>", "onmouseover=\"", "</table></td>"] {
        assert!(!html.contains(text), "{text}");
    }
    assert_seen(&html, &["<img src=x>", "\"><svg onload=x>", "\" onmouseover=\"x", "</table>"]);
    assert_well_formed(&html);
    // A single quote may stay as it is: no attribute is quoted with one.
    let (_, body) = html.split_once("</head>").unwrap();
    assert!(!body.contains("='"), "{body}");
}

fn usual(deviations: Option<Deviations>) -> UsualStatus {
    UsualStatus {
        history: Duration::from_secs(28 * 86_400 + 9 * 3600),
        warm_up: WarmUpStatus {
            state: WarmUpState::Ended,
            progress: 1.0,
            requests: 12,
            requests_limit: 200,
            failure: None,
        },
        deviations,
    }
}

fn deviation(code: &str, name: Option<&str>) -> Deviation {
    Deviation {
        point: PointLabels::new("4628", "voice"),
        point_name: Some("Ventas & más".to_owned()),
        option: Some(code.to_owned()),
        option_name: name.map(str::to_owned),
        anomaly: DeviationKind::Option(Anomaly::DropOff),
        score: Score { score: 2.4, observed: 1.0, expected: 95.8, window: 7200 },
    }
}

#[test]
fn what_is_unlike_the_usual_is_listed_by_name_in_both_languages() {
    let highest = vec![deviation("9", Some("Agendar <una> cita")), deviation("N/D", None)];
    let all = Deviations { options_compared: 52, highest, more: 0 };
    let some = TargetStatus { usual: usual(Some(all.clone())), ..target("ventas") };
    let more =
        TargetStatus { usual: usual(Some(Deviations { more: 3, ..all })), ..target("ventas") };
    for (language, texts, rest) in [
        (
            Language::En,
            [
                "Unlike usualAgendar <una> cita (9) · Ventas & más (4628) · voice: 1 in 2 h, usually 96.",
                "N/D · Ventas & más (4628) · voice: 1 in 2 h, usually 96.",
                "usually 96.What is usual is known from 28 d 9 h of rows.",
            ],
            "usually 96.3 more are in the metrics. What is usual",
        ),
        (
            Language::Es,
            [
                "Fuera de lo habitualAgendar <una> cita (9) · Ventas & más (4628) · voice: 1 en 2 h; lo habitual son 96.",
                "N/D · Ventas & más (4628) · voice: 1 en 2 h; lo habitual son 96.",
                "Lo habitual se aprendió de 28 d 9 h de filas.",
            ],
            "3 más están en las métricas. Lo habitual",
        ),
    ] {
        let page = html(std::slice::from_ref(&some), language, None);
        assert_seen(&page, &texts);
        assert!(!page.contains("<una>"));
        assert_well_formed(&page);
        assert_seen(&html(std::slice::from_ref(&more), language, None), &[rest]);
    }
}

#[test]
fn where_nothing_is_unlike_the_usual_it_is_said_why() {
    for (deviations, words) in [
        (None, "Not known now: the last window has not been read. What is usual"),
        (Some(Deviations::default()), "There is nothing to compare with yet"),
        (
            Some(Deviations { options_compared: 1234, ..Deviations::default() }),
            "Nothing. Options that are compared with earlier weeks: 1,234. What is usual",
        ),
    ] {
        let page = html(
            &[TargetStatus { usual: usual(deviations), ..target("ventas") }],
            Language::En,
            None,
        );
        assert_seen(&page, &[words]);
        assert!(!page.contains("<ul"));
        assert_well_formed(&page);
    }
}

#[test]
fn many_targets_are_summed_up() {
    let good = target("a");
    let bad = failing(ApiError::TokenInvalid);
    for (targets, words) in [
        (vec![], Some("There is no target yet.")),
        (vec![good.clone()], None),
        (vec![good.clone(), good.clone()], Some("2 targets, none needs attention.")),
        (vec![good.clone(), bad.clone(), good.clone()], Some("1 of 3 targets needs attention.")),
        (vec![bad.clone(), bad.clone()], Some("2 of 2 targets need attention.")),
    ] {
        let html = html(&targets, Language::En, None);
        match words {
            Some(words) => assert_seen(&html, &[words]),
            None => assert!(!seen(&html).contains("attention"), "{}", seen(&html)),
        }
        assert_eq!(html.matches("<section").count(), targets.len());
        assert_well_formed(&html);
    }
}

#[test]
fn what_is_not_known_yet_is_said_so() {
    let mut new = target("new");
    new.outcome = PollOutcome::Waiting;
    (new.watermark, new.last_row, new.quota.limit) = (None, None, None);
    new.polls.clear();
    new.day = Day { first: new.day.first, until: new.day.until, ..Day::default() };
    let html = html(&[new], Language::En, Some("restoring <the> state"));
    assert_seen(
        &html,
        &[
            "Not ready yet. The exporter is starting: restoring <the> state.",
            "Waiting",
            "Complete up tonothing yet",
            "Newest rownone yet",
            "limit unknown; starts again",
            "None yet.",
            "No hits in this time.",
        ],
    );
    assert!(!html.contains("<meter") && !html.contains("class=\"bars\""));
    assert_well_formed(&html);
}

#[test]
fn the_policy_names_the_style_of_the_page() {
    // openssl dgst -sha256 -binary src/web/page/style.css | base64, were it to be computed by hand.
    let html = html(&[], Language::En, None);
    let style = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = BASE64_STANDARD.encode(digest::digest(&digest::SHA256, style.as_bytes()));
    assert!(POLICY.contains(&format!("style-src 'sha256-{hash}'")), "{}", *POLICY);
    assert!(
        !html.contains("style=") && !html.contains("http://localhost") && !html.contains("https:")
    );
}

/// Texts are written into the page without a look at each: none may hold markup.
#[test]
fn our_own_texts_hold_no_markup() {
    for language in Language::ALL {
        let status = StatusText::ALL.iter().map(|text| say(*text, language, &[]));
        let usual = UsualText::ALL.iter().map(|text| say(*text, language, &[]));
        for words in status.chain(usual) {
            assert!(!words.contains(['<', '>', '&', '"']), "{words}");
        }
    }
}

/// A request renders the page on the thread that answers scrapes.
#[test]
fn many_options_make_no_long_page() {
    let mut busy = target("busy");
    let options: Vec<_> =
        (0..7).map(|n| option(&format!("OPTION_{n}"), Some("Una opción"), 100)).collect();
    let point = PointDay { options, ..busy.day.points[0].clone() };
    busy.day.points = vec![point; 13];
    let html = html(&[busy], Language::Es, None);
    assert!(html.len() < 100_000, "{} bytes", html.len());
    let kinds: BTreeMap<&str, usize> = ["<svg class=\"bars\"", "<svg class=\"strip\""]
        .map(|kind| (kind, html.matches(kind).count()))
        .into();
    assert_eq!(kinds["<svg class=\"bars\""], 13 * 8);
}
