//! The way to the cluster for a process of its own: HTTP, a request a connection.

use super::{Answer, World};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

impl World {
    /// A kubeconfig in `folder` that leads here.
    pub fn kubeconfig(&self, folder: &Path) -> PathBuf {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let world = self.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let world = world.clone();
                std::thread::spawn(move || serve(&world, connection.unwrap()));
            }
        });
        let file = folder.join("kubeconfig");
        let text = format!(
            "{{apiVersion: v1, kind: Config, current-context: c, clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}], \
             users: [{{name: u, user: {{}}}}], contexts: [{{name: c, context: {{cluster: c, user: u, namespace: data}}}}]}}"
        );
        std::fs::write(&file, text).unwrap();
        file
    }
}

fn serve(world: &World, mut connection: TcpStream) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let lines = reader.by_ref().lines().map_while(Result::ok);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    // A client may open a connection that it does not use.
    let Some(first) = head.first() else { return };
    let length = head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    let words: Vec<&str> = first.split(' ').collect();
    let Answer::Says(code, value) = world.serve(words[0], words[1], &body) else { return };
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let fields = format!("Content-Type: application/json\r\nConnection: close\r\nContent-Length: {}", text.len());
    let _ = write!(connection, "HTTP/1.1 {code} Simulated\r\n{fields}\r\n\r\n{text}");
}
