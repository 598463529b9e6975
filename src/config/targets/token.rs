//! The source of a token.
//!
//! Owns the reading of token files. A file is read at every use, so that a rotated token needs no
//! restart. No error here may repeat the file's content.

use std::{
    error::Error,
    fmt,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::{
    config::{Secret, read::diagnostics::in_quotes},
    i18n::{Bilingual, bilingual},
};

/// Size of the largest token file, in bytes: far above any token, far below a file named by
/// mistake.
const LONGEST: u64 = 4096;

/// The source of a token.
#[derive(Debug, Clone)]
pub enum TokenSource {
    /// A file with only the token, and perhaps white space around it.
    File(PathBuf),
    /// The token itself.
    Fixed(Secret),
}

/// The reason why there is no token.
#[derive(Debug)]
pub enum TokenError {
    /// The file is missing or may not be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        reason: io::Error,
    },
    /// The name of the file is in quotes, which are part of it.
    QuotedPath(PathBuf),
    /// A directory, a pipe or a device, which cannot be read again at every use.
    NotAFile(PathBuf),
    /// Nothing but white space.
    Empty(Bilingual),
    /// Too long for a token.
    TooLong(Bilingual),
    /// The token is in quotes, which would be sent as part of it.
    Quoted(Bilingual),
    /// The file is in UTF-16: it begins with its byte-order mark.
    Utf16(Bilingual),
    /// A token is one word of visible ASCII; anything else cannot be sent in a header.
    Malformed(Bilingual),
}

impl TokenError {
    /// The error for people.
    fn message(&self) -> Bilingual {
        match self {
            Self::Unreadable { path, reason } => bilingual!(
                "cannot read the token file {}: {reason}",
                "no se puede leer el archivo del token {}: {reason}"; path.display()
            ),
            Self::QuotedPath(path) => bilingual!(
                "cannot read the token file {}: its name is in quotes, which an env file keeps as part of it; leave \
                 them out there",
                "no se puede leer el archivo del token {}: su nombre está entre comillas, que un archivo env conserva; \
                 quítelas allí"; path.display()
            ),
            Self::NotAFile(path) => bilingual!(
                "the token file {} is not a regular file, and it is read anew at every use",
                "el archivo del token {} no es un archivo común, y se lee de nuevo en cada uso"; path.display()
            ),
            Self::Empty(origin) => bilingual!(in origin:
                "{origin} is empty: put the wolkvox-token into it",
                "{origin} no tiene nada: ponga el wolkvox-token de la operación"
            ),
            Self::TooLong(origin) => bilingual!(in origin:
                "{origin} holds more than 4096 bytes: that is no token",
                "{origin} tiene más de 4096 bytes: eso no es un token"
            ),
            Self::Quoted(origin) => bilingual!(in origin:
                "{origin} holds a token in quotes, and they would be sent as part of it: leave them out (an env file \
                 keeps them)",
                "{origin} tiene un token entre comillas, que se enviarían con él: quítelas (un archivo env las conserva)"
            ),
            Self::Utf16(origin) => bilingual!(in origin:
                "{origin} begins with the byte-order mark of UTF-16: save it as plain text in UTF-8, the token alone on \
                 one line",
                "{origin} está en UTF-16: guárdelo como texto UTF-8, con el token solo en una línea"
            ),
            Self::Malformed(origin) => bilingual!(in origin:
                "{origin} holds a space, a line break or another character that no token has: it must be one word",
                "{origin} tiene un espacio, un salto de línea u otro carácter que ningún token lleva: debe ser una sola \
                 palabra"
            ),
        }
    }
}

impl From<TokenError> for Bilingual {
    fn from(error: TokenError) -> Self {
        error.message()
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message().fmt(f)
    }
}

impl Error for TokenError {}

/// The state of a token file, which differs after the file was written or replaced. It includes the
/// time of the last change of status, which only the system sets, so that a copy with a preserved
/// modification time is noticed too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenVersion {
    modified: (i64, i64),
    changed: (i64, i64),
    inode: u64,
    len: u64,
}

impl TokenSource {
    /// Uses a token that was given directly, for instance by the variable named `origin`.
    ///
    /// # Errors
    /// If it is empty, too long or not one word.
    pub fn fixed(token: &Secret, origin: &Bilingual) -> Result<Self, TokenError> {
        clean(token.expose().as_bytes(), || origin.clone()).map(Self::Fixed)
    }

    /// Returns the current token. Reads a file of at most 4 KiB, blocking.
    ///
    /// # Errors
    /// If the file is missing, unreadable, empty, or holds something that is no token.
    pub fn read(&self) -> Result<Secret, TokenError> {
        match self {
            Self::Fixed(token) => Ok(token.clone()),
            Self::File(path) => read_file(path),
        }
    }

