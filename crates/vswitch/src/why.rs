//! Why frames went no further, and how often.

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)*) => {
        /// Why a frame went no further.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Why {
            $($(#[doc = $doc])+ $name,)*
        }

        impl Why {
            pub const ALL: &'static [Why] = &[$(Why::$name,)*];

            /// The word that counters and traces say it by.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Why::$name => $text,)*
                }
            }
        }
    };
}

reasons! {
    /// It came by a port that the switch does not have.
    NoPort = "no_port",
    /// Shorter than an Ethernet header, or from a multicast address.
    BadEthernet = "bad_ethernet",
    /// Offloads that do not fit its headers.
    BadOffload = "bad_offload",
    /// To a MAC behind the port it came from.
    SamePlace = "same_place",
    /// To a MAC that is not known, in a network that does not flood such.
    UnknownMac = "unknown_mac",
    /// There is nobody else in the network.
    Alone = "alone",
    /// To another machine, from another machine.
    FromTunnelToTunnel = "from_tunnel_to_tunnel",
    /// No route leads to the tunnel's other end.
    NoRoute = "no_route",
    /// A route forbids it.
    Unreachable = "unreachable",
    /// The route's device is not an underlay of the switch.
    NotUnderlay = "not_underlay",
    /// The route's device is down.
    LinkDown = "link_down",
    /// The tunnel's own end is not an address of this machine.
    NotOurAddress = "not_our_address",
    /// The tunnel's other end is this machine.
    Ourselves = "ourselves",
    /// It does not fit the route with its outer headers.
    TooBig = "too_big",
    /// NVGRE carries no VLAN tags (RFC 7637 section 3.2).
    Tagged = "tagged",
    /// The neighbour did not answer while it could wait.
    Expired = "expired",
    /// It waited for a neighbour and made room for later ones.
    PushedOut = "pushed_out",
    /// It waited for a tunnel that is gone.
    TunnelGone = "tunnel_gone",
    /// It waited, and its network is gone or is not in that tunnel any longer.
    NetworkGone = "network_gone",
    /// A copy or a piece of a frame, beyond what may lie here until it leaves.
    Crowded = "crowded",
    /// Of a flow that was more than the slow path could do, while it went over to the fast path.
    Overrun = "overrun",
    /// A tunnel packet with an outer header that is not well-formed.
    BadOuter = "bad_outer",
    /// A tunnel packet with a wrong checksum.
    BadChecksum = "bad_checksum",
    /// A fragment of a tunnel packet.
    Fragment = "fragment",
    /// Its tunnel header is not well-formed.
    BadTunnelHeader = "bad_tunnel_header",
    /// A GENEVE option that must be understood and is not.
    CriticalOption = "critical_option",
    /// GENEVE's control bit: not for a network.
    Control = "control",
    /// From a machine that no tunnel leads to.
    UnknownRemote = "unknown_remote",
    /// Of a network that the tunnel does not carry.
    UnknownVni = "unknown_vni",
    /// Congestion was marked on a packet that does not take part (RFC 6040 section 4.2).
    Congestion = "congestion",
    /// ARP or neighbour discovery that is not well-formed.
    BadAnswer = "bad_answer",
}

/// A counter for each reason.
#[derive(Debug, Clone)]
pub struct Drops([u64; Why::ALL.len()]);

impl Default for Drops {
    fn default() -> Drops {
        Drops([0; Why::ALL.len()])
    }
}

impl Drops {
    pub fn add(&mut self, why: Why, times: u64) {
        self.0[why as usize] += times;
    }

    pub fn of(&self, why: Why) -> u64 {
        self.0[why as usize]
    }

    pub fn all(&self) -> u64 {
        self.0.iter().sum()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Why, u64)> {
        Why::ALL.iter().map(|why| (*why, self.of(*why)))
    }
}
