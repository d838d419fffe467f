//! Programs in the kernel that see frames of a device, and memory that they share with us.
//!
//! ```text
//! code     a program, written line by line
//! Program  one that the kernel has checked and taken        Link  it is asked for each frame that a device receives
//! Map      a table by keys, which programs read             Shared  an array that both sides see at once
//! ```
//! All of it goes when it is dropped or this process ends. See `bpf(2)`.

pub mod code;

use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, AtomicU64};

use nix::libc;

use code::{AsMap, Instruction};

const MAP_CREATE: libc::c_long = 0;
const MAP_UPDATE: libc::c_long = 2;
const MAP_DELETE: libc::c_long = 3;
const PROGRAM_LOAD: libc::c_long = 5;
const LINK_CREATE: libc::c_long = 28;
const HASH: u32 = 1;
const ARRAY: u32 = 2;
const ARRAY_PER_CPU: u32 = 6;
const SHARED: u32 = 1 << 10;
const INGRESS: u32 = 46;
/// What the kernel's checker may say of a program that it refuses.
const REASONS_BYTES: usize = 64 << 10;

/// What a program is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// How much of a frame a socket takes.
    Filter = 1,
    /// What becomes of a frame that a device received.
    Ingress = 3,
}

/// A program in the kernel.
pub struct Program {
    fd: OwnedFd,
}

/// A program is asked for each frame that a device receives, until this is dropped.
pub struct Link {
    _fd: OwnedFd,
}

/// A table or an array in the kernel.
pub struct Map {
    fd: OwnedFd,
}

/// A table by keys of one plain type, with numbers as values.
pub struct Table<K> {
    map: Map,
    of: PhantomData<K>,
}

/// An array that is also memory of ours: places of equal size, read and written a word at a time.
pub struct Shared {
    map: Map,
    memory: NonNull<u8>,
    bytes: usize,
    place_bytes: usize,
}

// SAFETY: the mapping belongs to this value alone and is no thread's own; all access is by atomics.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

/// A key that is all of its bytes.
///
/// # Safety
/// The type has no padding and no bytes that are not set.
pub unsafe trait Plain: Copy {}

// SAFETY: bytes are all that there is.
unsafe impl<const N: usize> Plain for [u8; N] {}

#[repr(C)]
struct MapRequest {
    kind: u32,
    key_bytes: u32,
    value_bytes: u32,
    places: u32,
    flags: u32,
}

#[repr(C)]
struct ElementRequest {
    map: u32,
    _pad: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct ProgramRequest {
    kind: u32,
    count: u32,
    lines: u64,
    licence: u64,
    log_level: u32,
    log_bytes: u32,
    log: u64,
    kernel: u32,
    flags: u32,
    name: [u8; 16],
    device: u32,
    expected: u32,
}

#[repr(C)]
struct LinkRequest {
    program: u32,
    device: u32,
    kind: u32,
    flags: u32,
    relative: u32,
    _pad: u32,
    revision: u64,
}

/// The one system call; what it returns is a descriptor, or nothing.
fn bpf<T>(what: libc::c_long, request: &T) -> io::Result<i32> {
    // SAFETY: the request is a plain struct that lives across the call, with its own size given; what its addresses
    // point to is kept alive by whoever asks.
    let outcome = unsafe { libc::syscall(libc::SYS_bpf, what, ptr::from_ref(request), size_of::<T>()) };
    if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(outcome as i32) }
}

