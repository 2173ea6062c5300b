//! Freed tensors are kept for the next step, which needs the same sizes again.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// What glibc is told: never map a block by itself, and give nothing back. Left alone it returns
/// each freed tensor to the system and takes the next one zeroed, page by page, which is half of the
/// time of a step of CS3D. Other C libraries read none of these.
const SETTINGS: [(&str, &str); 3] = [
    ("MALLOC_MMAP_MAX_", "0"),
    ("MALLOC_TRIM_THRESHOLD_", "100000000000"),
    ("MALLOC_ARENA_MAX", "1"),
];

/// Starts this program again with settings that are read before `main`; returns if they are set.
///
/// # Errors
/// When the program cannot be started again.
pub(crate) fn keep_freed() -> io::Result<()> {
    if SETTINGS.iter().all(|(name, _)| std::env::var_os(name).is_some()) {
        return Ok(());
    }
    let arguments = std::env::args_os().skip(1);
    Err(Command::new(std::env::current_exe()?).args(arguments).envs(SETTINGS).exec())
}
