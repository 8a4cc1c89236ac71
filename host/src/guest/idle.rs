//! The lane of idle priority: where a call that burns goes on, so that the threads that answer everybody else stay free.
//!
//! Its threads run under `SCHED_IDLE`: they use what nobody else needs. A call begins on its caller's thread, without a hop;
//! only when it has used up its first slice of processor time is its future moved. Measured beside four calls that loop: the
//! p99 of a neighbour stays within twice that of an idle node, where yielding alone makes it ten times that.

use std::any::Any;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::FutureExt;
use thread_priority::{NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{JoinHandle, yield_now};

use super::engine::PROCESSORS;
use super::pace::Pace;

thread_local! {
    static HERE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is one of the lane.
pub(super) fn is_here() -> bool {
    HERE.get()
}

/// Polls of the lane's calls between two looks at the sockets, and at what has come from other threads. A poll takes a tick.
const LOOKS: u32 = 4;

/// Lets others go first: what a call does that computes, once in a tick.
pub(super) async fn give_way() {
    if is_here() {
        // To the back of the queue. Who yields in tokio's own way is woken only when nothing new has come, or at the next look at the
        // sockets: beside callers that call again at once, calls that needed one tick more were overtaken for seconds.
        let mut went = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut went, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    } else {
        // In tokio's own way the sockets have their turn, too. The engine's own yield wakes itself as above; measured on the threads
        // that everybody shares, a neighbour then waits seconds instead of milliseconds.
        yield_now().await;
    }
}

/// Lets others go first between two pieces of the host's own work for a call. In the lane the kernel sees to that.
pub async fn step_aside() {
    if !is_here() {
        yield_now().await;
    }
}

/// The threads of idle priority.
#[derive(Debug)]
pub(super) struct IdleLane {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl IdleLane {
    /// Starts so many threads; 0 = one for each processor.
    pub(super) fn start(threads: usize) -> io::Result<Self> {
        let threads = if threads == 0 { *PROCESSORS } else { threads };
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("idle")
            .event_interval(LOOKS)
            .global_queue_interval(LOOKS)
            .on_thread_start(|| {
                HERE.set(true);
                let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
                let thread = thread_priority::thread_native_id();
                if let Err(error) = thread_priority::set_thread_priority_and_policy(thread, ThreadPriority::Min, policy)
                {
                    tracing::warn!(?error, "calls that burn do not get idle priority");
                }
            })
            .enable_all()
            .build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    fn handle(&self) -> Option<&Handle> {
        self.runtime.as_ref().map(Runtime::handle)
    }
}

impl Drop for IdleLane {
    fn drop(&mut self) {
        // Dropped where it must not block.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What becomes of work when whoever waits for it goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abandoned {
    /// It is done to its end: what a guest has begun to change, it finishes.
    Finished,
    /// It ends.
    Dropped,
}

/// Work panicked: a bug of the host's, which ends this work and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("panicked: {0}")]
pub struct Panicked(String);

impl Panicked {
    #[expect(clippy::needless_pass_by_value, reason = "a panic's payload is a box")]
    fn of(payload: Box<dyn Any + Send>) -> Self {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Self(text.unwrap_or_else(|| "without a word".to_owned()))
    }
}

type Work<T> = Pin<Box<dyn Future<Output = Result<T, Panicked>> + Send>>;

enum Stage<T> {
    Here(Work<T>),
    Moved(JoinHandle<Result<T, Panicked>>),
    Over,
}

/// Work that goes on in the lane of idle priority once its call burns.
pub struct Carried<T: Send + 'static> {
    stage: Stage<T>,
    lane: Arc<IdleLane>,
    pace: Arc<Pace>,
    abandoned: Abandoned,
}

impl<T: Send + 'static> Carried<T> {
    pub(super) fn new(
        work: impl Future<Output = T> + Send + 'static,
        lane: &Arc<IdleLane>,
        pace: Arc<Pace>,
        abandoned: Abandoned,
    ) -> Self {
        let work = AssertUnwindSafe(work).catch_unwind().map(|ended| ended.map_err(Panicked::of));
        Self { stage: Stage::Here(Box::pin(work)), lane: Arc::clone(lane), pace, abandoned }
    }

    /// Moves it, if it is to be moved and can be.
    fn burnt(&mut self) -> bool {
        let Some(handle) = self.lane.handle().filter(|_| self.pace.burns() && !is_here()) else { return false };
        if let Stage::Here(work) = std::mem::replace(&mut self.stage, Stage::Over) {
            self.stage = Stage::Moved(handle.spawn(work));
        }
        true
    }
}

impl<T: Send + 'static> Future for Carried<T> {
    type Output = Result<T, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = match &mut self.stage {
            Stage::Here(work) => {
                let began = Instant::now();
                let polled = work.as_mut().poll(cx);
                if let Some(lane) = self.pace.lane().filter(|_| !is_here()) {
                    lane.count_turn(began.elapsed());
                }
                if polled.is_pending() && self.burnt() {
                    return self.poll(cx);
                }
                polled
            }
            Stage::Moved(task) => Pin::new(task).poll(cx).map(|joined| match joined {
                Ok(ended) => ended,
                Err(error) => Err(Panicked(error.to_string())),
            }),
            Stage::Over => Poll::Ready(Err(Panicked("polled again after its end".to_owned()))),
        };
        if polled.is_ready() {
            self.stage = Stage::Over;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Carried<T> {
    fn drop(&mut self) {
        match (std::mem::replace(&mut self.stage, Stage::Over), self.abandoned) {
            (Stage::Here(work), Abandoned::Finished) => {
                if let Ok(runtime) = Handle::try_current() {
                    runtime.spawn(Self {
                        stage: Stage::Here(work),
                        lane: Arc::clone(&self.lane),
                        pace: Arc::clone(&self.pace),
                        abandoned: Abandoned::Dropped,
                    });
                }
            }
            (Stage::Moved(task), Abandoned::Dropped) => task.abort(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::config::Config;
    use crate::guest::{Lane, Limits};
    use crate::store::LimitOverrides;

    fn carried<T: Send + 'static>(
        work: impl Future<Output = T> + Send + 'static,
        abandoned: Abandoned,
    ) -> (Carried<T>, Arc<Pace>) {
        let (lane, pace) = (Arc::new(IdleLane::start(1).unwrap()), Arc::new(Pace::default()));
        (Carried::new(work, &lane, Arc::clone(&pace), abandoned), pace)
    }

    #[tokio::test]
    async fn work_that_behaves_stays_and_work_that_burns_moves() {
        let (work, _) = carried(
            async {
                tokio::task::yield_now().await;
                is_here()
            },
            Abandoned::Dropped,
        );
        assert_eq!(work.await, Ok(false));
        let pace = Arc::new(Pace::default());
        let lane = Arc::new(IdleLane::start(1).unwrap());
        let burning = Arc::clone(&pace);
        let work = async move {
            let before = is_here();
            burning.burn();
            tokio::task::yield_now().await;
            (before, is_here())
        };
        assert_eq!(Carried::new(work, &lane, pace, Abandoned::Dropped).await, Ok((false, true)));
    }

    /// Another task of the lane, which begins the next one before it ends, until it is enough. From outside, as calls come.
    fn newcomer(lane: Handle, came: Arc<AtomicU32>) {
        lane.clone().spawn(async move {
            if came.fetch_add(1, Ordering::SeqCst) < 50 {
                std::thread::spawn(|| newcomer(lane, came)).join().unwrap();
            }
        });
    }

    #[tokio::test]
    async fn who_gives_way_in_the_lane_is_not_overtaken_by_all_that_come_later() {
        let lane = IdleLane::start(1).unwrap();
        let handle = lane.handle().unwrap().clone();
        let old = handle.clone().spawn(async move {
            let came = Arc::new(AtomicU32::new(0));
            let first = Arc::clone(&came);
            std::thread::spawn(|| newcomer(handle, first)).join().unwrap();
            for _ in 0..10 {
                give_way().await;
            }
            came.load(Ordering::SeqCst)
        });
        let overtook = tokio::time::timeout(Duration::from_secs(10), old).await.unwrap().unwrap();
        assert!(overtook <= 10, "{overtook} went first in ten ticks");
    }

    #[tokio::test]
    async fn a_panic_ends_its_work_alone_wherever_it_is() {
        let (work, _) = carried(async { panic!("here") }, Abandoned::Dropped);
        assert_eq!(work.await, Err::<(), _>(Panicked("here".to_owned())));
        let (work, pace) = carried(
            async {
                tokio::task::yield_now().await;
                panic!("there")
            },
            Abandoned::Finished,
        );
        pace.burn();
        assert_eq!(work.await, Err::<(), _>(Panicked("there".to_owned())));
    }

    #[tokio::test]
    async fn all_that_work_takes_of_a_shared_thread_counts_for_its_channels_turn() {
        let none = LimitOverrides::default();
        let channel = Arc::new(Lane::new(&Limits::of(&Config::default(), 8, &none, &none)));
        let turn = Duration::from_millis(3);
        let (work, pace) = carried(
            async move {
                let until = Instant::now() + turn;
                while Instant::now() < until {
                    std::hint::black_box(0);
                }
            },
            Abandoned::Dropped,
        );
        assert!(futures_util::poll!(Box::pin(channel.take_turn(turn, Duration::ZERO))).is_ready());
        pace.counts_for(&channel);
        assert_eq!(work.await, Ok(()));
        assert!(futures_util::poll!(Box::pin(channel.take_turn(turn, Duration::ZERO))).is_pending());
    }

    #[tokio::test]
    async fn abandoned_work_is_finished_or_dropped_as_it_was_said() {
        for burns in [false, true] {
            for (abandoned, finished) in [(Abandoned::Finished, true), (Abandoned::Dropped, false)] {
                let (go, gone) = tokio::sync::oneshot::channel::<()>();
                let (done, is_done) = tokio::sync::oneshot::channel();
                let (mut work, pace) = carried(
                    async move {
                        let _ = gone.await;
                        let _ = done.send(());
                    },
                    abandoned,
                );
                if burns {
                    pace.burn();
                }
                let lane = Arc::clone(&work.lane);
                assert!(futures_util::poll!(&mut work).is_pending());
                drop(work);
                // Nobody hears it any more when the work was dropped.
                let _ = go.send(());
                let outcome = tokio::time::timeout(Duration::from_secs(10), is_done).await.unwrap();
                assert_eq!(outcome.is_ok(), finished, "burns: {burns}, {abandoned:?}");
                drop(lane);
            }
        }
    }
}
