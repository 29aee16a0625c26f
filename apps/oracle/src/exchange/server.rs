//! The port where other reporters are listened to. Whoever keeps it busy does not stop this reporter:
//! what others know also comes in the answers to what it sends.

use super::{MESSAGE_BYTES_MAX, Message, Talks, hear};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::post,
};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use std::{io, net::TcpListener, sync::Arc, time::Duration};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};

/// Connections at a time; the others wait.
const CONNECTIONS_MAX: usize = 64;
/// How long a connection may last: it has one request.
const CONNECTION_TIME: Duration = Duration::from_secs(5);
/// Bytes of the head of a request: the least that hyper can be told.
const HEAD_BYTES_MAX: usize = 8 << 10;
/// After the system refuses a connection, for want of files say.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves for as long as the process lives, on this thread alone: so strangers get one processor at most.
pub(crate) fn serve(listener: TcpListener, talks: Talks) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(accept(listener, router(talks)))
}

fn router(talks: Talks) -> Router {
    Router::new()
        .route("/exchange", post(exchange))
        .layer(DefaultBodyLimit::max(MESSAGE_BYTES_MAX))
        .with_state(talks)
}

async fn accept(listener: TcpListener, router: Router) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let permit = permits.clone().acquire_owned().await.map_err(io::Error::other)?;
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection is refused");
                sleep(PAUSE).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .keep_alive(false)
                .max_buf_size(HEAD_BYTES_MAX)
                .serve_connection(TokioIo::new(stream), service);
            // What went wrong with a stranger's connection is the stranger's concern.
            let _ = timeout(CONNECTION_TIME, connection).await;
            drop(permit);
        });
    }
}

async fn exchange(State(talks): State<Talks>, Json(message): Json<Message>) -> Response {
    let Some(talk) = talks.get(&message.feed) else {
        return (StatusCode::NOT_FOUND, "this reporter has no such feed\n").into_response();
    };
    if let Err(error) = hear(message, talk) {
        tracing::debug!(%error, "a message is refused");
        return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response();
    }
    Json(talk.message(crate::clock::since_1970())).into_response()
}
