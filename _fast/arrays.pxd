# An indicator over whole arrays: inputs as contiguous doubles, outputs made and filled.

ctypedef void (*Run)(
    void* state, const double** x, double** out, Py_ssize_t n
) noexcept nogil

# Runs `run` over the first `inputs` of a, b, c, which may be anything numpy makes an array of, and
# returns one new array, or a tuple of `outputs`. Without the GIL, unless they are short. Raises
# ValueError for what is not one-dimensional or not of one length; `names` says of what.
cdef object over(
    Run run, void* state, int inputs, int outputs, str names, object a, object b=?, object c=?
)
