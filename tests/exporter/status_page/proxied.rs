//! Tests of the page behind a real reverse proxy (nginx) that serves it under a path of its own.

use std::{
    fs,
    net::SocketAddr,
    process::{Child, Stdio},
    time::Duration,
};

use crate::support::{
    api::Api,
    debian,
    fleet::Supervisor,
    process::{client, own_address},
};

/// A proxy in its own directory, which ends when this is dropped.
struct Proxy {
    child: Child,
    address: SocketAddr,
    _directory: tempfile::TempDir,
}

impl Proxy {
    /// Starts a proxy that serves the exporter under `/wolkvox/`, configured as in
    /// `docs/status.md`.
    fn start(behind: SocketAddr) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let address = own_address();
        let here = directory.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {here}/{name}; "))
            .concat();
        let configuration = format!(
            "daemon off; master_process off; pid {here}/pid; error_log {here}/error.log;\n\
             events {{}}\n\
             http {{ access_log off; {temporary}\n\
             server {{ listen {address}; location /wolkvox/ {{ proxy_pass http://{behind}/; }} }} }}\n"
        );
        let file = directory.path().join("nginx.conf");
        fs::write(&file, configuration).expect("written");
        let mut command = debian::command("nginx");
        command
            .arg("-p")
            .arg(directory.path())
            .arg("-c")
            .arg(&file)
            .arg("-e")
            .arg(directory.path().join("error.log"));
        let child =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("nginx starts");
        Self { child, address, _directory: directory }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the links of the page to other pages.
fn links(page: &str) -> Vec<String> {
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    links.filter(|link| !link.starts_with("data:")).map(|link| link.replace("&amp;", "&")).collect()
}

#[tokio::test]
async fn every_link_works_under_a_path_of_a_proxy() {
    let api = Api::start(|_| {}).await;
    let exporter = Supervisor::of("proxied", &api).start().await;
    let proxy = Proxy::start(exporter.address);
    let client = client();
    let base: reqwest::Url = format!("http://{}/wolkvox/", proxy.address).parse().expect("a URL");
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    let page = loop {
        match client.get(base.clone()).send().await {
            Ok(answer) if answer.status().is_success() => {
                break answer.text().await.expect("a page");
            }
            _ => assert!(std::time::Instant::now() < deadline, "the proxy does not answer"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let links = links(&page);
    assert!(links.len() >= 5, "{links:?}");
    // The list of runbooks, a runbook that links to another, and everything that these link to.
    let mut pages: Vec<(String, Vec<String>)> = vec![(String::new(), links)];
    for path in ["runbooks/?lang=es", "runbooks/WolkvoxRowsRejected?lang=en"] {
        let answer =
            client.get(base.join(path).expect("a link")).send().await.expect("the proxy answers");
        pages.push((path.to_owned(), self::links(&answer.text().await.expect("a page"))));
    }
    assert!(pages[1].1.len() > 25 && pages[2].1.len() >= 3, "{pages:?}");
    let links = pages.iter().flat_map(|(page, links)| links.iter().map(move |link| (page, link)));
    for (page, link) in links {
        let base = base.join(page).expect("a page");
        let url = base.join(link).expect("a link");
        assert!(url.path().starts_with("/wolkvox/"), "{link} leaves the proxy's path");
        let answer = client.get(url).send().await.expect("the proxy answers");
        assert!(answer.status().is_success(), "{link}: {}", answer.status());
    }
}
