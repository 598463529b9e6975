//! Scrapes on a thread of its own, as a Prometheus on another machine would, and measures each.
//!
//! Each scrape uses a new connection, which is harder than a kept one because it needs a free
//! place. A failed scrape is not repeated.

use std::{
    io::Read as _,
    thread,
    time::{Duration, Instant},
};

use flate2::read::GzDecoder;
use reqwest::{Certificate, Client};

const PAUSE: Duration = Duration::from_millis(20);
/// Prometheus's default timeout of a scrape.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The durations of scrapes, and the exporter's own figures.
pub(crate) struct Scrapes {
    /// Ascending.
    times: Vec<Duration>,
    /// Highest memory that the exporter exposed, in bytes.
    pub(crate) memory: u64,
    pub(crate) descriptors: u64,
}

impl Scrapes {
    pub(crate) fn count(&self) -> usize {
        self.times.len()
    }

    /// Returns the duration at this share of all scrapes, such as 0.5 for the median.
    pub(crate) fn at(&self, share: f64) -> Duration {
        self.times[((self.times.len() - 1) as f64 * share).round() as usize]
    }
}

/// The address and credentials of a scraper.
#[derive(Clone)]
pub(crate) struct Scraper {
    url: String,
    password: String,
    authority: Option<String>,
}

impl Scraper {
    /// Makes a scraper that trusts `authority` (PEM).
    pub(crate) fn new(
        address: std::net::SocketAddr,
        authority: Option<&str>,
        password: &str,
    ) -> Self {
        let scheme = if authority.is_some() { "https" } else { "http" };
        Self {
            url: format!("{scheme}://{address}/metrics"),
            password: password.to_owned(),
            authority: authority.map(str::to_owned),
        }
    }

    /// Scrapes for this long. Returns the error of the first scrape that failed, if any.
    pub(crate) fn scrape_for(&self, time: Duration) -> thread::JoinHandle<Result<Scrapes, String>> {
        let scraper = self.clone();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(|error| error.to_string())?.block_on(scraper.run(time))
        })
    }

    async fn run(&self, time: Duration) -> Result<Scrapes, String> {
        let client = self.client();
        let mut scrapes = Scrapes { times: Vec::new(), memory: 0, descriptors: 0 };
        let begun = Instant::now();
        while begun.elapsed() < time {
            let asked = Instant::now();
            let body = self.once(&client).await.map_err(|error| {
                format!("scrape {} failed after {:?}: {error:?}", scrapes.count(), asked.elapsed())
            })?;
            scrapes.times.push(asked.elapsed());
            let text = unpacked(&body)?;
            scrapes.memory = scrapes.memory.max(value(&text, "process_resident_memory_bytes")?);
            scrapes.descriptors = scrapes.descriptors.max(value(&text, "process_open_fds")?);
            tokio::time::sleep(PAUSE).await;
        }
        scrapes.times.sort();
        Ok(scrapes)
    }

    /// Scrapes once. Returns the text, unless the scrape fails.
    pub(crate) async fn text(&self) -> Option<String> {
        unpacked(&self.once(&self.client()).await.ok()?).ok()
    }

    fn client(&self) -> Client {
        let builder =
            Client::builder().no_proxy().no_gzip().pool_max_idle_per_host(0).timeout(TIMEOUT);
        let builder = match &self.authority {
            Some(authority) => builder
                .tls_certs_only([
                    Certificate::from_pem(authority.as_bytes()).expect("a certificate")
                ]),
            None => builder,
        };
        builder.build().expect("an HTTP client")
    }

    async fn once(&self, client: &Client) -> reqwest::Result<Vec<u8>> {
        let request = client.get(&self.url).basic_auth("prometheus", Some(&self.password));
        let answer = request.header("accept-encoding", "gzip").send().await?.error_for_status()?;
        Ok(answer.bytes().await?.to_vec())
    }
}

fn unpacked(body: &[u8]) -> Result<String, String> {
    let mut text = String::new();
    GzDecoder::new(body).read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

fn value(text: &str, metric: &str) -> Result<u64, String> {
    let line = text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
    let number = line.and_then(|number| number.parse::<f64>().ok());
    number.map(|number| number as u64).ok_or_else(|| format!("no {metric} in the scrape"))
}
