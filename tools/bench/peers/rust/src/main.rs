//! The `evt3` crate, driven as our own decoder is: a file in memory, 64 KiB at a time, into an
//! array of events that is used again. Prints nanoseconds per event as JSON, by wall clock and by
//! CPU time.
//!
//! Usage: `peer-evt3 FILE SECONDS`

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use evt3::{CdEvent, Evt3Decoder, TriggerEvent};
use rustix::time::{ClockId, clock_gettime};

const CHUNK: usize = 64 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let usage = "usage: peer-evt3 FILE SECONDS";
    let mut args = std::env::args().skip(1);
    let file = std::fs::read(args.next().ok_or(usage)?)?;
    let budget = Duration::from_secs_f64(args.next().ok_or(usage)?.parse()?);
    let payload = payload(&file);
    let (mut events, mut triggers) = (Vec::new(), Vec::new());
    let count = decode(payload, &mut events, &mut triggers)?;
    let warm = Instant::now();
    while warm.elapsed() < budget / 3 {
        decode(payload, &mut events, &mut triggers)?;
    }
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    let start = Instant::now();
    while wall.is_empty() || start.elapsed() < budget - budget / 3 {
        let (wall_start, cpu_start) = (Instant::now(), thread_time()?);
        black_box(decode(payload, &mut events, &mut triggers)?);
        cpu.push((thread_time()? - cpu_start).as_secs_f64() * 1e9 / count as f64);
        wall.push(wall_start.elapsed().as_secs_f64() * 1e9 / count as f64);
    }
    let (runs, ns, cpu_ns) = (wall.len(), median(wall), median(cpu));
    println!("{{\"ns\": {ns}, \"cpu_ns\": {cpu_ns}, \"units\": {count}, \"runs\": {runs}}}");
    Ok(())
}

fn thread_time() -> Result<Duration, Box<dyn Error>> {
    Ok(clock_gettime(ClockId::ThreadCPUTime).try_into()?)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn decode(
    payload: &[u8],
    events: &mut Vec<CdEvent>,
    triggers: &mut Vec<TriggerEvent>,
) -> Result<usize, Box<dyn Error>> {
    let mut decoder = Evt3Decoder::new();
    let mut count = 0;
    for chunk in payload.chunks(CHUNK) {
        events.clear();
        triggers.clear();
        decoder.decode_bytes(black_box(chunk), events, triggers)?;
        count += black_box(&*events).len();
    }
    Ok(count)
}

/// What follows the header, whose lines start with `%`.
fn payload(mut file: &[u8]) -> &[u8] {
    while file.first() == Some(&b'%') {
        match file.iter().position(|&byte| byte == b'\n') {
            Some(end) => file = &file[end + 1..],
            None => break,
        }
    }
    file
}
