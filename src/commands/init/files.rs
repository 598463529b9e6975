//! The two files that `init` writes: the configuration, and the token.
//!
//! Owns their names, modes and texts. It must never replace a file.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};

use crate::{
    cli::Flags,
    config::{Secret, TargetFlags},
    i18n::{Language, fill, say},
};

use super::texts::Text;

const CONFIG: &str = "wolkvox.yaml";
const TOKEN: &str = "wolkvox.token";

/// Paths of the files, and the language of their comments.
pub(super) struct Files {
    config: PathBuf,
    token: PathBuf,
    language: Language,
}

impl Files {
    /// Fails if one of the files exists, so that no question is asked in vain.
    pub(super) fn new(directory: &Path, language: Language) -> anyhow::Result<Self> {
        let files = Self { config: directory.join(CONFIG), token: directory.join(TOKEN), language };
        for path in [&files.config, &files.token] {
            if fs::symlink_metadata(path).is_ok() {
                return taken(path, language);
            }
        }
        Ok(files)
    }

    pub(super) fn config(&self) -> &Path {
        &self.config
    }

    pub(super) fn token(&self) -> &Path {
        &self.token
    }

    /// Writes the files. Without a token, the configuration names the existing token file.
    pub(super) fn write(
        &self,
        told: &Flags<TargetFlags>,
        token: Option<&Secret>,
    ) -> anyhow::Result<()> {
        if let Some(directory) =
            self.config.parent().filter(|directory| !directory.as_os_str().is_empty())
        {
            fs::create_dir_all(directory)
                .with_context(|| about(Text::CannotCreate, directory, self.language))?;
        }
        if let Some(token) = token {
            let mut file = create(&self.token, 0o600, self.language)?;
            writeln!(file, "{}", token.expose().trim())
                .with_context(|| about(Text::CannotWrite, &self.token, self.language))?;
        }
        let mut file = create(&self.config, 0o644, self.language)?;
        file.write_all(self.text(told)?.as_bytes())
            .with_context(|| about(Text::CannotWrite, &self.config, self.language))
    }

    fn text(&self, told: &Flags<TargetFlags>) -> anyhow::Result<String> {
        let token_file = match told.text("wolkvox.token-file") {
            // Paths in the file begin at the file's directory.
            Some(path) => {
                std::path::absolute(path).context("the token file has no absolute path")?
            }
            None => PathBuf::from(TOKEN),
        };
        let ca_file = told.text("wolkvox.ca-file").map(std::path::absolute).transpose();
        let ca_file = ca_file.context("the file of authorities has no absolute path")?;
        let server = told.text("wolkvox.server").unwrap_or_default().trim();
        let mut lines = vec![
            format!("  - server: {server:?}"),
            format!("    token_file: {:?}", token_file.to_string_lossy()),
        ];
        if let Some(zone) = told.text("wolkvox.timezone") {
            lines.push(format!("    timezone: {zone:?}"));
        }
        // A URL with a password stays in its variable.
        if let Some(proxy) = told.text("wolkvox.proxy-url").filter(|url| !url.contains('@')) {
            lines.push(format!("    proxy_url: {proxy:?}"));
        }
        if told.text("wolkvox.outcomes").is_some() {
            lines.push("    outcomes: true".to_owned());
        }
        if let Some(path) = ca_file {
            lines.push("    tls:".to_owned());
            lines.push(format!("      ca_file: {:?}", path.to_string_lossy()));
        }
        let template = match self.language {
            Language::En => include_str!("config.en.yaml"),
            Language::Es => include_str!("config.es.yaml"),
        };
        Ok(fill(template, &[("target", lines.join("\n"))]))
    }
}

/// Returns a text about a file or folder.
fn about(text: Text, path: &Path, language: Language) -> String {
    say(text, language, &[("path", path.display().to_string())])
}

fn taken<T>(path: &Path, language: Language) -> anyhow::Result<T> {
    bail!(about(Text::Taken, path, language))
}

fn create(path: &Path, mode: u32, language: Language) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    match options.open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => taken(path, language),
        other => other.with_context(|| about(Text::CannotCreate, path, language)),
    }
}
