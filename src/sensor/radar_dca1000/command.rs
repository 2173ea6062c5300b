//! The command channel: what the board is told, and what it answers.

/// Start and end of every message, as they lie on the wire.
const HEADER: [u8; 2] = [0x5A, 0xA5];
const FOOTER: [u8; 2] = [0xAA, 0xEE];
/// Code of messages that the board sends unasked: its recording status.
pub(super) const STATUS: u16 = 0x0A;
/// The board's clock has this period.
const CLOCK_NS: u32 = 8;

/// What the board can be told. Source: TI SPRUIJ4A, section 5.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Puts the FPGA back to its start.
    Reset,
    /// Sets up raw capture of LVDS samples of 16 bits to Ethernet.
    Configure {
        /// LVDS lanes of the radar: 2 or 4.
        lanes: u8,
    },
    /// From now on samples are sent as the radar makes them.
    Start,
    /// No more samples are sent.
    Stop,
    /// Asks whether the board is there.
    Alive,
    /// Time between two datagrams.
    PacketDelay {
        /// Microseconds: 5 to 500.
        micros: u16,
    },
    /// Asks for the version of the FPGA.
    Version,
}

impl Command {
    /// The code, which the answer repeats.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Reset => 1,
            Self::Configure { .. } => 3,
            Self::Start => 5,
            Self::Stop => 6,
            Self::Alive => 9,
            Self::PacketDelay { .. } => 0x0B,
            Self::Version => 0x0E,
        }
    }

    /// As TI's manual calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reset => "RESET_FPGA",
            Self::Configure { .. } => "CONFIG_FPGA_GEN",
            Self::Start => "RECORD_START",
            Self::Stop => "RECORD_STOP",
            Self::Alive => "SYSTEM_CONNECT",
            Self::PacketDelay { .. } => "CONFIG_PACKET_DATA",
            Self::Version => "READ_FPGA_VERSION",
        }
    }

    /// The bytes to send.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let data: &[u8] = match self {
            // Raw mode, lanes (1 is four, 2 is two), LVDS capture, to Ethernet, 16 bits, and a
            // timer that TI's own tools set to 30.
            Self::Configure { lanes } => &[1, if lanes == 4 { 1 } else { 2 }, 1, 2, 3, 30],
            Self::PacketDelay { micros } => &delay(micros),
            Self::Reset | Self::Start | Self::Stop | Self::Alive | Self::Version => &[],
        };
        let length = u16::try_from(data.len()).unwrap_or(0);
        let head = [HEADER, self.code().to_le_bytes(), length.to_le_bytes()];
        [head.as_flattened(), data, &FOOTER].concat()
    }
}

/// The delay in periods of the board's clock, and two bytes that are not used.
fn delay(micros: u16) -> [u8; 4] {
    let periods = u32::from(micros) * 1000 / CLOCK_NS;
    let [low, high] = u16::try_from(periods).unwrap_or(u16::MAX).to_le_bytes();
    [low, high, 0, 0]
}

/// What the board says on the command channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Code of the command that is answered, or `STATUS`.
    pub code: u16,
    /// 0 for success, 1 for failure; a version or a set of conditions for some codes.
    pub status: u16,
}

impl Answer {
    /// Reads an answer; `None` if it is none.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let &[a, b, code_low, code_high, status_low, status_high, y, z] =
            bytes.first_chunk::<8>()?;
        let framed = [a, b] == HEADER && [y, z] == FOOTER && bytes.len() == 8;
        framed.then_some(Self {
            code: u16::from_le_bytes([code_low, code_high]),
            status: u16::from_le_bytes([status_low, status_high]),
        })
    }

    /// Major and minor version, of the answer to [`Command::Version`].
    #[must_use]
    pub const fn version(self) -> (u16, u16) {
        (self.status & 0x7F, (self.status >> 7) & 0x7F)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As captured from a board (mmwave-capture-std `test_cmd.pcap`, Clear BSD).
    #[test]
    fn captured_answers_are_read() {
        let alive = Answer::parse(&[0x5A, 0xA5, 9, 0, 0, 0, 0xAA, 0xEE]).unwrap();
        assert_eq!(alive, Answer { code: Command::Alive.code(), status: 0 });
        let version = Answer::parse(&[0x5A, 0xA5, 0x0E, 0, 2, 4, 0xAA, 0xEE]).unwrap();
        assert_eq!(version.version(), (2, 8));
    }

    /// Bytes by the rules of the peer's driver for the same board, written down by hand.
    #[test]
    fn commands_are_framed_as_the_board_wants_them() {
        let hex = |command: Command| {
            command.encode().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        assert_eq!(hex(Command::Reset), "5aa501000000aaee");
        assert_eq!(hex(Command::Configure { lanes: 2 }), "5aa50300060001020102031eaaee");
        assert_eq!(hex(Command::Configure { lanes: 4 }), "5aa50300060001010102031eaaee");
        assert_eq!(hex(Command::PacketDelay { micros: 25 }), "5aa50b000400350c0000aaee");
    }

    #[test]
    fn anything_else_is_no_answer() {
        assert_eq!(Answer::parse(&[]), None);
        assert_eq!(Answer::parse(&[0x5A, 0xA5, 9, 0, 0, 0, 0xAA, 0xEF]), None);
        assert_eq!(Answer::parse(&[0x5A, 0xA5, 9, 0, 0, 0, 0xAA, 0xEE, 0]), None);
    }
}
