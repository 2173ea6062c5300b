//! One viewer: ten times a second the newest of everything that is new to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{MissedTickBehavior, timeout};

use super::House;
use super::gallery::Picture;
use super::tally::Reason;
use crate::sink::Envelope;

/// The protocol that our page names beside its token.
const PROTOCOL: &str = "visaged";
/// Largest message of a viewer, which has nothing to say but pings.
const MOST_BYTES: usize = 1024;
/// Pings and pongs between two rounds.
const MOST_HEARD: usize = 16;

/// Takes the connection over; `seat` is given back when it ends.
pub(super) fn upgrade(
    upgrade: WebSocketUpgrade,
    house: Arc<House>,
    seat: OwnedSemaphorePermit,
) -> Response {
    upgrade
        .protocols([PROTOCOL])
        .max_message_size(MOST_BYTES)
        .max_frame_size(MOST_BYTES)
        .on_upgrade(async move |socket| {
            if let Some(reason) = view(socket, &house).await {
                house.tally.add(reason);
            }
            drop(seat);
        })
}

/// Serves a viewer until it goes; why it was thrown out, if it was.
async fn view(mut socket: WebSocket, house: &House) -> Option<Reason> {
    let mut seen = Seen::new(house);
    let mut rounds = tokio::time::interval(house.limits.round);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = 0;
    loop {
        tokio::select! {
            said = socket.recv() => match said {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) if heard < MOST_HEARD => heard += 1,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => return Some(Reason::Talkative),
            },
            _ = rounds.tick() => {
                heard = 0;
                house.gallery.ask();
                for message in seen.news(house) {
                    match timeout(house.limits.stall, socket.send(message)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_gone)) => return None,
                        Err(_elapsed) => return Some(Reason::EvictedStalled),
                    }
                }
            }
        }
    }
}

/// What a viewer was sent last.
struct Seen {
    messages: BTreeMap<String, Arc<Envelope>>,
    pictures: BTreeMap<String, Picture>,
}

/// A message with its age, because the viewer's clock is not ours.
#[derive(Serialize)]
struct Aged<'a> {
    /// Milliseconds since it was published.
    age_ms: i64,
    #[serde(flatten)]
    envelope: &'a Envelope,
}

impl Seen {
    /// Messages are told from the newest on; pictures that hang already may be old.
    fn new(house: &House) -> Self {
        let pictures = house.gallery.newest().into_iter().collect();
        Self { messages: BTreeMap::new(), pictures }
    }

    /// Everything that is new, messages first: they are small.
    fn news(&mut self, house: &House) -> Vec<Message> {
        let now = (house.exhibits.now)().as_micros();
        let mut news = Vec::new();
        for envelope in house.exhibits.board.newest() {
            let before = self.messages.get(&envelope.topic);
            if before.is_some_and(|before| Arc::ptr_eq(before, &envelope)) {
                continue;
            }
            let age_ms = now.saturating_sub(envelope.header.published_us) / 1000;
            // Never fails for the payloads of this crate; what did would be missed, not harmful.
            if let Ok(text) = serde_json::to_string(&Aged { age_ms, envelope: &envelope }) {
                news.push(Message::Text(text.into()));
            }
            self.messages.insert(envelope.topic.clone(), envelope);
        }
        for (name, picture) in house.gallery.newest() {
            let before = self.pictures.get(&name);
            if before.is_some_and(|before| Arc::ptr_eq(before, &picture)) {
                continue;
            }
            news.push(Message::Binary(picture.to_vec().into()));
            self.pictures.insert(name, picture);
        }
        news
    }
}
