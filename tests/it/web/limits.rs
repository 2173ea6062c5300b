//! Viewers that stall, flood, dawdle and talk, beside a healthy one that must not notice.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use visaged::daemon::clock;
use visaged::data::message::{Hello, Message, Payload};
use visaged::data::{Epoch, Event, EventBatch, Geometry, Source, View};
use visaged::sink::metrics::Telemetry;
use visaged::sink::web::{Config, Exhibits, Limits, Painter, Web};
use visaged::sink::{Board, Stamper};
use visaged::units::{HostClock, Stamp};

use super::client::{News, Viewer, connect, get};

/// Longest wait for anything: far above what it takes, so that only a failure meets it.
const DEADLINE: Duration = Duration::from_secs(20);

/// Waits until `holds`.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    #[expect(clippy::disallowed_methods, reason = "these tests are about real time")]
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn exhibits(now: fn() -> Stamp<HostClock>) -> Exhibits {
    Exhibits { board: Board::default(), telemetry: Telemetry::default(), now }
}

fn config() -> Config {
    Config { listen: "127.0.0.1:0".parse().unwrap(), token_file: None }
}

fn serve(limits: Limits) -> (Web, SocketAddr, Board, Painter) {
    let exhibits = exhibits(clock::now);
    let board = exhibits.board.clone();
    let (web, painter) = Web::start_with(&config(), exhibits, limits).unwrap();
    let address = web.address();
    (web, address, board, painter)
}

/// A pipeline thread that shows a large picture whenever one is due, and says how long the slowest
/// round took.
struct Pipeline {
    over: Arc<AtomicBool>,
    slowest_us: Arc<AtomicI64>,
    thread: Option<JoinHandle<()>>,
}

