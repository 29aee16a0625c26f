//! What stands before JSON-RPC on the port: the check of `Host` and `Origin`, and the health pages.
//!
//! A page of a foreign site can make a browser call a node on the same machine. CORS keeps it from
//! reading the answer, except when the site's name is made to point to the machine (DNS rebinding;
//! `Host` gives it away) or when it opens a WebSocket (which knows no CORS; `Origin` gives it away).

use http::{Method, Request, Response, StatusCode, header};
use jsonrpsee::{
    core::BoxError,
    server::{HttpBody, HttpRequest, HttpResponse},
};
use std::{
    future::Future,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower::{Layer, Service};

/// Says whether the node can serve, or why not.
pub type Readiness = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// The rules of the gate.
#[derive(Clone)]
pub(crate) struct Gate {
    rules: Arc<Rules>,
}

struct Rules {
    hosts: Vec<String>,
    origins: Vec<String>,
    readiness: Readiness,
}

impl Gate {
    pub(crate) fn new(hosts: &[String], origins: &[String], readiness: Readiness) -> Self {
        let lower = |list: &[String]| list.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self { rules: Arc::new(Rules { hosts: lower(hosts), origins: lower(origins), readiness }) }
    }
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Gated { inner, rules: self.rules.clone() }
    }
}

/// A service behind the gate.
#[derive(Clone)]
pub(crate) struct Gated<S> {
    inner: S,
    rules: Arc<Rules>,
}

type Answer = Pin<Box<dyn Future<Output = Result<HttpResponse, BoxError>> + Send>>;

impl<S> Service<HttpRequest> for Gated<S>
where
    S: Service<HttpRequest, Response = HttpResponse>,
    S::Error: Into<BoxError> + 'static,
    S::Future: Send + 'static,
{
    type Response = HttpResponse;
    type Error = BoxError;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: HttpRequest) -> Self::Future {
        if let Some(answer) = self.rules.answer(&request) {
            return Box::pin(async { Ok(answer) });
        }
        let answer = self.inner.call(request);
        Box::pin(async { answer.await.map_err(Into::into) })
    }
}

impl Rules {
    /// The answer to what never reaches JSON-RPC.
    fn answer<B>(&self, request: &Request<B>) -> Option<HttpResponse> {
        if !self.allows_host(request) {
            return Some(text(StatusCode::FORBIDDEN, "this name is not among the allowed hosts\n"));
        }
        if !self.allows_origin(request) {
            return Some(text(StatusCode::FORBIDDEN, "this page's origin is not allowed\n"));
        }
        if request.method() != Method::GET {
            return None;
        }
        match request.uri().path() {
            "/livez" => Some(text(StatusCode::OK, "ok\n")),
            "/readyz" | "/health" => Some(match (self.readiness)() {
                Ok(()) => text(StatusCode::OK, "ok\n"),
                Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, &format!("{reason}\n")),
            }),
            _ => None,
        }
    }

    /// An address cannot be rebound, and a program that is no browser may leave `Host` out.
    fn allows_host<B>(&self, request: &Request<B>) -> bool {
        let header = request.headers().get(header::HOST).map(|host| host.to_str());
        let host = match (header, request.uri().authority()) {
            (Some(Ok(host)), _) => host,
            (Some(Err(_)), _) => return false,
            (None, Some(authority)) => authority.as_str(),
            (None, None) => return true,
        };
        allows_host(&self.hosts, host)
    }

    /// Only WebSocket needs this: CORS does it for the rest.
    fn allows_origin<B>(&self, request: &Request<B>) -> bool {
        let headers = request.headers();
        let upgrades = headers.contains_key(header::UPGRADE);
        match headers.get(header::ORIGIN) {
            Some(origin) if upgrades => origin
                .to_str()
                .is_ok_and(|origin| contains(&self.origins, &origin.to_ascii_lowercase())),
            _ => true,
        }
    }
}

/// Whether a request may be addressed to `host`, with or without a port: to an address, which cannot
/// be made to point elsewhere, or to one of the names `hosts`, in lower case; `*` stands for all.
pub fn allows_host(hosts: &[String], host: &str) -> bool {
    let name = without_port(host).to_ascii_lowercase();
    name.parse::<IpAddr>().is_ok() || contains(hosts, &name)
}

fn contains(list: &[String], name: &str) -> bool {
    list.iter().any(|allowed| allowed == "*" || allowed == name)
}

/// The name in a `Host` header; an address of IPv6 stands in brackets there.
fn without_port(host: &str) -> &str {
    if let Some(address) = host.strip_prefix('[') {
        return address.split(']').next().unwrap_or(address);
    }
    host.split(':').next().unwrap_or(host)
}

fn text(status: StatusCode, body: &str) -> HttpResponse {
    let mut response = Response::new(HttpBody::from(body.to_owned()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(hosts: &[&str], origins: &[&str], headers: &[(&str, &str)], path: &str) -> u16 {
        let own = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let not_ready: Readiness = Arc::new(|| Err("the database refuses writes".to_owned()));
        let gate = Gate::new(&own(hosts), &own(origins), not_ready);
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = gate.rules.answer(&request.body(()).unwrap());
        answer.map_or(0, |answer| answer.status().as_u16())
    }

    #[test]
    fn refuses_a_name_that_was_made_to_point_here() {
        for good in ["localhost", "LOCALHOST:8545", "127.0.0.1:8545", "[::1]:8545", "10.0.0.7"] {
            assert_eq!(status(&["localhost"], &[], &[("host", good)], "/"), 0, "{good}");
        }
        assert_eq!(status(&["localhost"], &[], &[("host", "evil.example")], "/"), 403);
        assert_eq!(status(&["*"], &[], &[("host", "evil.example")], "/"), 0);
        assert_eq!(status(&["localhost"], &[], &[], "/"), 0);
    }

    #[test]
    fn refuses_a_websocket_of_a_foreign_page() {
        let page = [("upgrade", "websocket"), ("origin", "https://evil.example")];
        assert_eq!(status(&["localhost"], &["https://mine.example"], &page, "/"), 403);
        assert_eq!(status(&["localhost"], &["*"], &page, "/"), 0);
        assert_eq!(status(&["localhost"], &["https://evil.example"], &page, "/"), 0);
        assert_eq!(status(&["localhost"], &[], &page[..1], "/"), 0);
        assert_eq!(status(&["localhost"], &[], &page[1..], "/"), 0);
    }

    #[test]
    fn tells_life_from_readiness() {
        assert_eq!(status(&[], &[], &[], "/livez"), 200);
        assert_eq!(status(&[], &[], &[], "/readyz"), 503);
        assert_eq!(status(&[], &[], &[], "/health"), 503);
        assert_eq!(status(&[], &[], &[], "/other"), 0);
    }
}
