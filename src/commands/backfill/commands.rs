//! The commands that load the files, printed when all files are there.

use std::{io::Write, path::Path};

use super::files::DayFiles;
use crate::store::BackfillMark;

/// Prints the commands that load the files, and the next steps.
pub(super) fn print(
    files: &DayFiles,
    mark: &BackfillMark,
    state: Option<&str>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let (count, bytes) = files.total()?;
    let each = format!("for file in {}/*.om", quoted(files.directory()));
    writeln!(
        out,
        "{count} files, {:.1} MB, are in {}.\n\n\
         1. Load them. Prometheus, whose storage directory is here called data/ (it may run; it keeps 15 days unless it is\n   \
         started with another --storage.tsdb.retention.time):\n\n   \
         {each}; do promtool tsdb create-blocks-from openmetrics --max-block-duration=6h \"$file\" data/; done\n\n   \
         or VictoriaMetrics:\n\n   \
         {each}; do curl --fail -X POST -T \"$file\" http://localhost:8428/api/v1/import/prometheus; done\n",
        bytes as f64 / 1e6,
        files.directory().display(),
    )?;
    if let Some(state) = state {
        writeln!(
            out,
            "2. Start the exporter on {state}, with the same flags: it goes on at the same counter values.\n\
             3. Remove the files.\n"
        )?;
    }
    if mark.labels.is_empty() {
        writeln!(
            out,
            "No --label was given: to Prometheus these are other series than the ones that it scrapes, which have a job and\n\
             an instance."
        )?;
    }
    Ok(())
}

/// Quotes a path for a shell.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c));
    if is_plain { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_so_that_a_shell_takes_it_for_one() {
        assert_eq!(quoted(Path::new("/var/lib/past-1")), "/var/lib/past-1");
        assert_eq!(quoted(Path::new("my 'past'")), r"'my '\''past'\'''");
    }
}
