//! Reading DHCPv4 messages strictly (RFC 2131 section 2, RFC 3396), writing answers.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use dhcproto::v4::{Decodable, MAGIC, MIN_PACKET_SIZE, Message, MessageType, Opcode, OptionCode};
use dhcproto::v4::{DhcpOption, Encodable, UnknownOption};
use wire::{Mac, Malformed};

/// Fixed header and magic cookie.
pub(super) const HEADER_LEN: usize = 240;
/// As much as one option can hold.
const MAX_CLIENT_ID_LEN: usize = 255;

/// A client's message that deserves an answer as far as its form goes.
#[derive(Debug)]
pub(super) struct Request {
    pub head: Message,
    pub kind: MessageType,
    pub requested: Option<Ipv4Addr>,
    pub server_id: Option<Ipv4Addr>,
    pub max_len: usize,
    options: BTreeMap<u8, Vec<u8>>,
}

impl Request {
    /// Reads the message of a client with this MAC.
    pub fn read(bytes: &[u8], from: Mac) -> Result<Request, Malformed> {
        let Some((fixed, options)) = bytes.split_at_checked(HEADER_LEN) else {
            return Err(Malformed::Short { need: HEADER_LEN, got: bytes.len() });
        };
        // Without options the decoder reads nothing but fixed fields.
        let head = Message::from_bytes(fixed).map_err(|_| Malformed::Field("header"))?;
        let refuse = |what| Err(Malformed::Field(what));
        if head.opcode() != Opcode::BootRequest {
            return refuse("op");
        }
        if fixed[1..3] != [1, 6] {
            return refuse("htype or hlen");
        }
        if fixed[28..34] != from.0 {
            return refuse("chaddr");
        }
        if !head.giaddr().is_unspecified() {
            return refuse("giaddr");
        }
        if fixed[HEADER_LEN - 4..] != MAGIC {
            return refuse("magic cookie");
        }
        let options = read_options(options)?;
        if options.contains_key(&OptionCode::OptionOverload.into()) {
            return refuse("option overload");
        }
        // Answers repeat it.
        let client_id = options.get(&OptionCode::ClientIdentifier.into());
        if client_id.is_some_and(|id| id.len() > MAX_CLIENT_ID_LEN) {
            return refuse("client identifier");
        }
        let max_len: Option<[u8; 2]> = fixed_option(&options, OptionCode::MaxMessageSize)?;
        let kind: Option<[u8; 1]> = fixed_option(&options, OptionCode::MessageType)?;
        let requested: Option<[u8; 4]> = fixed_option(&options, OptionCode::RequestedIpAddress)?;
        let server_id: Option<[u8; 4]> = fixed_option(&options, OptionCode::ServerIdentifier)?;
        Ok(Request {
            head,
            kind: kind.ok_or(Malformed::Field("message type"))?[0].into(),
            requested: requested.map(Ipv4Addr::from),
            server_id: server_id.map(Ipv4Addr::from),
            // RFC 2131 section 2: every client takes 576 bytes.
            max_len: max_len.map_or(576, |len| usize::from(u16::from_be_bytes(len)).max(576)),
            options,
        })
    }

    /// True if the client asks for the option; one that gives no list asks for all.
    pub fn asks_for(&self, code: u8) -> bool {
        let list = self.options.get(&OptionCode::ParameterRequestList.into());
        list.is_none_or(|list| list.contains(&code))
    }

    pub fn client_id(&self) -> Option<&[u8]> {
        self.options.get(&OptionCode::ClientIdentifier.into()).map(Vec::as_slice)
    }

    /// True for iPXE, as Neutron's dnsmasq tells it, by its own option or its user class.
    pub fn is_ipxe(&self) -> bool {
        let class = self.options.get(&OptionCode::UserClass.into());
        self.options.contains_key(&175)
            || class.is_some_and(|class| class.windows(4).any(|part| part == b"iPXE"))
    }
}

/// An answer: header fields and options by code.
#[derive(Debug)]
pub(super) struct Reply {
    pub kind: MessageType,
    pub ciaddr: Ipv4Addr,
    pub yiaddr: Ipv4Addr,
    pub siaddr: Ipv4Addr,
    pub server_name: Vec<u8>,
    pub boot_file: Vec<u8>,
    pub options: BTreeMap<u8, Vec<u8>>,
}

impl Reply {
    /// The message that answers a request, at least as long as BOOTP's; `None` if it cannot be said.
    pub fn write(self, request: &Request) -> Option<Vec<u8>> {
        let mut message = request.head.clone();
        message.set_opcode(Opcode::BootReply).set_hops(0).set_secs(0);
        message.set_ciaddr(self.ciaddr).set_yiaddr(self.yiaddr).set_siaddr(self.siaddr);
        message.clear_sname();
        message.clear_fname();
        // A byte of each field is for the zero that ends it.
        if (1..64).contains(&self.server_name.len()) {
            message.set_sname(&self.server_name);
        }
        if (1..128).contains(&self.boot_file.len()) {
            message.set_fname(&self.boot_file);
        }
        let options = self.options.into_iter().map(|(code, value)| {
            let code = OptionCode::from(code);
            (code, DhcpOption::Unknown(UnknownOption::new(code, value)))
        });
        message.set_opts(options.collect());
        message.opts_mut().insert(DhcpOption::MessageType(self.kind));
        let mut bytes = message.to_vec().ok()?;
        bytes.resize(bytes.len().max(MIN_PACKET_SIZE), 0);
        Some(bytes)
    }
}

/// Options by code; the parts of a long option are joined (RFC 3396).
fn read_options(mut bytes: &[u8]) -> Result<BTreeMap<u8, Vec<u8>>, Malformed> {
    let mut options: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    // An end that is missing where the message ends anyway takes nothing from the meaning.
    while let [code, rest @ ..] = bytes {
        bytes = match (*code, rest) {
            (0, rest) => rest,
            (255, _) => break,
            (code, [len, rest @ ..]) => {
                let need = usize::from(*len);
                let Some((value, rest)) = rest.split_at_checked(need) else {
                    return Err(Malformed::Short { need, got: rest.len() });
                };
                options.entry(code).or_default().extend_from_slice(value);
                rest
            }
            (_, []) => return Err(Malformed::Short { need: 2, got: 1 }),
        };
    }
    Ok(options)
}

/// An option of a fixed length.
fn fixed_option<const N: usize>(
    options: &BTreeMap<u8, Vec<u8>>,
    code: OptionCode,
) -> Result<Option<[u8; N]>, Malformed> {
    match options.get(&code.into()).map(|value| value.as_slice().try_into()) {
        None => Ok(None),
        Some(Ok(value)) => Ok(Some(value)),
        Some(Err(_)) => Err(Malformed::Field("option length")),
    }
}
