//! The live page, the metrics and the health of the daemon, over plain HTTP and a WebSocket.

mod client;
mod limits;
mod metrics;

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use crate::publish::Daemon;
use crate::scratch::Scratch;
use crate::zmtp::Subscriber;
use client::{News, Viewer, ask, free_port, get};

/// The daemon over the shipped scene, with a page.
fn start(name: &str, more: &str) -> (Daemon, SocketAddr) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let daemon = Daemon::start(name, &format!("[web]\nlisten = \"{address}\"\n{more}"));
    (daemon, address)
}

#[test]
fn the_page_is_whole_fetches_nothing_from_elsewhere_and_may_not() {
    let (_daemon, address) = start("web-page", "");
    let page = get(address, "/", &[]);
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let mut texts = vec![page.body.clone()];
    let quoted = |text: &str| -> BTreeSet<String> {
        let parts = text.split('"').skip(1).step_by(2);
        parts.filter(|part| part.starts_with('/') && part.contains('.')).map(Into::into).collect()
    };
    let mut files = quoted(&page.body);
    files.extend(quoted(&get(address, "/page.js", &[]).body));
    assert_eq!(files.len(), 3, "{files:?}");
    for file in &files {
        let answer = get(address, file, &[]);
        assert_eq!(answer.status, 200, "{file}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        texts.push(answer.body);
    }
    for text in texts {
        assert!(!text.contains("https://") && !text.contains("innerHTML"), "{text}");
        assert!(!text.contains("eval("), "{text}");
    }
    assert_eq!(get(address, "/etc/passwd", &[]).status, 404);
    assert_eq!(ask(address, "POST", "/", &["Content-Length: 0"]).status, 405);
}

#[test]
fn a_viewer_is_told_every_topic_with_its_age_and_shown_every_kind_of_picture() {
    let (_daemon, address) = start("web-viewer", "");
    let mut viewer = Viewer::connect(address);
    let mut missing: BTreeSet<&str> = [
        "v1/identity/fused/",
        "v1/expression/fused/",
        "v1/radar/radar/",
        "v1/event/camera/",
        "v1/status/fused/",
        "v1/health/fused/",
        "v1/hello/fused/",
        "range-doppler",
        "micro-range-doppler",
        "events",
        "breath",
    ]
    .into();
    while !missing.is_empty() {
        match viewer.news() {
            News::Message(message) => {
                missing.remove(message["topic"].as_str().unwrap());
                assert!((0..10_000).contains(&message["age_ms"].as_i64().unwrap()), "{message}");
                assert!(message["payload"].is_object(), "{message}");
            }
            News::Picture(header, pixels) => {
                let side = |name: &str| usize::try_from(header[name].as_u64().unwrap()).unwrap();
                assert_eq!(pixels.len(), side("width") * side("height"), "{header}");
                let kind = header["picture"].as_str().unwrap();
                // A person sits there for most of the scene: wait for a breath to be drawn.
                if kind != "breath" || pixels.len() > 100 {
                    missing.remove(kind);
                }
                if kind.ends_with("range-doppler") {
                    let black = pixels.iter().all(|&pixel| pixel == 0); // before anything moves
                    assert!(black || pixels.contains(&255), "the strongest cell is white");
                    assert!(header["range_step_m"].as_f64().unwrap() > 0.0, "{header}");
                }
            }
            News::Closed => panic!("closed before {missing:?}"),
        }
    }
}

#[test]
fn pages_of_others_are_kept_out_and_counted() {
    let (_daemon, address) = start("web-strangers", "");
    for path in ["/", "/metrics", "/live"] {
        let answer = get(address, path, &["Host: evil.example:5580"]);
        assert_eq!(answer.status, 403, "{path}");
    }
    let no_host = get(address, "/", &["Host: 127.0.0.1", "Host: evil.example"]);
    assert!(matches!(no_host.status, 400 | 403), "{no_host:?}");
    let refused = Viewer::try_connect(address, &["Origin: http://evil.example"]).err().unwrap();
    assert_eq!(refused.0, 403);
    let ours = format!("Origin: http://{address}");
    assert!(Viewer::try_connect(address, &[&ours]).is_ok());
    assert_eq!(get(address, "/healthz", &["Host: localhost:1"]).status, 200, "a tunnel's port");
    let counted = get(address, "/metrics", &[]).body;
    assert!(counted.contains("{reason=\"web-refused-origin\"} 1"), "{counted}");
}

#[test]
fn with_a_token_only_who_shows_it_sees_live_data_and_metrics() {
    let token = "0123456789abcdef0123456789abcdef";
    let folder = Scratch::new("web-token-file");
    let file = folder.put("page.token", format!("{token}\n"));
    let (_daemon, address) = start("web-token", &format!("token-file = {file:?}\n"));
    let answer = get(address, "/metrics", &[]);
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")));
    let wrong = format!("Authorization: Bearer {}", token.replace('f', "e"));
    assert_eq!(get(address, "/metrics", &[&wrong]).status, 401);
    assert_eq!(get(address, "/metrics", &[&format!("Authorization: Bearer {token}")]).status, 200);
    assert_eq!(Viewer::try_connect(address, &[]).err().unwrap().0, 401);
    let protocols = format!("Sec-WebSocket-Protocol: visaged, token.{token}");
    let mut viewer =
        Viewer::try_connect(address, &[&protocols]).unwrap_or_else(|no| panic!("{no:?}"));
    viewer.message("status");
    assert_eq!(get(address, "/", &[]).status, 200, "the page itself tells nothing");
}

#[test]
fn a_token_that_is_none_ends_the_start_with_its_file() {
    let folder = Scratch::new("web-bad-token");
    let file = folder.put("page.token", "short");
    let config = folder.put(
        "config.toml",
        format!(
            "[[sensor]]\nname = \"radar\"\nkind = \"infineon\"\nsettings.path = {:?}\n\
             [web]\nlisten = \"127.0.0.1:0\"\ntoken-file = {file:?}\n",
            Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/scenes/demo/radar")
        ),
    );
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_visaged"))
        .args(["run", "--config"])
        .arg(config)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("page.token") && said.contains("openssl"), "{said}");
    assert!(!said.contains("short"), "the token is in the message: {said}");
}

