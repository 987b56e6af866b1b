//! Holds a pod's namespaces and does nothing else; the container runtime ends it.

fn main() {
    loop {
        std::thread::park();
    }
}
