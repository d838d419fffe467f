//! Names of an instance whose frames lie in memory that it shares with its host (vhost-user): the socket at which
//! its virtual machine monitor waits, and the device that stands for it on the host.

use crate::PortId;

const SOCKET: &str = "vhu";
const DEVICE: &str = "tap";
/// Characters of a port's id that both names have, as Neutron's.
const ID_CHARS: usize = 11;

/// Where the monitor of a port's instance waits, in a host's folder.
pub fn socket(folder: &str, port: PortId) -> String {
    format!("{}/{SOCKET}{}", folder.trim_end_matches('/'), &port.0.to_string()[..ID_CHARS])
}

/// The device behind a socket of that name; none of a file that is no such socket.
pub fn device(file_name: &str) -> Option<String> {
    let id = file_name.strip_prefix(SOCKET)?;
    let of_an_id = |letter: char| matches!(letter, '0'..='9' | 'a'..='f' | '-');
    (id.len() == ID_CHARS && id.chars().all(of_an_id)).then(|| format!("{DEVICE}{id}"))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_socket_and_its_device_have_the_same_letters() {
        let port = PortId(Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef));
        for folder in ["/run/v", "/run/v/"] {
            assert_eq!(socket(folder, port), "/run/v/vhu01234567-89");
        }
        assert_eq!(device("vhu01234567-89").as_deref(), Some("tap01234567-89"));
        for other in
            ["vhu", "vhu01234567-8", "vhu01234567-890", "vhu0123456/-89", "tap01234567-89", ".vhu0123456"]
        {
            assert_eq!(device(other), None, "{other}");
        }
    }
}
