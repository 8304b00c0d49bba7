//! Live answers (contract, "Events"): one that waits until there is something, and one that never ends by itself. The
//! bell of the account says when to read again. At the end of its time, or once a minute, each reads without a ring: so
//! a ring that got lost only delays, and a token that is no longer valid ends it.

use crate::{
    auth::caller::Caller,
    http::{error::Error, response::Response},
    platform::{
        Incoming,
        bell::Listener,
        stream::{Left, Stream},
    },
    query::{Live, Query, Rows, Until},
};

/// All in milliseconds. How long a stream waits for a ring until its next reading.
const POLL: u64 = 60_000;
/// How long a stream may be silent. Only writing tells that the caller has left, and not at the first time. It must be
/// known within the 30 seconds that the platform lets a request go on then: what it has would stay in the memory of the
/// wasm.
const KEEP_ALIVE: u64 = 5_000;
/// How long a stream lasts. A long one costs fewer requests, a short one lets a new version of the Worker take over.
const DURATION: u64 = 600_000;
/// When a caller connects again after the end of a stream.
const RETRY: u32 = 1_000;

/// How often a stream may call D1: the platform allows a request a thousand calls.
const MAX_D1_CALLS: usize = 900;

/// Answers a query that found `rows`, which may be none.
pub async fn answer(
    request: &mut Incoming,
    caller: Caller,
    query: Query,
    live: Live,
    rows: Rows,
) -> Result<Response, Error> {
    // A position that the log does not have is an answer too.
    let is_final = rows.outcome.is_some() || (rows.first.is_some() && live.until != Until::Left);
    if is_final {
        return (query.render)(rows);
    }
    let listener = request.listen().await?;
    match live.until {
        Until::Found { seconds } => wait(request, &caller, &live, rows, listener, 1000 * seconds).await,
        Until::Left => {
            request.stream(|request, stream| follow(request, caller, live, rows, listener, stream));
            Ok(Response::stream())
        }
    }
}

/// Reads until there is something, or the time is over.
async fn wait(
    request: &mut Incoming,
    caller: &Caller,
    live: &Live,
    mut rows: Rows,
    mut listener: Listener,
    milliseconds: u64,
) -> Result<Response, Error> {
    let end = Incoming::now() + milliseconds;
    loop {
        let mut query = (live.after)(&rows);
        rows = request.run(caller, &mut query).await?.authorize(caller)?;
        let left = end.saturating_sub(Incoming::now());
        if rows.first.is_some() || rows.outcome.is_some() || left == 0 {
            return (query.render)(rows);
        }
        if listener.is_lost() {
            listener = request.listen().await?;
        } else {
            listener.rings(left).await;
        }
    }
}

/// Writes what is found to a stream until its time is over, the token is no longer valid, or the caller has left. The
/// caller connects again and learns the reason.
async fn follow(mut request: Incoming, caller: Caller, live: Live, rows: Rows, listener: Listener, stream: Stream) {
    let end = write(&mut request, &caller, &live, rows, listener, &stream).await;
    stream.close();
    request.log_end(match end {
        Err(End::Failed(error)) => Some(error),
        Ok(()) | Err(End::Left) => None,
    });
}

/// Why a stream ends before its time.
enum End {
    Left,
    Failed(Error),
}

impl From<Left> for End {
    fn from(_: Left) -> Self {
        Self::Left
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

async fn write(
    request: &mut Incoming,
    caller: &Caller,
    live: &Live,
    mut rows: Rows,
    mut listener: Listener,
    stream: &Stream,
) -> Result<(), End> {
    let end = Incoming::now() + DURATION;
    stream.retry(RETRY).await?;
    // Whether nothing was read since the listener came.
    let mut is_new = true;
    while Incoming::now() < end && request.record.d1_calls < MAX_D1_CALLS && rows.outcome.is_none() {
        request.write_found(stream).await?;
        if !rows.has_more && !is_new {
            silence(&listener, stream).await?;
        }
        is_new = listener.is_lost();
        if is_new {
            listener = request.listen().await?;
        }
        let mut query = (live.after)(&rows);
        rows = request.run(caller, &mut query).await?.authorize(caller)?;
    }
    Ok(())
}

/// Waits for a ring, or until it is time to read without one. Comments keep the connection open.
async fn silence(listener: &Listener, stream: &Stream) -> Result<(), Left> {
    for _ in 0..POLL / KEEP_ALIVE {
        if listener.rings(KEEP_ALIVE).await {
            break;
        }
        stream.comment().await?;
    }
    Ok(())
}