#[test]
fn a_port_that_is_taken_costs_the_page_and_nothing_else() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let daemon = Daemon::start("web-taken", &format!("[web]\nlisten = \"{address}\"\n"));
    let topic = Subscriber::connect(&daemon.address, b"v1/status/").message().swap_remove(0);
    assert_eq!(topic, b"v1/status/fused/");
}

#[test]
fn after_a_kill_the_next_daemon_has_the_address_at_once_and_says_that_it_is_another() {
    let (daemon, address) = start("web-restart", "");
    let mut viewer = Viewer::connect(address);
    let boot = viewer.message("hello")["header"]["boot_id"].clone();
    drop(daemon); // kill -9
    while !matches!(viewer.news(), News::Closed) {}
    let _next = Daemon::start("web-restart-2", &format!("[web]\nlisten = \"{address}\"\n"));
    let again = Viewer::connect(address).message("hello")["header"]["boot_id"].clone();
    assert_ne!(again, boot);
}

#[test]
fn another_page_needs_a_restart_and_says_so() {
    let (daemon, address) = start("web-reload", "[control]\nendpoint = \"control.sock\"\n");
    Viewer::connect(address).message("status");
    let config = daemon.folder.path().join("config.toml");
    let good = fs::read_to_string(&config).unwrap();
    fs::write(&config, good.replace(&address.to_string(), "127.0.0.1:0")).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_visaged"))
        .args(["reload", "--endpoint"])
        .arg(daemon.folder.path().join("control.sock"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("[web]") && said.contains("restart"), "{said}");
}
