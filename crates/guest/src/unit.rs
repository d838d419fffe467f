//! How a system runs it.

/// A unit for systemd, or a script for /etc/init.d. An installer that runs when it is stopped goes on to its
/// end: half an installation is worse.
pub fn text(rc: bool) -> String {
    let found = std::env::current_exe().ok().and_then(|path| path.into_os_string().into_string().ok());
    let program = found.unwrap_or_else(|| "/usr/local/bin/neutrino-guest".to_owned());
    if rc { script(&program) } else { unit(&program) }
}

fn unit(program: &str) -> String {
    format!(
        "[Unit]
Description=Installs software that is ordered for this instance
Wants=network-online.target
After=network-online.target cloud-final.service

[Service]
ExecStart={program} run
Restart=always
RestartSec=5
KillMode=process

[Install]
WantedBy=multi-user.target
"
    )
}

fn script(program: &str) -> String {
    format!(
        r#"#!/bin/sh
### BEGIN INIT INFO
# Provides:          neutrino-guest
# Required-Start:    $network $remote_fs
# Required-Stop:     $network $remote_fs
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: installs software that is ordered for this instance
### END INIT INFO
pid=/run/neutrino-guest.pid
case "$1" in
start) start-stop-daemon -S -b -m -p "$pid" -x {program} -- run ;;
stop) start-stop-daemon -K -p "$pid" ;;
restart) "$0" stop; "$0" start ;;
*) echo "usage: $0 start|stop|restart" >&2; exit 2 ;;
esac
"#
    )
}
