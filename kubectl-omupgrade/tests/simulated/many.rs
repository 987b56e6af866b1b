//! Many cases of one test: on every core, and many at once. Their clock does not run but jumps to what is waited for next,
//! so that an expiry costs nothing and no lock runs out because the machine is busy.

use futures::{FutureExt as _, StreamExt as _};
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;

/// How many are under way on a core: programs that they start run by the machine's own clock.
const AT_ONCE: usize = 4;

/// The distance from one point to the next that is tried: this, or with `OMUPGRADE_EVERY=1` none, which takes minutes.
pub fn step(usual: usize) -> usize {
    if std::env::var_os("OMUPGRADE_EVERY").is_some() { 1 } else { usual }
}

/// What came of each, in any order. One that goes wrong hinders no other; each is told.
pub fn all<C: Send, F: Future>(
    cases: impl IntoIterator<Item = C, IntoIter: Send>,
    one: impl Fn(C) -> F + Sync,
) -> Vec<F::Output>
where
    F::Output: Send,
{
    let cases = Mutex::new(cases.into_iter());
    let work = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        let next = futures::stream::iter(std::iter::from_fn(|| cases.lock().unwrap().next()));
        let running = next.map(|case| AssertUnwindSafe(one(case)).catch_unwind());
        runtime.block_on(running.buffer_unordered(AT_ONCE).collect::<Vec<_>>())
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let ended: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let (count, well): (usize, Vec<_>) = (ended.len(), ended.into_iter().flatten().collect());
    assert_eq!(well.len(), count, "so many of the cases went well; each of the others is told above");
    well
}
