// std's Mutex, Condvar, RwLock, Barrier, Once, mpsc and scoped threads, each used
// rightly; they are futexes, which no tool sees that watches pthread calls.
// Buffers of 16 KB go through all of them.
use std::sync::{mpsc, Arc, Barrier, Condvar, Mutex, Once, RwLock};
use std::thread;

const SIZE: usize = 16384;

fn sum(v: &[u8]) -> u64 {
    v.iter().map(|&b| b as u64).sum()
}

fn main() {
    let (sender, receiver) = mpsc::channel::<Vec<u8>>();
    let senders: Vec<_> = (0..4u8)
        .map(|i| {
            let sender = sender.clone();
            thread::spawn(move || {
                for n in 0..50u8 {
                    let mut buffer = vec![i; SIZE];
                    let again = buffer.clone();
                    buffer[1..].copy_from_slice(&again[1..]);
                    buffer[0] = n;
                    sender.send(buffer).unwrap();
                }
            })
        })
        .collect();
    drop(sender);
    let mut total = 0;
    for buffer in receiver {
        let copy = buffer.clone();
        total += sum(&copy);
    }
    for s in senders {
        s.join().unwrap();
    }
    println!("mpsc {}", total);

    let table = Arc::new(RwLock::new(vec![1u8; SIZE]));
    let pair = Arc::new((Mutex::new(vec![0u8; SIZE]), Condvar::new()));
    let barrier = Arc::new(Barrier::new(4));
    static ONCE: Once = Once::new();
    let threads: Vec<_> = (0..4u8)
        .map(|i| {
            let (table, pair, barrier) = (table.clone(), pair.clone(), barrier.clone());
            thread::spawn(move || {
                let mut seen = 0;
                for n in 0..40u8 {
                    if n % 8 == i {
                        let fresh = vec![n; SIZE];
                        table.write().unwrap().copy_from_slice(&fresh);
                    }
                    let copy = table.read().unwrap().clone();
                    seen += sum(&copy) % 2;
                    ONCE.call_once(|| println!("once"));
                    let (buffer, changed) = &*pair;
                    let mut held = buffer.lock().unwrap();
                    while held[0] % 4 != i {
                        held = changed.wait(held).unwrap();
                    }
                    let mut next = held.clone();
                    next[0] = held[0].wrapping_add(1);
                    *held = next;
                    changed.notify_all();
                    drop(held);
                    if n % 10 == 0 {
                        barrier.wait();
                    }
                }
                seen < 1000
            })
        })
        .collect();
    for t in threads {
        assert!(t.join().unwrap());
    }
    println!("turns {}", pair.0.lock().unwrap()[0]);

    let mut halves = vec![0u8; 2 * SIZE];
    let (low, high) = halves.split_at_mut(SIZE);
    let source = vec![5u8; SIZE];
    thread::scope(|s| {
        s.spawn(|| low.copy_from_slice(&source));
        s.spawn(|| high.copy_from_slice(&source));
    });
    println!("scope {}", sum(&halves));
}
