//! The port of the explorer, and its bounds.

use crate::{Explorer, IndexError, api, web};
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use std::{io, net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// Bytes of a request: sources of a large project in standard JSON.
const REQUEST_BYTES_MAX: usize = 16 << 20;

/// Nothing but what this server has itself: what got into a page all the same does not run.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";

/// Why the explorer does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address} for the explorer; choose another with --explorer.port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The index cannot be used.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// A running explorer. It stops when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts to serve, on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    pub async fn start(explorer: Explorer) -> Result<Self, StartError> {
        let wanted = explorer.settings.address;
        let listen = |source| StartError::Listen { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let (stop, mut stopped) = watch::channel(false);
        let service = router(Arc::new(explorer), stop.subscribe())
            .into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move {
            let ended = async move {
                // The sender is gone when nobody wants the server any more.
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(ended).await {
                tracing::error!(%error, "the explorer has stopped");
            }
        });
        Ok(Self { address, stop, task })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops: open requests are answered, streams are closed.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // An error says that it has panicked; it has stopped anyway.
        let _ = self.task.await;
    }
}

/// What every request works with.
pub(crate) type Shared = State<Arc<Explorer>>;

pub(crate) fn router(explorer: Arc<Explorer>, stopped: watch::Receiver<bool>) -> Router {
    Router::new()
        .merge(web::routes(stopped))
        .merge(api::routes())
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .layer(middleware::from_fn_with_state(explorer.clone(), api::limit))
        .layer(middleware::from_fn_with_state(explorer.clone(), guard))
        .with_state(explorer)
}

/// Keeps foreign pages out, and tells browsers what a page of ours may do.
async fn guard(State(explorer): Shared, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).map(|host| host.to_str().ok());
    let allowed = match host {
        Some(Some(host)) => heddle_rpc::allows_host(&explorer.settings.hosts, host),
        Some(None) => false,
        None => true,
    };
    if !allowed {
        return (StatusCode::FORBIDDEN, "this name is not among the allowed hosts\n")
            .into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
