//! Tests that no personal data and no secret leave the process: everything that it shows, logs and
//! stores is searched for each telephone, customer number and interaction of the rows that it read,
//! and for the token.
//!
//! The exporter logs at `trace` and meets errors on the way, some of which quote personal data and
//! the token.

use std::{collections::BTreeSet, fmt::Write as _, fs, time::Duration};

use simulator_testing::{CUSTOMER_PREFIX, Fault, TELEPHONE_PREFIX};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::support::api::{Api, TOKEN};
use crate::support::fleet::Supervisor;
use crate::support::personal::{self, QUOTED, quoting, text};
use crate::support::process::{Exporter, client};

/// The values that must not appear anywhere.
#[derive(Default)]
struct Secrets {
    telephones: BTreeSet<String>,
    customers: BTreeSet<String>,
    interactions: BTreeSet<String>,
}

impl Secrets {
    /// Collects them from all rows that a simulator serves.
    async fn served(api: &Api) -> Self {
        let mut secrets = Self::default();
        for row in &personal::rows(api).await {
            secrets.telephones.insert(text(row, "telephone"));
            secrets.customers.insert(text(row, "customer_id"));
            secrets.interactions.insert(text(row, "conn_id"));
        }
        secrets
    }

    /// Returns each value in every encoding in which it could appear.
    fn needles(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut needles = Vec::new();
        for (kind, texts) in [
            ("telephone", &self.telephones),
            ("customer_id", &self.customers),
            ("conn_id", &self.interactions),
        ] {
            for text in texts {
                needles.push((kind, text.clone().into_bytes()));
                // A parser could have kept it as a number.
                if let Ok(number) = text.parse::<u64>() {
                    needles.push((kind, number.to_le_bytes()[..6].to_vec()));
                    needles.push((kind, number.to_be_bytes()[2..].to_vec()));
                }
            }
        }
        needles.push(("quoted telephone", QUOTED.into()));
        needles.push(("token", TOKEN.into()));
        needles.push(("token, percent-encoded", percent(TOKEN).into_bytes()));
        needles.push(("token, percent-encoded", percent(TOKEN).to_lowercase().into_bytes()));
        for skip in 0..3 {
            needles.push(("token, base64", base64_inside(&TOKEN[skip..]).into_bytes()));
        }
        needles.push(("token, hexadecimal", hexadecimal(TOKEN).into_bytes()));
        needles
    }
}

/// A place that is searched.
struct Place {
    name: String,
    bytes: Vec<u8>,
}

fn search(places: &[Place], needles: &[(&'static str, Vec<u8>)]) -> Vec<String> {
    let mut found = Vec::new();
    for place in places {
        // Every needle has at least 6 bytes, so the first 6 rule out most positions.
        let mut starts = std::collections::HashMap::<[u8; 6], Vec<&(&str, Vec<u8>)>>::new();
        for needle in needles {
            starts.entry(needle.1[..6].try_into().expect("six bytes")).or_default().push(needle);
        }
        for (at, window) in place.bytes.windows(6).enumerate() {
            let start: [u8; 6] = window.try_into().expect("six bytes");
            for (kind, needle) in starts.get(&start).into_iter().flatten() {
                if place.bytes[at..].starts_with(needle) {
                    found.push(format!("{kind} in {} at byte {at}", place.name));
                }
            }
        }
    }
    found
}

/// Starts a server that answers every request with an error that quotes the token and a telephone.
/// Returns its URL.
async fn quoting_server(status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            if stream.read(&mut request).await.is_err() {
                continue;
            }
            let body = quoting();
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            // The exporter may have been stopped.
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(body.as_bytes()).await;
        }
    });
    format!("http://{address}")
}

async fn places_of(exporter: &mut Exporter, fleet: &Supervisor, format: &str) -> Vec<Place> {
    let mut places = Vec::new();
    let mut page = async |name: &str, path: &str, accept: &str| {
        let url = format!("http://{}{path}", exporter.address);
        let answer = client().get(url).header("accept", accept).send().await.expect("an answer");
        let bytes = answer.bytes().await.expect("a body").to_vec();
        places.push(Place { name: format!("{name} ({format})"), bytes });
    };
    page("text", "/metrics", "text/plain;version=0.0.4").await;
    page("OpenMetrics", "/metrics", "application/openmetrics-text;version=1.0.0").await;
    for language in ["en", "es"] {
        page(&format!("status page, {language}"), &format!("/?lang={language}"), "*/*").await;
        page(
            &format!("status as JSON, {language}"),
            &format!("/status.json?lang={language}"),
            "*/*",
        )
        .await;
    }
    page("readiness", "/-/ready", "*/*").await;
    exporter.process.signal("TERM");
    assert!(exporter.process.exit(Duration::from_secs(20)).await.success());
    let log = exporter.process.log().into_bytes();
    places.push(Place { name: format!("log ({format})"), bytes: log });
    places.push(Place {
        name: format!("output ({format})"),
        bytes: exporter.process.output().into_bytes(),
    });
    places.push(Place {
        name: format!("state ({format})"),
        bytes: fs::read(fleet.state()).expect("there is a state file"),
    });
    places
}

