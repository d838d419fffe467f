//! Emulated machines with kernels of their own: behind both gateways, plain apt-get, and an order by the static guest
//! program; and one that shares its memory with its host. `make test-vm` builds what it needs and names it in
//! NEUTRINO_GUEST_IMAGE and NEUTRINO_GUEST.

mod shared;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use model::SoftwareOrderId;
use model::software::{Order, Orders};
use serde_json::json;
use testbed::gateways::{ADDRESS, CLIENT, Gateways, PLATFORM, SECRET};
use testbed::place::{command_in, run_in};
use testbed::software::{OPTION, Software, deb};
use uuid::Uuid;

/// Emulation takes its time, and machines are busy.
const MOST: Duration = Duration::from_secs(600);
const MEMORY_MIB: &str = "448";
const KERNEL: &str = "console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off nokaslr tsc=reliable \
                      random.trust_cpu=on net.ifnames=0 audit=0 apparmor=0";

fn told(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: run `make test-vm`")))
}

/// What the machine does once it is up.
fn script(order: &str) -> String {
    format!(
        "set -e
ip link set eth0 up
ip addr add {CLIENT}/24 dev eth0
ip route add {ADDRESS}/32 dev eth0
now() {{ cut -d' ' -f1 /proc/uptime; }}
echo \"network $(now)\"
curl -sf http://{ADDRESS}:8080/setup/apt.sources >/etc/apt/sources.list.d/neutrino.sources
apt-get -q update
apt-get -q -y install neutrino-library
cat /usr/share/neutrino-tests/neutrino-library
echo \"apt-get $(now)\"
/job/neutrino-guest once --key /job/key.asc
/job/neutrino-guest status
/job/neutrino-guest status | grep -q '{order} installed'
cat /usr/share/neutrino-tests/neutrino-app
cat /opt/tool/5/content
echo \"order $(now)\"
"
    )
}

/// The disk that has the script, the program and the key.
async fn payload(bed: &Gateways, order: &str) -> PathBuf {
    let folder = bed.dir.path().join("payload");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("run"), script(order)).expect("writes");
    std::fs::copy(told("NEUTRINO_GUEST"), folder.join("neutrino-guest")).expect("the program");
    let key = ["curl", "-sf", "-H", "X-Neutrino-Project: project-0", "http://127.0.0.1:9798/key.asc"];
    let key = run_in(&bed.place.namespace("management"), &key).await.expect("a key");
    std::fs::write(folder.join("key.asc"), key).expect("writes");
    packed(&folder).await
}

/// A folder as a disk.
async fn packed(folder: &Path) -> PathBuf {
    let file = folder.with_extension("tar");
    let words = ["-C", &folder.display().to_string(), "-cf", &file.display().to_string(), "."];
    let made = tokio::process::Command::new("tar").args(words).status().await;
    assert!(made.expect("tar runs").success());
    file
}

/// Where the instance was, a bridge and a tap of it.
async fn tap(at: &Path) {
    for words in [
        "ip addr flush dev eth0",
        // Its address is the machine's from here on.
        "ip link set eth0 address fa:16:3e:00:00:99",
        "ip link add br0 type bridge forward_delay 0",
        "ip link set eth0 master br0",
        "ip tuntap add dev tap0 mode tap",
        "ip link set tap0 master br0",
        "ip link set br0 up",
        "ip link set tap0 up",
    ] {
        run_in(at, &words.split(' ').collect::<Vec<_>>()).await.expect("a tap");
    }
}

