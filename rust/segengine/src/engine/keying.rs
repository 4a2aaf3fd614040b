//! The digests of a file on their way from the parser to where they are gathered: keyed, and laid aside.
//!
//! Reading lines takes about as long as keying what they hold, so from [`FEW`] digests on the second is done on a thread
//! of its own, batch after batch. When batches of a long file pile up (the system finds memory slowly, or another core is
//! busy), the thread that brings them keys one itself. All ends, with everything laid aside, when somebody asks how many
//! there are; shorter files never start a thread. Memory: [`QUEUE`] batches of 4,096 digests.

use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::Engine;
use super::gathering::Gathering;
use crate::identity::{Digest, Kind};
use crate::segment::upload::MemberSink;

/// Digests that are keyed on the thread that brings them.
const FEW: usize = 1 << 15;
/// Batches that wait.
const QUEUE: usize = 16;

/// The sink of the parser.
pub(super) struct Keying {
    /// What is keyed by the thread that brings it.
    here: Laying,
    /// Digests since a thread may begin.
    taken: usize,
    beside: Option<Beside>,
}

/// Keys digests and lays them aside.
struct Laying {
    engine: Engine,
    gathering: Gathering,
    digests: Vec<Digest>,
}

/// The thread that keys.
struct Beside {
    batches: Sender<Batch>,
    /// Batches to fill again.
    used: Receiver<Batch>,
    thread: JoinHandle<Gathering>,
    /// Whether the thread that brings digests keys them itself when batches pile up.
    shares: bool,
}

enum Batch {
    Md5(Vec<[u8; 16]>),
    Sha256(Vec<[u8; 32]>),
}

impl Laying {
    fn lay<const WIDTH: usize>(&mut self, kind: Kind, values: &[[u8; WIDTH]]) {
        let inner = &self.engine.inner;
        self.digests.clear();
        inner.key.digest_values(kind, values, |digest| self.digests.push(digest));
        self.gathering.take(&inner.identity, kind, &self.digests);
    }

    fn take(&mut self, batch: &Batch) {
        match batch {
            Batch::Md5(values) => self.lay(Kind::EmailMd5, values),
            Batch::Sha256(values) => self.lay(Kind::EmailSha256, values),
        }
    }
}

/// Starts a thread that goes on with `gathering`; nothing, and the gathering stays, where the system has no thread left.
fn begin_beside(engine: &Engine, gathering: &mut Gathering) -> Option<Beside> {
    let (batches, incoming) = bounded::<Batch>(QUEUE);
    let (emptied, used) = bounded(QUEUE);
    let (hand_over, handed_over) = bounded(1);
    let engine_there = engine.clone();
    let work = move || {
        let gathering = handed_over.recv().unwrap_or_else(|_| Gathering::new(&engine_there.inner.identity, 0));
        let mut laying = Laying { engine: engine_there, gathering, digests: Vec::new() };
        for batch in incoming {
            laying.take(&batch);
            let _ = emptied.try_send(batch);
        }
        laying.gathering
    };
    let thread = std::thread::Builder::new().name("segengine-key".to_owned()).spawn(work).ok()?;
    let (shares, beside) = (gathering.expects_many(), gathering.beside());
    let _ = hand_over.send(std::mem::replace(gathering, beside));
    Some(Beside { batches, used, thread, shares })
}

impl Keying {
    /// Keys for `engine` what comes, and lays it aside in `gathering`.
    pub(super) fn new(engine: Engine, gathering: Gathering) -> Self {
        let here = Laying { engine, gathering, digests: Vec::new() };
        Self { here, taken: 0, beside: None }
    }

    /// Everything that was laid aside, which leaves nothing.
    pub(super) fn take_gathering(&mut self) -> Gathering {
        self.end_beside();
        let nothing = Gathering::new(&self.here.engine.inner.identity, 0);
        std::mem::replace(&mut self.here.gathering, nothing)
    }

    fn take<const WIDTH: usize>(
        &mut self,
        values: &[[u8; WIDTH]],
        kind: Kind,
        fill: impl FnOnce(Option<Batch>) -> Batch,
    ) {
        self.taken += values.len();
        if self.beside.is_none() && self.taken > FEW {
            self.beside = begin_beside(&self.here.engine, &mut self.here.gathering);
        }
        let Some(beside) = &self.beside else { return self.here.lay(kind, values) };
        // The thread receives until the sender is gone, or it panicked: then the panic goes on when it is joined.
        match beside.batches.try_send(fill(beside.used.try_recv().ok())) {
            Err(TrySendError::Full(batch)) if beside.shares => self.here.take(&batch),
            Err(TrySendError::Full(batch)) => drop(beside.batches.send(batch)),
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
        }
    }

    /// Waits for the thread, and takes back what it laid aside.
    fn end_beside(&mut self) {
        let Some(Beside { batches, used, thread, .. }) = self.beside.take() else { return };
        drop((batches, used));
        self.taken = 0;
        match thread.join() {
            Ok(gathering) => {
                let here = std::mem::replace(&mut self.here.gathering, gathering);
                self.here.gathering.absorb(here);
            }
            Err(panic) if !std::thread::panicking() => std::panic::resume_unwind(panic),
            Err(_) => {}
        }
    }
}

impl MemberSink for Keying {
    fn take_md5(&mut self, digests: &[[u8; 16]]) {
        self.take(digests, Kind::EmailMd5, |used| {
            let mut room = if let Some(Batch::Md5(room)) = used { room } else { Vec::with_capacity(digests.len()) };
            room.clear();
            room.extend_from_slice(digests);
            Batch::Md5(room)
        });
    }

    fn take_sha256(&mut self, digests: &[[u8; 32]]) {
        self.take(digests, Kind::EmailSha256, |used| {
            let mut room = if let Some(Batch::Sha256(room)) = used { room } else { Vec::with_capacity(digests.len()) };
            room.clear();
            room.extend_from_slice(digests);
            Batch::Sha256(room)
        });
    }

    fn distinct(&mut self) -> u64 {
        self.end_beside();
        self.here.gathering.distinct(&self.here.engine.inner.identity)
    }
}

impl Drop for Keying {
    /// Its thread holds the engine: whoever drops an upload may close the directory next.
    fn drop(&mut self) {
        self.end_beside();
    }
}
