//! The server without a port, for tests and fuzzing: what a request over HTTP is answered with.

use crate::{
    Context, Settings,
    context::Node,
    gate::Gate,
    server::{StartError, Together, config, cors, module},
};
use futures_util::future::BoxFuture;
use http::{Request, header};
use jsonrpsee::{
    core::{
        BoxError,
        http_helpers::{HttpError, read_body},
        middleware::RpcServiceBuilder,
    },
    server::{
        HttpBody, HttpRequest, HttpResponse, Server as Transport, ServerHandle, stop_channel,
    },
};
use std::{fmt, sync::Arc};
use tower::{Service, ServiceBuilder};

type Answer = BoxFuture<'static, Result<HttpResponse, BoxError>>;

/// The server without a port: all of it but the socket.
pub struct LocalServer {
    answer: Box<dyn Fn(HttpRequest) -> Answer + Send + Sync>,
    bytes_max: u32,
    // It stops when these are dropped.
    _handle: ServerHandle,
    _node: Arc<Node>,
}

impl fmt::Debug for LocalServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalServer").finish_non_exhaustive()
    }
}

impl LocalServer {
    /// Begins to answer, on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    pub fn start(context: Context, settings: Settings) -> Result<Self, StartError> {
        let cors = cors(&settings.origins)?;
        let gate = Gate::new(&settings.hosts, &settings.origins, context.readiness.clone());
        let bytes_max = settings.limits.response_bytes_max;
        let node = Arc::new(Node::new(context, settings));
        let builder = Transport::builder()
            .set_config(config(&node.settings))
            .set_http_middleware(ServiceBuilder::new().layer(gate).layer(cors))
            .set_rpc_middleware(RpcServiceBuilder::new().layer(Together::new(node.clone())))
            .to_service_builder();
        crate::events::follow(&node).map_err(StartError::Thread)?;
        let (stop, handle) = stop_channel();
        let service = builder.build(module(node.clone())?, stop);
        let answer = Box::new(move |request| service.clone().call(request) as Answer);
        Ok(Self { answer, bytes_max, _handle: handle, _node: node })
    }

    /// The status and the body that a POST with this body is answered with; an answer that is no
    /// JSON is given as an empty one.
    ///
    /// # Errors
    ///
    /// When the answer cannot be read.
    pub async fn post(&self, body: Vec<u8>) -> Result<(u16, Vec<u8>), BoxError> {
        let request = Request::post("/")
            .header(header::CONTENT_TYPE, "application/json")
            .body(HttpBody::from(body))?;
        let (head, body) = (self.answer)(request).await?.into_parts();
        let bytes = match read_body(&head.headers, body, self.bytes_max).await {
            Ok((bytes, _)) => bytes,
            Err(HttpError::Malformed) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        Ok((head.status.as_u16(), bytes))
    }
}
