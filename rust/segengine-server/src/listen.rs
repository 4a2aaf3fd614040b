//! Claiming an address: a port in use is an error that names it, also when it is ours.
//!
//! Each runtime listens on its own socket of the same address (`SO_REUSEPORT`), and the kernel spreads connections over
//! them without a lock or a hand-over. That option would also let a second server join silently, so the first socket is
//! bound without it, which fails when anybody has the port, and gets the option only afterwards.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};

use segengine::{Error, ErrorKind, Result};
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted, for each socket.
const BACKLOG: i32 = 1_024;

/// Reads `host:port`; a name is looked up.
///
/// # Errors
/// `InvalidInput` with the expected form.
pub(crate) fn address(text: &str) -> Result<SocketAddr> {
    let found = text.to_socket_addrs().ok().and_then(|mut found| found.next());
    found.ok_or_else(|| {
        Error::invalid(format!("{text:?} is no address to listen on"))
            .field("listen")
            .hint("write it like 127.0.0.1:50051, or 127.0.0.1:0 for a free port")
    })
}

/// Binds `count` sockets to one address and returns them with it (port 0 becomes the port that was free).
///
/// # Errors
/// `FailedPrecondition` for an address that is not loopback and for a port in use; `Storage` when the system refuses.
pub(crate) fn claim(wanted: SocketAddr, count: usize) -> Result<(SocketAddr, Vec<TcpListener>)> {
    if !wanted.ip().to_canonical().is_loopback() {
        let message = format!("{wanted}: only loopback addresses are served, because there are no credentials yet");
        return Err(Error::precondition(message)
            .field("listen")
            .hint("listen on 127.0.0.1 or [::1], and let a tunnel or a proxy that knows its callers lead there"));
    }
    let first = bind(wanted, false).map_err(|error| refused(wanted, error))?;
    let address = first.local_addr().ok().and_then(|address| address.as_socket()).unwrap_or(wanted);
    let rest = (1..count).map(|_| {
        first.set_reuse_port(true)?;
        bind(address, true)
    });
    let mut sockets = rest.collect::<io::Result<Vec<Socket>>>().map_err(|error| refused(address, error))?;
    sockets.insert(0, first);
    let listen = |socket: Socket| {
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(TcpListener::from(socket))
    };
    let listeners = sockets.into_iter().map(listen).collect::<io::Result<_>>();
    Ok((address, listeners.map_err(|error| refused(address, error))?))
}

fn bind(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of a server that ended a moment ago are still waiting: they do not keep the port.
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

fn refused(address: SocketAddr, error: io::Error) -> Error {
    let (message, hint) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            format!("{address}: port {} is in use by another process or by another server of this one", address.port()),
            "stop that server, choose another port, or give port 0 for a free one",
        ),
        io::ErrorKind::PermissionDenied => {
            (format!("{address}: this port is reserved for root"), "choose a port from 1024 on")
        }
        _ => (format!("{address}: cannot listen: {error}"), "choose an address of this machine"),
    };
    let kind = match error.kind() {
        io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => ErrorKind::FailedPrecondition,
        _ => ErrorKind::Storage,
    };
    Error::new(kind, message).field("listen").hint(hint).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_served() {
        for wanted in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let error = claim(wanted.parse().unwrap(), 1).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::FailedPrecondition, "{wanted}");
            assert!(error.message().contains("only loopback"), "{error}");
        }
    }

    #[test]
    fn a_port_that_is_in_use_is_named_also_when_it_is_shared_by_our_own_sockets() {
        let (address, sockets) = claim("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        assert_eq!(sockets.len(), 3);
        let error = claim(address, 3).unwrap_err();
        assert!(error.message().contains(&format!("port {} is in use", address.port())), "{error}");
        drop(sockets);
        assert!(claim(address, 2).is_ok(), "the port is free again");
    }

    #[test]
    fn connections_are_spread_over_all_sockets() {
        let (address, sockets) = claim("127.0.0.1:0".parse().unwrap(), 2).unwrap();
        let connections: Vec<_> = (0..64).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        let accepted = sockets.iter().map(|socket| std::iter::from_fn(|| socket.accept().ok()).count());
        let accepted: Vec<usize> = accepted.collect();
        assert_eq!(accepted.iter().sum::<usize>(), connections.len());
        assert!(accepted.iter().all(|&count| count > 0), "{accepted:?}");
    }

    #[test]
    fn an_address_is_told_from_a_slip() {
        assert_eq!(address("127.0.0.1:50051").unwrap().port(), 50_051);
        for wrong in ["", "50051", "127.0.0.1", "127.0.0.1:port", "127.0.0.1:99999"] {
            assert!(address(wrong).is_err(), "{wrong:?}");
        }
    }
}
