//! The variables of the environment that have no flag: the token, proxies, and certificate
//! authorities.
//!
//! Owns the variables' names, and the order of two spellings. It reads variables through a
//! parameter, never the process's environment: only `main` does that.

use std::{ffi::OsString, path::PathBuf};

use super::Secret;

/// The variables of a process that have no flag, each `None` when not set or empty.
#[derive(Debug, Default, Clone)]
pub struct Environment {
    /// `WOLKVOX_TOKEN`.
    pub token: Option<Secret>,
    /// The first that is set of `HTTPS_PROXY`, `https_proxy`, `ALL_PROXY` and `all_proxy`, and its
    /// value, which may hold a password.
    pub proxy: Option<(&'static str, Secret)>,
    /// `NO_PROXY`, or else `no_proxy`: hosts, domains and networks with a direct connection.
    pub no_proxy: Option<String>,
    /// `SSL_CERT_FILE`.
    pub ssl_cert_file: Option<PathBuf>,
    /// The directories of `SSL_CERT_DIR`.
    pub ssl_cert_dirs: Vec<PathBuf>,
}

impl Environment {
    /// Reads the variables through `variable`. A value that is not Unicode is read as far as it
    /// goes.
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let proxies = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        let directories = set(&variable, "SSL_CERT_DIR");
        Self {
            token: text(&variable, "WOLKVOX_TOKEN").map(Secret::new),
            proxy: proxies
                .into_iter()
                .find_map(|name| Some((name, Secret::new(text(&variable, name)?)))),
            no_proxy: ["NO_PROXY", "no_proxy"].into_iter().find_map(|name| text(&variable, name)),
            ssl_cert_file: set(&variable, "SSL_CERT_FILE").map(PathBuf::from),
            ssl_cert_dirs: directories.iter().flat_map(std::env::split_paths).collect(),
        }
    }
}

/// Returns the value of a variable that is set and not empty.
fn set(variable: impl Fn(&str) -> Option<OsString>, name: &str) -> Option<OsString> {
    variable(name).filter(|value| !value.is_empty())
}

fn text(variable: impl Fn(&str) -> Option<OsString>, name: &str) -> Option<String> {
    set(variable, name).map(|value| value.to_string_lossy().into_owned())
}

impl From<Secret> for Environment {
    /// An environment with a token and nothing else.
    fn from(token: Secret) -> Self {
        Self { token: Some(token), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_spelling_that_is_set_wins_and_an_empty_one_is_not_set() {
        let variables = [
            ("HTTPS_PROXY", ""),
            ("https_proxy", "http://lower:1"),
            ("no_proxy", "a"),
            ("NO_PROXY", "b"),
        ];
        let found = Environment::read(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        });
        let (name, value) = found.proxy.expect("one is set");
        assert_eq!((name, value.expose()), ("https_proxy", "http://lower:1"));
        assert_eq!(found.no_proxy.as_deref(), Some("b"));
        assert!(
            found.token.is_none()
                && found.ssl_cert_file.is_none()
                && found.ssl_cert_dirs.is_empty()
        );
    }
}
