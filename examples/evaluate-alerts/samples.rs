//! Owns the traffic as OpenMetrics: counters and watermark after every poll, as the exporter would expose them.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::Context;

use crate::world::{BEGIN, Operation, STEP};

const NAMES: [&str; 4] = [
    "wolkvox_menu_option_hits",
    "wolkvox_menu_option_final",
    "wolkvox_menu_option_retries",
    "wolkvox_menu_option_repeats",
];

/// Writes all samples of the operations.
pub(crate) fn write(path: &Path, operations: &[Operation]) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    writeln!(out, "# TYPE wolkvox_watermark_timestamp_seconds gauge")?;
    for operation in operations {
        let server = &operation.server;
        let mut watermark = 0;
        for step in 0..operation.failed.len() {
            let now = BEGIN + (step as i64 + 1) * STEP;
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
            // In the operation with incidents only hits are judged.
            if index > 0 && !operation.incidents.is_empty() {
                continue;
            }
            for option in &operation.options {
                let labels = format!(
                    "{{server=\"{}\",rp_id=\"{}\",channel=\"voice\",cod_opc_menu=\"{}\"}}",
                    operation.server, option.point, option.code
                );
                let (mut total, mut seen) = (0, 0);
                for (step, count) in option.counts[index].iter().enumerate() {
                    total += count;
                    if operation.away[step] {
                        continue;
                    }
                    if !operation.failed[step] {
                        seen = total;
                    }
                    writeln!(out, "{name}_total{labels} {seen} {}", BEGIN + (step as i64 + 1) * STEP)?;
                }
            }
        }
    }
    writeln!(out, "# EOF")?;
    out.flush()?;
    Ok(())
}
