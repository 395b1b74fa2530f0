"""Indicators over whole arrays; see arrays.pxd.

A day of one-minute bars is 390 values, half a microsecond of arithmetic: what a call costs
besides decides its time, so this speaks to numpy in C.
"""

cimport numpy as cnp

cnp.import_array()

cdef enum:
    SHORT = 1_024              # releasing the GIL costs as much as a tenth of these


cdef cnp.ndarray numbers(object values):
    if (
        cnp.PyArray_CheckExact(values)
        and cnp.PyArray_TYPE(values) == cnp.NPY_DOUBLE
        and cnp.PyArray_NDIM(values) == 1
        and cnp.PyArray_ISCARRAY_RO(values)
    ):
        return values
    return cnp.PyArray_FROMANY(values, cnp.NPY_DOUBLE, 1, 1, cnp.NPY_ARRAY_CARRAY_RO)


cdef object over(
    Run run, void* state, int inputs, int outputs, str names, object a, object b=None, object c=None
):
    cdef cnp.ndarray first = numbers(a)
    cdef cnp.ndarray second = numbers(b) if inputs > 1 else first
    cdef cnp.ndarray third = numbers(c) if inputs > 2 else first
    cdef cnp.npy_intp n = cnp.PyArray_DIM(first, 0)
    if cnp.PyArray_DIM(second, 0) != n or cnp.PyArray_DIM(third, 0) != n:
        lengths = [str(len(array)) for array in (first, second, third)[:inputs]]
        raise ValueError(f"{names} are of equal length, not {', '.join(lengths)}")
    cdef cnp.ndarray one = cnp.PyArray_EMPTY(1, &n, cnp.NPY_DOUBLE, 0)
    cdef cnp.ndarray two = cnp.PyArray_EMPTY(1, &n, cnp.NPY_DOUBLE, 0) if outputs > 1 else one
    cdef cnp.ndarray three = cnp.PyArray_EMPTY(1, &n, cnp.NPY_DOUBLE, 0) if outputs > 2 else one
    cdef const double* x[3]
    cdef double* out[3]
    x[0] = <const double*>cnp.PyArray_DATA(first)
    x[1] = <const double*>cnp.PyArray_DATA(second)
    x[2] = <const double*>cnp.PyArray_DATA(third)
    out[0] = <double*>cnp.PyArray_DATA(one)
    out[1] = <double*>cnp.PyArray_DATA(two)
    out[2] = <double*>cnp.PyArray_DATA(three)
    if n < SHORT:
        run(state, x, out, n)
    else:
        with nogil:
            run(state, x, out, n)
    if outputs == 1:
        return one
    return (one, two) if outputs == 2 else (one, two, three)
