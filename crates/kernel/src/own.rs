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

/// Gives back what is in RAM and may not be needed again soon: after the start, and after something large was
/// read. Where it fails, more stays.
pub fn give_back() {
    give_back_heap();
    let _ = give_back_code();
}

/// What is in RAM of the program's file: what is needed again is still in the page cache.
pub fn give_back_code() -> io::Result<()> {
    let program = std::env::current_exe()?;
    for (from, to) in untouched(&std::fs::read_to_string("/proc/self/smaps")?, &program.to_string_lossy()) {
        // SAFETY: the range is a mapping of the program's file that nobody may write to and of which nothing
        // was changed, so that each page of it is read from the file again, as it was, when it is needed.
        if unsafe { libc::madvise(from as *mut libc::c_void, to - from, libc::MADV_DONTNEED) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Mappings of a file that nobody may write to, and of which nothing was changed before: pages with addresses
/// that the linker fixed are this process's own, and are nowhere else.
fn untouched(smaps: &str, file: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut range = None;
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some(ends), Some("r-xp" | "r--p")) if line.ends_with(file) => {
                let ends = ends.split_once('-');
                let ends = ends.map(|(from, to)| [from, to].map(|end| usize::from_str_radix(end, 16)));
                range = ends.and_then(|[from, to]| Some((from.ok()?, to.ok()?)));
            }
            (Some(word), _) if !word.ends_with(':') => range = None,
            (Some("Anonymous:" | "Swap:"), Some(changed)) if changed != "0" => range = None,
            // The last of these lines.
            (Some("Swap:"), _) => found.extend(range.take()),
            _ => {}
        }
    }
    found
}

/// What the heap holds of memory that nobody uses.
fn give_back_heap() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_as_in_the_file_is_given_back() {
        let mapping = |ends: &str, may: &str, file: &str, anonymous: u32, swapped: u32| {
            format!(
                "{ends} {may} 00000000 fe:00 42    {file}\nRss:   8 kB\nAnonymous:  {anonymous} kB\n\
                 SwapPss:   0 kB\nSwap:  {swapped} kB\nVmFlags: rd ex\n"
            )
        };
        let all = [
            mapping("1000-2000", "r--p", "/bin/neutrino", 0, 0),
            mapping("2000-4000", "r-xp", "/bin/neutrino", 0, 0),
            mapping("4000-5000", "r--p", "/bin/neutrino", 4, 0),
            mapping("5000-6000", "r--p", "/bin/neutrino", 0, 4),
            mapping("6000-7000", "rw-p", "/bin/neutrino", 0, 0),
            mapping("7000-8000", "r-xp", "/lib/other", 0, 0),
        ];
        assert_eq!(untouched(&all.concat(), "/bin/neutrino"), [(0x1000, 0x2000), (0x2000, 0x4000)]);
    }

    #[test]
    fn a_program_goes_on_without_what_it_gave_back() {
        let before = resident_kib();
        give_back_code().expect("is given back");
        assert!(resident_kib() < before && std::env::current_exe().is_ok(), "{before} KiB before");
    }
}
