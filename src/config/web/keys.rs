//! The keys of the web configuration, in the format that Prometheus's exporters share.
//!
//! Owns the keys that the file may have; `file` and `tls` interpret them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::config::read::file::{Scalar, YamlFile, nothing_is_default};

pub(crate) type WebFile = YamlFile<WebRoot>;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebRoot {
    pub(super) tls_server_config: Option<Spanned<TlsSection>>,
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(super) http_server_config: HttpSection,
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(super) basic_auth_users: BTreeMap<String, Scalar>,
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(super) rate_limit: RateSection,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpSection {
    pub(super) http2: Option<Scalar>,
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(super) headers: BTreeMap<String, Scalar>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateSection {
    pub(super) interval: Option<Scalar>,
    #[expect(dead_code, reason = "a known key, and without an interval it means nothing")]
    pub(super) burst: Option<Scalar>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsSection {
    pub(super) cert: Option<Scalar>,
    pub(super) key: Option<Scalar>,
    pub(super) client_ca: Option<Scalar>,
    pub(super) cert_file: Option<Scalar>,
    pub(super) key_file: Option<Scalar>,
    pub(super) client_ca_file: Option<Scalar>,
    pub(super) client_auth_type: Option<Scalar>,
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(super) client_allowed_sans: Vec<Scalar>,
    pub(super) min_version: Option<Scalar>,
    pub(super) max_version: Option<Scalar>,
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(super) cipher_suites: Vec<Scalar>,
    pub(super) prefer_server_cipher_suites: Option<Scalar>,
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub(super) curve_preferences: Vec<Scalar>,
}
