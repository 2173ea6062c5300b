//! A pseudo-terminal that looks like a serial port which comes and goes.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use visaged::units::Micros;

use crate::error::Error;

/// A plugged-in port: the device's end, and a link that hosts find it by.
///
/// Dropping it pulls the plug: the link goes, and whoever has the port open gets a hang-up.
#[derive(Debug)]
pub struct Pty {
    controller: OwnedFd,
    terminal: PathBuf,
    link: PathBuf,
}

/// What became of a read or a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// So many bytes; zero if there is nothing to read or no room to write.
    Bytes(usize),
    /// No host has the port open.
    HungUp,
}

impl Pty {
    /// Plugs a port in and makes `link` point to it, in place of an older link.
    ///
    /// # Errors
    /// When there is no pseudo-terminal to be had, or the link cannot be made.
    pub fn plug(link: &Path) -> Result<Self, Error> {
        if fs::symlink_metadata(link).is_ok_and(|there| !there.file_type().is_symlink()) {
            return Err(Error::NoLink { path: link.to_owned() });
        }
        let port = |source: io::Error| Error::Port { path: link.to_owned(), source };
        let (controller, terminal) = open().map_err(|errno| port(errno.into()))?;
        // Renamed into place, so that the link never points nowhere while the port is there.
        let mut fresh = link.as_os_str().to_owned();
        fresh.push(".new");
        let fresh = PathBuf::from(fresh);
        drop(fs::remove_file(&fresh)); // left behind by a device that was killed
        symlink(&terminal, &fresh).and_then(|()| fs::rename(&fresh, link)).map_err(port)?;
        Ok(Self { controller, terminal, link: link.to_owned() })
    }

    /// The terminal that the link points to.
    #[must_use]
    pub fn terminal(&self) -> &Path {
        &self.terminal
    }

    /// Waits until there is something to read, or room to write if `writing`, or time is up.
    pub fn wait(&self, writing: bool, patience: Micros) {
        let mut events = PollFlags::IN;
        events.set(PollFlags::OUT, writing);
        let micros = patience.0.max(0);
        let limit = Timespec { tv_sec: micros / 1_000_000, tv_nsec: micros % 1_000_000 * 1_000 };
        // A signal or a hang-up ends the wait early, which the next read explains.
        let _woken = poll(&mut [PollFd::new(&self.controller, events)], Some(&limit));
    }

    /// Whether a host has the port open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let mut polled = [PollFd::new(&self.controller, PollFlags::empty())];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut polled, Some(&now)).is_ok() && !polled[0].revents().contains(PollFlags::HUP)
    }

    /// Reads what the host has written.
    ///
    /// # Errors
    /// When the port breaks in another way than by a hang-up.
    pub fn read(&self, buffer: &mut [u8]) -> Result<Passed, Error> {
        self.judge(rustix::io::read(&self.controller, buffer))
    }

    /// Writes as much of `bytes` as there is room for.
    ///
    /// # Errors
    /// When the port breaks in another way than by a hang-up.
    pub fn write(&self, bytes: &[u8]) -> Result<Passed, Error> {
        self.judge(rustix::io::write(&self.controller, bytes))
    }

    fn judge(&self, result: Result<usize, Errno>) -> Result<Passed, Error> {
        match result {
            Ok(count) => Ok(Passed::Bytes(count)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(Passed::Bytes(0)),
            Err(Errno::IO) => Ok(Passed::HungUp),
            Err(errno) => Err(Error::Port { path: self.terminal.clone(), source: errno.into() }),
        }
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // Another device may have taken the link over.
        if fs::read_link(&self.link).is_ok_and(|target| target == self.terminal) {
            drop(fs::remove_file(&self.link));
        }
    }
}

/// A raw pseudo-terminal whose host end was opened and closed once: only then does the device's
/// end tell whether a host is there.
fn open() -> Result<(OwnedFd, PathBuf), Errno> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let controller = openpt(flags)?;
    grantpt(&controller)?;
    unlockpt(&controller)?;
    rustix::io::ioctl_fionbio(&controller, true)?;
    let name = ptsname(&controller, Vec::new())?;
    let host_end = ioctl_tiocgptpeer(&controller, flags)?;
    let mut settings = tcgetattr(&host_end)?;
    settings.make_raw();
    tcsetattr(&host_end, OptionalActions::Now, &settings)?;
    Ok((controller, PathBuf::from(name.to_string_lossy().into_owned())))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    /// A link of its own for each test.
    fn link(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("vdev-pty-{}-{name}", std::process::id()))
    }

    fn open_host(link: &Path) -> fs::File {
        fs::OpenOptions::new().read(true).write(true).open(link).unwrap()
    }

    #[test]
    fn all_byte_values_pass_both_ways_unchanged() {
        let link = link("bytes");
        let port = Pty::plug(&link).unwrap();
        let mut host = open_host(&link);
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(port.write(&all).unwrap(), Passed::Bytes(256));
        let mut there = [0; 256];
        host.read_exact(&mut there).unwrap();
        assert_eq!(there[..], all);
        host.write_all(&all).unwrap();
        port.wait(false, Micros::from_millis(5_000));
        let mut back = [0; 512];
        assert_eq!(port.read(&mut back).unwrap(), Passed::Bytes(256));
        assert_eq!(back[..256], all);
    }

    #[test]
    fn the_device_knows_whether_a_host_has_the_port_open() {
        let link = link("open");
        let port = Pty::plug(&link).unwrap();
        assert!(!port.is_open());
        let host = open_host(&link);
        assert!(port.is_open());
        drop(host);
        assert!(!port.is_open());
        assert_eq!(port.read(&mut [0; 8]).unwrap(), Passed::HungUp);
    }

    #[test]
    fn pulling_the_plug_hangs_up_and_takes_the_link_away() {
        let link = link("plug");
        let port = Pty::plug(&link).unwrap();
        let mut host = open_host(&link);
        drop(port);
        assert!(!link.exists() && fs::symlink_metadata(&link).is_err());
        assert_eq!(host.read(&mut [0; 8]).unwrap(), 0);
        drop(Pty::plug(&link).unwrap());
    }

    #[test]
    fn a_file_in_the_place_of_the_link_is_left_alone() {
        let file = link("file");
        fs::write(&file, "mine").unwrap();
        assert!(matches!(Pty::plug(&file), Err(Error::NoLink { .. })));
        assert_eq!(fs::read(&file).unwrap(), b"mine");
        fs::remove_file(&file).unwrap();
    }
}
