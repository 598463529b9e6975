//! The files of a backfill: one for each day and target. A file is complete and on the disk under a
//! temporary name before the day is committed, and then gets its final name.
//!
//! Owns names and durability. A file under its final name is never written again.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::{exposition::Recording, model::Fingerprints};

const ENDING: &str = ".om";
/// Most bytes of a file name for the target's name; file systems allow 255 for the whole.
const LONGEST_NAME: usize = 160;
/// Ending of a file whose day may not be committed yet.
const PART: &str = ".part";

/// The directory of the files.
#[derive(Debug)]
pub(super) struct DayFiles {
    directory: PathBuf,
}

impl DayFiles {
    /// Creates the directory if it is missing.
    pub(super) fn new(directory: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot create the directory {}", directory.display()))?;
        Ok(Self { directory: directory.to_owned() })
    }

    /// Refuses a directory with files that are not of a backfill of these targets, because all of
    /// them would be loaded together.
    pub(super) fn refuse_others<'a>(
        &self,
        targets: impl Iterator<Item = &'a str>,
    ) -> anyhow::Result<()> {
        let prefixes: Vec<String> = targets.map(prefix).collect();
        for name in self.names()? {
            let Some(whole) = name.trim_end_matches(PART).strip_suffix(ENDING) else { continue };
            let is_ours = prefixes
                .iter()
                .any(|prefix| whole.strip_prefix(prefix).and_then(moment_of).is_some());
            if !is_ours {
                bail!(
                    "{} has the file {name}, which another backfill has made and which would be loaded together with the files \
                     of this one: give --output another directory, or remove the files that are there",
                    self.directory.display()
                );
            }
        }
        Ok(())
    }

    /// Writes the recording of a target from `start` on to the disk, under the temporary name.
    pub(super) fn write(
        &self,
        target: &str,
        start: Timestamp,
        recording: &mut Recording,
    ) -> anyhow::Result<WrittenFile> {
        let name = format!("{}{}{ENDING}", prefix(target), moment_name(start));
        let path = self.directory.join(&name);
        let part = self.directory.join(format!("{name}{PART}"));
        let written = File::create(&part).and_then(|file| {
            let mut out = BufWriter::with_capacity(1 << 16, file);
            recording.write(&mut out)?;
            out.flush()?;
            let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            file.metadata().map(|metadata| metadata.len())
        });
        let bytes = written
            .with_context(|| format!("cannot write {}; is the disk full?", part.display()))?;
        self.sync()?;
        Ok(WrittenFile { path, part, bytes })
    }

    /// Gives a file its final name after its day was committed.
    pub(super) fn publish(&self, written: &WrittenFile) -> anyhow::Result<()> {
        self.rename(&written.part, &written.path)
    }

    /// Cleans up after an interruption: a file of a day before `watermark`, which is committed,
    /// gets its final name; others are removed, and will be made again.
    pub(super) fn recover(&self, target: &str, watermark: Timestamp) -> anyhow::Result<()> {
        let prefix = prefix(target);
        let ending = format!("{ENDING}{PART}");
        for name in self.names()? {
            let Some(moment) =
                name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(&ending))
            else {
                continue;
            };
            let Some(start) = moment_of(moment) else { continue };
            let part = self.directory.join(&name);
            if start < watermark {
                self.rename(&part, &self.directory.join(name.trim_end_matches(PART)))?;
            } else {
                fs::remove_file(&part)
                    .with_context(|| format!("cannot remove {}", part.display()))?;
            }
        }
        Ok(())
    }

    /// Returns the number of the files, and their bytes.
    pub(super) fn total(&self) -> anyhow::Result<(usize, u64)> {
        let mut total = (0, 0);
        for name in self.names()?.into_iter().filter(|name| name.ends_with(ENDING)) {
            total.0 += 1;
            total.1 += fs::metadata(self.directory.join(name))?.len();
        }
        Ok(total)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    fn names(&self) -> anyhow::Result<Vec<String>> {
        let entries = fs::read_dir(&self.directory)
            .with_context(|| format!("cannot read the directory {}", self.directory.display()))?;
        let names = entries.map(|entry| Ok(entry?.file_name().into_string().unwrap_or_default()));
        names.collect::<io::Result<_>>().context("cannot read the directory")
    }

    fn rename(&self, from: &Path, to: &Path) -> anyhow::Result<()> {
        fs::rename(from, to).with_context(|| format!("cannot rename {}", from.display()))?;
        self.sync()
    }

    /// Syncs the directory, so that new names are on the disk.
    fn sync(&self) -> anyhow::Result<()> {
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .with_context(|| format!("cannot write the directory {}", self.directory.display()))
    }
}

