//! The load generator for `segengine bench`: runs without the GIL, on threads of its own.
//!
//! The calling thread looks out for signals meanwhile and tells how far the run is. Ctrl-C ends a run and is no
//! exception here: what was measured until then is the answer, and says that it was stopped.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use segengine::Error;
use segengine_load::{Asked, Pace, Plan, Questions, Shape, Target, Watch};

use crate::arrays::{borrow, elements};
use crate::errors::{Answer, Failure, guarded};
use crate::lifetime::SIGNAL_INTERVAL;

/// What to ask, as the package says it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Wanted {
    candidates: Option<usize>,
    batch: usize,
    stream: bool,
    count: usize,
    seed: u64,
}

/// How to ask, as the package says it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Course {
    target: String,
    api_key: Option<String>,
    rate: Option<f64>,
    in_flight: usize,
    seconds: f64,
    patience: f64,
    connections: usize,
    threads: usize,
}

/// Encoded requests, which several runs may share.
#[pyclass(frozen, module = "segengine._segengine")]
pub(crate) struct LoadQuestions(Arc<Questions>);

#[pymethods]
impl LoadQuestions {
    /// Encodes requests about these users (identifiers in text form, several of one user separated by spaces) and
    /// candidates drawn from these adgroups.
    #[staticmethod]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 converts, it hands over")]
    fn encode(py: Python<'_>, users: Vec<String>, adgroups: &Bound<'_, PyAny>, wanted: Wanted) -> PyResult<Self> {
        guarded(|| {
            let array = borrow::<u32>("adgroups", adgroups)?;
            let adgroups = elements("adgroups", &array)?;
            let Wanted { candidates, batch, stream, count, seed } = wanted;
            let shape = match (stream, batch) {
                (true, _) => Shape::Stream,
                (false, 1) => Shape::Unary,
                (false, users) => Shape::Batch(users),
            };
            let asked = Asked { users: &users, adgroups, candidates, seed };
            Ok(Self(Arc::new(py.detach(|| Questions::encode(shape, &asked, count))?)))
        })
    }
}

/// Runs once and returns what was measured, as JSON; `progress` is told the seconds that have passed.
#[pyfunction]
#[pyo3(signature = (questions, course, progress=None))]
#[expect(clippy::needless_pass_by_value, reason = "what PyO3 converts, it hands over")]
pub(crate) fn generate_load(
    py: Python<'_>,
    questions: Bound<'_, LoadQuestions>,
    course: Course,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    guarded(|| {
        let plan = plan_of(course)?;
        let (questions, watch) = (Arc::clone(&questions.get().0), Arc::<Watch>::default());
        let (sender, receiver) = channel();
        let receiver = Mutex::new(receiver);
        let watched = Arc::clone(&watch);
        let work = move || drop(sender.send(segengine_load::run(&plan, &questions, &watched)));
        let thread = std::thread::Builder::new().name("segengine-load".to_owned()).spawn(work);
        let thread = thread.map_err(|error| Error::storage("starting a thread", error))?;
        let (begun, mut raised) = (Instant::now(), None);
        let measured = loop {
            match py.detach(|| receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(SIGNAL_INTERVAL)) {
                Ok(measured) => break measured,
                Err(RecvTimeoutError::Disconnected) => break Err(Error::internal("the load generator broke")),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let tell = || progress.as_ref().map_or(Ok(()), |tell| tell.call1(py, (seconds(begun),)).map(drop));
            if let Err(error) = py.check_signals().and_then(|()| tell()) {
                watch.stop();
                raised = raised.or(Some(error));
            }
        };
        // It has sent what it had to send.
        drop(py.detach(|| thread.join()));
        match raised {
            Some(error) if !error.is_instance_of::<PyKeyboardInterrupt>(py) => Err(Failure::Python(error)),
            _ => Ok(measured?.to_json().to_string()),
        }
    })
}

fn seconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64()
}

fn plan_of(course: Course) -> Answer<Plan> {
    let pace = match course.rate {
        Some(per_second) => Pace::Open { per_second },
        None => Pace::Closed { in_flight: course.in_flight },
    };
    let length = |seconds, field| {
        Duration::try_from_secs_f64(seconds)
            .map_err(|_| Error::invalid("this is no number of seconds from 0").field(field))
    };
    Ok(Plan {
        target: Target::parse(&course.target, course.api_key)?,
        pace,
        length: length(course.seconds, "duration")?,
        patience: length(course.patience, "patience")?,
        connections: course.connections,
        threads: course.threads,
    })
}
