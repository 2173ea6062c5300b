//! Keyed BLAKE3 tags: frames of a stranger, of another boot or of an earlier moment are refused.
//!
//! Session key: `keyed_hash(key, LABEL | direction u8 | nonce 16 B | boot id u64 LE)`.
//! Tag: the first 16 bytes of `keyed_hash(session key, header | payload)`.
//! The nonce is the host's, fresh in every `HelloRequest`; the boot id is the device's, fresh at
//! every start. A `HelloRequest` itself is tagged with boot id 0, because the host does not know
//! the boot id yet.

use crate::header::{HEADER_LEN, Header, TAG_LEN};
use crate::messages::{Hello, message_type};

pub(crate) use blake3::Hasher;

/// Domain separation of the session key.
const LABEL: &[u8; 24] = b"visaged-proto session v1";
/// Streams whose order is guarded; frames of higher streams are refused while a key is set.
const STREAMS: usize = 16;

/// The host's random number, fresh in every `HelloRequest`.
pub type Nonce = [u8; 16];

/// Who sends: keeps a host's own frames from being played back to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Sent by the microcontroller.
    DeviceToHost,
    /// Sent by the daemon.
    HostToDevice,
}

impl Direction {
    const fn code(self) -> u8 {
        match self {
            Self::DeviceToHost => 1,
            Self::HostToDevice => 2,
        }
    }
}

/// The tag of everything a hasher took in.
pub(crate) fn tag_of(hasher: &Hasher) -> [u8; TAG_LEN] {
    let mut tag = [0; TAG_LEN];
    hasher.finalize_xof().fill(&mut tag);
    tag
}

/// Compares without telling by its time where the first difference lies.
fn same(left: &[u8; TAG_LEN], right: &[u8; TAG_LEN]) -> bool {
    left.iter().zip(right).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// Signs the frames of one direction of one session.
#[derive(Clone)]
pub struct Signer {
    session: [u8; 32],
}

impl core::fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("Signer { session: hidden }")
    }
}

impl Signer {
    /// Derives the session key. A host that signs a `HelloRequest` gives boot id 0.
    #[must_use]
    pub fn new(key: &[u8; 32], direction: Direction, nonce: &Nonce, boot_id: u64) -> Self {
        let mut hasher = Hasher::new_keyed(key);
        hasher.update(LABEL);
        hasher.update(&[direction.code()]);
        hasher.update(nonce);
        hasher.update(&boot_id.to_le_bytes());
        Self { session: *hasher.finalize().as_bytes() }
    }

    pub(crate) fn hasher(&self) -> Hasher {
        Hasher::new_keyed(&self.session)
    }

    fn accepts(&self, signed: &[u8], tag: &[u8; TAG_LEN]) -> bool {
        let mut hasher = self.hasher();
        hasher.update(signed);
        same(&tag_of(&hasher), tag)
    }
}

/// Lets every frame through once, in order.
#[derive(Debug, Clone, Copy, Default)]
struct Order {
    last: [Option<(u64, u16)>; STREAMS],
}

impl Order {
    /// Whether the frame is later than all before it on its stream; remembers it if so.
    fn advances(&mut self, header: &Header) -> bool {
        let Some(last) = self.last.get_mut(usize::from(header.stream)) else { return false };
        let later = last.is_none_or(|(time_us, sequence)| {
            let forward = (1..0x8000).contains(&header.sequence.wrapping_sub(sequence));
            header.time_us > time_us || (header.time_us == time_us && forward)
        });
        if later {
            *last = Some((header.time_us, header.sequence));
        }
        later
    }
}

/// Checks the tags of incoming frames.
#[derive(Debug, Clone)]
pub struct Verifier {
    key: Key,
    role: Role,
    session: Option<Session>,
}

/// The long-term key, kept out of debug output.
#[derive(Clone)]
struct Key([u8; 32]);

impl core::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("Key(hidden)")
    }
}

#[derive(Debug, Clone, Copy)]
enum Role {
    Host { nonce: Nonce },
    Device { boot_id: u64 },
}

#[derive(Debug, Clone)]
struct Session {
    nonce: Nonce,
    boot_id: u64,
    signer: Signer,
    order: Order,
}

impl Verifier {
    /// For the daemon: accepts a device that answers to `nonce`.
    #[must_use]
    pub const fn host(key: [u8; 32], nonce: Nonce) -> Self {
        Self { key: Key(key), role: Role::Host { nonce }, session: None }
    }

    /// For the microcontroller: accepts a host that knows the key.
    #[must_use]
    pub const fn device(key: [u8; 32], boot_id: u64) -> Self {
        Self { key: Key(key), role: Role::Device { boot_id }, session: None }
    }

    /// The host sends a new `HelloRequest`: only a `Hello` that answers this nonce opens a new
    /// session. Frames of the running session stay valid until then.
    pub const fn renew(&mut self, nonce: Nonce) {
        if matches!(self.role, Role::Host { .. }) {
            self.role = Role::Host { nonce };
        }
    }

    /// Nonce and boot id of the running session: what a device needs to sign its answers.
    #[must_use]
    pub fn session(&self) -> Option<(Nonce, u64)> {
        self.session.as_ref().map(|session| (session.nonce, session.boot_id))
    }

    /// Whether a frame is from the other side, of this session, and later than all before.
    pub(crate) fn accepts(
        &mut self,
        header: &Header,
        kind: u8,
        signed: &[u8],
        tag: &[u8; TAG_LEN],
    ) -> bool {
        if let Some(session) = &mut self.session
            && session.signer.accepts(signed, tag)
        {
            return session.order.advances(header);
        }
        let Some((first, session)) = self.candidate(kind, signed) else { return false };
        if !first.accepts(signed, tag) {
            return false;
        }
        self.session.insert(session).order.advances(header)
    }

    /// The session this frame would open, and the signer its own tag must come from.
    fn candidate(&self, kind: u8, signed: &[u8]) -> Option<(Signer, Session)> {
        let payload = signed.get(HEADER_LEN..)?;
        let (nonce, boot_id, direction, opening_boot_id) = match self.role {
            Role::Host { nonce } if kind == message_type::HELLO => {
                let boot_id = Hello::boot_id_of(payload)?;
                (nonce, boot_id, Direction::DeviceToHost, boot_id)
            }
            Role::Device { boot_id } if kind == message_type::HELLO_REQUEST => {
                let nonce = *payload.first_chunk::<16>()?;
                (nonce, boot_id, Direction::HostToDevice, 0)
            }
            Role::Host { .. } | Role::Device { .. } => return None,
        };
        let repeated = self
            .session
            .as_ref()
            .is_some_and(|session| session.nonce == nonce && session.boot_id == boot_id);
        if repeated {
            return None; // the same session cannot open twice: its order would start anew
        }
        let signer = Signer::new(&self.key.0, direction, &nonce, boot_id);
        let first = Signer::new(&self.key.0, direction, &nonce, opening_boot_id);
        Some((first, Session { nonce, boot_id, signer, order: Order::default() }))
    }
}