/// Runs a machine with a network card to its end; what it said on its console.
async fn machine(at: &Path, payload: &Path, card: &[&str]) -> String {
    let image = told("NEUTRINO_GUEST_IMAGE");
    let file = |name: &str| image.join(name).display().to_string();
    let disk = |id: &str, file: &str| {
        [
            "-drive".to_owned(),
            format!("if=none,id={id},file={file},format=raw,readonly=on"),
            "-device".to_owned(),
        ]
        .into_iter()
        .chain([format!("virtio-blk-pci,drive={id},disable-legacy=on")])
    };
    let mut words: Vec<String> = [
        "qemu-system-x86_64",
        "-accel",
        "tcg,thread=multi,tb-size=256",
        "-cpu",
        "max",
        "-m",
        MEMORY_MIB,
        "-machine",
        "q35,usb=off,smbus=off,sata=off,vmport=off",
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-display",
        "none",
        "-serial",
        "stdio",
        "-append",
        KERNEL,
    ]
    .map(str::to_owned)
    .into();
    words.extend(card.iter().map(|word| (*word).to_owned()));
    words.extend(["-kernel".to_owned(), file("kernel"), "-initrd".to_owned(), file("first.gz")]);
    words.extend(disk("root", &file("disk")).chain(disk("payload", &payload.display().to_string())));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut command = command_in(at, &words);
    let qemu = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("QEMU runs");
    let output = tokio::time::timeout(MOST, qemu.wait_with_output()).await.expect("it ends in time");
    String::from_utf8_lossy(&output.expect("QEMU ends").stdout).replace('\r', "")
}

#[tokio::test]
async fn an_emulated_machine_installs_by_apt_and_by_an_order() {
    let binary = Path::new(env!("CARGO_BIN_EXE_neutrino"));
    let mut bed = Gateways::start(binary, "vm", 1, &[OPTION]).await.expect("gateways; this needs root");
    let mut software = Software::start(binary, &bed).await.expect("a repository");
    let folder = bed.dir.path().to_owned();
    let library = deb(&folder, "neutrino-library", "1.0", "", "").await.expect("is made");
    let app = deb(&folder, "neutrino-app", "2.0", "neutrino-library", "echo set up").await.expect("is made");
    std::fs::write(folder.join("content"), "tool\n").expect("writes");
    let tool = folder.join("tool-5.tar.gz");
    let words = ["-C", &folder.display().to_string(), "-czf", &tool.display().to_string(), "content"];
    assert!(tokio::process::Command::new("tar").args(words).status().await.expect("tar runs").success());
    software.publish(&library, "project-9", &["*"], json!({})).await.expect("is published");
    let app = software.publish(&app, "project-0", &[], json!({})).await.expect("is published");
    let more = json!({ "name": "tool", "version": "5", "architecture": "all", "file": "tool-5.tar.gz" });
    let tool = software.publish(&tool, "project-0", &[], more).await.expect("is published");
    let id = SoftwareOrderId(Uuid::from_u128(1));
    let order = Order { id, attempt: 0, cancelled: false, packages: vec![app, tool] };
    bed.networks[0].ports[0].orders = Orders { revision: 1, orders: vec![order] };
    assert_eq!(bed.tell().await.expect("told"), []);
    let payload = payload(&bed, &id.to_string()).await;
    tap(&bed.client(0)).await;

    let begun = Instant::now();
    let card = [
        "-netdev",
        "tap,id=n0,ifname=tap0,script=no,downscript=no",
        "-device",
        "virtio-net-pci,netdev=n0,mac=fa:16:3e:00:00:05,romfile=,disable-legacy=on",
    ];
    let said = machine(&bed.client(0), &payload, &card).await;
    for line in said.lines().filter(|line| line.starts_with("up: ") || line.starts_with("said: ")) {
        println!("{line}");
    }
    println!("in all: {:.1} s", begun.elapsed().as_secs_f32());
    assert!(said.lines().any(|line| line == "ended: 0"), "{said}");
    for line in ["said: 1.0", "said: 2.0", "said: tool"] {
        assert!(said.lines().any(|found| found == line), "{line}: {said}");
    }
    let url = format!("http://{PLATFORM}/ports/{}/reports", bed.networks[0].ports[0].id);
    let secret = format!("Authorization: Bearer {SECRET}");
    let words = ["curl", "-sf", "-m", "20", "-H", &secret, &url];
    let reports = run_in(&bed.place.namespace("management"), &words).await.expect("reports");
    assert!(reports.contains("\"state\":\"installed\""), "{reports}");
}
