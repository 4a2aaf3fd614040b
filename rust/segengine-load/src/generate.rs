//! The threads of a run: each paces its share of the requests over its own connections.
//!
//! Request n belongs to thread n mod T, and there to connection n / T mod C, so all threads keep one schedule without a
//! word between them. A request is a task of its own, so however many are on their way, the next one is due when it is
//! due. At [`MOST_ON_THEIR_WAY`] a thread waits: latency still counts from when each was due, so what is found stays true.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use segengine::{Error, Result};
use tokio::task::LocalSet;

use crate::connection::Connection;
use crate::measured::Measured;
use crate::question::{Questions, Shape};
use crate::schedule::{Pace, Schedule, Timer};
use crate::stream::Lane;
use crate::tally::{OnItsWay, Tally};
use crate::{Plan, Watch, server_times, unary};

/// Requests on their way over one thread: about 100 MB of them.
const MOST_ON_THEIR_WAY: usize = 50_000;
/// What is due is sent so many at once, before answers are looked at again.
const BURST: u64 = 8;
/// How long a stopped run waits for what is on its way.
const STOPPED_PATIENCE: Duration = Duration::from_secs(1);
/// For each connection, before the first request is due.
const HEAD_START: Duration = Duration::from_millis(5);

/// Runs a plan to its end, or until the watch is told to stop; what was measured by then is the answer.
///
/// # Errors
/// `InvalidInput` for a plan that says nothing; `Unavailable` when no server answers.
pub fn run(plan: &Plan, questions: &Arc<Questions>, watch: &Arc<Watch>) -> Result<Measured> {
    check(plan)?;
    let before = server_times::ask(&plan.target)?;
    let threads = plan.threads.clamp(1, plan.connections);
    let start = Instant::now() + HEAD_START * u32::try_from(plan.connections + 1).unwrap_or(u32::MAX);
    let mut tally = Tally::new(start, plan.length)?;
    let started = (0..threads).map(|number| {
        let (questions, watch) = (Arc::clone(questions), Arc::clone(watch));
        let share = Share { plan: plan.clone(), questions, watch, start, number, threads };
        std::thread::Builder::new().name(format!("segengine-load-{number}")).spawn(move || share.run())
    });
    let started: Vec<_> = started.collect();
    let broken = || Err(Error::internal("a thread of the load generator broke"));
    let shares = started.into_iter().map(|thread| match thread {
        Ok(thread) => thread.join().unwrap_or_else(|_| broken()),
        Err(error) => Err(Error::storage("starting a thread", error)),
    });
    let shares: Vec<Result<Tally>> = shares.collect();
    for share in shares {
        tally.add(&share?)?;
    }
    let after = server_times::ask(&plan.target).ok().flatten();
    let server = before.zip(after).map(|(before, after)| server_times::between(&before, &after, questions.shape));
    Ok(Measured::new(tally, plan.length, server, watch.is_stopped()))
}

fn check(plan: &Plan) -> Result<()> {
    let wrong = |what: &str, field: &'static str| Err(Error::invalid(what.to_owned()).field(field));
    match plan.pace {
        Pace::Open { per_second } if !(per_second.is_finite() && per_second > 0.0) => {
            return wrong("the rate is no number above 0", "rate");
        }
        Pace::Closed { in_flight: 0 } => return wrong("a closed loop has at least one request in flight", "in_flight"),
        _ => {}
    }
    if plan.length.is_zero() {
        return wrong("the duration is 0", "duration");
    }
    if plan.connections == 0 {
        return wrong("at least one connection is needed", "connections");
    }
    Ok(())
}

/// What one thread does.
struct Share {
    plan: Plan,
    questions: Arc<Questions>,
    watch: Arc<Watch>,
    start: Instant,
    number: usize,
    threads: usize,
}

