//! Where a server is: `host:port` or `unix:PATH`.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;

use segengine::{Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncWrite};

/// A server's address, and the credential to call it with.
#[derive(Debug, Clone)]
pub struct Target {
    text: String,
    place: Place,
    /// Sent as `authorization: Bearer …`, if there is one.
    pub(crate) api_key: Option<String>,
}

#[derive(Debug, Clone)]
enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A socket of either kind.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

impl Target {
    /// Reads `host:port` or `unix:PATH`; a name is looked up once.
    ///
    /// # Errors
    /// `InvalidInput` with the expected form; `Unavailable` for a name that nobody knows.
    pub fn parse(text: &str, api_key: Option<String>) -> Result<Self> {
        let place = match text.strip_prefix("unix:") {
            Some(path) => Place::Unix(PathBuf::from(path.strip_prefix("//").unwrap_or(path))),
            None => Place::Tcp(looked_up(text)?),
        };
        Ok(Self { text: text.to_owned(), place, api_key })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What requests name as their authority.
    pub(crate) fn authority(&self) -> &str {
        match self.place {
            Place::Tcp(_) => &self.text,
            Place::Unix(_) => "localhost",
        }
    }

    /// Connects.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn connect(&self) -> Result<Box<dyn Socket>> {
        let connected: std::io::Result<Box<dyn Socket>> = async {
            Ok(match &self.place {
                Place::Tcp(address) => {
                    let socket = tokio::net::TcpStream::connect(address).await?;
                    // Without this a request waits for the acknowledgement of the one before: 40 ms.
                    socket.set_nodelay(true)?;
                    Box::new(socket) as Box<dyn Socket>
                }
                Place::Unix(path) => Box::new(tokio::net::UnixStream::connect(path).await?),
            })
        }
        .await;
        connected.map_err(|error| self.unavailable(&error.to_string()))
    }

    /// Nothing answers there.
    pub(crate) fn unavailable(&self, why: &str) -> Error {
        Error::new(ErrorKind::Unavailable, format!("{}: no server answers: {why}", self.text))
            .field("target")
            .hint("start one with `segengine serve DIR`, and give the address that it prints")
    }
}

fn looked_up(text: &str) -> Result<SocketAddr> {
    let wrong = || {
        Error::invalid(format!("{text:?} is no target"))
            .field("target")
            .hint("write it like 127.0.0.1:50051 or unix:/run/segengine.sock")
    };
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    if host.is_empty() || port.parse::<u16>().is_err() {
        return Err(wrong());
    }
    let found = text.to_socket_addrs().ok().and_then(|mut found| found.next());
    found.ok_or_else(|| {
        Error::new(ErrorKind::Unavailable, format!("{host:?} is no known host"))
            .field("target")
            .hint("check the name, or give an address")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_told_from_a_slip() {
        assert_eq!(Target::parse("127.0.0.1:50051", None).unwrap().authority(), "127.0.0.1:50051");
        assert_eq!(Target::parse("unix:/run/s.sock", None).unwrap().authority(), "localhost");
        assert!(Target::parse("[::1]:50051", None).is_ok());
        for wrong in ["", "50051", ":50051", "127.0.0.1", "127.0.0.1:port", "127.0.0.1:99999"] {
            assert_eq!(Target::parse(wrong, None).unwrap_err().kind(), ErrorKind::InvalidInput, "{wrong:?}");
        }
    }
}