    /// Returns the state of the file without reading it, blocking; `None` if there is no file.
    pub fn version(&self) -> Option<TokenVersion> {
        let Self::File(path) = self else { return None };
        let metadata = fs::metadata(path).ok()?;
        Some(TokenVersion {
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            len: metadata.len(),
        })
    }

    /// Returns the file's permissions, if every user of the machine may read it.
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
    if in_quotes(&path.to_string_lossy()) && !path.exists() {
        return Err(TokenError::QuotedPath(path.to_owned()));
    }
    // Checked before opening, because opening a pipe would wait for its writer.
    if !fs::metadata(path).map_err(|reason| unreadable(path, reason))?.is_file() {
        return Err(TokenError::NotAFile(path.to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
        .map_err(|reason| unreadable(path, reason))?;
    let shown = path.display();
    clean(&bytes, || bilingual!("the token file {shown}", "el archivo del token {shown}"))
}

fn unreadable(path: &Path, reason: io::Error) -> TokenError {
    TokenError::Unreadable { path: path.to_owned(), reason }
}

fn clean(bytes: &[u8], origin: impl Fn() -> Bilingual) -> Result<Secret, TokenError> {
    if bytes.len() as u64 > LONGEST {
        return Err(TokenError::TooLong(origin()));
    }
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(TokenError::Utf16(origin()));
    }
    let text = str::from_utf8(bytes).map_err(|_| TokenError::Malformed(origin()))?;
    // Editors of some systems begin a file with a byte-order mark.
    let token = text.trim_start_matches('\u{feff}').trim();
    if token.is_empty() {
        return Err(TokenError::Empty(origin()));
    }
    if in_quotes(token) {
        return Err(TokenError::Quoted(origin()));
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
        for content in
            ["hunter2 hunter2", "hunter2\nhunter2", "hunter2\u{7f}", "hunter2ñ", long.as_str()]
        {
            let (_dir, source) = in_file(content);
            let error = source.read().expect_err("no token");
            assert!(matches!(error, TokenError::Malformed(_) | TokenError::TooLong(_)), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
        let (_dir, bytes) = in_file([0x80, 0xfe]);
        assert!(matches!(bytes.read(), Err(TokenError::Malformed(_))));
        let (_dir, utf16) = in_file([0xff, 0xfe, b'h', 0]);
        assert!(matches!(utf16.read(), Err(TokenError::Utf16(_))));
        for quoted in ["\"hunter2\"", "'hunter2'\n", "\u{feff}\"hunter2\""] {
            let (_dir, source) = in_file(quoted);
            let error = source.read().expect_err("quotes are no part of a token");
            assert!(
                matches!(error, TokenError::Quoted(_)) && !error.to_string().contains("hunter2"),
                "{error}"
            );
        }
        let path = TokenSource::File("\"/run/secrets/token\"".into());
        assert!(matches!(path.read(), Err(TokenError::QuotedPath(_))));
        let (dir, blank) = in_file(" \n");
        assert!(matches!(blank.read(), Err(TokenError::Empty(_))));
        assert!(matches!(
            TokenSource::File(dir.path().into()).read(),
            Err(TokenError::NotAFile(_))
        ));
        assert!(matches!(
            TokenSource::File(dir.path().join("no")).read(),
            Err(TokenError::Unreadable { .. })
        ));
    }

    #[test]
    fn a_file_is_read_anew_and_shows_that_it_changed() {
        let (_dir, source) = in_file("first");
        let before = source.version().expect("it is there");
        assert_eq!(source.version(), Some(before));
        let TokenSource::File(path) = &source else { panic!("it is a file") };
        fs::write(path, "second").expect("written");
        assert_eq!(source.read().expect("a token").expose(), "second");
        assert_ne!(source.version(), Some(before));
        // As `cp --preserve` does: another token, as long and as old.
        let (old, path) = (source.version().expect("it is there"), path.clone());
        let modified =
            fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("it has a time");
        let other = path.with_extension("new");
        fs::write(&other, "third!").expect("written");
        File::options()
            .write(true)
            .open(&other)
            .and_then(|f| f.set_modified(modified))
            .expect("it is ours");
        fs::rename(&other, &path).expect("it is ours");
        assert_ne!(source.version(), Some(old));
        fs::remove_file(path).expect("removed");
        assert_eq!(source.version(), None);
    }

    #[test]
    fn a_fixed_token_follows_the_same_rules() {
        let fixed = |token: &str| {
            TokenSource::fixed(&Secret::new(token), &Bilingual::verbatim("WOLKVOX_TOKEN"))
        };
        assert_eq!(
            fixed(" hunter2\n").expect("a token").read().expect("the same").expose(),
            "hunter2"
        );
        assert!(
            fixed("a b").expect_err("two words").to_string().starts_with("WOLKVOX_TOKEN holds")
        );
    }
}
