//! The sockets to the board, and the commands that make it send.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use rustix::net::sockopt;

use super::Config;
use super::command::{Answer, Command, STATUS};
use crate::data::Loss;
use crate::sensor::{Error, udp};

/// Waits of 50 ms without an answer until a command is sent again.
const RESEND: u32 = 5;
/// Waits without an answer until the board counts as lost.
const GIVE_UP: u32 = 20;
/// Longest datagram looked at; the board sends 1470 bytes at most.
const LARGEST: usize = 2048;
/// What the kernel is asked to hold for us: 80 ms of a full gigabit cable.
pub(super) const RECEIVE_BUFFER: usize = 8 << 20;

/// An open connection to the board. Dropping it stops the board.
#[derive(Debug)]
pub(super) struct Link {
    data: UdpSocket,
    control: Option<Control>,
    board: SocketAddr,
    buffer: Box<[u8; LARGEST]>,
    /// The kernel holds less than was asked for.
    pub(super) small_buffer: bool,
    /// Status messages that the board sent unasked.
    pub(super) reports: u64,
}

/// Whether a call has waited for news already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited {
    Yes,
    No,
}

/// What came on the data port.
#[derive(Debug)]
pub(super) enum News<'a> {
    /// A datagram of the board.
    Datagram(&'a [u8]),
    /// One of somebody else.
    Stranger,
}

/// The command channel and where we are on it.
#[derive(Debug)]
struct Control {
    socket: UdpSocket,
    /// Commands that were not answered yet, the next one last.
    todo: Vec<Command>,
    /// Waits since the next one was asked first.
    waits: u32,
    /// FPGA version, once told.
    version: Option<(u16, u16)>,
}

impl Link {
    /// Binds the sockets.
    pub(super) fn open(config: &Config) -> Result<Self, Error> {
        let data = bind(config.data)?;
        let asked = sockopt::set_socket_recv_buffer_size(&data, RECEIVE_BUFFER);
        // Linux doubles what it grants, for its own bookkeeping, and says the doubled number.
        let granted = sockopt::socket_recv_buffer_size(&data).unwrap_or(0);
        let small_buffer = asked.is_err() || granted < 2 * RECEIVE_BUFFER;
        let control = config.control.then(|| Control::open(config)).transpose()?;
        Ok(Self {
            data,
            control,
            board: config.board,
            buffer: Box::new([0; LARGEST]),
            small_buffer,
            reports: 0,
        })
    }

    /// Goes on with the commands, if the board has not taken all of them.
    pub(super) fn prepare(&mut self) -> Result<Waited, Error> {
        let Some(control) = &mut self.control else { return Ok(Waited::No) };
        let Some(&command) = control.todo.last() else { return Ok(Waited::No) };
        if command == Command::Start && control.waits == 0 {
            // What an earlier recording left: the board was reset and sends nothing now.
            let mut left = [0; LARGEST];
            while matches!(udp::receive(&self.data, &mut left, false), Ok(Some(_))) {}
        }
        if control.waits.is_multiple_of(RESEND) {
            control.send(self.board, command)?;
        }
        let Some(answer) = control.receive(self.board.ip(), true, &mut self.reports)? else {
            control.waits += 1;
            if control.waits < GIVE_UP {
                return Ok(Waited::Yes);
            }
            return Err(control.silent(self.board, command));
        };
        control.take(self.board, command, answer)?;
        Ok(Waited::Yes)
    }

    /// Asks whether the board is still there; [`Self::prepare`] waits for the answer.
    pub(super) fn probe(&mut self) {
        if let Some(control) = &mut self.control
            && control.todo.is_empty()
        {
            control.todo.push(Command::Alive);
            control.waits = 0;
        }
    }

