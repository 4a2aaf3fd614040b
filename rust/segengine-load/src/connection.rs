//! A bare HTTP/2 connection that is made again when it breaks.
//!
//! Servers tell a connection to go after some minutes so that load balancers spread anew; a run that lasts longer goes
//! on over another one, and what was on its way still gets its answer over the old one.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use segengine::{Error, Result};
use tokio::sync::Mutex;

use crate::target::Target;

/// What is received before it must be acknowledged: answers of whole batches come without a pause for it.
const WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// One connection, and the request that all calls over it begin with.
pub(crate) struct Connection {
    target: Rc<Target>,
    request: http::Request<()>,
    /// The sender, and how often it was replaced.
    current: RefCell<(SendRequest<Bytes>, u64)>,
    mending: Mutex<()>,
}

impl Connection {
    /// Connects, for calls to the method at `path`.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn open(target: &Rc<Target>, path: &str) -> Result<Self> {
        let mut request = http::Request::post(format!("http://{}{path}", target.authority()))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        if let Some(key) = &target.api_key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let wrong = |_| Error::invalid("the credential has characters that a header cannot carry").field("api_key");
        let request = request.body(()).map_err(wrong)?;
        let current = RefCell::new((connected(target).await?, 0));
        Ok(Self { target: Rc::clone(target), request, current, mending: Mutex::new(()) })
    }

    /// A copy of the request without its message.
    pub(crate) fn request(&self) -> http::Request<()> {
        self.request.clone()
    }

    /// A sender that takes one request, once the server allows another stream; nothing when there is no way to it.
    pub(crate) async fn sender(&self) -> Option<SendRequest<Bytes>> {
        for _ in 0..2 {
            let (sender, replaced) = self.current.borrow().clone();
            match sender.ready().await {
                Ok(ready) => return Some(ready),
                Err(_) => self.mend(replaced).await,
            }
        }
        None
    }

    /// Connects again, unless another request has done so meanwhile.
    async fn mend(&self, replaced: u64) {
        let _one_at_a_time = self.mending.lock().await;
        if self.current.borrow().1 != replaced {
            return;
        }
        match connected(&self.target).await {
            Ok(sender) => *self.current.borrow_mut() = (sender, replaced + 1),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn connected(target: &Target) -> Result<SendRequest<Bytes>> {
    let socket = target.connect().await?;
    let mut settings = h2::client::Builder::new();
    settings.initial_window_size(WINDOW_BYTES).initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    let shaken = settings.handshake(socket).await;
    let (sender, connection) = shaken.map_err(|error| target.unavailable(&error.to_string()))?;
    // Its end is seen by whoever wants to send over it.
    tokio::task::spawn_local(async move { drop(connection.await) });
    Ok(sender)
}
