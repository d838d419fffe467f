//! GENEVE headers and their options (RFC 8926 sections 3.4 and 3.5).

use crate::gre::ETHERNET;
use crate::{Malformed, Vni, need, take};

/// The UDP port that is usual.
pub const PORT: u16 = 6081;

/// A header whose options agree with its length.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    bytes: &'a [u8],
    header_len: usize,
}

impl<'a> View<'a> {
    /// Refuses other versions, payloads that are not Ethernet, and options that end elsewhere than the header.
    pub fn new(bytes: &'a [u8]) -> Result<View<'a>, Malformed> {
        need(bytes, Geneve::LEN)?;
        if bytes[0] >> 6 != 0 {
            return Err(Malformed::Field("version"));
        }
        let header_len = Geneve::LEN + usize::from(bytes[0] & 0x3f) * 4;
        need(bytes, header_len)?;
        if u16::from_be_bytes(take(bytes, 2)) != ETHERNET {
            return Err(Malformed::Field("protocol type"));
        }
        let view = View { bytes, header_len };
        let mut rest = &bytes[Geneve::LEN..header_len];
        while !rest.is_empty() {
            let (_, behind) = split(rest)?;
            rest = behind;
        }
        Ok(view)
    }

    pub fn vni(self) -> Vni {
        Vni::from_high_bytes(take(self.bytes, 4))
    }

    /// O: meant for who ends the tunnel, not for a network.
    pub fn is_control(self) -> bool {
        self.bytes[1] & 0x80 != 0
    }

    /// C: some option must be understood by who ends the tunnel.
    pub fn has_critical_options(self) -> bool {
        self.bytes[1] & 0x40 != 0
    }

    pub fn options(self) -> impl Iterator<Item = GeneveOption<'a>> {
        let mut rest = &self.bytes[Geneve::LEN..self.header_len];
        std::iter::from_fn(move || {
            let (option, behind) = split(rest).ok()?;
            rest = behind;
            Some(option)
        })
    }

    pub fn header_len(self) -> usize {
        self.header_len
    }

    pub fn payload(self) -> &'a [u8] {
        &self.bytes[self.header_len..]
    }
}

/// An option: a class that says who numbers the types, a type, and words of four bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GeneveOption<'a> {
    pub class: u16,
    pub kind: u8,
    pub data: &'a [u8],
}

impl GeneveOption<'_> {
    pub const HEAD_LEN: usize = 4;
    pub const MAX_DATA_LEN: usize = 31 * 4;

    /// Who does not know the option must drop the packet.
    pub const fn is_critical(&self) -> bool {
        self.kind & 0x80 != 0
    }

    /// Appends the option; its data must be whole words, at most 31.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        if !self.data.len().is_multiple_of(4) || self.data.len() > Self::MAX_DATA_LEN {
            return Err(Malformed::Field("option length"));
        }
        out.extend(self.class.to_be_bytes());
        out.extend([self.kind, (self.data.len() / 4) as u8]);
        out.extend(self.data);
        Ok(())
    }
}

/// The first option and what is behind it.
fn split(bytes: &[u8]) -> Result<(GeneveOption<'_>, &[u8]), Malformed> {
    need(bytes, GeneveOption::HEAD_LEN)?;
    let len = GeneveOption::HEAD_LEN + usize::from(bytes[3] & 0x1f) * 4;
    need(bytes, len)?;
    let (this, rest) = bytes.split_at(len);
    let class = u16::from_be_bytes(take(this, 0));
    Ok((GeneveOption { class, kind: this[2], data: &this[GeneveOption::HEAD_LEN..] }, rest))
}

/// The fixed part of a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geneve {
    pub vni: Vni,
    /// Bytes of options behind it, a multiple of four, at most 252.
    pub options_len: u8,
    /// Some option is critical.
    pub critical: bool,
}

impl Geneve {
    pub const LEN: usize = 8;
    pub const MAX_OPTIONS_LEN: usize = 63 * 4;

    pub fn parse(bytes: &[u8]) -> Result<Geneve, Malformed> {
        let view = View::new(bytes)?;
        Ok(Geneve {
            vni: view.vni(),
            options_len: (view.header_len - Geneve::LEN) as u8,
            critical: view.has_critical_options(),
        })
    }

    pub fn emit(&self, out: &mut [u8; Geneve::LEN]) {
        out[0] = self.options_len / 4;
        out[1] = if self.critical { 0x40 } else { 0 };
        out[2..4].copy_from_slice(&ETHERNET.to_be_bytes());
        out[4..].copy_from_slice(&self.vni.with_low_byte(0));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_figure_of_the_rfc() {
        let mut out = [0xff; 8];
        let header = Geneve { vni: Vni::new(0x12_3456).expect("24 bits"), options_len: 8, critical: true };
        header.emit(&mut out);
        assert_eq!(out, [0x02, 0x40, 0x65, 0x58, 0x12, 0x34, 0x56, 0]);
        let whole = [&out[..], &[0x01, 0x02, 0x83, 0x01, 9, 8, 7, 6], b"payload"].concat();
        let view = View::new(&whole).expect("valid");
        assert_eq!((view.payload(), view.is_control(), view.header_len()), (&b"payload"[..], false, 16));
        let options: Vec<_> = view.options().collect();
        assert_eq!(options, [GeneveOption { class: 0x0102, kind: 0x83, data: &[9, 8, 7, 6] }]);
        assert!(options[0].is_critical());
        for (at, value, want) in [
            (0, 0x42, Malformed::Field("version")),
            (0, 0x3f, Malformed::Short { need: 260, got: 23 }),
            (2, 0x08, Malformed::Field("protocol type")),
            (11, 0x02, Malformed::Short { need: 12, got: 8 }),
            (11, 0x00, Malformed::Short { need: 28, got: 4 }),
        ] {
            let mut bad = whole.clone();
            bad[at] = value;
            if at == 11 && value == 0 {
                bad[15] = 0x06; // the option ends early, and what follows it is one that is too long
            }
            assert_eq!(View::new(&bad).err(), Some(want), "byte {at}");
        }
        assert!(GeneveOption { class: 0, kind: 0, data: &[0; 3] }.emit(&mut Vec::new()).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(
            number in 0..=Vni::MAX,
            options in proptest::collection::vec((any::<u16>(), any::<u8>(), 0usize..4), 0..4),
        ) {
            let mut tail = Vec::new();
            for (class, kind, words) in &options {
                GeneveOption { class: *class, kind: *kind, data: &[7; 12][..words * 4] }.emit(&mut tail).expect("words");
            }
            let header = Geneve {
                vni: Vni::new(number).expect("in range"),
                options_len: tail.len() as u8,
                critical: options.iter().any(|(_, kind, _)| kind & 0x80 != 0),
            };
            let mut bytes = vec![0; Geneve::LEN];
            header.emit(bytes.first_chunk_mut().expect("8 bytes"));
            bytes.extend(&tail);
            prop_assert_eq!(Geneve::parse(&bytes), Ok(header));
            let seen: Vec<_> = View::new(&bytes).expect("ours").options().map(|o| (o.class, o.kind, o.data.len() / 4)).collect();
            prop_assert_eq!(seen, options);
        }

        #[test]
        fn any_bytes(mut bytes: Vec<u8>) {
            if bytes.len() > 4 {
                (bytes[0], bytes[2], bytes[3]) = (bytes[0] & 7, 0x65, 0x58);
            }
            if let Ok(view) = View::new(&bytes) {
                let len: usize = view.options().map(|option| 4 + option.data.len()).sum();
                prop_assert_eq!(len + Geneve::LEN, view.header_len());
            }
        }
    }
}
