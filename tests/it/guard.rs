//! Subscribers that stall, flood, lie and vanish, beside a healthy one that must not notice.

use std::fs;
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use visaged::sink::zmq::{Endpoint, Handed, Limits, Publisher};

use crate::publish::Daemon;
use crate::scratch::Scratch;
use crate::support;
use crate::zmtp::{
    READY, Subscriber, greeting, python_with_zmq, ready_as, say, subscribe, wait_for_close,
};

const TOPIC: &[u8] = b"v1/test/one/";

/// Longest wait for anything: far above what it takes, so that only a failure meets it.
const DEADLINE: Duration = Duration::from_secs(20);

#[expect(clippy::disallowed_methods, reason = "these tests are about real time")]
fn now() -> Instant {
    Instant::now()
}

/// Waits until `holds`.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let start = now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// A publisher that numbers its messages and sends them at a steady pace.
struct Source {
    publisher: Arc<Publisher>,
    address: String,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Source {
    /// Messages with `payload` bytes, one each `period`.
    fn start(limits: Limits, payload: usize, period: Duration) -> Self {
        let publisher =
            Publisher::start_with(&["tcp://127.0.0.1:0".parse().unwrap()], limits, None);
        let publisher = Arc::new(publisher.unwrap());
        let address = publisher.bound()[0].strip_prefix("tcp://").unwrap().to_owned();
        let over = Arc::new(AtomicBool::new(false));
        let (ours, ended) = (Arc::clone(&publisher), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            let start = now();
            for number in 0_u32.. {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                assert_eq!(ours.publish(numbered(number.into(), payload)), Handed::Over);
                let due = period * (number + 1);
                while start.elapsed() < due {
                    std::thread::park_timeout(due.saturating_sub(start.elapsed()));
                }
            }
        });
        Self { publisher, address, over, thread: Some(thread) }
    }

    /// Small messages, 500 a second.
    fn small(limits: Limits) -> Self {
        Self::start(limits, 100, Duration::from_millis(2))
    }

    fn count(&self, reason: &str) -> u64 {
        self.publisher.counts().get(reason)
    }

    fn wait_for_count(&self, reason: &str, n: u64) {
        eventually(reason, || self.count(reason) >= n);
        assert_eq!(self.count(reason), n, "{reason}");
    }

    /// A subscriber that has received a first message.
    fn healthy(&self) -> Healthy {
        let mut subscriber = Subscriber::connect(&self.address, TOPIC);
        let next = number_of(&subscriber.message()) + 1;
        Healthy { subscriber, next }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "a message was not taken");
    }
}

/// A subscriber that notices each missing message.
struct Healthy {
    subscriber: Subscriber,
    next: u64,
}

impl Healthy {
    fn receive(&mut self) {
        assert_eq!(number_of(&self.subscriber.message()), self.next, "a gap");
        self.next += 1;
    }

    /// Receives until `over`.
    fn receive_until(mut self, over: &AtomicBool) -> u64 {
        let first = self.next;
        while !over.load(Ordering::Relaxed) {
            self.receive();
        }
        self.next - first
    }
}

fn numbered(number: u64, payload: usize) -> [Vec<u8>; 3] {
    [TOPIC.to_vec(), number.to_be_bytes().to_vec(), vec![0x5a; payload]]
}

fn number_of(message: &[Vec<u8>]) -> u64 {
    let [topic, number, _] = message else { panic!("{} frames", message.len()) };
    assert_eq!(topic, TOPIC);
    u64::from_be_bytes(number.as_slice().try_into().unwrap())
}

