//! What `MatchBatch` answers: users and their adgroups as three read-only arrays, and a mask on demand.

use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyType;
use segengine::engine::BatchMatched;
use segengine::{Error, limits};

use crate::arrays::{Ids, borrow, elements, read_only};
use crate::errors::{Answer, Failure, guarded, no_memory};

/// No column: the entry of an id that was not asked for.
const NONE: u32 = u32::MAX;

/// What a batch is made of again from a pickle.
type Parts = (Py<PyArray1<i64>>, Py<PyArray1<u32>>, Py<PyArray1<u8>>, u64, u64);

/// The adgroups that each user of a batch may see: user i has `adgroups[offsets[i]:offsets[i + 1]]`.
#[pyclass(frozen, weakref, module = "segengine._segengine")]
pub(crate) struct BatchMatch {
    offsets: Py<PyArray1<i64>>,
    adgroups: Py<PyArray1<u32>>,
    status: Py<PyArray1<u8>>,
    /// The generation of the index that answered for all users.
    #[pyo3(get)]
    generation: u64,
    /// Identifiers, candidates and context segments that were not used.
    #[pyo3(get)]
    skipped: u64,
}

impl BatchMatch {
    /// An answer of the engine in this process.
    pub(crate) fn of(py: Python<'_>, matched: BatchMatched) -> Answer<Self> {
        let offsets = matched.offsets.into_iter().map(i64::from).collect();
        Ok(Self {
            offsets: read_only(py, offsets)?,
            adgroups: read_only(py, matched.adgroups)?,
            status: read_only(py, matched.status)?,
            generation: matched.generation.0,
            skipped: matched.skipped,
        })
    }

    fn users(&self, py: Python<'_>) -> usize {
        self.status.bind(py).len()
    }
}

#[pymethods]
impl BatchMatch {
    #[new]
    fn new(
        offsets: &Bound<'_, PyAny>,
        adgroups: &Bound<'_, PyAny>,
        status: &Bound<'_, PyAny>,
        generation: u64,
        skipped: u64,
    ) -> PyResult<Self> {
        guarded(|| {
            let py = offsets.py();
            let adgroups = Ids::read("adgroups", adgroups)?.numbers("adgroups")?.to_vec();
            let status = borrow::<u8>("status", status)?;
            let status = elements("status", &status)?.to_vec();
            let offsets = borrow::<i64>("offsets", offsets)?;
            let offsets = elements("offsets", &offsets)?.to_vec();
            check_offsets("offsets", &offsets, status.len(), adgroups.len())?;
            let (offsets, adgroups) = (read_only(py, offsets)?, read_only(py, adgroups)?);
            Ok(Self { offsets, adgroups, status: read_only(py, status)?, generation, skipped })
        })
    }

    /// Where the adgroups of each user begin: int64, shape (n + 1,).
    #[getter]
    fn offsets(&self, py: Python<'_>) -> Py<PyArray1<i64>> {
        self.offsets.clone_ref(py)
    }

    /// The adgroups, user after user: uint32, shape (k,).
    #[getter]
    fn adgroups(&self, py: Python<'_>) -> Py<PyArray1<u32>> {
        self.adgroups.clone_ref(py)
    }

    /// What became of each user: uint8, shape (n,); 0 known, 1 unknown, 2 without a usable identifier.
    #[getter]
    fn status(&self, py: Python<'_>) -> Py<PyArray1<u8>> {
        self.status.clone_ref(py)
    }