impl Pipeline {
    fn start(board: Board, mut painter: Painter) -> Self {
        let geometry = Geometry { width: 320, height: 320 };
        let name = "camera".to_owned();
        painter.begin(&[Source { name, view: View::Event(geometry), epoch: Epoch::Live }]);
        let batch = EventBatch {
            events: vec![Event { t: 0, x: 1, y: 2, on: true }],
            ..EventBatch::default()
        };
        let (over, slowest_us) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
        let (ended, slowest) = (Arc::clone(&over), Arc::clone(&slowest_us));
        let thread = std::thread::spawn(move || {
            let mut stamper = Stamper::new("boot");
            while !ended.load(Ordering::Relaxed) {
                let start = clock::now();
                board.post(stamper.stamp(hello(start), start));
                painter.events(0, &batch, start);
                if painter.is_due(start) {
                    painter.cameras(start);
                }
                slowest.fetch_max((clock::now() - start).0, Ordering::Relaxed);
                std::thread::park_timeout(Duration::from_millis(2));
            }
        });
        Self { over, slowest_us, thread: Some(thread) }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn hello(now: Stamp<HostClock>) -> Message {
    let hello = Hello {
        version: "x".repeat(20_000),
        host: String::new(),
        bundle: None,
        sensors: Vec::new(),
        topics: Vec::new(),
    };
    Message { source: Message::FUSED.to_owned(), recorded: now, payload: Payload::Hello(hello) }
}

#[test]
fn a_viewer_that_stops_reading_is_put_out_and_nobody_waits_for_it() {
    let limits = Limits {
        stall: Duration::from_millis(500),
        round: Duration::from_millis(5),
        ..Limits::default()
    };
    let (web, address, board, painter) = serve(limits);
    let pipeline = Pipeline::start(board, painter);
    let mut healthy = Viewer::connect(address);
    let stalled = Viewer::connect(address);
    sockopt::set_socket_recv_buffer_size(stalled.stream(), 4096).unwrap();
    let (mut pictures, mut newest) = (0, 0);
    while web.counts().get("web-evicted-stalled") == 0 || pictures < 10 {
        match healthy.news() {
            News::Picture(header, pixels) => {
                assert_eq!((header["width"].as_u64(), pixels.len()), (Some(320), 320 * 320));
                pictures += 1;
            }
            News::Message(message) => {
                // A latest-only slot: numbers are skipped, and never go back.
                let seq = message["header"]["seq"].as_u64().unwrap();
                assert!(newest == 0 || seq > newest, "{seq} after {newest}");
                newest = seq;
            }
            News::Closed => panic!("the healthy viewer was put out"),
        }
        assert!(pictures < 300, "the stalled viewer was never put out");
    }
    let slowest = pipeline.slowest_us.load(Ordering::Relaxed);
    assert!(slowest < 200_000, "the pipeline thread took {slowest} us for one round");
}

#[test]
fn a_viewer_that_talks_or_floods_is_put_out_and_one_that_pings_is_answered() {
    let (web, address, board, painter) = serve(Limits::default());
    let _pipeline = Pipeline::start(board, painter);
    let mut polite = Viewer::connect(address);
    polite.say(0x89, b"are you there");
    polite.message("hello");
    let mut talker = Viewer::connect(address);
    talker.say(0x81, b"{}");
    while !matches!(talker.news(), News::Closed) {}
    let mut flood = Viewer::connect(address);
    (0..200).for_each(|_| flood.say(0x89, b""));
    while !matches!(flood.news(), News::Closed) {}
    eventually("two were put out", || web.counts().get("web-talkative") == 2);
    polite.message("hello");
}

#[test]
fn viewers_and_connections_beyond_the_places_are_turned_away_and_counted() {
    let (web, address, ..) = serve(Limits { viewers: 1, connections: 2, ..Limits::default() });
    let first = Viewer::connect(address);
    assert_eq!(Viewer::try_connect(address, &[]).err().unwrap().0, 503);
    assert_eq!(web.counts().get("web-refused-viewer"), 1);
    drop(first);
    eventually("the place is free again", || Viewer::try_connect(address, &[]).is_ok());
    let idle: Vec<_> = (0..2).map(|_| connect(address)).collect();
    eventually("the third is turned away", || {
        let mut third = connect(address);
        drop(third.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        let mut answer = Vec::new();
        drop(third.read_to_end(&mut answer));
        answer.is_empty()
    });
    assert!(web.counts().get("web-refused-over-cap") >= 1);
    drop(idle);
    eventually("there is room again", || {
        let mut next = connect(address);
        drop(next.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
        let mut answer = Vec::new();
        drop(next.read_to_end(&mut answer));
        answer.starts_with(b"HTTP/1.1 200")
    });
}

#[test]
fn heads_that_dawdle_swell_or_are_no_http_end_their_own_connection() {
    let (web, address, ..) =
        serve(Limits { head: Duration::from_millis(200), ..Limits::default() });
    let closed = |bytes: &[u8]| {
        let mut stream = connect(address);
        drop(stream.write_all(bytes));
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        String::from_utf8_lossy(&answer).into_owned()
    };
    closed(b"GET / HTTP/1.1\r\nHost: local");
    closed(b"");
    eventually("both were timed", || web.counts().get("web-timed-out") == 2);
    let huge = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "y".repeat(1 << 17));
    let answer = closed(huge.as_bytes());
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    let many = "X: y\r\n".repeat(200);
    let answer = closed(format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n").as_bytes());
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    closed(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n");
    eventually("three were refused", || web.counts().get("web-bad-request") == 3);
    assert_eq!(get(address, "/", &[]).status, 200);
}

#[test]
fn a_pipeline_that_has_not_moved_for_five_seconds_is_not_healthy() {
    let frozen = exhibits(|| Stamp::from_micros(100_000_000));
    let telemetry = frozen.telemetry.clone();
    let (web, _painter) = Web::start(&config(), frozen).unwrap();
    let ask = || get(web.address(), "/healthz", &[]).status;
    assert_eq!(ask(), 503, "it has not begun");
    telemetry.beat(Stamp::from_micros(95_000_001));
    assert_eq!(ask(), 200);
    telemetry.beat(Stamp::from_micros(95_000_000));
    assert_eq!(ask(), 503);
    assert_eq!(get(web.address(), "/readyz", &[]).status, 503);
}
