//! Match without a message: identifiers and candidates are read where Python keeps them.
//!
//! One user: the text of each identifier is borrowed from the tuple, candidates from their array; nothing is copied but
//! the answer. A list of candidates, or a hundred thousand adgroups, are answered in a few microseconds. Giving up the GIL
//! for that would make a caller beside a busy thread wait for a whole switch interval, so it is kept; very long lists and very many
//! adgroups release it. Batches always do.

use std::cell::RefCell;
use std::fmt;

use numpy::{PyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};
use segengine::engine::caller::Caller;
use segengine::engine::formats::IdentifierRef;
use segengine::engine::{BatchCandidates, Candidates, Engine, MatchQuestion, MatchScratch};
use segengine::ids::Revision;
use segengine::{Error, limits};

use crate::answers::{Facts, Match};
use crate::arrays::{Ids, borrow, borrow_rows, elements, row_bytes};
use crate::batch::BatchMatch;
use crate::errors::{Answer, Failure, type_name, wrong_type};

// What the errors call the parts of a request.
const CANDIDATES: &str = "candidates";
const CONTEXT: &str = "context_segments";
const IDENTIFIERS: &str = "identifiers";
const USERS: &str = "users";

/// Candidates up to which the GIL is kept: they take about as long as all of a hundred thousand.
const QUICK_CANDIDATES: usize = 2_048;
/// Adgroups up to which it is kept for all of them: some microseconds.
const QUICK_ADGROUPS: usize = 1 << 17;

thread_local! {
    /// Working memory, grown once for each thread. A panic leaves a fresh one behind.
    static SCRATCH: RefCell<MatchScratch> = RefCell::default();
}

/// What a caller gave beside the users.
pub(crate) struct Asked<'a, 'py> {
    pub(crate) candidates: Option<&'a Bound<'py, PyAny>>,
    pub(crate) context: Option<&'a Bound<'py, PyAny>>,
    pub(crate) min_revision: u64,
}

impl<'py> Asked<'_, 'py> {
    fn context(&self) -> Answer<Option<Ids<'py>>> {
        self.context.map(|context| Ids::read(CONTEXT, context)).transpose()
    }
}

fn numbers<'a>(name: &str, ids: Option<&'a Ids<'_>>) -> Answer<&'a [u32]> {
    ids.map_or(Ok(&[]), |ids| ids.numbers(name))
}

fn with_scratch<T>(work: impl FnOnce(&mut MatchScratch) -> T) -> T {
    let mut scratch = SCRATCH.take();
    let answer = work(&mut scratch);
    SCRATCH.set(scratch);
    answer
}

/// Answers for one user.
pub(crate) fn match_one(
    engine: &Engine,
    identifiers: &Bound<'_, PyTuple>,
    asked: &Asked<'_, '_>,
    resolver: Option<Py<PyAny>>,
) -> Answer<Match> {
    let mut held = [const { None }; limits::IDENTIFIERS_PER_REQUEST];
    let texts = texts_of_tuple(identifiers, &mut held)?;
    let texts = texts.get(..identifiers.len()).unwrap_or_default();
    let context = asked.context()?;
    let only = asked.candidates.map(|candidates| Ids::read(CANDIDATES, candidates)).transpose()?;
    let candidates = match &only {
        Some(ids) => Candidates::Only(ids.numbers(CANDIDATES)?),
        None => Candidates::All,
    };
    let question = MatchQuestion {
        candidates,
        context_segments: numbers(CONTEXT, context.as_ref())?,
        min_revision: Revision(asked.min_revision),
    };
    let ask = || {
        with_scratch(|scratch| {
            let user = texts.iter().map(|text| identifier(*text));
            let matched = engine.match_one(&Caller::local_admin(), user, &question, scratch)?;
            let adgroups = match candidates {
                // Thousands, in a vector that was made to measure; a copy of a few keeps the scratch's.
                Candidates::All => scratch.take_adgroups(),
                Candidates::Only(_) => scratch.adgroups().to_vec(),
            };
            Ok::<_, Error>((adgroups, matched))
        })
    };
    let quick = match candidates {
        Candidates::Only(ids) => ids.len() <= QUICK_CANDIDATES,
        Candidates::All => engine.adgroups_served() <= QUICK_ADGROUPS,
    };
    let (adgroups, matched) = if quick { ask()? } else { identifiers.py().detach(ask)? };
    let facts = Facts { generation: matched.generation.0, identified: matched.identified, skipped: matched.skipped };
    Ok(Match::of(adgroups, &facts, resolver))
}

/// Nothing stands for text that is no identifier, or no Unicode (a lone surrogate): it is skipped and counted.
fn identifier(text: Option<&str>) -> Option<IdentifierRef<'_>> {
    IdentifierRef::check_text(text?).ok()
}

type Texts<'a> = [Option<&'a str>; limits::IDENTIFIERS_PER_REQUEST];
type Held<'a, 'py> = [Option<Borrowed<'a, 'py, PyString>>; limits::IDENTIFIERS_PER_REQUEST];

