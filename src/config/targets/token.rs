//! Where a token comes from.
//!
//! Owns the reading of token files. A file is read anew at every use, so that a rotated token needs no
//! restart. No error here may repeat what was read.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};

use thiserror::Error;

use crate::config::Secret;

/// Far above any token, far below a file named by mistake.
const LONGEST: u64 = 4096;

/// Where a token comes from.
#[derive(Debug, Clone)]
pub enum TokenSource {
    /// A file that holds the token and nothing else but white space around it.
    File(PathBuf),
    /// The token itself.
    Fixed(Secret),
}

/// Why there is no token.
#[derive(Debug, Error)]
pub enum TokenError {
    /// The file is missing or may not be read.
    #[error("cannot read the token file {path}: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// A directory, a pipe or a device: it could not be read anew at every use.
    #[error("the token file {0} is not a regular file, and it is read anew at every use")]
    NotAFile(PathBuf),
    /// Nothing but white space.
    #[error("{0} is empty: put the wolkvox-token into it")]
    Empty(String),
    /// Too long for a token.
    #[error("{0} holds more than 4096 bytes: that is no token")]
    TooLong(String),
    /// A token is one word of visible ASCII; anything else cannot be sent in a header.
    #[error("{0} holds a space, a line break or another character that no token has: it must be one word")]
    Malformed(String),
}

/// Tells whether a token file was written since; compare with an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenVersion {
    modified: Option<SystemTime>,
    len: u64,
}

impl TokenSource {
    /// A token given directly, for instance by the variable named `origin`.
    ///
    /// # Errors
    /// When it is empty, too long or not one word.
    pub fn fixed(token: &Secret, origin: &str) -> Result<Self, TokenError> {
        clean(token.expose().as_bytes(), || origin.to_owned()).map(Self::Fixed)
    }

    /// The token of this moment. Reads a file of at most 4 KiB, blocking.
    ///
    /// # Errors
    /// When the file is missing, unreadable, empty, or holds something that is no token.
    pub fn read(&self) -> Result<Secret, TokenError> {
        match self {
            Self::Fixed(token) => Ok(token.clone()),
            Self::File(path) => read_file(path),
        }
    }

    /// What the file looks like now, without reading it; `None` when there is no file.
    pub fn fingerprint(&self) -> Option<TokenVersion> {
        let Self::File(path) = self else { return None };
        let metadata = fs::metadata(path).ok()?;
        Some(TokenVersion { modified: metadata.modified().ok(), len: metadata.len() })
    }

    /// The file's permissions, if every user of the machine may read it.
    pub(crate) fn open_to_all(&self) -> Option<u32> {
        let Self::File(path) = self else { return None };
        mode(path).filter(|mode| mode & 0o004 != 0)
    }
}

#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).ok().map(|metadata| metadata.permissions().mode() & 0o7777)
}

#[cfg(not(unix))]
fn mode(_path: &Path) -> Option<u32> {
    None
}

fn read_file(path: &Path) -> Result<Secret, TokenError> {
    let unreadable = |reason| TokenError::Unreadable { path: path.to_owned(), reason };
    // Asked before opening: to open a pipe would wait for its writer.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(TokenError::NotAFile(path.to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    clean(&bytes, || format!("the token file {}", path.display()))
}

fn clean(bytes: &[u8], origin: impl Fn() -> String) -> Result<Secret, TokenError> {
    if bytes.len() as u64 > LONGEST {
        return Err(TokenError::TooLong(origin()));
    }
    let text = str::from_utf8(bytes).map_err(|_| TokenError::Malformed(origin()))?;
    // Editors of some systems begin a file with a byte-order mark.
    let token = text.trim_start_matches('\u{feff}').trim();
    if token.is_empty() {
        return Err(TokenError::Empty(origin()));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TokenError::Malformed(origin()));
    }
    Ok(Secret::new(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_file(content: impl AsRef<[u8]>) -> (tempfile::TempDir, TokenSource) {
        let dir = tempfile::tempdir().expect("a directory for the test");
        let path = dir.path().join("token");
        fs::write(&path, content).expect("written");
        (dir, TokenSource::File(path))
    }

    #[test]
    fn white_space_around_it_is_no_part_of_it() {
        for content in ["hunter2", "hunter2\n", "\u{feff}hunter2\r\n", "\n  hunter2\t\n"] {
            let (_dir, source) = in_file(content);
            assert_eq!(source.read().expect(content).expose(), "hunter2");
        }
    }

    #[test]
    fn what_is_no_token_is_refused_without_repeating_it() {
        let long = "hunter2".repeat(600);
        for content in ["hunter2 hunter2", "hunter2\nhunter2", "hunter2\u{7f}", "hunter2ñ", long.as_str()] {
            let (_dir, source) = in_file(content);
            let error = source.read().expect_err("no token");
            assert!(matches!(error, TokenError::Malformed(_) | TokenError::TooLong(_)), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
        let (_dir, bytes) = in_file([0xff, 0xfe]);
        assert!(matches!(bytes.read(), Err(TokenError::Malformed(_))));
        let (dir, blank) = in_file(" \n");
        assert!(matches!(blank.read(), Err(TokenError::Empty(_))));
        assert!(matches!(TokenSource::File(dir.path().into()).read(), Err(TokenError::NotAFile(_))));
        assert!(matches!(
            TokenSource::File(dir.path().join("no")).read(),
            Err(TokenError::Unreadable { .. })
        ));
    }

    #[test]
    fn a_file_is_read_anew_and_shows_that_it_changed() {
        let (_dir, source) = in_file("first");
        let before = source.fingerprint().expect("it is there");
        assert_eq!(source.fingerprint(), Some(before));
        let TokenSource::File(path) = &source else { panic!("it is a file") };
        fs::write(path, "second").expect("written");
        assert_eq!(source.read().expect("a token").expose(), "second");
        assert_ne!(source.fingerprint(), Some(before));
        fs::remove_file(path).expect("removed");
        assert_eq!(source.fingerprint(), None);
    }

    #[test]
    fn a_fixed_token_follows_the_same_rules() {
        let fixed = |token: &str| TokenSource::fixed(&Secret::new(token), "WOLKVOX_TOKEN");
        assert_eq!(fixed(" hunter2\n").expect("a token").read().expect("the same").expose(), "hunter2");
        assert!(fixed("a b").expect_err("two words").to_string().starts_with("WOLKVOX_TOKEN holds"));
    }
}
