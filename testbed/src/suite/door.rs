//! A door between one test and the API server: closed, the server is away for this test alone. It never looks at what goes through.

use std::fs;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::stage::Stage;
use crate::{paths, say};

/// What both sides share.
#[derive(Default)]
struct Hinges {
    closed: AtomicBool,
    through: Mutex<Vec<TcpStream>>,
}

/// The door; it is open at first.
pub struct Door {
    hinges: Arc<Hinges>,
    /// A kubeconfig that leads through it.
    pub kubeconfig: String,
}

impl Door {
    /// A door for a test, with a kubeconfig of its own.
    pub fn of(stage: &Stage) -> Result<Self> {
        let text = fs::read_to_string(paths::kubeconfig()).context("cannot read the kubeconfig")?;
        let server = text.split_once("https://").and_then(|(_, rest)| rest.split(['"', '\n', ' ']).next());
        let server = server.context("the kubeconfig names no server")?.to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot make a door")?;
        let address = listener.local_addr()?.to_string();
        // Both are this machine's own address, which the server's certificate names.
        let kubeconfig = stage.write("through-the-door", &text.replace(&server, &address))?;
        let hinges = Arc::new(Hinges::default());
        let own = Arc::clone(&hinges);
        thread::spawn(move || keep(listener, &address, &server, &own));
        Ok(Self { hinges, kubeconfig })
    }

    /// Everything that is under way breaks, and nothing new is let in, until the time is over.
    pub fn close_for(&self, seconds: u64) {
        say::step(&format!("the API server is away for {seconds} s"));
        self.hinges.closed.store(true, Ordering::SeqCst);
        for stream in self.hinges.through.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        thread::sleep(Duration::from_secs(seconds));
        self.hinges.closed.store(false, Ordering::SeqCst);
        say::step("the API server is back");
    }
}

/// Lets connections through while it is open. While it is closed nobody listens: who knocks is refused, as by a server
/// that is gone.
fn keep(listener: TcpListener, address: &str, server: &str, hinges: &Arc<Hinges>) {
    let mut listener = Some(listener);
    loop {
        thread::sleep(Duration::from_millis(5));
        if hinges.closed.load(Ordering::SeqCst) {
            listener = None;
        } else if listener.is_none() {
            listener = TcpListener::bind(address).ok();
        }
        let Some(open) = &listener else { continue };
        let _ = open.set_nonblocking(true);
        while let Ok((inner, _)) = open.accept() {
            // Who cannot be let through sees a connection that breaks.
            let _ = pass(&inner, server, hinges);
        }
    }
}

fn pass(inner: &TcpStream, server: &str, hinges: &Hinges) -> io::Result<()> {
    inner.set_nonblocking(false)?;
    let outer = TcpStream::connect(server)?;
    for (mut from, mut to) in [(inner.try_clone()?, outer.try_clone()?), (outer.try_clone()?, inner.try_clone()?)] {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    hinges.through.lock().unwrap_or_else(PoisonError::into_inner).extend([inner.try_clone()?, outer]);
    Ok(())
}
