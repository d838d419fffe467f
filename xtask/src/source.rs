//! Rust files of the workspace, and a reading of them that blanks comments and strings.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// A Rust file; the path is relative to the workspace.
#[derive(Debug)]
pub struct File {
    pub path: String,
    pub text: String,
}

impl File {
    pub fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }
}

/// All Rust files, sorted. Hidden folders and build output are left out.
pub fn rust_files(root: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    gather(root, root, &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn gather(root: &Path, folder: &Path, files: &mut Vec<File>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        let name = entry.file_name();
        let hidden = name.to_string_lossy().starts_with('.');
        if kind.is_dir() && !hidden && name != "node_modules" && !path.join("CACHEDIR.TAG").exists() {
            gather(root, &path, files)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let path = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            files.push(File { path, text });
        }
    }
    Ok(())
}

/// The number of the first line of a test module inside the file; `usize::MAX` when there is none. Tests come
/// last in a file, so what follows is theirs.
pub fn tests_from(code: &str) -> usize {
    let lines: Vec<&str> = code.lines().map(str::trim).collect();
    let opens = |at: usize| {
        let item = lines[at + 1..].iter().find(|line| !line.is_empty() && !line.starts_with('#'));
        item.is_some_and(|line| line.contains("mod ") && line.ends_with(['{', '}']))
    };
    (0..lines.len()).find(|&at| lines[at] == "#[cfg(test)]" && opens(at)).unwrap_or(usize::MAX)
}

/// The text with comments and the insides of strings and characters blanked; the lines stay where they are.
pub fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = blank_end(&chars, at);
        for c in &chars[at..end] {
            code.push(if *c == '\n' { '\n' } else { ' ' });
        }
        if end == at {
            code.push(chars[at]);
            at += 1;
        } else {
            at = end;
        }
    }
    code
}

/// Where the comment or literal that starts at `at` ends; `at` itself when none starts there.
fn blank_end(chars: &[char], at: usize) -> usize {
    let next = |n: usize| chars.get(at + n).copied().unwrap_or('\0');
    match (chars[at], next(1)) {
        ('/', '/') => find(chars, at, |c| c == '\n'),
        ('/', '*') => comment_end(chars, at),
        ('"', _) => quoted_end(chars, at, '"'),
        ('\'', '\\') => quoted_end(chars, at, '\''),
        ('\'', _) if next(2) == '\'' => at + 3, // otherwise a lifetime
        ('r', '"' | '#') if !inside_word(chars, at) => raw_end(chars, at),
        _ => at,
    }
}

fn find(chars: &[char], from: usize, is: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|c| is(*c)).map_or(chars.len(), |n| from + n)
}

fn comment_end(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (at, depth) = (at + 2, depth + 1),
            ('*', '/') => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn quoted_end(chars: &[char], start: usize, quote: char) -> usize {
    let mut at = start + 1;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// `r"..."` and `r#"..."#`; `r#type` is a plain name.
fn raw_end(chars: &[char], start: usize) -> usize {
    let open = find(chars, start + 1, |c| c != '#');
    if chars.get(open) != Some(&'"') {
        return start;
    }
    let hashes = open - start - 1;
    let closes =
        |at: usize| chars[at] == '"' && chars[at + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
    (open + 1..chars.len()).find(|&at| closes(at)).map_or(chars.len(), |at| at + 1 + hashes)
}

/// Part of a longer word; `br"..."` and `cr"..."` are raw strings all the same.
fn inside_word(chars: &[char], at: usize) -> bool {
    let is_word = |at: usize| chars[at].is_alphanumeric() || chars[at] == '_';
    let word = (0..at).rev().take_while(|at| is_word(*at)).count();
    word > 1 || (word == 1 && !matches!(chars[at - 1], 'b' | 'c'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blank() {
        for (text, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("a\"b") + g"#, "f(      ) + g"),
            (r###"r#"a"b"# + x"###, "         + x"),
            (r##"br"a" + r#type"##, "b     + r#type"),
            ("'\"' + '\\'' + 'a f", "    +      + 'a f"),
            ("\"a\nb\"", "  \n  "),
        ] {
            assert_eq!(code_only(text), code, "{text}");
        }
    }

    #[test]
    fn tests_start_where_their_module_opens() {
        assert_eq!(tests_from("fn f() {}\n\n#[cfg(test)]\nmod tests {\n}\n"), 2);
        assert_eq!(tests_from("#[cfg(test)]\nmod tests;\nfn f() {}\n"), usize::MAX);
        assert_eq!(tests_from("#[cfg(test)]\nuse a::b;\n#[cfg(test)]\n#[path = \"x\"]\nmod t {}\n"), 2);
    }
}
