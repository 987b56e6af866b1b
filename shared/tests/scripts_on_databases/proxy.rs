//! A TCP forwarder that misbehaves on purpose, at an exact byte: what a broken network does to a client.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

type Then = dyn Fn() -> After + Send + Sync;

pub enum After {
    /// Break the connection.
    Cut,
    /// Keep it open, forward nothing more.
    Stall,
    /// Go on as if nothing had been.
    GoOn,
}

/// A port nobody listens on, for now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Listens on `port` only after `delay`, and forwards to `target`.
pub fn late(port: u16, target: u16, delay: Duration) {
    thread::spawn(move || {
        thread::sleep(delay);
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        serve(&listener, target, usize::MAX, &Arc::new(|| After::GoOn));
    });
}

/// Accepts and never says a word.
pub fn silent() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().map(Result::unwrap).collect::<Vec<TcpStream>>());
    port
}

/// Forwards to `target`; as soon as one connection got `bytes` from the server, `then` runs, once.
pub fn after_bytes(target: u16, bytes: usize, then: impl Fn() -> After + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let then: Arc<Then> = Arc::new(then);
    thread::spawn(move || serve(&listener, target, bytes, &then));
    port
}

fn serve(
    listener: &TcpListener,
    target: u16,
    bytes: usize,
    then: &Arc<impl Fn() -> After + Send + Sync + 'static + ?Sized>,
) {
    let limit = Arc::new(AtomicUsize::new(bytes));
    for client in listener.incoming().map(Result::unwrap) {
        let server = TcpStream::connect(("127.0.0.1", target)).unwrap();
        let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let (gone, is_gone) = mpsc::channel::<()>();
        thread::spawn(move || {
            let _ = std::io::copy(&mut from_client, &mut to_server);
            let _ = to_server.shutdown(Shutdown::Both);
            drop(gone);
        });
        let (then, limit) = (Arc::clone(then), Arc::clone(&limit));
        thread::spawn(move || forward(server, client, &limit, &*then, &is_gone));
    }
}

fn forward(
    mut server: TcpStream,
    mut client: TcpStream,
    limit: &AtomicUsize,
    then: &(impl Fn() -> After + ?Sized),
    client_is_gone: &mpsc::Receiver<()>,
) {
    let mut buffer = vec![0; 16 * 1024];
    let mut passed = 0;
    while let Ok(read @ 1..) = server.read(&mut buffer) {
        passed += read;
        if passed > limit.load(Ordering::SeqCst) {
            limit.store(usize::MAX, Ordering::SeqCst);
            match then() {
                After::Cut => break,
                // Then the connection ends: a session that can write no more holds up every DROP DATABASE of its server.
                After::Stall => {
                    let _ = client_is_gone.recv();
                    break;
                }
                After::GoOn => {}
            }
        }
        if client.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}
