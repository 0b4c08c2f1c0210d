// A Mutex that nobody ever waits for: its threads make no futex call at all.
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

fn main() {
    let shared = Arc::new(Mutex::new(Vec::<u8>::with_capacity(100_000)));
    let threads: Vec<_> = (0..3u64)
        .map(|i| {
            let shared = shared.clone();
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(20 * (i + 1)));
                let bytes = vec![i as u8; 3000];
                shared.lock().unwrap().extend_from_slice(&bytes);
            })
        })
        .collect();
    for t in threads {
        t.join().unwrap();
    }
    println!("{}", shared.lock().unwrap().len());
}