fn descriptor<T>(what: libc::c_long, request: &T) -> io::Result<OwnedFd> {
    // SAFETY: the kernel has just given us this descriptor.
    bpf(what, request).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

fn number(fd: &OwnedFd) -> u32 {
    fd.as_raw_fd() as u32
}

impl Map {
    fn new(kind: u32, key_bytes: usize, value_bytes: usize, places: u32, flags: u32) -> io::Result<Map> {
        let (key_bytes, value_bytes) = (key_bytes as u32, value_bytes as u32);
        let fd = descriptor(MAP_CREATE, &MapRequest { kind, key_bytes, value_bytes, places, flags })?;
        Ok(Map { fd })
    }

    /// A place of so many bytes for each processor.
    pub fn per_cpu(bytes: usize) -> io::Result<Map> {
        Map::new(ARRAY_PER_CPU, 4, bytes, 1, 0)
    }
}

impl<K: Plain> Table<K> {
    pub fn new(places: u32) -> io::Result<Table<K>> {
        Ok(Table { map: Map::new(HASH, size_of::<K>(), 4, places, 0)?, of: PhantomData })
    }

    /// Writes a value, in place of the one that may be there.
    pub fn insert(&self, key: &K, value: u32) -> io::Result<()> {
        self.element(MAP_UPDATE, key, Some(&value))
    }

    /// No key, no change.
    pub fn remove(&self, key: &K) -> io::Result<()> {
        match self.element(MAP_DELETE, key, None) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn element(&self, what: libc::c_long, key: &K, value: Option<&u32>) -> io::Result<()> {
        let request = ElementRequest {
            map: number(&self.map.fd),
            _pad: 0,
            key: ptr::from_ref(key) as u64,
            value: value.map_or(0, |value| ptr::from_ref(value) as u64),
            flags: 0,
        };
        bpf(what, &request).map(drop)
    }
}

impl<K> AsMap for Table<K> {
    fn as_map(&self) -> &Map {
        &self.map
    }
}

impl Shared {
    /// So many places of so many bytes, a multiple of eight; all zero.
    pub fn new(place_bytes: usize, places: u32) -> io::Result<Shared> {
        assert!(place_bytes.is_multiple_of(8), "places of whole words");
        let map = Map::new(ARRAY, 4, place_bytes, places, SHARED)?;
        let bytes = place_bytes * places as usize;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: asks for memory of the array's own size, at a place that the kernel chooses.
        let memory =
            unsafe { libc::mmap(ptr::null_mut(), bytes, access, libc::MAP_SHARED, map.fd.as_raw_fd(), 0) };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast()).expect("memory is never at zero");
        Ok(Shared { map, memory, bytes, place_bytes })
    }

    /// A word of a place.
    ///
    /// # Panics
    /// When there is none there.
    pub fn word(&self, place: u32, at: usize) -> &AtomicU32 {
        let at = self.at(place, at, 4);
        // SAFETY: `at` is within the mapping, which lives as long as the borrow, and a multiple of four.
        unsafe { AtomicU32::from_ptr(self.memory.as_ptr().add(at).cast()) }
    }

    /// Two words of a place, as one number.
    ///
    /// # Panics
    /// When there are none there.
    pub fn double(&self, place: u32, at: usize) -> &AtomicU64 {
        let at = self.at(place, at, 8);
        // SAFETY: `at` is within the mapping, which lives as long as the borrow, and a multiple of eight.
        unsafe { AtomicU64::from_ptr(self.memory.as_ptr().add(at).cast()) }
    }

    fn at(&self, place: u32, at: usize, size: usize) -> usize {
        let start = place as usize * self.place_bytes + at;
        let fits = at + size <= self.place_bytes && start + size <= self.bytes && at.is_multiple_of(size);
        assert!(fits, "place {place} has no {size} bytes at {at}");
        start
    }
}

impl AsMap for Shared {
    fn as_map(&self) -> &Map {
        &self.map
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this size, and nothing borrows from it any more.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), self.bytes) };
    }
}

impl Program {
    /// Has the kernel check and take a program; a refusal says what its checker said last.
    pub fn load(kind: Kind, name: &str, lines: &[Instruction]) -> io::Result<Program> {
        let mut short = [0; 16];
        name.bytes().take(15).zip(&mut short).for_each(|(byte, place)| *place = byte);
        let mut request = ProgramRequest {
            kind: kind as u32,
            count: lines.len() as u32,
            lines: lines.as_ptr() as u64,
            licence: c"Apache-2.0".as_ptr() as u64,
            log_level: 0,
            log_bytes: 0,
            log: 0,
            kernel: 0,
            flags: 0,
            name: short,
            device: 0,
            expected: 0,
        };
        let refused = match descriptor(PROGRAM_LOAD, &request) {
            Ok(fd) => return Ok(Program { fd }),
            Err(error) => error,
        };
        let mut log = vec![0u8; REASONS_BYTES];
        (request.log_level, request.log_bytes, request.log) = (1, log.len() as u32, log.as_mut_ptr() as u64);
        let _ = descriptor(PROGRAM_LOAD, &request);
        let said = String::from_utf8_lossy(&log);
        let said: Vec<&str> = said.trim_end_matches('\0').trim_end().lines().rev().take(12).collect();
        let said = said.into_iter().rev().collect::<Vec<_>>().join(" | ");
        Err(io::Error::new(refused.kind(), format!("{refused}: {name}: {said}")))
    }

