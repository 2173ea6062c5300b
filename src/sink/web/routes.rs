//! What can be asked for, and the answers that are not live.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State, WebSocketUpgrade};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::House;
use super::live;
use super::tally::Reason;
use crate::data::message::{HealthState, Payload};
use crate::sink::metrics;
use crate::units::Micros;

/// The page: plain files, nothing built, nothing fetched from elsewhere.
const PAGE: [(&str, &str, &str); 4] = [
    ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("page/page.css")),
    ("/page.js", "text/javascript; charset=utf-8", include_str!("page/page.js")),
    ("/draw.js", "text/javascript; charset=utf-8", include_str!("page/draw.js")),
];

/// Sent with everything: the page may load its own files and talk to this server, nothing else.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // After an update the new page is shown, and nothing of a person stays on a disk.
    (CACHE_CONTROL, "no-store"),
];

/// A pipeline thread that has not moved for so long hangs; systemd is told the same.
const HANGS: Micros = Micros::from_millis(5_000);

const TEXT: &str = "text/plain; charset=utf-8";
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn router(house: Arc<House>) -> Router {
    let mut router = Router::new()
        .route("/live", get(live_page))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz));
    for (path, kind, text) in PAGE {
        router = router.route(path, get(move || async move { ([(CONTENT_TYPE, kind)], text) }));
    }
    router.layer(middleware::from_fn_with_state(Arc::clone(&house), door)).with_state(house)
}

/// Every request comes through here, and every answer goes out.
async fn door(State(house): State<Arc<House>>, request: Request, next: Next) -> Response {
    let mut response = match house.is_meant(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(reason) => refuse(&house, reason),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The live data: a WebSocket.
async fn live_page(
    State(house): State<Arc<House>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Err(reason) = House::is_ours(&headers).and_then(|()| house.admits(&headers)) {
        return refuse(&house, reason);
    }
    let Ok(seat) = Arc::clone(&house.viewers).try_acquire_owned() else {
        return refuse(&house, Reason::ViewersOverCap);
    };
    live::upgrade(upgrade, house, seat)
}

async fn metrics(State(house): State<Arc<House>>, headers: HeaderMap) -> Response {
    if let Err(reason) = house.admits(&headers) {
        return refuse(&house, reason);
    }
    let exhibits = &house.exhibits;
    let now = (exhibits.now)();
    let text = metrics::render(&exhibits.board, &exhibits.telemetry, &house.tally.counts(), now);
    ([(CONTENT_TYPE, EXPOSITION)], text).into_response()
}

/// 200 while the pipeline thread moves.
async fn healthz(State(house): State<Arc<House>>) -> Response {
    if moves(&house) {
        (StatusCode::OK, "ok\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the pipeline does not move\n").into_response()
    }
}

/// 200 while it moves and at least one sensor delivers, so that results can be had.
async fn readyz(State(house): State<Arc<House>>) -> Response {
    let newest = house.exhibits.board.newest();
    let has_status = newest.iter().any(|envelope| matches!(envelope.payload, Payload::Status(_)));
    let health = newest.iter().find_map(|envelope| match &envelope.payload {
        Payload::Health(health) => Some(health.state),
        _ => None,
    });
    let (status, text) = match health {
        _ if !moves(&house) => (StatusCode::SERVICE_UNAVAILABLE, "the pipeline does not move\n"),
        Some(HealthState::Well) if has_status => (StatusCode::OK, "well\n"),
        Some(HealthState::Degraded) if has_status => (StatusCode::OK, "degraded\n"),
        Some(HealthState::Failing) => {
            (StatusCode::SERVICE_UNAVAILABLE, "failing: no sensor delivers\n")
        }
        _ => (StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
    };
    (status, text).into_response()
}

fn moves(house: &House) -> bool {
    let now = (house.exhibits.now)();
    house.exhibits.telemetry.since_beat(now).is_some_and(|since| since < HANGS)
}

/// Says no, says why, and counts it.
fn refuse(house: &House, reason: Reason) -> Response {
    house.tally.add(reason);
    let (status, text) = match reason {
        Reason::Host => (
            StatusCode::FORBIDDEN,
            "this address serves localhost alone: use http://localhost or http://127.0.0.1\n",
        ),
        Reason::Origin => (StatusCode::FORBIDDEN, "only the page of this server may ask\n"),
        Reason::Token => (StatusCode::UNAUTHORIZED, "the token of `web.token-file` is needed\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "all places for viewers are taken\n"),
    };
    let mut response = (status, [(CONTENT_TYPE, TEXT)], text).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