/// A complete file under its temporary name.
#[derive(Debug)]
pub(super) struct WrittenFile {
    path: PathBuf,
    part: PathBuf,
    pub(super) bytes: u64,
}

/// Returns the beginning of the names of a target's files. No two targets share one, and no
/// character in it is special to a file system.
fn prefix(target: &str) -> String {
    let plain: String = form_urlencoded::byte_serialize(target.as_bytes()).collect();
    match plain.get(..LONGEST_NAME) {
        // A `~` is in no name that is written whole.
        Some(beginning) => {
            let hash = Fingerprints::new([0; 16]).of(&[target]);
            format!("{beginning}~{hash:016x}-")
        }
        None => format!("{plain}-"),
    }
}

/// Formats a moment (UTC) as `2026-01-18`, and if it is not midnight as `2026-01-18T143500`.
fn moment_name(moment: Timestamp) -> String {
    let time = TimeZone::UTC.to_datetime(moment);
    let midnight = time.date().to_datetime(jiff::civil::Time::midnight());
    time.strftime(if time == midnight { "%Y-%m-%d" } else { "%Y-%m-%dT%H%M%S" }).to_string()
}

fn moment_of(name: &str) -> Option<Timestamp> {
    let time: DateTime = match name.split_once('T') {
        Some(_) => DateTime::strptime("%Y-%m-%dT%H%M%S", name).ok()?,
        None => name.parse().ok()?,
    };
    TimeZone::UTC.to_timestamp(time).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_after_where_it_begins() {
        for (moment, name) in
            [("2026-01-18T00:00:00Z", "2026-01-18"), ("2026-01-18T14:35:00Z", "2026-01-18T143500")]
        {
            let moment: Timestamp = moment.parse().unwrap();
            assert_eq!((moment_name(moment).as_str(), moment_of(name)), (name, Some(moment)));
        }
        assert_eq!((prefix("a/b c"), moment_of("x")), ("a%2Fb+c-".to_owned(), None));
    }

    #[test]
    fn a_long_name_is_shortened_and_stays_one_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let files = DayFiles::new(directory.path()).unwrap();
        let start = "2026-01-18T05:00:00Z".parse().unwrap();
        let names = ["ñ".repeat(60), "ñ".repeat(59) + "n", "ñ".repeat(500), "n".repeat(64)];
        for name in &names {
            let written = files.write(name, start, &mut Recording::new("")).unwrap();
            files.publish(&written).unwrap();
        }
        assert_eq!(files.total().unwrap().0, names.len());
        files.refuse_others(names.iter().map(String::as_str)).unwrap();
    }

    #[test]
    fn files_of_another_backfill_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let files = DayFiles::new(directory.path()).unwrap();
        std::fs::write(directory.path().join("state.redb"), "").unwrap();
        files.refuse_others([].into_iter()).unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        files.write("demo", at("2026-01-18T05:00:00Z"), &mut Recording::new("")).unwrap();
        files.refuse_others(["other", "demo"].into_iter()).unwrap();
        for ours in [vec![], vec!["dem"], vec!["demo2"]] {
            let error = files.refuse_others(ours.into_iter()).unwrap_err().to_string();
            assert!(
                error.contains("demo-2026-01-18T050000.om") && error.contains("--output"),
                "{error}"
            );
        }
    }

    #[test]
    fn what_was_committed_gets_its_name_and_the_rest_is_made_anew() {
        let directory = tempfile::tempdir().unwrap();
        let files = DayFiles::new(&directory.path().join("new")).unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for day in ["2026-01-18T05:00:00Z", "2026-01-19T00:00:00Z"] {
            files.write("demo", at(day), &mut Recording::new("")).unwrap();
        }
        files.write("demo2", at("2026-01-19T00:00:00Z"), &mut Recording::new("")).unwrap();
        files.recover("demo", at("2026-01-19T00:00:00Z")).unwrap();
        let mut names = files.names().unwrap();
        names.sort();
        assert_eq!(names, ["demo-2026-01-18T050000.om", "demo2-2026-01-19.om.part"]);
        assert_eq!(files.total().unwrap(), (1, 6));
    }
}
