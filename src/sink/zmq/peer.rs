//! One subscriber, from its greeting to its end.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::frames::{FrameReader, NoFrame, Pace};
use super::limits::Limits;
use super::seats::{Seat, Seats};
use super::tally::Reason;
use super::zmtp::{self, Bad, GREETING, GREETING_LEN, Request};

/// Bytes read from a subscriber at a time. With the rests between reads, it bounds what a
/// flood costs; all subscriptions that are allowed fit into a few reads.
const BUFFER: usize = 4096;

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The other side closed it, or the network did.
    Gone,
    /// We closed it.
    Closed(Reason),
}

/// Serves one connection until it ends. Sees every subscriber as strangers see it: what it sends is
/// hostile until parsed, and it may stop reading at any byte.
pub(super) async fn serve<R, W>(
    reader: R,
    mut writer: W,
    seats: &Arc<Seats>,
    limits: &Limits,
) -> End
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let hands = shake_hands(reader, &mut writer, limits, zmtp::READY_PUB, &[b"SUB"]);
    let mut frames = match timeout(limits.handshake, hands).await {
        Ok(Ok(frames)) => frames,
        Ok(Err(end)) => return end,
        Err(_) => return End::Closed(Reason::HandshakeTimeout),
    };
    let seat = seats.take();
    let ended = tokio::select! {
        ended = listen(&mut frames, &seat) => ended,
        ended = speak(&mut writer, &seat, limits) => ended,
    };
    match ended {
        Ok(never) => match never {},
        Err(end) => end,
    }
}

/// Greeting and READY, both ways: `ready` is ours, theirs must be of one of `kinds`. The identity that a READY may carry is not looked at: nobody is
/// known by it, so two clients with the same one do not disturb each other.
pub(super) async fn shake_hands<R, W>(
    mut reader: R,
    writer: &mut W,
    limits: &Limits,
    ready: &[u8],
    kinds: &[&[u8]],
) -> Result<FrameReader<R>, End>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    writer.write_all(&GREETING).await.map_err(gone)?;
    let mut greeting = [0; GREETING_LEN];
    let mut seen = 0;
    while seen < GREETING_LEN {
        match reader.read(&mut greeting[seen..]).await.map_err(gone)? {
            0 => return Err(End::Gone),
            n => seen += n,
        }
        zmtp::check_greeting(&greeting[..seen]).map_err(refusal)?;
    }
    writer.write_all(ready).await.map_err(gone)?;
    let pace = Pace { buffer: BUFFER, reads: limits.inbound_reads, rest: limits.inbound_rest };
    let mut frames = FrameReader::new(reader, pace, limits.inbound_frame);
    zmtp::check_ready(&frames.frame().await.map_err(no_frame)?, kinds).map_err(refusal)?;
    Ok(frames)
}

/// Does what the subscriber asks for.
async fn listen<R: AsyncRead + Unpin>(
    frames: &mut FrameReader<R>,
    seat: &Seat,
) -> Result<Infallible, End> {
    loop {
        let frame = frames.frame().await.map_err(no_frame)?;
        match Request::read(&frame).map_err(refusal)? {
            Request::Subscribe(prefix) => {
                if !seat.subscribe(prefix) {
                    return Err(End::Closed(Reason::TooManySubscriptions));
                }
            }
            Request::Cancel(prefix) => seat.cancel(&prefix),
            Request::Ping(context) => seat.set_pong(zmtp::pong(&context)),
            Request::Nothing => {}
        }
    }
}

/// Writes what waits for the subscriber. The clock of a stall starts again with each byte taken,
/// so a slow subscriber stays as long as it moves.
async fn speak<W: AsyncWrite + Unpin>(
    writer: &mut W,
    seat: &Seat,
    limits: &Limits,
) -> Result<Infallible, End> {
    loop {
        let (bytes, written) = seat.next().await;
        match timeout(limits.stall, writer.write(&bytes[written..])).await {
            Ok(Ok(0) | Err(_)) => return Err(End::Gone),
            Ok(Ok(n)) => seat.advance(n),
            Err(_) => return Err(End::Closed(Reason::EvictedStalled)),
        }
    }
}

fn gone(_: std::io::Error) -> End {
    End::Gone
}

fn no_frame(why: NoFrame) -> End {
    match why {
        NoFrame::Gone => End::Gone,
        NoFrame::Bad(bad) => refusal(bad),
    }
}

fn refusal(bad: Bad) -> End {
    End::Closed(match bad {
        Bad::Greeting => Reason::BadGreeting,
        Bad::Ready => Reason::NotASubscriber,
        Bad::Frame => Reason::BadFrame,
    })
}