#[tokio::test]
async fn nothing_personal_and_no_token_leaves_the_process() {
    let faults = [
        Fault::CutJson,
        Fault::HalfGzip,
        Fault::RowBadDate,
        Fault::RowNotObject,
        Fault::DataObject,
        Fault::WrongSchema,
        Fault::Redirect { to: format!("http://127.0.0.1:9/?token={QUOTED}") },
    ];
    for format in ["json", "logfmt"] {
        let api = Api::start(|options| options.bursts[0].rows = 6000).await;
        let secrets = Secrets::served(&api).await;
        let mut fleet = Supervisor::of("main", &api);
        let mut faulty = Vec::new();
        for fault in &faults {
            let api = Api::start(|options| options.bursts[0].rows = 600).await;
            let api = match fault {
                // Without a limit this fault would be halved down to single seconds for ever.
                Fault::DataObject => api.times(fault.clone(), 5),
                _ => api.always(fault.clone()),
            };
            fleet.add(&fault.name(), &api.url());
            faulty.push(api);
        }
        for status in ["400 Bad Request", "403 Forbidden", "418 I'm a teapot", "200 OK", "500 Oops"]
        {
            fleet.add(&format!("quoting {status}"), &quoting_server(status).await);
        }
        fleet.read_outcomes();
        let mut command = fleet.command();
        command.args(["--log.level=trace", &format!("--log.format={format}")]);
        let mut exporter = Exporter::start(command).await;
        let truth = api.truth();
        exporter
            .wait_for("every row is read and every error was met", |scrape| {
                let quoting =
                    |class| scrape.sum("wolkvox_api_errors_total", &[("class", class)]) > Some(0.0);
                scrape.rows("main", "repeated") >= truth.rows as f64
                    && scrape.sum("wolkvox_menu_option_outcomes_total", &[("server", "main")])
                        > Some(500.0)
                    && scrape.errors("cut_json", "truncated") > 0.0
                    && scrape.errors("half_gzip", "truncated") > 0.0
                    && scrape.errors("wrong_schema", "schema") > 0.0
                    && scrape.errors("redirect", "bad_request") > 0.0
                    && scrape.rows("row_bad_date", "rejected") > 0.0
                    && ["http_5xx", "maintenance"].into_iter().all(quoting)
                    && scrape.errors("quoting 418 I'm a teapot", "bad_request") > 0.0
                    && scrape.errors("quoting 400 Bad Request", "bad_request") > 0.0
            })
            .await
            .assert_truth("main", &truth);
        let mut secrets_of_faulty = Vec::new();
        for api in &faulty {
            api.simulator.clear_faults();
            secrets_of_faulty.push(Secrets::served(api).await);
        }
        let places = places_of(&mut exporter, &fleet, format).await;

        // The rows and the places that were searched must not be empty.
        assert!(secrets.interactions.len() > 1500, "{} interactions", secrets.interactions.len());
        assert!(secrets.telephones.len() > 1000, "{} telephones", secrets.telephones.len());
        assert!(secrets.customers.len() > 1500, "{} customers", secrets.customers.len());
        assert!(secrets.telephones.iter().all(|telephone| telephone.starts_with(TELEPHONE_PREFIX)));
        assert!(secrets.customers.iter().all(|customer| customer.starts_with(CUSTOMER_PREFIX)));
        for (name, least) in [
            ("text", 10_000),
            ("OpenMetrics", 10_000),
            ("status page, en", 10_000),
            ("status page, es", 10_000),
            ("status as JSON, en", 10_000),
            ("status as JSON, es", 10_000),
            ("log", 3_000),
            ("state (", 100_000),
        ] {
            let place =
                places.iter().find(|place| place.name.starts_with(name)).expect("it was searched");
            assert!(
                place.bytes.len() > least,
                "{} has only {} bytes",
                place.name,
                place.bytes.len()
            );
        }
        let log =
            places.iter().find(|place| place.name.starts_with("log")).expect("it was searched");
        assert!(
            String::from_utf8_lossy(&log.bytes).contains("request ended"),
            "the log is at debug at least"
        );

        let mut needles = secrets.needles();
        needles.extend(secrets_of_faulty.iter().flat_map(Secrets::needles));
        assert_eq!(search(&places, &needles), Vec::<String>::new());
    }
}

/// The search must find a value in every encoding, or the other tests would prove nothing.
#[test]
fn what_is_there_is_found() {
    let mut secrets = Secrets::default();
    secrets.telephones.insert("573005551234".to_owned());
    secrets.interactions.insert("6736.10.1040.1768782812.1".to_owned());
    let encoded = {
        // The length of "Token: " shifts the base64 of the text behind it.
        use std::io::Write as _;
        let mut bytes = b"...573005551234 6736.10.1040.1768782812.1 ".to_vec();
        write!(bytes, "{} {}", percent(TOKEN), base64_inside(TOKEN))
            .expect("memory can be written");
        bytes.extend(573_005_551_234_u64.to_le_bytes());
        bytes
    };
    let found = search(&[Place { name: "here".to_owned(), bytes: encoded }], &secrets.needles());
    for kind in ["telephone in", "conn_id in", "token, percent-encoded in", "token, base64 in"] {
        assert!(found.iter().any(|line| line.starts_with(kind)), "{kind}: {found:?}");
    }
    assert_eq!(
        found.iter().filter(|line| line.starts_with("telephone in")).count(),
        2,
        "{found:?}"
    );
}

fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a string can be written");
        }
    }
    out
}

fn hexadecimal(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the base64 digits that stay the same whatever follows the text.
fn base64_inside(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (triples, _) = text.as_bytes().as_chunks::<3>();
    let digits = triples.iter().flat_map(|&[a, b, c]| {
        let bits = u32::from_be_bytes([0, a, b, c]);
        [18, 12, 6, 0].map(|shift| char::from(DIGITS[(bits >> shift) as usize & 63]))
    });
    digits.collect()
}
