//! Tests of the status page in a real browser.
//!
//! With `WOLKVOX_TEST_PICTURES=docs/pictures` it also takes the pictures of the documentation.

use std::{
    env, fs,
    path::Path,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use simulator_testing::Fault;

use crate::support::{
    api::{Api, TOKEN},
    browser::Browser,
    fleet::Supervisor,
    process::{Exporter, bare},
};

const MEASURE: &str = include_str!("look.js");
const LANGUAGES: [(&str, &str); 2] = [("en", "en-GB,en;q=0.9"), ("es", "es-CO,es;q=0.9,en;q=0.8")];

/// The option of the demonstration that fell silent the evening before.
const DEAD: &str = "Ventas al hogar (VENTAS_HOGAR) · Ventas (4628) · voice: 0 ";
/// Longest time for reading four weeks, which takes two and a half minutes because of the pauses in
/// the demonstration.
const DEADLINE: Duration = Duration::from_secs(400);

/// Starts the demonstration, and waits until its page names that option.
async fn demo() -> (tempfile::TempDir, Exporter) {
    let directory = tempfile::tempdir().expect("a temporary directory can be created");
    let mut command = bare(directory.path());
    command.args(["demo", "--web.listen-address=127.0.0.1:0"]);
    let demo = Exporter::start(command).await;
    let begun = Instant::now();
    loop {
        let status = demo.get("/status.json").await.unwrap_or_default();
        if status.contains(DEAD) {
            return (directory, demo);
        }
        assert!(
            begun.elapsed() < DEADLINE,
            "it does not name {DEAD}: {status}\n{}",
            demo.process.log()
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Fails unless the page has a table of each kind, because its check covers only tables that are
/// there.
fn assert_every_kind_of_table(page: &Value, language: &str) {
    let headings = match language {
        "es" => ["Colgaron", "Duró", "Por hora"],
        _ => ["Hung up", "Took", "By hour"],
    };
    let tables = page["tables"].as_array().expect("a list of tables");
    for heading in headings {
        let has_heading =
            |table: &Value| table.as_array().is_some_and(|all| all.contains(&heading.into()));
        assert!(tables.iter().any(has_heading), "no table has {heading:?}: {tables:?}");
    }
}

/// Opens the page and checks it in both colour schemes and at the narrowest and widest size.
async fn look(browser: &Browser, url: &str, language: &str, charts: u64) -> Vec<Value> {
    let mut seen = Vec::new();
    for (width, scheme) in [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")] {
        browser.resize(width, 800, 1.0).await;
        browser.prefer(scheme).await;
        browser.open(url).await;
        let at = format!("{language}, {width} px, {scheme}");
        let page = browser.run(MEASURE).await;
        assert_eq!(page["wrong"].as_array().map(Vec::len), Some(0), "{at}: {:#}", page["wrong"]);
        assert_eq!(browser.console().await, Vec::<String>::new(), "{at}");
        assert_eq!(page["dark"], scheme == "dark", "{at}");
        assert_eq!(page["lang"], language, "{at}");
        assert!(page["charts"].as_u64() >= Some(charts), "{at}: {} charts", page["charts"]);
        assert!(page["least"].as_f64() >= Some(4.5), "{at}: contrast {}", page["least"]);
        seen.push(page);
    }
    seen
}

#[tokio::test]
async fn the_demo_reads_well_on_a_telephone_and_a_screen_by_day_and_by_night_in_both_languages() {
    let (_directory, demo) = demo().await;
    let browser = Browser::start().await;
    let url = format!("http://{}/", demo.address);
    for (language, accept) in LANGUAGES {
        browser.accept_language(accept).await;
        let pages = look(&browser, &url, language, 20).await;
        pages.iter().for_each(|page| assert_every_kind_of_table(page, language));
        let text = pages[0]["text"].as_str().expect("it has text");
        let (well, other) = match language {
            "es" => ("Todo está bien", "English"),
            _ => ("All is well", "Español"),
        };
        assert!(text.contains(well) && text.contains(other) && text.contains("AGENTE"), "{text}");
        assert!(text.contains(DEAD), "{text}");
        let html = demo.get(&format!("/?lang={language}")).await.expect("a page");
        assert!(html.len() < 64 * 1024, "{} bytes", html.len());
        println!(
            "{language}: {} bytes, {} charts, {} px high at 360, least contrast {:.1}",
            html.len(),
            pages[0]["charts"],
            pages[0]["height"],
            pages.iter().filter_map(|page| page["least"].as_f64()).fold(f64::INFINITY, f64::min)
        );
    }
    // The link to the other language must take precedence over the browser's language.
    browser.run("document.querySelector('header a').click()").await;
    assert_eq!(browser.run("return document.documentElement.lang").await, "en");

    // The check itself must detect these defects.
    browser
        .run(
            "const p = document.createElement('p'); p.textContent = 'too wide and too pale'; \
             p.style.cssText = 'width: 3000px; color: #bbb; background: #fff'; document.body.append(p); \
             const t = document.createElement('table'); t.innerHTML = '<tr><th>Colgaron'; \
             t.style.cssText = 'width: 1px; overflow-wrap: anywhere'; document.body.append(t); \
             document.querySelector('svg[role=img] title').remove(); console.error('too loud')",
        )
        .await;
    let wrong = browser.run(MEASURE).await["wrong"].to_string();
    for fault in [
        "the page is",
        "reaches to",
        "pale\\\" has contrast",
        "Colgaron\\\" is broken",
        "a chart without a title",
    ] {
        assert!(wrong.contains(fault), "{fault}: {wrong}");
    }
    assert!(browser.console().await.concat().contains("too loud"));

    if let Some(folder) = env::var_os("WOLKVOX_TEST_PICTURES") {
        take(
            &browser,
            &format!("{url}?lang=en"),
            (1000, 1060),
            "light",
            Path::new(&folder),
            "status-page",
        )
        .await;
        take(
            &browser,
            &format!("{url}?lang=es"),
            (390, 1000),
            "dark",
            Path::new(&folder),
            "status-page-es",
        )
        .await;
    }
}

/// Takes a picture of the upper part of a page, as PNG.
async fn take(
    browser: &Browser,
    url: &str,
    (width, height): (u32, u32),
    scheme: &str,
    folder: &Path,
    name: &str,
) {
    browser.resize(width, height, if width < 600 { 1.5 } else { 1.0 }).await;
    browser.prefer(scheme).await;
    browser.open(url).await;
    let picture = BASE64_STANDARD.decode(browser.picture(width, height).await).expect("base64");
    assert!(picture.len() < 200_000, "{name}: {} bytes", picture.len());
    fs::write(folder.join(format!("{name}.png")), picture).expect("the folder can be written to");
}

#[tokio::test]
async fn targets_in_trouble_say_so_in_words_and_shapes() {
    let good = Api::start(|_| {}).await;
    let mut fleet = Supervisor::of("a good one", &good);
    let refused = Api::start(|_| {}).await.always(Fault::TokenInvalid);
    fleet.add("refused", &refused.url());
    let silent = Api::empty().await;
    fleet.add("silent", &silent.url());
    let down = Api::start(|_| {}).await.always(Fault::Maintenance);
    // No characters of a name may break the layout.
    fleet.add(&"a-name-without-a-space-".repeat(5), &down.url());
    let exporter = fleet.start().await;
    exporter
        .wait_for("each has polled", |scrape| {
            scrape.up("a good one")
                && scrape.up("silent")
                && scrape.failures("refused", "token_invalid") > 0.0
                && scrape.get("wolkvox_poll_failures_total", &[("class", "maintenance")]) > 0.0
        })
        .await;
    let browser = Browser::start().await;
    let url = format!("http://{}/", exporter.address);
    for (language, accept) in LANGUAGES {
        browser.accept_language(accept).await;
        let pages = look(&browser, &url, language, 4).await;
        let text = pages[0]["text"].as_str().expect("it has text");
        let words = match language {
            "es" => [
                "3 de 4 operaciones requieren atención",
                "Con fallas",
                "El token fue rechazado",
                "Qué hacer: Pida un token válido",
                "Sin filas",
                "El servidor está en mantenimiento",
            ],
            _ => [
                "3 of 4 targets need attention",
                "Failing",
                "The token was refused",
                "What to do: Ask for a valid token",
                "No rows",
                "The server is in maintenance",
            ],
        };
        for words in words {
            assert!(text.contains(words), "{words:?} is not in\n{text}");
        }
        assert!(!text.contains(TOKEN));
        // Each state has a shape beside its name, and failed polls have crosses, so that colour is
        // not needed.
        let shapes = browser.run(
            "return [...document.querySelectorAll('.state path')].map(p => p.getAttribute('d'))",
        );
        let shapes = shapes.await;
        let shapes: std::collections::BTreeSet<_> =
            shapes.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        assert_eq!(shapes.len(), 3, "{shapes:?}");
        assert_eq!(browser.run("return document.querySelectorAll('.cross').length").await, 2);
    }
}
