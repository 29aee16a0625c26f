//! The server: HTTP and WebSocket on one port, with every bound set.

mod sends;
#[cfg(test)]
mod tests;

use crate::{
    Context, Error, Settings,
    args::Args,
    context::Node,
    filters::random_id,
    gate::Gate,
    json::Json,
    methods::{Handler, Method, methods},
    subscriptions,
};
use futures_util::FutureExt;
use heddle_pool::PoolTransaction;
use http::{HeaderValue, Method as HttpMethod, header};
use jsonrpsee::{
    RpcModule,
    core::{middleware::RpcServiceBuilder, traits::IdProvider},
    server::{BatchRequestConfig, PingConfig, Server as Transport, ServerConfig, ServerHandle},
    types::{ErrorObjectOwned, Params, SubscriptionId},
};
use std::{
    io,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
};
use tower::ServiceBuilder;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address} for JSON-RPC; is another node running there?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// An allowed origin is no origin.
    #[error("{0:?} is no origin; write it like https://example.org, or * for any")]
    Origin(String),
    /// Two methods have the same name.
    #[error("the table of methods is wrong")]
    Methods(#[from] jsonrpsee::core::RegisterMethodError),
    /// A thread cannot be started.
    #[error("cannot start a thread for the events of the chain")]
    Thread(#[source] io::Error),
}

/// The JSON-RPC server.
#[derive(Debug)]
pub struct Server;

/// A running server. It stops when this is dropped.
#[derive(Debug)]
pub struct Handle {
    address: SocketAddr,
    server: ServerHandle,
    node: Arc<Node>,
}

impl Server {
    /// Starts to serve, on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    pub async fn start(context: Context, settings: Settings) -> Result<Handle, StartError> {
        let cors = cors(&settings.origins)?;
        let gate = Gate::new(&settings.hosts, &settings.origins, context.readiness.clone());
        let config = config(&settings);
        let address = settings.address;
        let listen = |source| StartError::Listen { address, source };
        let node = Arc::new(Node::new(context, settings));
        let transport = Transport::builder()
            .set_config(config)
            .set_http_middleware(ServiceBuilder::new().layer(gate).layer(cors))
            .set_rpc_middleware(RpcServiceBuilder::new().layer(Together::new(node.clone())))
            .build(node.settings.address)
            .await
            .map_err(listen)?;
        let address = transport.local_addr().map_err(listen)?;
        crate::events::follow(&node).map_err(StartError::Thread)?;
        let server = transport.start(module(node.clone())?);
        Ok(Handle { address, server, node })
    }
}

impl Handle {
    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What tells subscribers of transactions that became pending otherwise than by being sent
    /// here, such as by a block. It does nothing once the server has stopped.
    pub fn pending_publisher(&self) -> impl Fn(&[Arc<PoolTransaction>]) + Send + Sync + use<> {
        let node = Arc::downgrade(&self.node);
        move |promoted| {
            if let Some(node) = node.upgrade() {
                node.publish_pending(promoted);
            }
        }
    }

    /// Stops the server: open calls are answered, new ones are not.
    pub async fn stop(self) {
        // An error says that it has stopped already.
        let _ = self.server.stop();
        self.node.stop();
        self.server.stopped().await;
    }
}

pub(crate) use sends::Together;

pub(crate) fn config(settings: &Settings) -> ServerConfig {
    let limits = &settings.limits;
    ServerConfig::builder()
        .max_request_body_size(limits.request_bytes_max)
        .max_response_body_size(limits.response_bytes_max)
        .max_connections(limits.connections_max)
        .max_subscriptions_per_connection(limits.subscriptions_max)
        .set_batch_request_config(BatchRequestConfig::Limit(limits.batch_max))
        .set_message_buffer_capacity(limits.messages_waiting_max)
        .enable_ws_ping(PingConfig::new())
        .set_id_provider(RandomIds)
        .set_tcp_no_delay(true)
        .build()
}

