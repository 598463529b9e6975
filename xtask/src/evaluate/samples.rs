//! Owns the traffic as OpenMetrics: counters and watermark after every poll, as the exporter would expose them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;

use super::world::{BEGIN, Operation, Option_, SECONDS, STEP};

const NAMES: [&str; 4] = [
    "wolkvox_menu_option_hits",
    "wolkvox_menu_option_final",
    "wolkvox_menu_option_retries",
    "wolkvox_menu_option_repeats",
];

/// Writes all samples of the operations.
pub fn write(path: &Path, operations: &[Operation]) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    writeln!(out, "# TYPE wolkvox_watermark_timestamp_seconds gauge")?;
    for operation in operations {
        let server = &operation.server;
        let mut watermark = 0;
        for step in 0..operation.failed.len() {
            let now = time(step);
            if !operation.failed[step] && !operation.away[step] {
                watermark = now;
            }
            if !operation.away[step] {
                writeln!(
                    out,
                    "wolkvox_watermark_timestamp_seconds{{server=\"{server}\"}} {watermark} {now}"
                )?;
            }
        }
    }
    for (index, name) in NAMES.into_iter().enumerate() {
        writeln!(out, "# TYPE {name} counter")?;
        for operation in operations {
            // In the operation with incidents, hits and their ends are judged.
            if index > 1 && !operation.incidents.is_empty() {
                continue;
            }
            for option in &operation.options {
                let name = format!("{name}_total{{{}}}", labels(operation, option));
                counter(&mut out, &name, operation, &option.counts[index], option.unlisted)?;
            }
        }
    }
    writeln!(out, "# TYPE wolkvox_menu_time_to_option_seconds histogram")?;
    for operation in operations {
        for option in &operation.options {
            let bounds = SECONDS.map(|bound| bound.to_string()).into_iter().chain(["+Inf".to_owned()]);
            for (bound, counts) in bounds.zip(&option.within) {
                let labels = labels(operation, option);
                let name = format!("wolkvox_menu_time_to_option_seconds_bucket{{{labels},le=\"{bound}\"}}");
                counter(&mut out, &name, operation, counts, option.unlisted)?;
            }
        }
    }
    writeln!(out, "# TYPE wolkvox_menu_option_info gauge")?;
    for operation in operations {
        for option in operation.options.iter().filter(|option| option.no_input) {
            for step in 0..operation.failed.len() {
                writeln!(
                    out,
                    "wolkvox_menu_option_info{{server=\"{}\",cod_opc_menu=\"{}\",kind=\"no_input\"}} 1 {}",
                    operation.server,
                    option.code,
                    time(step)
                )?;
            }
        }
    }
    writeln!(out, "# EOF")?;
    out.flush()?;
    Ok(())
}

fn labels(operation: &Operation, option: &Option_) -> String {
    format!(
        "server=\"{}\",rp_id=\"{}\",channel=\"voice\",cod_opc_menu=\"{}\"",
        operation.server, option.point, option.code
    )
}

/// When the poll of a step is seen.
fn time(step: usize) -> i64 {
    BEGIN + (step as i64 + 1) * STEP
}

/// A counter as it was scraped after each poll; it stands still while polls fail. One that is not listed appears
/// with a 0 just before its first count.
fn counter(
    out: &mut impl Write,
    name: &str,
    operation: &Operation,
    counts: &[u64],
    unlisted: bool,
) -> anyhow::Result<()> {
    let (mut total, mut seen) = (0, 0);
    for (step, count) in counts.iter().enumerate() {
        total += count;
        if operation.away[step] {
            continue;
        }
        if !operation.failed[step] {
            seen = total;
        }
        if unlisted && seen == 0 && counts.get(step + 1).is_none_or(|next| *next == 0) {
            continue;
        }
        writeln!(out, "{name} {seen} {}", time(step))?;
    }
    Ok(())
}