/// Runs `body` in a process of its own, where memory and descriptors are those of this test only.
fn alone(test: &str, body: impl FnOnce()) {
    const MARK: &str = "VISAGED_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return body();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("guard::{test}"), "--nocapture"])
        .env(MARK, "1")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// Resident memory of this process in bytes, where the system says it.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

#[test]
fn subscribers_that_stop_reading_cost_little_memory_and_nobody_else_a_message() {
    alone("subscribers_that_stop_reading_cost_little_memory_and_nobody_else_a_message", || {
        // 64 KiB x 500/s for 5 s: 160 MB, which a queue without a bound would hold for each.
        let source = Source::start(Limits::default(), 64 << 10, Duration::from_millis(2));
        let mut healthy = source.healthy();
        let before = resident();
        let stalled: Vec<_> =
            (0..3).map(|_| Subscriber::connect(&source.address, b"v1/")).collect();
        for _ in 0..2500 {
            healthy.receive();
        }
        assert!(source.count("publish-dropped-slow") > 1000, "{:?}", source.publisher.counts());
        assert_eq!(source.count("publish-evicted-stalled"), 0, "not before 10 s");
        if let (Some(before), Some(after)) = (before, resident()) {
            let grown = after.saturating_sub(before);
            assert!(grown < 32_000_000, "grew by {grown} bytes");
        }
        drop(stalled);
    });
}

#[test]
fn who_stalls_is_evicted_and_who_is_slow_but_moves_stays() {
    let stall = Duration::from_millis(700);
    let source = Source::start(
        Limits { stall, outbox_bytes: 1 << 20, ..Limits::default() },
        64 << 10,
        Duration::from_millis(2),
    );
    let stalled = Subscriber::connect(&source.address, b"v1/");
    let mut slow = Subscriber::connect(&source.address, b"v1/");
    let start = now();
    let mut last = 0;
    // 20 messages of 500 a second, for three times as long as a stall may last.
    while start.elapsed() < stall * 3 {
        let number = number_of(&slow.message());
        assert!(number >= last, "whole messages, in order");
        last = number;
        std::thread::park_timeout(Duration::from_millis(50));
    }
    source.wait_for_count("publish-evicted-stalled", 1);
    wait_for_close(stalled.0.into_inner());
    assert!(source.count("publish-dropped-slow") > 100);
    // Still served, whatever it has lost.
    for _ in 0..100 {
        slow.message();
    }
}

#[test]
fn lengths_that_nobody_can_mean_close_that_connection_only() {
    let source = Source::small(Limits::default());
    let mut healthy = source.healthy();
    let claims = [1_u64 << 62, 20_000_000_000, u64::MAX, 513];
    for (at, claim) in (1..).zip(claims) {
        let header = [&[2], claim.to_be_bytes().as_slice()].concat();
        let mut hostile = Subscriber::shake_hands(&source.address, READY);
        hostile.say(&header);
        wait_for_close(hostile.0.into_inner());
        source.wait_for_count("publish-bad-frame", at);
        healthy.receive();
    }
}

#[test]
fn frames_that_no_subscriber_sends_close_that_connection_only() {
    let source = Source::small(Limits::default());
    let mut healthy = source.healthy();
    let frames: [&[u8]; 4] = [b"\x01\x02\x01a", b"\x08\x00", b"\x05\x01a", b"\x00\x01\x07"];
    for (at, frame) in (1..).zip(frames) {
        let mut hostile = Subscriber::shake_hands(&source.address, READY);
        hostile.say(frame);
        wait_for_close(hostile.0.into_inner());
        source.wait_for_count("publish-bad-frame", at);
        healthy.receive();
    }
}

#[test]
fn strangers_are_told_from_subscribers_before_they_cost_anything() {
    let source = Source::small(Limits::default());
    let null = greeting(b"NULL");
    let of_version_2 = {
        let mut greeting = null;
        greeting[10] = 1;
        greeting
    };
    let xsub = b"\x04\x1a\x05READY\x0bSocket-Type\x00\x00\x00\x04XSUB";
    let strangers: [(&str, Vec<u8>); 8] = [
        ("publish-bad-greeting", b"G".to_vec()),
        ("publish-bad-greeting", b"\x16\x03\x01\x00\xc8".to_vec()),
        ("publish-bad-greeting", of_version_2.to_vec()),
        ("publish-bad-greeting", greeting(b"PLAIN").to_vec()),
        ("publish-bad-greeting", greeting(b"NULLX").to_vec()),
        ("publish-not-a-subscriber", [&null[..], xsub].concat()),
        ("publish-not-a-subscriber", [&null[..], b"\x04\x03\x05RE"].concat()),
        ("publish-not-a-subscriber", [&null[..], &subscribe(b"")].concat()),
    ];
    for (reason, bytes) in strangers {
        let before = source.count(reason);
        // Closed at once: the handshake is given 2 s, this wait ends the test before.
        let start = now();
        wait_for_close(say(&source.address, &bytes));
        source.wait_for_count(reason, before + 1);
        assert!(start.elapsed() < Duration::from_millis(1500), "{bytes:?}");
    }
    assert_eq!(source.count("publish-handshake-timeout"), 0);
}

#[test]
fn who_does_not_finish_the_handshake_is_closed_in_time() {
    let handshake = Duration::from_millis(300);
    let source = Source::small(Limits { handshake, ..Limits::default() });
    let null = greeting(b"NULL");
    let halves: [&[u8]; 5] = [b"", b"\xff", &null[..30], &null, &[&null[..], &READY[..9]].concat()];
    let open: Vec<_> = halves.iter().map(|half| say(&source.address, half)).collect();
    open.into_iter().for_each(wait_for_close);
    source.wait_for_count("publish-handshake-timeout", 5);
    source.healthy().receive();
}

#[test]
fn idle_connections_above_the_cap_are_closed_at_once_and_the_places_come_back() {
    let source = Source::small(Limits::default());
    let mut healthy = source.healthy();
    let idle: Vec<_> = (0..200).map(|_| say(&source.address, b"")).collect();
    source.wait_for_count("publish-refused-over-cap", 200 - 31);
    source.wait_for_count("publish-handshake-timeout", 31);
    source.healthy().receive();
    for _ in 0..500 {
        healthy.receive();
    }
    drop(idle);
}

#[test]
fn random_bytes_disturb_nobody() {
    let source = Source::small(Limits::default());
    let mut healthy = source.healthy();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        // xorshift64 (Marsaglia 2003): the same bytes in every run.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    for round in 0..300 {
        let noise: Vec<u8> = (0..64).flat_map(|_| random()).collect();
        let bytes = match round % 3 {
            0 => noise,
            1 => [&greeting(b"NULL")[..], &noise].concat(),
            _ => [&greeting(b"NULL")[..], READY, &noise].concat(),
        };
        let stranger = say(&source.address, &bytes);
        // Noise may end inside a frame that is allowed: the end of it is said too.
        drop(stranger.shutdown(Shutdown::Write));
        wait_for_close(stranger);
        healthy.receive();
    }
    // Each of them was refused for what it said, not for being slow.
    source.wait_for_count("publish-bad-greeting", 100);
    source.wait_for_count("publish-bad-frame", 200);
}

