//! Fuzzes the configuration file: any bytes must be resolved, or refused with at least one problem
//! that names its place.

#![no_main]

use std::{fs, path::PathBuf, sync::LazyLock};

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use wolkvox_exporter::{
    cli::{ConfigArgs, Flags, RunArgs},
    config::{Environment, Secret, resolve},
    i18n::Language,
};

/// The token in the environment, which no output may repeat.
const TOKEN: &str = "hunter2hunter2hunter2";

/// The file for the configuration, in memory if possible, one for each process.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    folder.join(format!("wolkvox-fuzz-{}.yml", std::process::id()))
});

fuzz_target!(|bytes: &[u8]| {
    fs::write(&*FILE, bytes).expect("a file for the test");
    let args = RunArgs {
        config: ConfigArgs { file: Some(FILE.clone()), check: false },
        // Overrides the file's address, because a host name in it would be looked up in the
        // network.
        web: Flags::default().with("web.listen-address", ":0"),
        ..RunArgs::default()
    };
    let secret_is_new = !bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
    let now = Timestamp::from_second(1_768_737_600).expect("a moment");
    let environment = Environment { token: Some(Secret::new(TOKEN)), ..Environment::default() };
    match resolve(&args, &environment, now) {
        Ok(resolved) => {
            let config = resolved.config;
            assert!(!config.targets.is_empty() && config.poll.interval > config.poll.settle_delay);
            assert!(config.menu.buckets.is_sorted() && !config.menu.buckets.is_empty());
            assert!(!secret_is_new || !config.to_string().contains(TOKEN));
        }
        Err(error) => {
            assert!(!error.problems.is_empty());
            for problem in error.problems {
                for language in Language::ALL {
                    let message = problem.message.in_language(language);
                    assert!(!problem.place.is_empty() && !message.is_empty());
                    assert!(!secret_is_new || !message.contains(TOKEN));
                }
            }
        }
    }
});
