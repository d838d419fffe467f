//! What processes have used, from `/proc`.

use std::fs;
use std::time::Duration;

/// Ticks of `/proc/PID/stat` in a second: USER_HZ, which is 100 on all that we run on.
const TICKS: u64 = 100;

/// Memory of a process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    pub resident_kib: u64,
    /// Resident, with shared pages divided among those who share them.
    pub proportional_kib: u64,
}

/// User and system time of processes, and of the children they have waited for.
pub fn cpu(pids: &[u32]) -> Duration {
    pids.iter().map(|pid| ticks(&format!("/proc/{pid}/stat"), 11..15)).sum()
}

/// User and system time of this process; its children's does not count.
pub fn own_cpu() -> Duration {
    ticks("/proc/self/stat", 11..13)
}

/// User and system time of a process and its children, those among them that have ended included.
pub fn family_cpu(parent: u32) -> Duration {
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let family: Vec<u32> = pids.filter(|pid| *pid == parent || parent_of(*pid) == Some(parent)).collect();
    cpu(&family)
}

/// Whether a thread of the kernel is at work for this queue of its own.
pub fn kernel_works(queue: &str) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    processes.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok()).any(|stat| {
        // `15 (kworker/u8:3+netns) D ...`: a minus stands before the queue that it last worked for.
        let name = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')'));
        name.and_then(|(name, _)| name.strip_prefix("kworker/")?.split_once('+'))
            .is_some_and(|(_, of)| of == queue)
    })
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}

/// Time that this process's threads of a name have run, to the nanosecond.
pub fn threads_cpu(name: &str) -> Duration {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().filter_map(Result::ok);
    let read = |path: std::path::PathBuf| fs::read_to_string(path).unwrap_or_default();
    let named = threads.map(|thread| thread.path()).filter(|path| read(path.join("comm")).trim() == name);
    named.map(|path| ran(&read(path.join("schedstat")))).sum()
}

/// Ids of this process's threads of a name.
pub fn threads_of(name: &str) -> Vec<u32> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().filter_map(Result::ok);
    let read = |path: std::path::PathBuf| fs::read_to_string(path).unwrap_or_default();
    let named = threads.filter(|thread| read(thread.path().join("comm")).trim() == name);
    named.filter_map(|thread| thread.file_name().to_str()?.parse().ok()).collect()
}

/// Time that some threads of this process have run, to the nanosecond.
pub fn own_threads_cpu_of(ids: &[u32]) -> Duration {
    let read = |id: &u32| fs::read_to_string(format!("/proc/self/task/{id}/schedstat")).unwrap_or_default();
    ids.iter().map(|id| ran(&read(id))).sum()
}

/// Time that the kernel's softirq threads have run, to the nanosecond.
pub fn softirq_cpu() -> Duration {
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let read = |path: std::path::PathBuf| fs::read_to_string(path).unwrap_or_default();
    let named =
        entries.map(|entry| entry.path()).filter(|path| read(path.join("comm")).starts_with("ksoftirqd/"));
    named.map(|path| ran(&read(path.join("schedstat")))).sum()
}

fn ran(schedstat: &str) -> Duration {
    let nanoseconds = schedstat.split_whitespace().next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// Time that all threads of a process have run that still do, to the nanosecond.
pub fn own_threads_cpu(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().filter_map(Result::ok);
    threads.map(|thread| ran(&fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default())).sum()
}

/// The most memory that a process ever had in RAM.
pub fn peak_kib(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Fields are counted after the name, which is in brackets and may hold anything.
fn ticks(path: &str, fields: std::ops::Range<usize>) -> Duration {
    let stat = fs::read_to_string(path).unwrap_or_default();
    let rest: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let numbers = rest.get(fields).unwrap_or_default().iter();
    let ticks: u64 = numbers.filter_map(|number| number.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1000 / TICKS)
}

/// Time that this thread has run, to the nanosecond.
pub fn thread_cpu() -> Duration {
    ran(&fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default())
}

pub fn memory(pid: u32) -> Memory {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
    };
    Memory { resident_kib: field("status", "VmRSS:"), proportional_kib: field("smaps_rollup", "Pss:") }
}

/// Load average over 1, 5 and 15 minutes, and how many cores there are.
pub fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let numbers: Vec<&str> = text.split_whitespace().take(3).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{} on {cores} cores", numbers.join(" "))
}
