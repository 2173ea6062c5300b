//! Stops one thread of a process and lets the others run: a hang that no code was written for.

use std::fs;

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::support;

/// System calls in which a driver waits: poll and ppoll, on x86-64 and on aarch64.
const WAITING: [&str; 3] = ["7", "271", "73"];

/// A thread that stands still until this is dropped. Only the thread that froze it can let it go.
pub struct Frozen(Pid);

impl Frozen {
    /// Stops `thread` wherever it is; `None`, counted, where nobody may do that.
    pub fn anywhere(thread: i32) -> Option<Self> {
        let thread = Pid::from_raw(thread);
        if let Err(error) = ptrace::seize(thread, ptrace::Options::empty()) {
            assert!(matches!(error, Errno::EPERM | Errno::ENOSYS), "{error}");
            support::skipped("no thread may be stopped here (ptrace)");
            return None;
        }
        ptrace::interrupt(thread).unwrap();
        let status = waitpid(thread, Some(WaitPidFlag::__WALL)).unwrap();
        assert!(
            matches!(status, WaitStatus::PtraceEvent(..) | WaitStatus::Stopped(..)),
            "{status:?}"
        );
        Some(Self(thread))
    }

    /// Stops thread `name` of `process` inside its driver, where it holds nothing that others need.
    pub fn in_driver(process: u32, name: &str) -> Option<Self> {
        let folder = format!("/proc/{process}/task");
        let threads = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let named = |path: &std::path::PathBuf| {
            fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim() == name)
        };
        let path = threads.into_iter().find(named).expect("a thread of that name");
        let thread = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
        for _ in 0..1_000 {
            let frozen = Self::anywhere(thread)?;
            let call = fs::read_to_string(path.join("syscall")).unwrap();
            if WAITING.contains(&call.split(' ').next().unwrap()) {
                return Some(frozen);
            }
        }
        panic!("{name} is never in its driver");
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // A thread that was killed meanwhile cannot be let go, but its end has to be taken note of.
        if ptrace::detach(self.0, None).is_err() {
            let _reaped = waitpid(self.0, Some(WaitPidFlag::__WALL));
        }
    }
}