    /// The next datagram of the board on the data port. Waits for one if `wait`.
    pub(super) fn receive(&mut self, wait: bool) -> Result<Option<News<'_>>, Error> {
        let news = udp::receive(&self.data, &mut *self.buffer, wait);
        let Some((length, from)) = news.map_err(|error| lost(self.board, &error))? else {
            return Ok(None);
        };
        Ok(Some(if from.ip() == self.board.ip() {
            News::Datagram(&self.buffer[..length])
        } else {
            News::Stranger
        }))
    }

    /// Takes what the board says unasked, unless an answer is waited for: that is not to be missed.
    pub(super) fn listen(&mut self) -> Result<(), Error> {
        if let Some(control) = &mut self.control
            && control.todo.is_empty()
        {
            control.receive(self.board.ip(), false, &mut self.reports)?;
        }
        Ok(())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(control) = &self.control {
            // Nobody waits for the answer: the board may be gone, which is why we are here.
            drop(control.socket.send_to(&Command::Stop.encode(), self.board));
        }
    }
}

impl Control {
    fn open(config: &Config) -> Result<Self, Error> {
        let todo = vec![
            Command::Start,
            Command::PacketDelay { micros: config.packet_delay_us },
            Command::Configure { lanes: config.radar.lanes },
            Command::Reset,
            Command::Version,
            Command::Alive,
        ];
        Ok(Self { socket: bind(config.commands)?, todo, waits: 0, version: None })
    }

    fn send(&self, board: SocketAddr, command: Command) -> Result<(), Error> {
        let sent = self.socket.send_to(&command.encode(), board);
        sent.map(drop).map_err(|error| lost(board, &error))
    }

    /// The next answer of the board; what else comes is passed over.
    fn receive(
        &self,
        board: IpAddr,
        wait: bool,
        reports: &mut u64,
    ) -> Result<Option<Answer>, Error> {
        let mut buffer = [0; 64];
        // Bounded, so that a flood cannot hold us here.
        for round in 0..64 {
            let news = udp::receive(&self.socket, &mut buffer, wait && round == 0);
            let news = news.map_err(|error| lost(SocketAddr::new(board, 0), &error))?;
            let Some((length, from)) = news else { return Ok(None) };
            // The board answers from port 1024, whatever it was sent to: only the address counts.
            let answer = (from.ip() == board).then(|| Answer::parse(&buffer[..length]));
            match answer.flatten() {
                Some(Answer { code: STATUS, .. }) => *reports += 1,
                Some(answer) => return Ok(Some(answer)),
                None => {}
            }
        }
        Ok(None)
    }

    /// Takes the board's answer to `command`.
    fn take(&mut self, board: SocketAddr, command: Command, answer: Answer) -> Result<(), Error> {
        if answer.code != command.code() {
            return Ok(()); // The second answer to a command that was sent twice.
        }
        if command == Command::Version {
            self.version = Some(answer.version());
        } else if answer.status != 0 {
            let version = self.version.map_or_else(String::new, |(major, minor)| {
                format!(" (FPGA version {major}.{minor})")
            });
            return Err(Error::Device {
                device: device(board),
                loss: Loss::Configuration,
                problem: format!(
                    "the board{version} refused {} with status {}",
                    command.name(),
                    answer.status
                ),
                remedy: "close other programs that use the board and switch it off and on",
            });
        }
        self.todo.pop();
        self.waits = 0;
        Ok(())
    }

    fn silent(&self, board: SocketAddr, command: Command) -> Error {
        let local = self.socket.local_addr();
        let local = local.map_or_else(|_| "our address".to_owned(), |local| local.to_string());
        Error::Device {
            device: device(board),
            loss: Loss::Absent,
            problem: format!("no answer to {} within 1 s at {local}", command.name()),
            remedy: "check power and cable, and that the board's EEPROM names this address",
        }
    }
}

/// As errors call the board.
fn device(board: SocketAddr) -> String {
    format!("DCA1000 at {board}")
}

fn lost(address: SocketAddr, error: &io::Error) -> Error {
    Error::Device {
        device: device(address),
        loss: Loss::Absent,
        problem: error.to_string(),
        remedy: "check the network interface and its address",
    }
}

fn bind(address: SocketAddr) -> Result<UdpSocket, Error> {
    udp::bind(address).map_err(|error| Error::Device {
        device: format!("own address {address}"),
        loss: Loss::Absent,
        problem: error.to_string(),
        remedy: "give the network interface this address, and end other programs that use the port",
    })
}