#[test]
fn the_subscription_after_the_last_allowed_one_closes_the_connection() {
    let source = Source::small(Limits::default());
    let prefix = |n: u8| [&[n][..], &[b'x'; 199]].concat();
    let mut modest = Subscriber::shake_hands(&source.address, READY);
    (0..63).for_each(|n| modest.say(&subscribe(&prefix(n))));
    modest.say(&subscribe(TOPIC));
    assert_eq!(modest.message()[0], TOPIC, "64 are allowed");
    let mut greedy = Subscriber::shake_hands(&source.address, READY);
    (0..65).for_each(|n| greedy.say(&subscribe(&prefix(n))));
    wait_for_close(greedy.0.into_inner());
    source.wait_for_count("publish-too-many-subscriptions", 1);
    modest.message();
}

#[test]
fn two_clients_with_one_identity_are_both_served() {
    let source = Source::small(Limits::default());
    let client = || {
        let mut subscriber = Subscriber::shake_hands(&source.address, &ready_as(b"robot"));
        subscriber.say(&subscribe(TOPIC));
        let next = number_of(&subscriber.message()) + 1;
        Healthy { subscriber, next }
    };
    let (mut first, mut second) = (client(), client());
    for _ in 0..50 {
        first.receive();
        second.receive();
    }
    drop(first);
    for _ in 0..100 {
        second.receive();
    }
}

#[test]
fn a_ping_is_answered_and_the_commands_of_zmtp_3_1_subscribe() {
    let source = Source::small(Limits::default());
    let mut modern = Subscriber::shake_hands(&source.address, READY);
    modern.say(b"\x04\x0a\x04PING\x00\x64abc");
    assert_eq!(modern.frame(), (4, b"\x04PONGabc".to_vec()));
    modern.say(b"\x04\x0d\x09SUBSCRIBEv1/");
    assert_eq!(modern.message()[0], TOPIC);
    modern.say(b"\x04\x08\x06FRESHXY");
    modern.say(b"\x04\x07\x04PING\x00\x00");
    while modern.frame().0 & 4 == 0 {}
    modern.message();
}

#[test]
fn subscribers_that_come_and_go_leave_no_descriptor_and_cause_no_silence() {
    alone("subscribers_that_come_and_go_leave_no_descriptor_and_cause_no_silence", || {
        const CONNECTS: u64 = 4000;
        let source = Source::small(Limits::default());
        let healthy = source.healthy();
        let before = descriptors();
        let (over, done) = (Arc::new(AtomicBool::new(false)), AtomicU64::new(0));
        let watch = Arc::clone(&over);
        let watcher = std::thread::spawn(move || healthy.receive_until(&watch));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while done.fetch_add(1, Ordering::Relaxed) < CONNECTS {
                        let mut client = Subscriber::shake_hands(&source.address, READY);
                        (0..20).for_each(|n| client.say(&subscribe(&[b'v', b'1', n])));
                    }
                });
            }
        });
        over.store(true, Ordering::Relaxed);
        assert!(watcher.join().unwrap() > 0);
        assert_eq!(source.count("publish-refused-over-cap"), 0);
        assert!(source.count("publish-accepted") > CONNECTS);
        // The healthy one has gone too, with both of its descriptors.
        eventually("descriptors are given back", || descriptors() <= before);
    });
}

