//! Things with a name for people and a number for tables. A number stays while the thing does.

use std::collections::BTreeMap;

/// Slots by number, and numbers by name.
#[derive(Debug)]
pub struct Named<T> {
    slots: Vec<Option<T>>,
    by_name: BTreeMap<String, usize>,
    free: Vec<usize>,
}

impl<T> Default for Named<T> {
    fn default() -> Named<T> {
        Named { slots: Vec::new(), by_name: BTreeMap::new(), free: Vec::new() }
    }
}

impl<T> Named<T> {
    #[inline]
    pub fn get(&self, no: usize) -> Option<&T> {
        self.slots.get(no)?.as_ref()
    }

    #[inline]
    pub fn get_mut(&mut self, no: usize) -> Option<&mut T> {
        self.slots.get_mut(no)?.as_mut()
    }

    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// In order of name.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.by_name.values().filter_map(|no| Some((*no, self.get(*no)?)))
    }

    pub fn numbers(&self) -> Vec<usize> {
        self.by_name.values().copied().collect()
    }

    /// Takes out what is not to stay, and gives the numbers that are free with it.
    pub fn keep(&mut self, stays: impl Fn(&str, &T) -> bool) -> Vec<usize> {
        let gone = |no: &usize, name: &str, slots: &[Option<T>]| {
            slots.get(*no).and_then(Option::as_ref).is_none_or(|thing| !stays(name, thing))
        };
        let slots = &self.slots;
        let out: Vec<(String, usize)> = self
            .by_name
            .iter()
            .filter(|(name, no)| gone(no, name, slots))
            .map(|(name, no)| (name.clone(), *no))
            .collect();
        for (name, no) in &out {
            self.by_name.remove(name);
            self.slots[*no] = None;
            self.free.push(*no);
        }
        out.into_iter().map(|(_, no)| no).collect()
    }

    /// The number of a name, with a thing made for it if there is none; true if it was made.
    pub fn put(&mut self, name: &str, make: impl FnOnce() -> T) -> (usize, bool) {
        if let Some(no) = self.find(name) {
            return (no, false);
        }
        let no = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[no] = Some(make());
        self.by_name.insert(name.to_owned(), no);
        (no, true)
    }
}
