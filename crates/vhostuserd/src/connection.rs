//! One instance, from the moment that its monitor is joined until that goes.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use kernel::ports::Tap;
use vhost::vhost_user::Error as Gone;
use vhost_user_backend::{Error, VhostUserDaemon};
use vm_memory::GuestMemoryMmap;

use crate::port::{Memory, Port};

/// Joins whoever listens at a socket, and carries frames until the connection ends. The device is there as long.
pub(crate) fn serve(socket: &Path, namespace: &Path, device: &str) -> Result<(), String> {
    let path = socket.to_str().ok_or("its path is no text")?;
    let memory = Memory::new(GuestMemoryMmap::new());
    let port = Port::new(memory.clone()).map_err(|error| error.to_string())?;
    let port = Arc::new(Mutex::new(port));
    let mut daemon = VhostUserDaemon::new(device.to_owned(), Arc::clone(&port), memory)
        .map_err(|error| error.to_string())?;
    daemon.start_client(path).map_err(|error| error.to_string())?;
    let connection = daemon.shutdown_handle().ok_or("the connection is gone")?;
    let events = daemon.get_epoll_handlers();
    let events = events.first().ok_or("no thread serves its queues")?;
    let join = || {
        let tap = Tap::while_open(namespace, device)?;
        port.lock().unwrap_or_else(PoisonError::into_inner).join(tap, connection, events)
    };
    join().map_err(|error| format!("{device}: {error}"))?;
    tracing::info!(device, "an instance is joined");
    let outcome = match daemon.wait() {
        Ok(()) | Err(Error::HandleRequest(Gone::Disconnected | Gone::PartialMessage)) => Ok(()),
        Err(error) => Err(error.to_string()),
    };
    let lost = port.lock().unwrap_or_else(PoisonError::into_inner).lost();
    tracing::info!(device, lost, "an instance is left");
    outcome
}
