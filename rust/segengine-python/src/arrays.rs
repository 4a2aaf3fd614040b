//! Arrays in and out: borrowed where they come in, handed over and locked where they go out.
//!
//! What comes in is read in place: it must have the right dtype, one layout and no strides, and is refused by name
//! otherwise, because a silent copy would hide what a call costs. What goes out owns its memory (so it outlives the
//! engine), was not copied on the way, and is read-only: NumPy cannot unlock it, since the memory belongs to Rust.
//!
//! While a call that released the GIL reads an array, another thread of Python can write into it, as with any function of
//! NumPy: the answer is then for whatever was read, and every number read is checked where it is used.

use numpy::{
    Element, PyArray1, PyArray2, PyArrayDescrMethods, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use segengine::Error;

use crate::errors::{Answer, Failure, type_name, wrong_type};
use crate::unsafe_arrays;

const CONTIGUOUS: &str = "pass numpy.ascontiguousarray(…)";

/// A read-only array that takes the values over.
pub(crate) fn read_only<T: Element>(py: Python<'_>, values: Vec<T>) -> PyResult<Py<PyArray1<T>>> {
    let array = PyArray1::from_vec(py, values);
    array.try_readwrite()?.make_nonwriteable();
    Ok(array.unbind())
}

/// The values of an array that stays Python's.
pub(crate) fn borrow<'py, T: Element>(name: &str, value: &Bound<'py, PyAny>) -> Answer<PyReadonlyArray1<'py, T>> {
    match value.cast::<PyArray1<T>>() {
        Ok(array) if array.is_c_contiguous() => Ok(array.try_readonly().map_err(PyErr::from)?),
        _ => Err(unfit::<T>(name, value, 1)),
    }
}

/// The rows of a table of bytes that stays Python's.
pub(crate) fn borrow_rows<'py>(name: &str, value: &Bound<'py, PyAny>) -> Answer<PyReadonlyArray2<'py, u8>> {
    match value.cast::<PyArray2<u8>>() {
        Ok(array) if array.is_c_contiguous() => Ok(array.try_readonly().map_err(PyErr::from)?),
        _ => Err(unfit::<u8>(name, value, 2)),
    }
}

/// Why `value` is no array of the wanted dtype and dimensions whose elements lie one after the other.
fn unfit<T: Element>(name: &str, value: &Bound<'_, PyAny>, dimensions: usize) -> Failure {
    let wanted = numpy::dtype::<T>(value.py());
    let Ok(array) = value.cast::<PyUntypedArray>() else {
        return wrong_type(format!("{name}: a NumPy array of {wanted} is needed, not {}", type_name(value)));
    };
    let given = array.dtype();
    if !given.is_equiv_to(&wanted) {
        return wrong_type(format!("{name}: the array is {given}, not {wanted}: convert it with .astype({wanted})"));
    }
    let (message, hint) = if array.ndim() == dimensions {
        (format!("{name}: the elements of the array do not lie one after the other"), CONTIGUOUS)
    } else {
        (format!("{name}: the array has {} dimensions, not {dimensions}", array.ndim()), "reshape it")
    };
    Error::invalid(message).field(name).hint(hint).into()
}

/// The elements of an array that [`borrow`] gave.
pub(crate) fn elements<'a, T: Element>(name: &str, array: &'a PyReadonlyArray1<'_, T>) -> Answer<&'a [T]> {
    array.as_slice().map_err(|error| unreadable(name, &error))
}

/// The bytes of all rows, one row after the other, of an array that [`borrow_rows`] gave.
pub(crate) fn row_bytes<'a>(name: &str, array: &'a PyReadonlyArray2<'_, u8>) -> Answer<&'a [u8]> {
    array.as_slice().map_err(|error| unreadable(name, &error))
}

fn unreadable(name: &str, error: &impl std::fmt::Display) -> Failure {
    Error::invalid(format!("{name}: {error}")).field(name).hint(CONTIGUOUS).into()
}

/// Numbers of adgroups or segments: an array that stays Python's, or a list or tuple of integers.
pub(crate) enum Ids<'py> {
    /// Read in place.
    Borrowed(Bound<'py, PyArray1<u32>>),
    /// Read one by one.
    Taken(Vec<u32>),
}

impl<'py> Ids<'py> {
    /// Reads what a caller gave as `name`.
    pub(crate) fn read(name: &str, value: &Bound<'py, PyAny>) -> Answer<Self> {
        if let Ok(array) = value.cast::<PyArray1<u32>>() {
            return Ok(Self::Borrowed(array.clone()));
        }
        if value.cast::<PyUntypedArray>().is_ok() {
            return Err(unfit::<u32>(name, value, 1));
        }
        if let Ok(list) = value.cast::<PyList>() {
            return numbers(name, list.iter(), list.len()).map(Self::Taken);
        }
        if let Ok(tuple) = value.cast::<PyTuple>() {
            return numbers(name, tuple.iter(), tuple.len()).map(Self::Taken);
        }
        Err(wrong_type(format!("{name}: a uint32 array or a list of integers is needed, not {}", type_name(value))))
    }

    /// The numbers.
    pub(crate) fn numbers(&self, name: &str) -> Answer<&[u32]> {
        match self {
            Self::Borrowed(array) => unsafe_arrays::elements(array).ok_or_else(|| unfit::<u32>(name, array, 1)),
            Self::Taken(numbers) => Ok(numbers),
        }
    }
}

fn numbers<'py>(name: &str, items: impl Iterator<Item = Bound<'py, PyAny>>, count: usize) -> Answer<Vec<u32>> {
    let mut numbers = Vec::with_capacity(count);
    for (place, item) in items.enumerate() {
        let number = item.extract::<u32>().map_err(|error| {
            if error.is_instance_of::<PyOverflowError>(item.py()) {
                let message = format!("{name}[{place}]: a number from 0 to {} is needed", u32::MAX);
                return Error::invalid(message).field(name).hint("give the integer ids that segengine gave").into();
            }
            wrong_type(format!("{name}[{place}]: an integer is needed, not {}", type_name(&item)))
        })?;
        numbers.push(number);
    }
    Ok(numbers)
}
