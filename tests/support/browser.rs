//! A real Chromium, driven through the WebDriver protocol of its chromedriver.
//!
//! Both end when the handle is dropped. They connect to the loopback interface only.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::debian;

/// One browser with one page.
pub(crate) struct Browser {
    driver: Child,
    client: reqwest::Client,
    session: String,
    _profile: TempDir,
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let mut driver = debian::command("chromedriver")
            .args(["--port=0", "--log-level=SEVERE"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let output = BufReader::new(driver.stdout.take().expect("it is piped"));
        let mut lines = output.lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let port =
            port.unwrap_or_else(|| panic!("chromedriver did not say on which port it listens"));
        // The rest of the output is not needed, but must be read so that the driver does not block.
        std::thread::spawn(move || lines.for_each(drop));

        let profile = tempfile::tempdir().expect("a temporary directory can be created");
        let client = client(Duration::from_secs(60));
        let mut browser = Self {
            driver,
            client,
            session: format!("http://127.0.0.1:{port}/session"),
            _profile: profile,
        };
        let arguments = [
            "--headless",
            // Root, and many containers, cannot have Chromium's own sandbox.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
        ];
        let mut arguments: Vec<String> = arguments.map(str::to_owned).into();
        arguments.push(format!("--user-data-dir={}", browser._profile.path().display()));
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "binary": debian::path("chromium"), "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let session = browser.post("", capabilities).await;
        let id = session["sessionId"].as_str().expect("a session has an id");
        browser.session = format!("{}/{id}", browser.session);
        browser
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let request = self.client.post(format!("{}{path}", self.session));
        let request = request.header("content-type", "application/json").body(body.to_string());
        let answer = request.send().await.expect("chromedriver answers");
        let status = answer.status();
        let bytes = answer.bytes().await.expect("chromedriver answers to the end");
        let mut answer: Value = serde_json::from_slice(&bytes).expect("chromedriver speaks JSON");
        assert!(status.is_success(), "{path}: {}", answer["value"]["message"]);
        answer["value"].take()
    }

    /// Sends a command of Chromium's own protocol.
    pub(crate) async fn command(&self, command: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    /// Sets the size of the window in CSS pixels from the next page on, on a screen with `density`
    /// pixels for each.
    pub(crate) async fn resize(&self, width: u32, height: u32, density: f64) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": density, "mobile": width < 600 });
        self.command("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Sets the system's colour scheme to `light` or `dark`.
    pub(crate) async fn prefer(&self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.command("Emulation.setEmulatedMedia", features).await;
    }

    /// Sets the languages in which the browser requests pages.
    pub(crate) async fn accept_language(&self, languages: &str) {
        self.command("Network.enable", json!({})).await;
        let headers = json!({ "headers": { "Accept-Language": languages } });
        self.command("Network.setExtraHTTPHeaders", headers).await;
    }

    /// Opens a page, and waits until it is loaded.
    pub(crate) async fn open(&self, url: &str) {
        self.post("/url", json!({ "url": url })).await;
    }

    /// Runs the body of a function and returns its result.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// Returns the lines of the console since the last call.
    pub(crate) async fn console(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({ "type": "browser" })).await;
        let entries = log.as_array().expect("a log is a list").iter();
        entries.map(|entry| format!("{} {}", entry["level"], entry["message"])).collect()
    }

    /// Returns the first `height` CSS pixels of the page as PNG, in base64.
    pub(crate) async fn picture(&self, width: u32, height: u32) -> String {
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let options = json!({ "format": "png", "clip": clip, "captureBeyondViewport": true });
        let picture = self.command("Page.captureScreenshot", options).await;
        picture["data"].as_str().expect("a picture").to_owned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its session; if only the driver were killed, the browser would
        // stay. This needs another thread, because it is called within a runtime, and a new client,
        // because the old one's connections wait for that runtime.
        let session = self.session.clone();
        let ended = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let deleted = async { client(Duration::from_secs(20)).delete(session).send().await };
            runtime.block_on(deleted).map_err(std::io::Error::other)
        });
        // If the session cannot be ended, nothing else can be done.
        let _ = ended.join();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn client(timeout: Duration) -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .timeout(timeout)
        .build()
        .expect("an HTTP client without special settings can be built")
}
