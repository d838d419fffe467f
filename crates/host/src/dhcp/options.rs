//! `extra_dhcp_opts` of a port: dnsmasq's option names, as Neutron takes them.
//!
//! A name is one of dnsmasq's, or a number, with an optional `option:` or `option6:` before it, and
//! before that an optional `tag:ipxe,` or `tag:!ipxe,` (what Ironic sends).

use model::desired::{DhcpOption, Lease};

use super::value::Form::{self, Addresses, Guess, Names, Routes, Text, U8, U16, U32};

/// Code that dnsmasq has for the header field `siaddr`: as an option it would end the list.
pub(super) const SERVER_IP_ADDRESS: u16 = 255;

/// Whom an extra option is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Whom {
    All,
    Ipxe,
    NotIpxe,
}

/// One extra option, ready to be sent; an empty value keeps the option from being sent at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Extra {
    pub code: u16,
    pub whom: Whom,
    pub value: Vec<u8>,
}

impl Extra {
    pub fn applies(&self, is_ipxe: bool) -> bool {
        match self.whom {
            Whom::All => true,
            Whom::Ipxe => is_ipxe,
            Whom::NotIpxe => !is_ipxe,
        }
    }
}

/// A lease's extra options by IP version, and the names of those that cannot be told.
#[derive(Debug, Default)]
pub(super) struct Extras {
    pub v4: Vec<Extra>,
    pub v6: Vec<Extra>,
    unknown: Vec<String>,
}

impl Extras {
    pub fn read(options: &[DhcpOption]) -> Extras {
        let mut extras = Extras::default();
        for option in options {
            match read(option) {
                Some(extra) if option.ip_version == 6 => extras.v6.push(extra),
                Some(extra) => extras.v4.push(extra),
                None => extras.unknown.push(option.name.clone()),
            }
        }
        extras
    }
}

/// Names of a lease's `extra_dhcp_opts` that clients are not told: unknown, reserved for the
/// protocol itself, or with a value that is not of the option's type.
pub fn unknown_options(lease: &Lease) -> Vec<String> {
    Extras::read(&lease.options).unknown
}

fn read(option: &DhcpOption) -> Option<Extra> {
    let table = Table::of(option.ip_version)?;
    let (whom, name) = match option.name.trim().split_once(',') {
        Some(("tag:ipxe" | "tag:ipxe6", name)) => (Whom::Ipxe, name),
        Some(("tag:!ipxe" | "tag:!ipxe6", name)) => (Whom::NotIpxe, name),
        Some(_) => return None,
        None => (Whom::All, option.name.trim()),
    };
    let name = name.strip_prefix(table.prefix).unwrap_or(name);
    let known = |(_, other, _): &&Row| other.eq_ignore_ascii_case(name);
    let (code, form) = match name.parse::<u16>() {
        Ok(code) if code <= table.last => (code, table.form(code)),
        Ok(_) => return None,
        Err(_) => table.rows.iter().find(known).map(|row| (row.0, row.2))?,
    };
    if table.reserved.contains(&code) {
        return None;
    }
    let value = form.read(&option.value, option.ip_version)?;
    Some(Extra { code, whom, value })
}

type Row = (u16, &'static str, Form);

struct Table {
    prefix: &'static str,
    last: u16,
    /// What the protocol itself needs, so that no tenant can break it.
    reserved: &'static [u16],
    rows: &'static [Row],
}

impl Table {
    fn of(ip_version: u8) -> Option<Table> {
        match ip_version {
            4 => Some(Table { prefix: "option:", last: 255, reserved: &RESERVED4, rows: V4 }),
            6 => Some(Table { prefix: "option6:", last: 65535, reserved: &RESERVED6, rows: V6 }),
            _ => None,
        }
    }

    fn form(&self, code: u16) -> Form {
        self.rows.iter().find(|row| row.0 == code).map_or(Guess, |row| row.2)
    }
}

const RESERVED4: [u16; 10] = [0, 50, 52, 53, 54, 55, 56, 57, 61, 82];
const RESERVED6: [u16; 19] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 18, 19, 20, 25, 26];

