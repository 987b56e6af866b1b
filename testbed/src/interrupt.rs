//! Ctrl-C and its like, for work that must put something right before it ends. It never ends the process at the first one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::failure;

static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on the first signal is only noted, and the second ends the process at once.
pub fn note() -> Result<()> {
    let asked = ASKED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // In this order: the first signal finds nothing noted yet.
        flag::register_conditional_shutdown(signal, failure::INTERRUPTED.into(), Arc::clone(asked))
            .and_then(|_| flag::register(signal, Arc::clone(asked)))
            .context("cannot listen to signals")?;
    }
    Ok(())
}

/// Whether somebody asked for the end.
pub fn asked() -> bool {
    ASKED.get().is_some_and(|asked| asked.load(Ordering::SeqCst))
}

/// Waits, until somebody asks for the end; whether the time was spent.
pub fn sleep(span: Duration) -> bool {
    let start = Instant::now();
    while start.elapsed() < span {
        if asked() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50).min(span.saturating_sub(start.elapsed())));
    }
    true
}
