//! This process and the calling thread: priority, time, memory.

use std::io;
use std::time::Duration;

use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Makes the calling thread step back behind others: 0 is usual, 19 the most. More may be given up, and
/// only a privileged process may take it back.
pub fn set_nice(nice: u8) -> io::Result<()> {
    // SAFETY: takes plain numbers; 0 means the calling thread on Linux.
    let outcome = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, i32::from(nice.min(19))) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// CPU time of the calling thread, in the kernel and outside.
pub fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec that lives across the call.
    let outcome = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    match outcome {
        0 => Duration::new(time.tv_sec as u64, time.tv_nsec as u32),
        _ => Duration::ZERO,
    }
}

/// Memory of this process that is in RAM; 0 where `/proc` does not say.
pub fn resident_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Gives back what is in RAM of this program's code: what only its start needed does not come back, and the
/// rest is still in the page cache.
pub fn give_back_code() -> io::Result<()> {
    let program = std::env::current_exe()?;
    let program = program.to_string_lossy();
    for line in std::fs::read_to_string("/proc/self/maps")?.lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some("r-xp")) = (words.next(), words.next()) else { continue };
        let ends = range.split_once('-').filter(|_| line.ends_with(&*program));
        let ends = ends.map(|(from, to)| [from, to].map(|end| usize::from_str_radix(end, 16)));
        let Some([Ok(from), Ok(to)]) = ends else { continue };
        // SAFETY: the range is a mapping of the program's file that nobody may write to, so that each page of
        // it is read from the file again, as it was, when it is needed.
        if unsafe { libc::madvise(from as *mut libc::c_void, to - from, libc::MADV_DONTNEED) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Gives back what the heap holds of memory that nobody uses: as much again, after something large was read.
pub fn give_back_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes a plain number, and moves nothing that is in use.
    unsafe {
        libc::malloc_trim(0)
    };
}

/// Ends the process rather than let its data outgrow a limit.
pub fn limit_memory(bytes: u64) -> io::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_DATA)?;
    setrlimit(Resource::RLIMIT_DATA, bytes.min(hard), hard)?;
    Ok(())
}

/// The user as which this process acts.
pub fn user() -> u32 {
    nix::unistd::geteuid().as_raw()
}