    /// Is asked for each frame that a device of this thread's namespace receives, before the kernel's own stack is.
    pub fn link(&self, device: u32) -> io::Result<Link> {
        let program = number(&self.fd);
        let request =
            LinkRequest { program, device, kind: INGRESS, flags: 0, relative: 0, _pad: 0, revision: 0 };
        Ok(Link { _fd: descriptor(LINK_CREATE, &request)? })
    }

    /// Judges what a socket takes, instead of the filter that it may have.
    pub(crate) fn filter(&self, socket: &OwnedFd) -> io::Result<()> {
        let program = self.fd.as_raw_fd();
        // SAFETY: both descriptors are open; the value is an int that lives across the call, with its size given.
        let outcome = unsafe {
            let (value, length) = (ptr::from_ref(&program).cast(), size_of_val(&program) as libc::socklen_t);
            libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ATTACH_BPF, value, length)
        };
        if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::sync::atomic::Ordering;

    use super::code::{Code, Function, Reg, Size, When};
    use super::*;

    /// Takes all, and counts in the place that a table names by the datagram's last byte.
    fn counting(table: &Table<[u8; 4]>, places: &Shared) -> Vec<Instruction> {
        let mut code = Code::default();
        code.copy(Reg::R6, Reg::R1).store(Size::Word, Reg::Frame, -8, 0);
        code.of_packet(Size::Byte, 8).store(Size::Byte, Reg::Frame, -8, Reg::R0);
        code.map(Reg::R1, table).stack(Reg::R2, -8).call(Function::MapLookup);
        code.jump_if(When::Equal, Reg::R0, 0, "none").load(Size::Word, Reg::R1, Reg::R0, 0);
        code.store(Size::Word, Reg::Frame, -8, Reg::R1);
        code.map(Reg::R1, places).stack(Reg::R2, -8).call(Function::MapLookup);
        code.jump_if(When::Equal, Reg::R0, 0, "none").copy(Reg::R1, 1).count(Reg::R0, 8, Reg::R1);
        code.label("none").copy(Reg::R0, -1).exit();
        code.finish()
    }

    #[test]
    fn a_program_reads_a_table_and_writes_what_we_see() {
        let table = Table::new(4).expect("these tests need root");
        let places = Shared::new(16, 2).expect("shared");
        table.insert(&[7, 0, 0, 0], 1).expect("room");
        let program = Program::load(Kind::Filter, "counting", &counting(&table, &places)).expect("taken");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
        let fd = OwnedFd::from(socket.try_clone().expect("another descriptor"));
        program.filter(&fd).expect("taken");
        let count = || places.double(1, 8).load(Ordering::Relaxed);
        let send = |byte: u8| {
            let to = socket.local_addr().expect("bound");
            socket.send_to(&[byte], to).expect("sent");
            socket.recv(&mut [0; 8]).expect("received");
        };
        send(7);
        send(8);
        assert_eq!(count(), 1);
        table.remove(&[7, 0, 0, 0]).expect("removed");
        table.remove(&[7, 0, 0, 0]).expect("it was gone already");
        send(7);
        assert_eq!((count(), places.double(0, 8).load(Ordering::Relaxed)), (1, 0));
    }

    #[test]
    fn a_program_that_is_wrong_is_refused_with_the_reason() {
        let mut code = Code::default();
        code.load(Size::Word, Reg::R0, Reg::R9, 0).exit();
        let refused = Program::load(Kind::Filter, "wrong", &code.finish()).err().expect("refused");
        assert!(refused.to_string().contains("R9 !read_ok"), "{refused}");
    }
}
