//! Text within XML.

use std::fmt;

/// Text as content or attribute: escaped, without what XML cannot hold.
pub struct Xml<'a>(pub &'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                '\n' | '\t' => fmt::Write::write_char(out, letter)?,
                '\u{fffe}' | '\u{ffff}' => out.write_str("?")?,
                letter if letter.is_control() => out.write_str("?")?,
                letter => fmt::Write::write_char(out, letter)?,
            }
        }
        Ok(())
    }
}
