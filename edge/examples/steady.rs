//! Asks at a fixed rate, whether or not answers keep up, and prints how long they took:
//! `steady ADDRESS RATE SECONDS CONNECTIONS FILE`. FILE has whole requests, each after the other, NUL between them.
//!
//! An answer's time counts from when its request was due. So a proxy that stalls is charged for everybody who would have
//! asked meanwhile (coordinated omission), and not for one of them.

use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// A sleeping thread wakes a little late: the rest is waited for awake.
const AWAKE: Duration = Duration::from_micros(150);
/// No head of an answer is longer.
const HEAD_MOST: usize = 16 * 1024;

#[derive(Clone)]
struct Plan {
    address: String,
    interval: Duration,
    count: u32,
    connections: u32,
    requests: Arc<Vec<Vec<u8>>>,
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, rate, seconds, connections, file] = &words[..] else {
        return Err(Error::other("usage: steady ADDRESS RATE SECONDS CONNECTIONS FILE"));
    };
    let number = |word: &String| word.parse::<u32>().map_err(Error::other);
    let (rate, seconds) = (number(rate)?, number(seconds)?);
    let requests = std::fs::read(file)?.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    let plan = Plan {
        address: address.clone(),
        interval: Duration::from_secs(1) / rate,
        count: rate * seconds,
        connections: number(connections)?,
        requests: Arc::new(requests),
    };
    let begin = Instant::now() + Duration::from_millis(200);
    let lanes: Vec<_> = (0..plan.connections).map(|lane| (lane, plan.clone())).collect();
    let lanes = lanes.into_iter().map(|(lane, plan)| thread::spawn(move || ask(&plan, lane, begin)));
    let mut took = Vec::new();
    for lane in lanes.collect::<Vec<_>>() {
        took.extend(lane.join().map_err(|_| Error::other("a lane panicked"))??);
    }
    took.sort_unstable();
    print(&took)
}

/// One connection: every so-manieth request is its own.
fn ask(plan: &Plan, lane: u32, begin: Instant) -> Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(&plan.address)?;
    stream.set_nodelay(true)?;
    let mut took = Vec::new();
    for number in (lane..plan.count).step_by(plan.connections as usize) {
        let due = begin + plan.interval * number;
        wait_until(due);
        stream.write_all(&plan.requests[number as usize % plan.requests.len()])?;
        read_answer(&mut stream)?;
        took.push(due.elapsed());
    }
    Ok(took)
}

fn wait_until(due: Instant) {
    let left = due.saturating_duration_since(Instant::now());
    if left > AWAKE {
        thread::sleep(left - AWAKE);
    }
    while Instant::now() < due {
        std::hint::spin_loop();
    }
}

/// One answer whose length is stated. Any other status than 200 ends the run.
fn read_answer(stream: &mut TcpStream) -> Result<()> {
    let (mut bytes, mut count) = ([0; HEAD_MOST], 0);
    loop {
        match stream.read(&mut bytes[count..])? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => count += read,
        }
        if let Some(whole) = length(&bytes[..count])? {
            return stream.read_exact(&mut vec![0; whole.saturating_sub(count)]);
        }
    }
}

/// Bytes of head and body, once the head is there.
fn length(bytes: &[u8]) -> Result<Option<usize>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    if !head.starts_with("http/1.1 200 ") {
        return Err(Error::other(format!("an answer that is not 200: {head}")));
    }
    let stated = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let stated = stated.and_then(|length| length.trim().parse::<usize>().ok());
    stated.map(|body| Some(end + 4 + body)).ok_or_else(|| Error::other("an answer without a length"))
}

fn print(took: &[Duration]) -> Result<()> {
    let at = |share: f64| {
        // A share of a length is one of its places.
        let place = (took.len() as f64 * share) as usize;
        took.get(place.min(took.len().saturating_sub(1))).map_or(0.0, |took| took.as_secs_f64() * 1e6)
    };
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{{\"count\":{},\"p50_us\":{:.1},\"p90_us\":{:.1},\"p99_us\":{:.1},\"most_us\":{:.1}}}",
        took.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    )
}
