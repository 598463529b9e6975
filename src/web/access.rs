//! Access to the server: the current rules, and the check of each request against them.
//!
//! Owns the decision on an `Authorization` header, and the swap of the rules when their file
//! changes. TLS and client certificates are checked before a request exists, by `tls`.

use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::header::{AUTHORIZATION, HeaderMap};
use tokio::{
    sync::watch,
    task::{JoinError, spawn_blocking},
    time::sleep,
};

use super::passwords::{PasswordCheck, Passwords};
use crate::config::{ConfigError, WebRules};

/// The current rules, shared by all connections.
#[derive(Debug)]
pub struct Access {
    rules: watch::Sender<Arc<WebRules>>,
    passwords: Passwords,
}

/// The reason for refusing a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccessDenied {
    /// A missing or wrong password.
    Unauthorized,
    /// Too many passwords are being checked.
    Busy,
}

impl Access {
    /// Takes the rules. `key` is random, for hashes of passwords that were right.
    pub fn new(rules: WebRules, key: [u8; 16]) -> Self {
        Self { rules: watch::Sender::new(Arc::new(rules)), passwords: Passwords::new(key) }
    }

    /// Lets everybody in, over plain HTTP.
    pub fn open() -> Self {
        Self::new(WebRules::default(), [0; 16])
    }

    pub(super) fn rules(&self) -> Arc<WebRules> {
        self.rules.borrow().clone()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<WebRules>> {
        self.rules.subscribe()
    }

    /// Checks a request with these headers from `address`.
    pub(super) async fn admit(
        &self,
        rules: &WebRules,
        headers: &HeaderMap,
        address: IpAddr,
    ) -> Result<(), AccessDenied> {
        if rules.users.is_empty() {
            return Ok(());
        }
        let (user, password) = credentials(headers).ok_or(AccessDenied::Unauthorized)?;
        match self.passwords.check(&rules.users, &user, &password, address).await {
            PasswordCheck::Good => Ok(()),
            PasswordCheck::Wrong => Err(AccessDenied::Unauthorized),
            PasswordCheck::Busy => Err(AccessDenied::Busy),
        }
    }

    /// Reads `path` again at the interval `every`, and adopts the rules if they changed. Rules that
    /// cannot be used are logged once, and the current ones stay. Never returns.
    pub async fn follow(&self, path: PathBuf, every: Duration) {
        let mut complaint = String::new();
        loop {
            sleep(every).await;
            let path = path.clone();
            self.take(spawn_blocking(move || WebRules::read(&path)).await, &mut complaint);
        }
    }

    fn take(&self, read: Result<Result<WebRules, ConfigError>, JoinError>, complaint: &mut String) {
        let reason = match read {
            Ok(Ok(rules)) => {
                let changed = rules.fingerprint != self.rules.borrow().fingerprint;
                if changed || !complaint.is_empty() {
                    rules.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
                    tracing::info!("the web configuration was read anew");
                }
                if changed {
                    self.rules.send_replace(Arc::new(rules));
                }
                complaint.clear();
                return;
            }
            Ok(Err(error)) => error.to_string().replace('\n', "; "),
            Err(panic) => panic.to_string(),
        };
        if reason != *complaint {
            tracing::error!(%reason, "the web configuration cannot be used: the one before it stays in force");
            *complaint = reason;
        }
    }
}

/// Reads user and password from the `Authorization` header.
fn credentials(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let mut all = headers.get_all(AUTHORIZATION).into_iter();
    let (value, None) = (all.next()?.to_str().ok()?, all.next()) else { return None };
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let user = String::from_utf8(decoded[..colon].to_vec()).ok()?;
    Some((user, decoded[colon + 1..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Option<(String, Vec<u8>)> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().expect("a header"));
        }
        credentials(&headers)
    }

    #[test]
    fn credentials_are_read_as_clients_send_them() {
        let sent =
            |user: &str, password: &str| Some((user.to_owned(), password.as_bytes().to_vec()));
        assert_eq!(read(&["Basic YW5hOnVubw=="]), sent("ana", "uno"));
        assert_eq!(read(&["basic  YW5hOnVubw=="]), sent("ana", "uno"));
        assert_eq!(read(&["Basic YW5hOjo="]), sent("ana", ":"));
        assert_eq!(read(&["Basic Og=="]), sent("", ""));
    }

    #[test]
    fn anything_else_is_none() {
        let bad: [&[&str]; 8] = [
            &[],
            &["Basic"],
            &["Basic "],
            &["Basic %%%"],
            &["Basic YW5h"],
            &["Bearer YW5hOnVubw=="],
            &["YW5hOnVubw=="],
            &["Basic YW5hOnVubw==", "Basic YW5hOnVubw=="],
        ];
        for values in bad {
            assert_eq!(read(values), None, "{values:?}");
        }
    }
}
