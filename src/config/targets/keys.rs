//! Declarations of a target's settings, as flags or in the file.
//!
//! Owns names, help and defaults. Flags set the only target; several targets are listed in the
//! file.

use serde_json::json;

use crate::config::{
    TargetConfig,
    setting::{FlagGroup, Key},
};

pub(super) const SERVER: &str = "wolkvox.server";
pub(super) const TOKEN_FILE: &str = "wolkvox.token-file";
pub(super) const PROXY_URL: &str = "wolkvox.proxy-url";
pub(super) const CA_FILE: &str = "wolkvox.ca-file";
pub(super) const TIMEZONE: &str = "wolkvox.timezone";
pub(super) const ALLOW_HTTP: &str = "wolkvox.allow-http";
pub(super) const OUTCOMES: &str = "wolkvox.outcomes";
pub(super) const NAMES_FROM: &str = "names.from";
pub(super) const NAMES_FILE: &str = "names.file";

/// `--wolkvox.*`
#[derive(Debug)]
pub struct TargetFlags;

/// `--names.*`
#[derive(Debug)]
pub struct NameFlags;

impl FlagGroup for TargetFlags {
    const HEADING: &'static str = "Wolkvox";

    fn keys() -> Vec<Key> {
        vec![
            Key::text("SERVER", "The one target without a file: 0042, wv0042 or a URL")
                .at("targets[].server")
                .flag(SERVER),
            Key::text("FILE", "File with the token, read anew at every use")
                .at("targets[].token_file")
                .flag(TOKEN_FILE),
            Key::text("URL", "Proxy that is asked for the connection, http://HOST:PORT, or `direct`")
                .at("targets[].proxy_url")
                .flag(PROXY_URL)
                .or("that of HTTPS_PROXY"),
            Key::text("FILE", "File with the only certificate authorities that are believed")
                .at("targets[].tls.ca_file")
                .flag(CA_FILE)
                .or("the system's"),
            Key::text("ZONE", "IANA zone of the server's clock")
                .at("targets[].timezone")
                .flag(TIMEZONE)
                .or(TargetConfig::DEFAULT_ZONE),
            Key::text(
                "",
                "Allow plain http to any host, not only to this machine: the token travels in the clear",
            )
            .flag(ALLOW_HTTP)
            .switch(),
            Key::text("NAME", "Value of the label `server`").at("targets[].name").or("digits of the server"),
            Key::text("NUMBER", "Licences of the operation, each of which pays for 1,000 requests a day")
                .at("targets[].licences")
                .schema(json!({"type": "integer", "minimum": 1})),
            Key::text("", "Read what became of calls, too (diagram_1): one more request a poll")
                .at("targets[].outcomes")
                .flag(OUTCOMES)
                .switch(),
        ]
    }
}

impl FlagGroup for NameFlags {
    const HEADING: &'static str = "Names";

    fn keys() -> Vec<Key> {
        vec![
            Key::text("SOURCE", "Where names of points and options come from: vendor, file, off")
                .at("targets[].names.from")
                .flag(NAMES_FROM)
                .or("vendor")
                .schema(json!({"enum": ["vendor", "file", "off"]})),
            Key::text("FILE", "YAML file with names of your own, which win over Wolkvox's")
                .at("targets[].names.file")
                .flag(NAMES_FILE),
        ]
    }
}