/// The texts of one user, borrowed from the tuple by way of `held`.
fn texts_of_tuple<'h, 'py>(identifiers: &'h Bound<'py, PyTuple>, held: &'h mut Held<'h, 'py>) -> Answer<Texts<'h>> {
    let count = identifiers.len();
    if count > held.len() {
        return Err(Error::limit(IDENTIFIERS, count as u64, held.len() as u64, IDENTIFIERS)
            .hint("these are the identifiers of one user; ask for several users with match_batch")
            .into());
    }
    for ((place, item), entry) in identifiers.iter_borrowed().enumerate().zip(held.iter_mut()) {
        *entry = Some(item.cast::<PyString>().map_err(|_| no_text(format_args!("{IDENTIFIERS}[{place}]"), &item))?);
    }
    Ok(held.each_ref().map(|text| text.as_ref().and_then(|text| text.to_str().ok())))
}

fn no_text(place: impl fmt::Display, given: &Bound<'_, PyAny>) -> Failure {
    wrong_type(format!("{place}: text such as \"network:7f3c\" is needed, not {}", type_name(given)))
}

/// The users of a batch, as they lie in Python.
enum Users<'py> {
    /// Texts: user i has `texts[ends[i - 1]..ends[i]]`.
    Texts { texts: Vec<Bound<'py, PyString>>, ends: Vec<usize> },
    /// One raw value for each user, all of one kind and scope.
    Column { kind: u32, scope: String, rows: PyReadonlyArray2<'py, u8> },
}

impl<'py> Users<'py> {
    fn read(users: &Bound<'py, PyAny>) -> Answer<Self> {
        if let Ok((kind, scope, rows)) = users.extract::<(u32, String, Bound<'py, PyAny>)>() {
            return Ok(Self::Column { kind, scope, rows: borrow_rows(USERS, &rows)? });
        }
        let Ok(list) = users.cast::<PyList>() else {
            let given = type_name(users);
            return Err(wrong_type(format!("{USERS}: a list of texts and tuples of texts is needed, not {given}")));
        };
        let (mut texts, mut ends) = (Vec::with_capacity(list.len()), Vec::with_capacity(list.len()));
        for (user, item) in list.iter().enumerate() {
            match item.cast_into::<PyString>() {
                Ok(text) => texts.push(text),
                Err(other) => user_of_tuple(user, &other.into_inner(), &mut texts)?,
            }
            ends.push(texts.len());
        }
        Ok(Self::Texts { texts, ends })
    }
}

/// Appends the identifiers of a user who has several.
fn user_of_tuple<'py>(user: usize, given: &Bound<'py, PyAny>, texts: &mut Vec<Bound<'py, PyString>>) -> Answer<()> {
    let Ok(tuple) = given.cast::<PyTuple>() else {
        return Err(no_text(format_args!("{USERS}[{user}]"), given));
    };
    for (place, item) in tuple.iter().enumerate() {
        let text = item.cast_into::<PyString>();
        texts.push(text.map_err(|other| no_text(format_args!("{USERS}[{user}][{place}]"), &other.into_inner()))?);
    }
    Ok(())
}

/// The adgroups in question for a batch: all, one list, or (offsets, ids) with a list for each user.
struct Lists<'py> {
    offsets: Option<Vec<u32>>,
    ids: Option<Ids<'py>>,
}

impl<'py> Lists<'py> {
    fn read(candidates: Option<&Bound<'py, PyAny>>) -> Answer<Self> {
        let Some(candidates) = candidates else { return Ok(Self { offsets: None, ids: None }) };
        let each = candidates.extract::<(Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<u32>>)>();
        let Ok((offsets, ids)) = each else {
            return Ok(Self { offsets: None, ids: Some(Ids::read(CANDIDATES, candidates)?) });
        };
        let array = borrow::<i64>("candidates.offsets", &offsets)?;
        let offsets = elements("candidates.offsets", &array)?;
        // One that is negative or too large cannot fit; the engine says so of what stands in its place.
        let offsets = offsets.iter().map(|&offset| u32::try_from(offset).unwrap_or(u32::MAX)).collect();
        Ok(Self { offsets: Some(offsets), ids: Some(Ids::read(CANDIDATES, &ids)?) })
    }

    fn candidates(&self) -> Answer<BatchCandidates<'_>> {
        Ok(match (&self.offsets, &self.ids) {
            (Some(offsets), ids) => BatchCandidates::Each { offsets, ids: numbers(CANDIDATES, ids.as_ref())? },
            (None, Some(ids)) => BatchCandidates::Only(ids.numbers(CANDIDATES)?),
            (None, None) => BatchCandidates::All,
        })
    }
}

/// Answers for many users from one generation.
pub(crate) fn match_batch(engine: &Engine, users: &Bound<'_, PyAny>, asked: &Asked<'_, '_>) -> Answer<BatchMatch> {
    let py = users.py();
    let users = Users::read(users)?;
    let lists = Lists::read(asked.candidates)?;
    let context = asked.context()?;
    let (candidates, context_segments) = (lists.candidates()?, numbers(CONTEXT, context.as_ref())?);
    let question =
        MatchQuestion { candidates: Candidates::All, context_segments, min_revision: Revision(asked.min_revision) };
    let caller = Caller::local_admin();
    let matched = match &users {
        Users::Texts { texts, ends } => {
            let texts: Vec<Option<&str>> = texts.iter().map(|text| text.to_str().ok()).collect();
            let user = |place: usize| {
                let start = place.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or_default();
                let own = ends.get(place).and_then(|&end| texts.get(start..end)).unwrap_or_default();
                own.iter().map(|text| identifier(*text))
            };
            let users = (0..ends.len()).map(user);
            py.detach(|| with_scratch(|scratch| engine.match_batch(&caller, users, candidates, &question, scratch)))?
        }
        Users::Column { kind, scope, rows } => {
            let (count, width, bytes) =
                (rows.shape().first().copied().unwrap_or_default(), rows.len(), row_bytes(USERS, rows)?);
            let width = width.checked_div(count).unwrap_or_default();
            let user = |place: usize| {
                let value = bytes.get(place * width..(place + 1) * width).unwrap_or_default();
                [IdentifierRef::lenient(*kind, value, scope)]
            };
            let users = (0..count).map(user);
            py.detach(|| with_scratch(|scratch| engine.match_batch(&caller, users, candidates, &question, scratch)))?
        }
    };
    BatchMatch::of(py, matched)
}
