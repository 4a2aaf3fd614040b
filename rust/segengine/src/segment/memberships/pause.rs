//! Places where a test holds a thread, so that what may happen in between happens every time. Only tests have them.

use std::cell::RefCell;

/// Between two steps that must not be torn apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A reader knows the profile and has not copied its record.
    Copy,
    /// A fill knows the profiles and has not written their records.
    Fill,
}

type Act = Box<dyn FnOnce()>;

thread_local! {
    static ACT: RefCell<Option<(Place, Act)>> = const { RefCell::new(None) };
}

/// Does `act` once, when this thread next comes to `place`.
pub(super) fn once(place: Place, act: impl FnOnce() + 'static) {
    ACT.with_borrow_mut(|waiting| *waiting = Some((place, Box::new(act))));
}

/// Called by the code under test.
pub(super) fn at(place: Place) {
    let due = ACT.with_borrow_mut(|waiting| waiting.take_if(|(wanted, _)| *wanted == place));
    if let Some((_, act)) = due {
        act();
    }
}
