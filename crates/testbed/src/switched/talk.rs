//! TCP as fast as it goes, and round trips of UDP, between the instances of a pair.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::task::spawn_blocking;

use crate::process;

const PATIENCE: Duration = Duration::from_secs(5);

/// What TCP moved.
#[derive(Clone, Copy, Default, Debug)]
pub struct Moved {
    pub bytes: u64,
    pub took: Duration,
    /// Time that sender and receiver were at work.
    pub cpu: Duration,
}

/// From one namespace to an address in another.
pub async fn tcp(from: &Path, to: &Path, ip: IpAddr, time: Duration) -> anyhow::Result<Moved> {
    let (from, to) = (from.to_owned(), to.to_owned());
    spawn_blocking(move || transfer(&from, &to, ip, time)).await?
}

fn transfer(from: &Path, to: &Path, ip: IpAddr, time: Duration) -> anyhow::Result<Moved> {
    let listener = kernel::netns::within(to, || TcpListener::bind((ip, 0)))??;
    let address = listener.local_addr()?;
    let reader = std::thread::spawn(move || -> std::io::Result<(u64, Duration, Duration)> {
        let (mut stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let (mut buffer, mut all) = (vec![0; 256 << 10], 0);
        let (begun, cpu) = (Instant::now(), process::thread_cpu());
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            all += count as u64;
        }
        Ok((all, begun.elapsed(), process::thread_cpu() - cpu))
    });
    let connect = || TcpStream::connect_timeout(&address, PATIENCE);
    let mut stream = kernel::netns::within(from, connect)?.context("cannot connect")?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let buffer = vec![0x5a; 256 << 10];
    let (begun, cpu) = (Instant::now(), process::thread_cpu());
    while begun.elapsed() < time && stream.write_all(&buffer).is_ok() {}
    let sender = process::thread_cpu() - cpu;
    drop(stream);
    let (bytes, took, receiver) =
        reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))?.context("cannot read")?;
    Ok(Moved { bytes, took, cpu: sender + receiver })
}

/// Round trips one after another, shortest first; those that got lost are not among them.
pub async fn round_trips(from: &Path, to: &Path, ip: IpAddr, count: usize) -> anyhow::Result<Vec<Duration>> {
    let (from, to) = (from.to_owned(), to.to_owned());
    spawn_blocking(move || trips(&from, &to, ip, count)).await?
}

fn trips(from: &Path, to: &Path, ip: IpAddr, count: usize) -> anyhow::Result<Vec<Duration>> {
    let there = kernel::netns::within(to, || UdpSocket::bind((ip, 0)))??;
    let address: SocketAddr = there.local_addr()?;
    there.set_read_timeout(Some(Duration::from_secs(1)))?;
    let echo = std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((length, peer)) = there.recv_from(&mut buffer) {
            let _ = there.send_to(&buffer[..length], peer);
        }
    });
    let here = kernel::netns::within(from, || UdpSocket::bind("0.0.0.0:0"))??;
    here.connect(address)?;
    here.set_read_timeout(Some(Duration::from_millis(500)))?;
    let mut all = Vec::with_capacity(count);
    for number in 0..count as u64 {
        let begun = Instant::now();
        here.send(&number.to_be_bytes())?;
        let mut buffer = [0; 64];
        if here.recv(&mut buffer).is_ok_and(|length| buffer[..length] == number.to_be_bytes()) {
            all.push(begun.elapsed());
        }
    }
    echo.join().map_err(|_| anyhow::anyhow!("the echo panicked"))?;
    all.sort_unstable();
    Ok(all)
}
