//! An empty tonic server for `Targeting/Match`: it decodes the request and answers a fixed message of the same size as
//! ours, from one current-thread runtime per core on one port. What Match costs beyond it is the engine's.
//!
//! `cargo run --release --example echo -- 127.0.0.1:50052 [ADGROUPS_IN_ANSWER]` prints its target and serves until killed.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool: it may stop where it stands")]

use std::net::SocketAddr;
use std::sync::Arc;

use prost::Message;
use segengine_server::v1::{MatchRequest, MatchResponse};
use socket2::{Domain, Protocol, Socket, Type};
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, StdError, http};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Answers every request alike.
#[derive(Clone)]
struct Echo(Arc<MatchResponse>);

impl tonic::server::NamedService for Echo {
    const NAME: &'static str = "segengine.v1.Targeting";
}

impl tonic::server::UnaryService<MatchRequest> for Echo {
    type Response = MatchResponse;
    type Future = std::future::Ready<Result<tonic::Response<MatchResponse>, tonic::Status>>;

    fn call(&mut self, request: tonic::Request<MatchRequest>) -> Self::Future {
        let id = request.into_inner().id;
        std::future::ready(Ok(tonic::Response::new(MatchResponse { id, ..MatchResponse::clone(&self.0) })))
    }
}

impl<B> Service<http::Request<B>> for Echo
where
    B: http_body::Body + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move {
            let codec = tonic_prost::ProstCodec::default();
            Ok(tonic::server::Grpc::new(codec).unary(echo, request).await)
        })
    }
}

fn listener(address: SocketAddr) -> std::net::TcpListener {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(1_024).unwrap();
    socket.into()
}

fn run(listener: std::net::TcpListener, echo: Echo) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
        tonic::transport::Server::builder().add_service(echo).serve_with_incoming(incoming).await.unwrap();
    });
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let address: SocketAddr = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned()).parse().unwrap();
    let adgroups: u32 = arguments.next().map_or(2, |count| count.parse().unwrap());
    let answer =
        MatchResponse { adgroups: (1..=adgroups).collect(), generation: 7, identified: 1, ..MatchResponse::default() };
    let echo = Echo(Arc::new(answer));
    let first = listener(address);
    let address = first.local_addr().unwrap();
    println!("{address} {} bytes", echo.0.encoded_len());
    let cores = std::thread::available_parallelism().unwrap().get();
    let others: Vec<_> = (1..cores).map(|_| listener(address)).collect();
    let threads: Vec<_> = others
        .into_iter()
        .chain([first])
        .map(|listener| {
            let echo = echo.clone();
            std::thread::spawn(move || run(listener, echo))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
