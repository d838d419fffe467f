//! A machine that shares its memory with its host (vhost-user), in a cloud of two hosts.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use testbed::client::id_of;
use testbed::place::command_in;
use testbed::{Cloud, Plan, wait};

use super::{MEMORY_MIB, machine, packed};

const SOON: Duration = Duration::from_secs(60);
/// Emulation takes its time.
const BOOTED: Duration = Duration::from_secs(120);

/// What answers the machine: it hands out a file, sums what it is given, and notes that it is asked to.
const OTHER: &str = r#"
import hashlib, http.server, sys
DATA = bytes(range(251)) * 40000
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        if self.path == "/restart":
            open(sys.argv[1], "w").close()
        self.answer(b"" if self.path == "/restart" else DATA)
    def do_PUT(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(hashlib.sha256(data).hexdigest().encode() + b"  put\n")
print(hashlib.sha256(DATA).hexdigest(), flush=True)
http.server.HTTPServer(("", 8000), Handler).serve_forever()
"#;

/// What the machine does once it is up.
fn script(other: &str) -> String {
    format!(
        "set -e
now() {{ cut -d' ' -f1 /proc/uptime; }}
cat >/run/lease <<'END'
[ \"$1\" = bound ] || exit 0
ip addr add $ip/$mask dev $interface
[ -z \"$mtu\" ] || ip link set $interface mtu $mtu
END
chmod 755 /run/lease
sed -i '1i #!/bin/sh' /run/lease
ip link set eth0 up
/bin/busybox udhcpc -i eth0 -n -q -t 20 -T 1 -s /run/lease
echo \"lease $(now)\"
answers() {{ /bin/busybox ping -c 1 -W 1 {other} >/dev/null; }}
until answers; do :; done
echo \"answers $(now)\"
curl -sf -o /run/large http://{other}:8000/large
sha256sum </run/large
curl -sf -T /run/large http://{other}:8000/large
echo \"large $(now)\"
curl -sf -o /dev/null http://{other}:8000/restart
n=0
while answers; do n=$((n + 1)); [ $n -lt 100000 ]; done
echo \"gone $(now)\"
until answers; do :; done
echo \"back $(now)\"
curl -sf http://{other}:8000/large | sha256sum
"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emulated_machine_shares_its_memory_and_outlives_who_joined_it() {
    let binary = Path::new(env!("CARGO_BIN_EXE_neutrino"));
    let plan = Plan { vhostuser: Some(binary.to_owned()), ..Plan::new("vm-shared", 2) };
    let mut cloud = Cloud::start(plan).await.expect("a cloud; this needs root");
    let network = cloud.network("net").await.expect("a network");
    let (other, port) = cloud.boot("other", &network, 1).await.expect("boots");
    cloud.port_is(&id_of(&port), "ACTIVE", SOON).await.expect("ACTIVE");
    other.dhcp().await.expect("a lease");
    let asked = cloud.place.folder().join("restart");
    let words = ["python3", "-u", "-c", OTHER, &asked.display().to_string()];
    let log = std::fs::File::create(cloud.place.folder().join("sums")).expect("a file");
    let mut server = command_in(&other.namespace, &words);
    let _server = server.stdout(log).stderr(Stdio::null()).kill_on_drop(true).spawn().expect("python3 runs");

    let port_of_machine = cloud.port("machine", &network, 0, &[]).await.expect("a port");
    let address = port["fixed_ips"][0]["ip_address"].as_str().expect("an address").to_owned();
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let socket = text(&port_of_machine["binding:vif_details"]["vhostuser_socket"]);
    let folder = cloud.place.folder().join("payload");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("run"), script(&address)).expect("writes");
    let payload = packed(&folder).await;
    let memory = format!("memory-backend-memfd,id=memory,size={MEMORY_MIB}M,share=on");
    let path = format!("socket,id=c0,path={socket},server=on");
    let mac = text(&port_of_machine["mac_address"]);
    // Emulated, with message-signaled interrupts, QEMU 7.2 ends itself where it serves no card of its own.
    let device = format!("virtio-net-pci,netdev=n0,mac={mac},romfile=,disable-legacy=on,vectors=0");
    let card = [
        "-object",
        &memory,
        "-machine",
        "memory-backend=memory",
        "-chardev",
        &path,
        "-netdev",
        "vhost-user,id=n0,chardev=c0",
        "-device",
        &device,
    ];
    let namespace = cloud.hosts[0].namespace.clone();
    let run = machine(&namespace, &payload, &card);
    let client = &cloud.client;
    let restart = async {
        let asked = wait::until(BOOTED, || async { asked.exists().then_some(()) });
        asked.await.expect("the machine got so far");
        let id = id_of(&port_of_machine);
        let status = client.get(&format!("ports/{id}")).await.expect("the port")["status"].clone();
        assert_eq!(status, "ACTIVE");
        // By now the machine asks all the time.
        wait::pause(Duration::from_secs(2)).await;
        cloud.hosts[0].vhostuserd.as_mut().expect("runs").kill();
        wait::pause(Duration::from_secs(3)).await;
        cloud.hosts[0].vhostuserd.as_mut().expect("runs").again().expect("runs again");
    };
    let (said, ()) = tokio::join!(run, restart);
    for line in said.lines().filter(|line| line.starts_with("said: ")) {
        println!("{line}");
    }
    assert!(said.lines().any(|line| line == "ended: 0"), "{said}");
    let sums = std::fs::read_to_string(cloud.place.folder().join("sums")).expect("sums");
    let sum = sums.split_whitespace().next().expect("a sum");
    assert_eq!(said.matches(sum).count(), 3, "down, up, and down again: {said}");
    let device = cloud.port_is(&id_of(&port_of_machine), "DOWN", SOON).await;
    device.expect("its device went with it");
    cloud.stop().await.expect("stops");
}
