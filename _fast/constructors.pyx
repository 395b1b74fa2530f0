"""Instances of classes whose constructor sets slots and does nothing else; see constructors.pyi.

The interpreter asks a class for ``tp_init``, which runs the ``__init__`` of its dictionary. Here
it sets the slots by itself, past the refusal of a frozen class to be set. ``__init__`` stays what
it was, for those that call it by name and for those that ask for its signature.
"""

cimport cython
from cpython.dict cimport PyDict_GetItem, PyDict_Size
from cpython.object cimport PyObject, PyTypeObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE

cdef extern from "Python.h":
    ctypedef int (*initproc)(object, PyObject*, PyObject*) except -1
    ctypedef struct Slots "PyTypeObject":
        initproc tp_init
    PyTypeObject* Py_TYPE(object value)
    PyObject* PyObject_Call(object function, object arguments, PyObject* named) except NULL
    void Py_DECREF(PyObject* value)

cdef dict PLANS = {}  # by class


@cython.final
cdef class Plan:
    cdef list names
    cdef list slots
    cdef list defaults       # each in a tuple; None: it has to be given
    cdef Py_ssize_t positional


def compile_constructor(type cls not None, names, slots, dict defaults not None, int positional):
    cdef Plan plan = Plan()
    plan.names, plan.positional = list(names), positional
    plan.slots = [getattr(cls, name) for name in slots]
    plan.defaults = [(defaults[name],) if name in defaults else None for name in plan.names]
    if len(plan.slots) != len(plan.names) or not 0 <= positional <= len(plan.names):
        raise ValueError(f"{len(plan.names)} names, {len(plan.slots)} slots, {positional} of them")
    for slot in plan.slots:
        if Py_TYPE(slot).tp_descr_set is NULL:
            raise TypeError(f"{slot!r} is no slot")
    PLANS[cls] = plan
    (<Slots*>cls).tp_init = construct


cdef int construct(object record, PyObject* given, PyObject* named) except -1:
    # A class that is derived from one of these has its tp_init, and is not in the plans.
    cdef PyObject* plan = PyDict_GetItem(PLANS, <object>Py_TYPE(record))
    if plan is NULL or not filled(<Plan>plan, record, given, named):
        call = type(record).__init__
        Py_DECREF(PyObject_Call(call, (record, *<tuple>given), named))
    return 0


cdef bint filled(Plan plan, object record, PyObject* given, PyObject* named) except -1:
    """False: the arguments do not fit, and some slots may have been set."""
    cdef Py_ssize_t place, first = PyTuple_GET_SIZE(<object>given)
    cdef Py_ssize_t left = 0 if named is NULL else PyDict_Size(<object>named)
    cdef PyObject* found
    cdef object slot, value
    if first > plan.positional:
        return False
    for place in range(len(plan.slots)):
        if place < first:
            value = <object>PyTuple_GET_ITEM(<object>given, place)
        else:
            found = PyDict_GetItem(<object>named, plan.names[place]) if left else NULL
            if found is not NULL:
                left -= 1
                value = <object>found
            elif plan.defaults[place] is not None:
                value = <object>PyTuple_GET_ITEM(plan.defaults[place], 0)
            else:
                return False
        slot = plan.slots[place]
        Py_TYPE(slot).tp_descr_set(slot, record, value)
    return left == 0
