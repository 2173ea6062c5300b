//! Which serial port it is, and the port itself: exclusive, raw, and never waited for.

use core::fmt;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use serialport::{ClearBuffer, ErrorKind, SerialPort, SerialPortType, TTYPort};

use super::Refused;
use crate::data::Loss;
use crate::sensor::Error;

/// How long one read or write waits.
const PATIENCE: Duration = Duration::from_millis(50);
/// Baud rates that some bridge can do.
const BAUDS: core::ops::RangeInclusive<u32> = 9_600..=12_000_000;

/// Where a board is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// By the path of its port; take a stable one, below `/dev/serial/by-id` or from a udev rule.
    Path(PathBuf),
    /// By what the board says on USB.
    Usb {
        /// Vendor.
        vid: u16,
        /// Product.
        pid: u16,
        /// Serial number, where there is more than one board of the kind.
        serial_number: Option<String>,
    },
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(formatter),
            Self::Usb { vid, pid, serial_number } => {
                write!(formatter, "USB device {vid:04x}:{pid:04x}")?;
                serial_number.iter().try_for_each(|serial| write!(formatter, " serial {serial}"))
            }
        }
    }
}

fn usb_id(text: &str) -> Option<(u16, u16)> {
    let (vid, pid) = text.split_once(':')?;
    let four = |digits: &str| {
        let hex = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
    };
    Some((four(vid)?, four(pid)?))
}

/// The baud rate, if a serial bridge can have it.
pub(super) fn check_baud(baud: u32) -> Result<u32, Refused> {
    if BAUDS.contains(&baud) {
        return Ok(baud);
    }
    let problem = format!("{baud} is not within {} to {}", BAUDS.start(), BAUDS.end());
    Err(Refused::new("baud", problem))
}

impl Address {
    /// The address that the settings name: a port, or a USB device.
    pub(super) fn of(
        port: Option<PathBuf>,
        vid_pid: Option<String>,
        serial_number: Option<String>,
    ) -> Result<Self, Refused> {
        match (port, vid_pid) {
            (Some(_), None) if serial_number.is_some() => {
                Err(Refused::new("serial-number", "belongs to `vid-pid`; a `port` says it all"))
            }
            (Some(port), None) => Ok(Self::Path(port)),
            (None, Some(text)) => {
                let (vid, pid) = usb_id(&text).ok_or_else(|| {
                    let problem = format!("{text:?} is not like \"1234:5678\", two hex numbers");
                    Refused::new("vid-pid", problem)
                })?;
                Ok(Self::Usb { vid, pid, serial_number })
            }
            (Some(_), Some(_)) => {
                Err(Refused::new("vid-pid", "given beside `port`; leave one of them out"))
            }
            (None, None) => Err(Refused::new(
                "port",
                "missing; set it to a path below /dev/serial/by-id, or set `vid-pid`",
            )),
        }
    }

