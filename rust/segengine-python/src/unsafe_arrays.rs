//! The arrays of a single match without the ledger of borrows.
//!
//! The `numpy` crate writes down, under a lock and in two hash maps, which arrays Rust reads or writes at the moment, so
//! that no two extensions that keep the ledger disagree. Python itself does not look at it. For a call that takes a
//! microsecond that is a sixth of its time: 0.18 of 1.2 µs, measured with one warm candidate. Ids are therefore read, and
//! the answer of a single match locked, without it. The safe twins are ids in a list, which are read one by one, and
//! [`crate::arrays::read_only`], by which batches answer; `tests/python/test_arrays_of_answers.py` holds each pair to the
//! same arrays and answers.
#![expect(unsafe_code, reason = "the safe calls keep a ledger; the gain above is recorded")]

use numpy::npyffi::{_PyArray_GET_ITEM_DATA, NPY_ARRAY_WRITEABLE};
use numpy::{Element, PyArray1, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::prelude::*;

/// A read-only array that takes the values over.
pub(crate) fn read_only<T: Element>(py: Python<'_>, values: Vec<T>) -> Py<PyArray1<T>> {
    let array = PyArray1::from_vec(py, values);
    // SAFETY: the array was made above, so nobody else has seen it: nobody writes into it or holds a slice of it.
    unsafe { (*_PyArray_GET_ITEM_DATA(array.as_array_ptr())).flags &= !NPY_ARRAY_WRITEABLE };
    array.unbind()
}

/// The elements of an array where they lie one after the other and are aligned.
///
/// Who keeps the slice beyond the GIL reads what other threads of Python may write meanwhile, with the ledger or without.
pub(crate) fn elements<'a, T: Element>(array: &'a Bound<'_, PyArray1<T>>) -> Option<&'a [T]> {
    // SAFETY: the array lives as long as the slice, and nothing of this crate writes into arrays of Python.
    array.is_c_contiguous().then(|| unsafe { array.as_slice() }.ok())?
}
