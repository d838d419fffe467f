//! Who drives a device.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::libc;

const DRIVER_INFO: u32 = 3;
const WORD: usize = 32;

/// `struct ethtool_drvinfo`.
#[repr(C)]
struct Info {
    what: u32,
    driver: [u8; WORD],
    _rest: [u8; 4 * WORD + 12 + 5 * 4],
}

/// The driver's name, asked by a socket of the device's namespace.
pub(super) fn driver(socket: &OwnedFd, device: &str) -> io::Result<String> {
    let mut info = Info { what: DRIVER_INFO, driver: [0; WORD], _rest: [0; 4 * WORD + 12 + 5 * 4] };
    // SAFETY: ifreq is plain integers and arrays of them, for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let name = device.bytes().take(libc::IFNAMSIZ - 1);
    name.zip(&mut request.ifr_name).for_each(|(byte, place)| *place = byte as libc::c_char);
    request.ifr_ifru.ifru_data = (&raw mut info).cast();
    // SAFETY: the descriptor is open; the request and what it points to live across the call, and the kernel writes no
    // more than the struct that the number names.
    let outcome = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) };
    if outcome != 0 {
        return Err(io::Error::last_os_error());
    }
    let end = info.driver.iter().position(|byte| *byte == 0).unwrap_or(WORD);
    Ok(String::from_utf8_lossy(&info.driver[..end]).into_owned())
}