    /// Whether user i may see `ids[j]`: bool, shape (n, m).
    fn to_mask<'py>(&self, py: Python<'py>, ids: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArray2<bool>>> {
        guarded(|| {
            let ids = Ids::read("ids", ids)?;
            let ids = ids.numbers("ids")?;
            let (offsets, adgroups) = (self.offsets.bind(py).try_readonly(), self.adgroups.bind(py).try_readonly());
            let (offsets, adgroups) = (offsets.map_err(PyErr::from)?, adgroups.map_err(PyErr::from)?);
            let (starts, answers) = (elements("offsets", &offsets)?, elements("adgroups", &adgroups)?);
            let mask = py.detach(|| mask_of(starts, answers, ids))?;
            Ok(PyArray1::from_vec(py, mask).reshape([self.users(py), ids.len()])?)
        })
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyType>, Parts) {
        let (py, this) = (slf.py(), slf.get());
        (slf.get_type(), (this.offsets(py), this.adgroups(py), this.status(py), this.generation, this.skipped))
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.users(py)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        guarded(|| {
            let status: PyReadonlyArray1<'_, u8> = self.status.bind(py).try_readonly().map_err(PyErr::from)?;
            let known: usize = elements("status", &status)?.iter().map(|&status| usize::from(status == 0)).sum();
            let (users, answers) = (self.users(py), self.adgroups.bind(py).len());
            Ok(format!(
                "<BatchMatch: {users} users, {known} known, {answers} adgroups, {} skipped, generation {}>",
                self.skipped, self.generation
            ))
        })
    }
}

/// Fails unless `offsets` divide `ids` among `users`.
fn check_offsets(name: &str, offsets: &[i64], users: usize, ids: usize) -> Answer<()> {
    let fits = offsets.len() == users + 1
        && offsets.first() == Some(&0)
        && offsets.last().and_then(|&last| usize::try_from(last).ok()) == Some(ids)
        && offsets.is_sorted();
    if fits {
        return Ok(());
    }
    let message = format!("{name}: they do not divide {ids} ids among {users} users");
    Err(Error::invalid(message)
        .field(name)
        .hint("give one more than users, from 0 to the number of ids, never falling")
        .into())
}

/// Row by row, whether each user's answers hold each of `ids`.
fn mask_of(starts: &[i64], answers: &[u32], ids: &[u32]) -> Answer<Vec<bool>> {
    let users = starts.len().saturating_sub(1);
    let size = users.saturating_mul(ids.len());
    let mut mask = Vec::new();
    mask.try_reserve_exact(size).map_err(|_| no_memory("mask", size))?;
    mask.resize(size, false);
    if ids.is_empty() {
        return Ok(mask);
    }
    let columns = Columns::of(ids)?;
    for ((row, start), end) in mask.chunks_exact_mut(ids.len()).zip(starts).zip(starts.iter().skip(1)) {
        let range = usize::try_from(*start).ok().zip(usize::try_from(*end).ok());
        let own = range.and_then(|(start, end)| answers.get(start..end)).unwrap_or_default();
        columns.mark(own, row);
    }
    Ok(mask)
}

/// Which column an id has: one read for each answer.
struct Columns {
    by_id: Vec<u32>,
    /// Columns that ask again for the id of an earlier one.
    again: Vec<(usize, usize)>,
}

impl Columns {
    fn of(ids: &[u32]) -> Answer<Self> {
        // No adgroup has a larger id than that: such a column stays false and needs no entry.
        let largest = ids.iter().copied().filter(|&id| id <= limits::ADGROUPS).max().unwrap_or_default();
        let size =
            usize::try_from(largest).map_err(|_| Failure::from(Error::internal("an id beyond the machine")))? + 1;
        let mut columns = Self { by_id: vec![NONE; size], again: Vec::new() };
        for (column, id) in ids.iter().enumerate() {
            let Some(entry) = columns.by_id.get_mut(*id as usize) else { continue };
            match *entry {
                NONE => *entry = u32::try_from(column).unwrap_or(NONE),
                first => columns.again.push((first as usize, column)),
            }
        }
        Ok(columns)
    }

    fn mark(&self, answers: &[u32], row: &mut [bool]) {
        for answer in answers {
            let column = self.by_id.get(*answer as usize).copied().unwrap_or(NONE);
            if let Some(place) = row.get_mut(column as usize) {
                *place = true;
            }
        }
        for &(first, column) in &self.again {
            let value = row.get(first).copied().unwrap_or_default();
            if let Some(place) = row.get_mut(column) {
                *place = value;
            }
        }
    }
}
