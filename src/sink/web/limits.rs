//! What those who connect may cost, in one place.

use std::time::Duration;

/// Limits of the page's server.
///
/// The worst case in memory is `connections` x `header_bytes` and `viewers` x (the largest picture,
/// 100 KiB, + `send_buffer` in the kernel): 2 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// HTTP connections at one time; more are closed at once. Default: 32.
    pub connections: usize,
    /// Pages that are fed at one time; more are answered 503. Default: 8.
    pub viewers: usize,
    /// Time for the head of a request, and for an idle connection. Default: 5 s.
    pub head: Duration,
    /// Longest head of a request, in bytes, 8192 at least. Default: 16 KiB.
    pub head_bytes: usize,
    /// Most headers of a request. Default: 64.
    pub headers: usize,
    /// Longest life of an HTTP connection; one that feeds a page lives longer. Default: 30 s.
    pub connection: Duration,
    /// Time between two rounds of news for a page: the newest of everything that is new. Default:
    /// 100 ms.
    pub round: Duration,
    /// A page that takes longer for one message is disconnected. Default: 10 s.
    pub stall: Duration,
    /// Send buffer asked of the kernel for each connection, in bytes: what is in it is old by the
    /// time it arrives. Default: 64 KiB.
    pub send_buffer: u32,
    /// Pause after an accept that failed, e.g. for want of descriptors. Default: 100 ms.
    pub accept_rest: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 32,
            viewers: 8,
            head: Duration::from_secs(5),
            head_bytes: 16 << 10,
            headers: 64,
            connection: Duration::from_secs(30),
            round: Duration::from_millis(100),
            stall: Duration::from_secs(10),
            send_buffer: 64 << 10,
            accept_rest: Duration::from_millis(100),
        }
    }
}
