//! The door: who may come in, and for how long.

use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::House;
use super::limits::Limits;
use super::routes::router;
use super::tally::Reason;

/// Serves everybody who connects, each by a task of its own.
pub(super) async fn serve(listener: &TcpListener, house: &Arc<House>) {
    let limits = house.limits;
    let places = Arc::new(Semaphore::new(limits.connections));
    let router = router(Arc::clone(house));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            house.tally.add(Reason::AcceptFailed);
            // Out of descriptors, most likely: asking again at once would only burn time.
            tokio::time::sleep(limits.accept_rest).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            house.tally.add(Reason::OverCap);
            continue; // and closes it
        };
        let (router, tally) = (router.clone(), Arc::clone(&house.tally));
        tokio::spawn(async move {
            if let Some(reason) = converse(stream, router, &limits).await {
                tally.add(reason);
            }
            drop(place);
        });
    }
}

/// One connection, until it goes, lives too long or becomes a WebSocket, which has a task of its
/// own; what was wrong with it.
async fn converse(stream: TcpStream, router: Router, limits: &Limits) -> Option<Reason> {
    // News are small and late ones are useless: never wait for more to send.
    stream.set_nodelay(true).ok()?;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(limits.head_bytes)
        .max_headers(limits.headers);
    let service = TowerToHyperService::new(router);
    let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut connection = pin!(connection);
    let ended = match timeout(limits.connection, connection.as_mut()).await {
        Ok(ended) => ended,
        Err(_elapsed) => {
            // Who is being answered gets the answer.
            connection.as_mut().graceful_shutdown();
            match timeout(limits.head, connection).await {
                Ok(ended) => ended,
                Err(_elapsed) => return Some(Reason::Stuck),
            }
        }
    };
    let error = ended.err()?;
    if error.is_timeout() {
        Some(Reason::TimedOut)
    } else {
        error.is_parse().then_some(Reason::BadRequest)
    }
}