/// dnsmasq's `opttab` (`src/dhcp-common.c`).
const V4: &[Row] = &[
    (1, "netmask", Addresses),
    (2, "time-offset", U32),
    (3, "router", Addresses),
    (4, "time-server", Addresses),
    (6, "dns-server", Addresses),
    (7, "log-server", Addresses),
    (9, "lpr-server", Addresses),
    (12, "hostname", Text),
    (13, "boot-file-size", U16),
    (15, "domain-name", Text),
    (16, "swap-server", Addresses),
    (17, "root-path", Text),
    (18, "extension-path", Text),
    (19, "ip-forward-enable", U8),
    (20, "non-local-source-routing", U8),
    (21, "policy-filter", Addresses),
    (22, "max-datagram-reassembly", U16),
    (23, "default-ttl", U8),
    (26, "mtu", U16),
    (27, "all-subnets-local", U8),
    (28, "broadcast", Addresses),
    (31, "router-discovery", U8),
    (32, "router-solicitation", Addresses),
    (33, "static-route", Addresses),
    (34, "trailer-encapsulation", U8),
    (35, "arp-timeout", U32),
    (36, "ethernet-encap", U8),
    (37, "tcp-ttl", U8),
    (38, "tcp-keepalive", U32),
    (40, "nis-domain", Text),
    (41, "nis-server", Addresses),
    (42, "ntp-server", Addresses),
    (44, "netbios-ns", Addresses),
    (45, "netbios-dd", Addresses),
    (46, "netbios-nodetype", U8),
    (47, "netbios-scope", Guess),
    (48, "x-windows-fs", Addresses),
    (49, "x-windows-dm", Addresses),
    (51, "lease-time", U32),
    (58, "T1", U32),
    (59, "T2", U32),
    (60, "vendor-class", Text),
    (64, "nis+-domain", Text),
    (65, "nis+-server", Addresses),
    (66, "tftp-server", Text),
    (66, "tftp-server-name", Text),
    (67, "bootfile-name", Text),
    (68, "mobile-ip-home", Addresses),
    (69, "smtp-server", Addresses),
    (70, "pop3-server", Addresses),
    (71, "nntp-server", Addresses),
    (74, "irc-server", Addresses),
    (77, "user-class", Guess),
    (93, "client-arch", U16),
    (94, "client-interface-id", Guess),
    (97, "client-machine-id", Guess),
    (100, "posix-timezone", Text),
    (101, "tzdb-timezone", Text),
    (108, "ipv6-only", U32),
    (114, "captive-portal", Text),
    (119, "domain-search", Names),
    (120, "sip-server", Guess),
    (121, "classless-static-route", Routes),
    (125, "vendor-id-encap", Guess),
    (150, "tftp-server-address", Addresses),
    (249, "ms-classless-static-route", Routes),
    (SERVER_IP_ADDRESS, "server-ip-address", Addresses),
];

/// dnsmasq's `opttab6` (`src/dhcp-common.c`).
const V6: &[Row] = &[
    (21, "sip-server-domain", Names),
    (22, "sip-server", Addresses),
    (23, "dns-server", Addresses),
    (24, "domain-search", Names),
    (27, "nis-server", Addresses),
    (28, "nis+-server", Addresses),
    (29, "nis-domain", Names),
    (30, "nis+-domain", Names),
    (31, "sntp-server", Addresses),
    (32, "information-refresh-time", U32),
    (41, "posix-timezone", Text),
    (42, "tzdb-timezone", Text),
    (56, "ntp-server", Form::NtpServers),
    (59, "bootfile-url", Text),
    (60, "bootfile-param", Form::Params),
    (103, "captive-portal", Text),
];