    /// The path of the port.
    fn path(&self) -> Result<String, Error> {
        let (vid, pid, wanted) = match self {
            Self::Path(path) => return Ok(path.to_string_lossy().into_owned()),
            Self::Usb { vid, pid, serial_number } => (*vid, *pid, serial_number),
        };
        let ports = serialport::available_ports().map_err(|error| {
            self.absent(format!("ports cannot be listed: {error}"), "look into /sys/class/tty")
        })?;
        let mut found = ports.into_iter().filter(|port| match &port.port_type {
            SerialPortType::UsbPort(usb) => {
                (usb.vid, usb.pid) == (vid, pid)
                    && (wanted.is_none() || usb.serial_number == *wanted)
            }
            SerialPortType::PciPort | SerialPortType::BluetoothPort | SerialPortType::Unknown => {
                false
            }
        });
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one.port_name),
            (Some(one), Some(other)) => Err(self.absent(
                format!("{} and {} are both of this kind", one.port_name, other.port_name),
                "set `serial-number`, or `port` to a path below /dev/serial/by-id",
            )),
            (None, _) => Err(self.absent(
                "no such device is plugged in".to_owned(),
                "plug it in; `lsusb` lists what is there",
            )),
        }
    }

    /// The board cannot be had.
    pub(super) fn absent(&self, problem: String, remedy: &'static str) -> Error {
        Error::Device { device: self.to_string(), loss: Loss::Absent, problem, remedy }
    }

    /// Opens the port: nobody else can, nothing is translated, and what lay in it is gone.
    pub(super) fn open(&self, baud: u32) -> Result<Port, Error> {
        let path = self.path()?;
        let tty = serialport::new(&path, baud)
            .timeout(PATIENCE)
            .open_native()
            .map_err(|error| self.refused(&error))?;
        // Bytes from before raw mode may be translated, and belong to nobody's question.
        tty.clear(ClearBuffer::Input).map_err(|error| self.refused(&error))?;
        Ok(Port { tty })
    }

    fn refused(&self, error: &serialport::Error) -> Error {
        let (problem, remedy) = match error.kind() {
            ErrorKind::NoDevice => (
                "another program has it open".to_owned(),
                "end that program; ModemManager and terminals are the usual ones",
            ),
            ErrorKind::Io(io::ErrorKind::NotFound) => {
                ("is not there".to_owned(), "plug the board in, or correct `port`")
            }
            ErrorKind::Io(io::ErrorKind::PermissionDenied) => (
                "may not be opened".to_owned(),
                "add the user of this program to the group of the port, often `dialout`",
            ),
            ErrorKind::Io(_) | ErrorKind::InvalidInput | ErrorKind::Unknown => {
                (error.to_string(), "check that it is a serial port")
            }
        };
        self.absent(problem, remedy)
    }
}

/// An open port; closed when dropped.
#[derive(Debug)]
pub(super) struct Port {
    tty: TTYPort,
}

impl Port {
    /// Reads what is there, or nothing after 50 ms of silence.
    ///
    /// # Errors
    /// When the device is gone: a hang-up, or an end of file, which a terminal has no other use for.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tty.read(buffer) {
                Ok(0) => return Err(io::ErrorKind::BrokenPipe.into()),
                Ok(read) => return Ok(read),
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => return Ok(0),
                    _ => return Err(error),
                },
            }
        }
    }

    /// Writes all of `bytes`, which must be few: a full port is waited for 50 ms a piece.
    ///
    /// # Errors
    /// When the device is gone or takes nothing.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.tty.write_all(bytes)
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        // Else closing waits up to 30 s for a device that takes nothing. If it fails, it is gone.
        drop(self.tty.clear(ClearBuffer::Output));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(
        port: Option<&str>,
        vid_pid: Option<&str>,
        serial: Option<&str>,
    ) -> Result<Address, Refused> {
        Address::of(port.map(Into::into), vid_pid.map(Into::into), serial.map(Into::into))
    }

    #[test]
    fn exactly_one_way_to_find_a_board_is_taken() {
        assert_eq!(address(Some("/dev/x"), None, None), Ok(Address::Path("/dev/x".into())));
        let usb = address(None, Some("058b:00fF"), Some("A1")).unwrap();
        assert_eq!(usb.to_string(), "USB device 058b:00ff serial A1");
        for (wrong, key) in [
            (address(None, None, None), "port"),
            (address(Some("/dev/x"), Some("1234:5678"), None), "vid-pid"),
            (address(Some("/dev/x"), None, Some("A1")), "serial-number"),
            (address(None, Some("1234"), None), "vid-pid"),
            (address(None, Some("+123:5678"), None), "vid-pid"),
        ] {
            assert_eq!(wrong.unwrap_err().key, key);
        }
    }

    #[test]
    fn a_port_that_is_not_there_is_an_absent_device_and_a_file_is_no_port() {
        for path in ["/dev/visaged-no-such-port", "/dev/null"] {
            let error = Address::Path(path.into()).open(921_600).unwrap_err();
            assert_eq!(error.loss(), Loss::Absent);
            assert!(error.to_string().starts_with(path), "{error}");
        }
    }

    #[test]
    fn baud_rates_of_no_bridge_are_refused() {
        assert_eq!(check_baud(921_600), Ok(921_600));
        assert!(check_baud(0).is_err() && check_baud(100_000_000).is_err());
    }
}