#[test]
fn what_was_handed_over_arrives_before_the_publisher_ends() {
    // An outbox far smaller than what is sent, and a publisher that waits for room.
    let limits = Limits { outbox_bytes: 64 << 10, ..Limits::default() };
    let publisher =
        Publisher::start_with(&["tcp://127.0.0.1:0".parse().unwrap()], limits, None).unwrap();
    let address = publisher.bound()[0].strip_prefix("tcp://").unwrap().to_owned();
    let subscriber = std::thread::spawn(move || {
        let mut subscriber = Subscriber::connect(&address, TOPIC);
        let mut numbers = vec![number_of(&subscriber.message())];
        while let Ok(message) = subscriber.try_message() {
            numbers.push(number_of(&message));
        }
        numbers
    });
    // Somebody has come: from here on nothing may be lost.
    eventually("a subscriber", || publisher.counts().get("publish-accepted") == 1);
    for number in 0..20_000 {
        assert_eq!(publisher.publish_patiently(numbered(number, 1000)), Handed::Over);
    }
    publisher.finish();
    let numbers = subscriber.join().unwrap();
    let first = numbers[0];
    assert!(first < 20_000 / 2, "the subscription took too long");
    assert_eq!(numbers, (first..20_000).collect::<Vec<_>>());
}

#[test]
fn a_message_too_large_for_anybody_is_counted_and_the_next_one_arrives() {
    let limits = Limits { message_bytes: 10_000, ..Limits::default() };
    let source = Source::small(limits);
    let mut healthy = source.healthy();
    assert_eq!(source.publisher.publish(numbered(0, 20_000)), Handed::Over);
    source.wait_for_count("publish-oversized", 1);
    healthy.receive();
}

#[test]
fn socket_files_are_for_owner_and_group_replace_dead_ones_and_go_with_the_publisher() {
    let folder = Scratch::new("guard-ipc");
    let path = folder.path().join("pub.sock");
    drop(UnixListener::bind(&path).unwrap()); // what a killed process leaves
    let endpoints: [Endpoint; 2] =
        [Endpoint::Ipc(path.clone()), "tcp://127.0.0.1:0".parse().unwrap()];
    let publisher = Publisher::start(&endpoints).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    assert_eq!(publisher.bound()[0], format!("ipc://{}", path.display()));
    assert!(Publisher::start(&endpoints[..1]).is_err(), "in use");
    assert!(path.exists(), "the one in use is not taken away");
    publisher.finish();
    assert!(!path.exists());
}

#[test]
fn libzmq_with_heartbeats_stays_connected_and_loses_nothing() {
    const SCRIPT: &str = "
import struct, sys, time, zmq
from zmq.utils.monitor import recv_monitor_message
context = zmq.Context()
socket = context.socket(zmq.SUB)
socket.setsockopt(zmq.HEARTBEAT_IVL, 100)
socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 1000)
socket.setsockopt(zmq.RCVTIMEO, 5000)
socket.subscribe(b'v1/')
monitor = socket.get_monitor_socket()
socket.connect(sys.argv[1])
end, last, lost = time.monotonic() + 2, None, 0
while time.monotonic() < end:
    number, = struct.unpack('>Q', socket.recv_multipart()[1])
    lost += 0 if last is None else number - last - 1
    last = number
connected = 0
while monitor.poll(0):
    connected += recv_monitor_message(monitor)['event'] == zmq.EVENT_CONNECTED
print(connected, 'connection,', lost, 'lost')
";
    let Some(python) = python_with_zmq() else {
        return support::skipped("no Python with pyzmq; see tools/subscribers/python");
    };
    let source = Source::small(Limits::default());
    let output = Command::new(python)
        .args(["-c", SCRIPT, &format!("tcp://{}", source.address)])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1 connection, 0 lost\n");
}

#[test]
fn out_of_descriptors_it_rests_between_attempts_and_serves_again() {
    // The daemon, because a limit on descriptors is one on the whole process.
    let daemon = Daemon::start_with_descriptors(32, "guard-descriptors");
    let mut watcher = Subscriber::connect(&daemon.address, b"v1/status/");
    watcher.message();
    let held: Vec<TcpStream> = (0..64).map(|_| say(&daemon.address, b"")).collect();
    let failed = loop {
        let status: Value = serde_json::from_slice(&watcher.message()[2]).unwrap();
        if let Some(failed) = status["dropped"]["publish-accept-failed"].as_u64() {
            break failed;
        }
    };
    // Ten a second at most; without a rest they would be a million.
    assert!(failed < 200, "{failed}");
    drop(held);
    Subscriber::connect(&daemon.address, b"v1/").message();
    watcher.message();
}