impl Share {
    fn run(self) -> Result<Tally> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::storage("starting a thread", error))?;
        let tally = Rc::new(RefCell::new(Tally::new(self.start, self.plan.length)?));
        let local = LocalSet::new();
        let watch = Arc::clone(&self.watch);
        let done = local.block_on(&runtime, Rc::new(self).drive(&tally));
        // What is still on its way ends here, and is counted without an answer.
        drop(local);
        drop(runtime);
        if done.is_err() {
            watch.stop();
        }
        done?;
        let tally = Rc::try_unwrap(tally).map_err(|_| Error::internal("a request outlived its run"))?;
        Ok(tally.into_inner())
    }

    async fn drive(self: Rc<Self>, tally: &Rc<RefCell<Tally>>) -> Result<()> {
        let target = Rc::new(self.plan.target.clone());
        let mut connections = Vec::new();
        for _ in (self.number..self.plan.connections).step_by(self.threads) {
            connections.push(Rc::new(Connection::open(&target, self.questions.path()).await?));
        }
        let timer = Timer::new().map_err(|error| Error::storage("making a timer", error))?;
        timer.wait_for(self.start).await;
        match (self.questions.shape, self.plan.pace) {
            (Shape::Stream, Pace::Open { per_second }) => {
                let mut lanes: Vec<Lane> = connections.iter().map(|one| Lane::new(one, tally)).collect();
                self.pace_streams(&mut lanes, &timer, per_second).await;
                self.drain(|| lanes.iter().map(Lane::on_their_way).sum::<usize>() == 0).await;
            }
            (Shape::Stream, Pace::Closed { in_flight }) => {
                let lanes = connections
                    .iter()
                    .enumerate()
                    .map(|(place, one)| Rc::clone(&self).keep_stream_busy(Lane::new(one, tally), in_flight, place));
                self.together(lanes.collect()).await;
            }
            (_, Pace::Open { per_second }) => {
                self.pace_calls(&connections, tally, &timer, per_second).await;
                // Each request on its way holds the tally.
                self.drain(|| Rc::strong_count(tally) <= 1).await;
            }
            (_, Pace::Closed { in_flight }) => {
                let lanes = (0..in_flight * connections.len()).zip(connections.iter().cycle());
                let lanes = lanes.map(|(lane, connection)| {
                    Rc::clone(&self).keep_call_busy(Rc::clone(tally), Rc::clone(connection), lane)
                });
                self.together(lanes.collect()).await;
            }
        }
        Ok(())
    }

    /// Whether requests may still fall due.
    fn goes_on(&self, due: Instant) -> bool {
        due.duration_since(self.start) < self.plan.length && !self.watch.is_stopped()
    }

    async fn pace_calls(
        &self,
        connections: &[Rc<Connection>],
        tally: &Rc<RefCell<Tally>>,
        timer: &Timer,
        per_second: f64,
    ) {
        let schedule = Schedule::new(self.start, per_second);
        for (turn, connection) in (0_u64..).zip(connections.iter().cycle()) {
            let number = turn * self.threads as u64 + self.number as u64;
            let due = schedule.due(number);
            if !self.goes_on(due) {
                return;
            }
            timer.wait_for(due).await;
            while Rc::strong_count(tally) > MOST_ON_THEIR_WAY && !self.watch.is_stopped() {
                tokio::task::yield_now().await;
            }
            if turn % BURST == 0 {
                tokio::task::yield_now().await;
            }
            let (request, connection) = (OnItsWay::new(tally, due), Rc::clone(connection));
            let frame = self.questions.frame(number);
            self.watch.count_sent();
            tokio::task::spawn_local(async move { request.end(unary::ask(&connection, frame).await) });
        }
    }

    async fn pace_streams(&self, lanes: &mut [Lane], timer: &Timer, per_second: f64) {
        let schedule = Schedule::new(self.start, per_second);
        let (count, mut turn) = (lanes.len().max(1) as u64, 0_u64);
        loop {
            let number = turn * self.threads as u64 + self.number as u64;
            let due = schedule.due(number);
            let place = usize::try_from(turn % count).unwrap_or_default();
            let Some(lane) = lanes.get_mut(place).filter(|_| self.goes_on(due)) else { return };
            timer.wait_for(due).await;
            while lane.on_their_way() > MOST_ON_THEIR_WAY && !self.watch.is_stopped() {
                lane.answered().await;
            }
            if turn % BURST == 0 {
                tokio::task::yield_now().await;
            }
            self.watch.count_sent();
            lane.send(&self.questions, number, due).await;
            turn += 1;
        }
    }

    async fn keep_call_busy(self: Rc<Self>, tally: Rc<RefCell<Tally>>, connection: Rc<Connection>, lane: usize) {
        // Each lane begins somewhere else, so that they do not all ask about the same users.
        let first = (lane * self.threads + self.number) as u64;
        for number in (first * 7_919).. {
            let now = Instant::now();
            if !self.goes_on(now) {
                return;
            }
            let request = OnItsWay::new(&tally, now);
            self.watch.count_sent();
            request.end(unary::ask(&connection, self.questions.frame(number)).await);
        }
    }

    async fn keep_stream_busy(self: Rc<Self>, mut lane: Lane, in_flight: usize, place: usize) {
        let first = (place * self.threads + self.number) as u64;
        for number in (first * 7_919).. {
            while lane.on_their_way() >= in_flight {
                lane.answered().await;
            }
            let now = Instant::now();
            if !self.goes_on(now) {
                break;
            }
            self.watch.count_sent();
            lane.send(&self.questions, number, now).await;
        }
        self.drain(|| lane.on_their_way() == 0).await;
    }

    /// Waits until nothing is on its way, or patience has ended.
    async fn drain(&self, is_empty: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_empty() && begun.elapsed() < self.patience() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Runs all of them at once on this thread, until the last one has ended or patience has.
    async fn together<F: Future<Output = ()> + 'static>(&self, all: Vec<F>) {
        let started: Vec<_> = all.into_iter().map(tokio::task::spawn_local).collect();
        while self.goes_on(Instant::now()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.drain(|| started.iter().all(tokio::task::JoinHandle::is_finished)).await;
    }

    fn patience(&self) -> Duration {
        if self.watch.is_stopped() { self.plan.patience.min(STOPPED_PATIENCE) } else { self.plan.patience }
    }
}
