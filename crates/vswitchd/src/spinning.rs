//! How long the worker looks on without sleeping.

/// Whether looking on without sleeping has been worth its while.
#[derive(Default)]
pub(crate) struct Spinning {
    /// It was begun and nothing has come since.
    on: bool,
    /// So many more may come to nothing.
    credit: u8,
    /// Pauses since it was last tried.
    pauses: u8,
}

impl Spinning {
    const CREDIT: u8 = 4;
    const TRY_EACH: u8 = 64;

    pub fn pays(&mut self) -> bool {
        self.on |= self.credit > 0 || self.pauses >= Spinning::TRY_EACH;
        self.on
    }

    pub fn came(&mut self) {
        if self.on {
            *self = Spinning { on: false, credit: Spinning::CREDIT, pauses: 0 };
        }
    }

    /// The switch goes to sleep.
    pub fn over(&mut self) {
        match self.on {
            true => *self = Spinning { on: false, credit: self.credit.saturating_sub(1), pauses: 0 },
            false => self.pauses = self.pauses.saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_pay_is_tried_seldom() {
        let mut spinning = Spinning::default();
        let tried = |spinning: &mut Spinning, count: usize| {
            let mut once = || {
                let tried = spinning.pays();
                spinning.over();
                tried
            };
            (0..count).filter(|_| once()).count()
        };
        assert_eq!(tried(&mut spinning, 650), 10);
        while !spinning.pays() {
            spinning.over();
        }
        // It paid once: it is tried again and again, until it has failed often enough.
        spinning.came();
        assert_eq!(tried(&mut spinning, 60), usize::from(Spinning::CREDIT));
    }
}
