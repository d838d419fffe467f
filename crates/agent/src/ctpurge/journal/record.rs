//! One line of the journal: a checksum, and JSON.

use model::purge::{Job, JobShown};
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::ctpurge) enum Record {
    /// Accepted.
    Job(Job),
    /// Done, or given up.
    Ended(JobShown),
}

impl Record {
    pub fn line(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("the types have only text as keys");
        let mut line = format!("{:08x} ", checksum(&json)).into_bytes();
        line.extend(json);
        line.push(b'\n');
        line
    }

    /// `None` when the line is not as it was written.
    pub fn parse(line: &[u8]) -> Option<Record> {
        let (sum, json) = line.strip_suffix(b"\n")?.split_at_checked(9)?;
        let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?.strip_suffix(' ')?, 16).ok()?;
        (sum == checksum(json)).then(|| serde_json::from_slice(json).ok()).flatten()
    }
}

/// CRC-32, as of Ethernet: by a table of what each byte does to it.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum: u32, byte| sum >> 8 ^ TABLE[(sum as u8 ^ byte) as usize])
}

const TABLE: [u32; 256] = {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let mut table = [0; 256];
    let mut at = 0;
    while at < table.len() {
        let (mut sum, mut bit) = (at as u32, 0);
        while bit < 8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ POLYNOMIAL } else { sum >> 1 };
            bit += 1;
        }
        table[at] = sum;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(super::checksum(b"123456789"), 0xcbf4_3926);
    }
}