/// No origins: no CORS headers, and browsers let no page read an answer.
pub(crate) fn cors(origins: &[String]) -> Result<CorsLayer, StartError> {
    let layer = CorsLayer::new()
        .allow_methods([HttpMethod::GET, HttpMethod::POST])
        .allow_headers([header::CONTENT_TYPE]);
    if origins.iter().any(|origin| origin == "*") {
        return Ok(layer.allow_origin(Any).allow_headers(Any));
    }
    let parse = |origin: &String| match origin.parse::<HeaderValue>() {
        Ok(value) if origin.contains("://") => Ok(value),
        _ => Err(StartError::Origin(origin.clone())),
    };
    let origins = origins.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    Ok(layer.allow_origin(AllowOrigin::list(origins)))
}

pub(crate) fn module(node: Arc<Node>) -> Result<RpcModule<Node>, StartError> {
    let enabled = node.settings.namespaces.clone();
    let mut module = RpcModule::from_arc(node);
    for method in methods().filter(|method| enabled.contains(&method.namespace)) {
        if matches!(method.handler, Handler::Subscription) {
            continue;
        }
        register(&mut module, method)?;
    }
    if enabled.contains(&crate::Namespace::Eth) {
        subscriptions::register(&mut module)?;
    }
    Ok(module)
}

fn register(module: &mut RpcModule<Node>, method: &'static Method) -> Result<(), StartError> {
    for name in [method.name].iter().chain(method.aliases) {
        module.register_async_method(name, move |params, node, _| async move {
            let result = run(node, method, params).await;
            result.map_err(|error| refuse(method.name, error))
        })?;
    }
    Ok(())
}

/// What the client gets. What is our fault is for the operator, too.
fn refuse(method: &str, error: Error) -> ErrorObjectOwned {
    let object = ErrorObjectOwned::from(error);
    if object.code() == jsonrpsee::types::error::INTERNAL_ERROR_CODE {
        tracing::error!(method, error = object.message(), "a call failed");
    } else {
        tracing::debug!(method, error = object.message(), "a call was refused");
    }
    object
}

async fn run(node: Arc<Node>, method: &Method, params: Params<'static>) -> Result<Json, Error> {
    match method.handler {
        // The pending block may have to be built first.
        Handler::Blocking(handler) => block_on(node, handler, params).await,
        // The pending block may have to be built first.
        Handler::Quick(handler) if names_pending(&params) => block_on(node, handler, params).await,
        Handler::Quick(handler) => {
            let call = || handler(&node, &Args::new(params.as_str())?);
            catch_unwind(AssertUnwindSafe(call)).unwrap_or(Err(Error::Panicked))
        }
        Handler::Waiting(handler) => {
            let call = AssertUnwindSafe(handler(node, params)).catch_unwind();
            call.await.unwrap_or(Err(Error::Panicked))
        }
        Handler::Subscription => Err(Error::Unsupported("use a WebSocket".to_owned())),
    }
}

/// Whether the arguments speak of the block `pending`.
fn names_pending(params: &Params<'_>) -> bool {
    params.as_str().is_some_and(|text| text.contains("\"pending\""))
}

/// Runs a handler on a thread of its own.
async fn block_on(
    node: Arc<Node>,
    handler: fn(&Node, &Args<'_>) -> Result<Json, Error>,
    params: Params<'static>,
) -> Result<Json, Error> {
    let permit = permit(&node).await?;
    let call = move || {
        let _permit = permit;
        handler(&node, &Args::new(params.as_str())?)
    };
    tokio::task::spawn_blocking(call).await.unwrap_or_else(|error| {
        Err(if error.is_panic() { Error::Panicked } else { Error::Stopping })
    })
}

/// Waits for one's turn, unless too many wait.
async fn permit(node: &Arc<Node>) -> Result<tokio::sync::OwnedSemaphorePermit, Error> {
    struct Waiting<'a>(&'a Node);
    impl Drop for Waiting<'_> {
        fn drop(&mut self) {
            self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }
    let before = node.waiting.fetch_add(1, Ordering::Relaxed);
    let _waiting = Waiting(node);
    if before >= node.settings.limits.blocking_waiting_max {
        return Err(Error::Busy);
    }
    node.blocking.clone().acquire_owned().await.map_err(|_| Error::Stopping)
}

/// Names of subscriptions, as geth writes them.
#[derive(Debug)]
struct RandomIds;

impl IdProvider for RandomIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        SubscriptionId::Str(format!("{:#x}", random_id()).into())
    }
}
