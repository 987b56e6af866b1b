//! The connections that a server keeps, as its Hikari pool does: at most so many, an idle one is asked whether it lives before it is used again. It never hides a failure.
//!
//! Source of the limits: `HikariCP`'s documented defaults (`connectionTimeout`, the window in which a connection is not asked).

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::connection::Connection;

/// Hikari's own limits: how long a request waits for a connection, and how long one may rest without being asked.
const PATIENCE: Duration = Duration::from_secs(30);
const REST: Duration = Duration::from_millis(500);

/// How the pool is used right now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Connections at work.
    pub active: usize,
    /// Connections at rest.
    pub idle: usize,
    /// Requests that wait for one.
    pub pending: usize,
    /// The most there may be.
    pub max: usize,
}

#[derive(Default)]
struct State {
    idle: Vec<(Connection, Instant)>,
    active: usize,
    pending: usize,
}

/// The pool.
#[allow(missing_debug_implementations)]
pub struct Pool {
    max: usize,
    state: Mutex<State>,
    freed: Condvar,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool({:?})", self.load())
    }
}

impl Pool {
    /// An empty pool.
    pub fn new(max: usize) -> Self {
        Self { max, state: Mutex::default(), freed: Condvar::new() }
    }

    /// How it is used.
    pub fn load(&self) -> Load {
        let state = self.lock();
        Load { active: state.active, idle: state.idle.len(), pending: state.pending, max: self.max }
    }

    /// Does something with a connection. One that failed is asked whether it lives before it is kept.
    pub fn with<T>(
        &self,
        open: impl FnOnce() -> Result<Connection>,
        work: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        let rested = self
            .take()?
            .and_then(|(mut connection, since)| (since.elapsed() < REST || connection.lives()).then_some(connection));
        let mut connection = match rested.map_or_else(open, Ok) {
            Ok(connection) => connection,
            Err(error) => {
                self.give(None);
                return Err(error);
            }
        };
        let done = work(&mut connection);
        let whole = done.is_ok() || connection.lives();
        self.give(whole.then_some(connection));
        done
    }

    /// A connection at rest, or the right to open one.
    fn take(&self) -> Result<Option<(Connection, Instant)>> {
        let mut state = self.lock();
        state.pending += 1;
        let waited = self.freed.wait_timeout_while(state, PATIENCE, |state| state.active >= self.max);
        let (mut state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        state.pending -= 1;
        if timeout.timed_out() {
            bail!("Connection is not available, request timed out after {}ms", PATIENCE.as_millis());
        }
        state.active += 1;
        Ok(state.idle.pop())
    }

    fn give(&self, connection: Option<Connection>) {
        let mut state = self.lock();
        state.active -= 1;
        state.idle.extend(connection.map(|connection| (connection, Instant::now())));
        drop(state);
        self.freed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
