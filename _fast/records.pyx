"""Records of attrs classes as objects of JSON, and back; see records.pyi.

Nothing is decided here but what fits: the classes, their fields and what becomes of a value of
which type are given, and what does not fit is somebody else's to explain.
"""

cimport cython
from cpython.dict cimport PyDict_Copy, PyDict_GetItem, PyDict_Next
from cpython.object cimport PyObject, PyTypeObject

cdef extern from "Python.h":
    object PyObject_CallOneArg(object function, object argument)
    PyTypeObject* Py_TYPE(object value)

cdef enum:
    KINDS_MAX = 4  # alternatives of one field


cdef struct Kinds:
    int count
    PyTypeObject* kind[KINDS_MAX]
    PyObject* convert[KINDS_MAX]  # NULL: the value stays as it is


cdef int fill(Kinds* kinds, dict converters, list kept) except -1:
    """``kept`` keeps alive what is pointed to."""
    if len(converters) > KINDS_MAX:
        raise ValueError(f"a field has {len(converters)} alternatives, not at most {KINDS_MAX}")
    kinds.count = 0
    for kind, convert in converters.items():
        if not isinstance(kind, type):
            raise TypeError(f"{kind!r} is no type")
        kept.append(kind)
        kept.append(convert)
        kinds.kind[kinds.count] = <PyTypeObject*>kind
        kinds.convert[kinds.count] = NULL if convert is None else <PyObject*>convert
        kinds.count += 1
    return 0


cdef inline int place_of(const Kinds* kinds, PyTypeObject* kind) noexcept:
    """Where a type is; -1: nowhere."""
    cdef int place
    for place in range(kinds.count):
        if kinds.kind[place] is kind:
            return place
    return -1


@cython.final
cdef class Field:
    cdef str name
    cdef object slot
    cdef Kinds encoders
    cdef Kinds decoders
    cdef list kept

    def __init__(self, str name not None, object slot not None, encoders, decoders):
        if Py_TYPE(slot).tp_descr_get is NULL:
            raise TypeError(f"{name} is no slot")
        self.name, self.slot, self.kept = name, slot, []
        fill(&self.encoders, dict(encoders), self.kept)
        fill(&self.decoders, dict(decoders), self.kept)


@cython.final
cdef class Form:
    cdef type cls
    cdef str name
    cdef list fields         # in the constructor's order
    cdef list canonical      # the same, sorted by name
    cdef dict blank          # the names, sorted
    cdef object misfit_record, misfit_body

    def __init__(self, type cls not None, fields, misfit_record, misfit_body):
        self.cls, self.name = cls, cls.__name__
        self.misfit_record, self.misfit_body = misfit_record, misfit_body
        self.fields = [Field(name, getattr(cls, name), *sides) for name, *sides in fields]
        self.canonical = sorted(self.fields, key=lambda Field field: field.name)
        self.blank = dict.fromkeys([(<Field>field).name for field in self.canonical])

    cpdef dict encode(self, object record):
        if type(record) is not self.cls:
            raise TypeError(f"{type(record).__name__} is not {self.cls.__name__}")
        try:
            body = self.body_of(record)
        except Exception:  # it comes again where it is explained
            body = None
        return self.misfit_record(record) if body is None else body

    cpdef object decode(self, dict body):
        try:
            record = self.record_of(body)
        except Exception:  # likewise
            record = None
        return self.misfit_body(body) if record is None else record

    cdef dict body_of(self, object record):
        """None: it does not fit."""
        cdef Field field
        cdef object value
        cdef int place
        cdef dict body = PyDict_Copy(self.blank)
        for field in self.canonical:
            value = Py_TYPE(field.slot).tp_descr_get(field.slot, record, self.cls)
            place = place_of(&field.encoders, Py_TYPE(value))
            if place < 0:
                return None
            if field.encoders.convert[place] is not NULL:
                value = PyObject_CallOneArg(<object>field.encoders.convert[place], value)
            body[field.name] = value
        return body

    cdef object record_of(self, dict body):
        """None: it does not fit."""
        cdef Field field
        cdef object value
        cdef PyObject* found
        cdef int place
        cdef list values = []
        if len(body) != len(self.fields):
            return None
        for field in self.fields:
            found = PyDict_GetItem(body, field.name)
            if found is NULL:
                return None
            value = <object>found
            place = place_of(&field.decoders, Py_TYPE(value))
            if place < 0:
                return None
            if field.decoders.convert[place] is not NULL:
                value = PyObject_CallOneArg(<object>field.decoders.convert[place], value)
            values.append(value)
        return self.cls(*values)


@cython.final
cdef class Tagged:
    cdef dict by_class
    cdef dict by_name
    cdef object misfit_record, misfit_tree

    def __init__(self, forms, misfit_record, misfit_tree):
        self.by_class = dict(forms)
        self.by_name = {(<Form>form).name: form for form in self.by_class.values()}
        self.misfit_record, self.misfit_tree = misfit_record, misfit_tree

    def encode(self, records):
        cdef PyObject* form
        cdef list found = []
        for record in records:
            form = PyDict_GetItem(self.by_class, <object>Py_TYPE(record))
            if form is NULL:
                found.append(self.misfit_record(record))
            else:
                found.append({(<Form>form).name: (<Form>form).encode(record)})
        return found

    def decode(self, list trees not None):
        return tuple([self.record_of(tree) for tree in trees])

    cdef object record_of(self, object tree):
        cdef PyObject* name
        cdef PyObject* body
        cdef PyObject* form
        cdef Py_ssize_t at = 0
        if type(tree) is dict and len(<dict>tree) == 1:
            PyDict_Next(<dict>tree, &at, &name, &body)
            form = PyDict_GetItem(self.by_name, <object>name)
            if form is not NULL and type(<object>body) is dict:
                return (<Form>form).decode(<object>body)
        return self.misfit_tree(tree)
